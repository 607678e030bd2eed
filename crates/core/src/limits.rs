//! Every limit of the product, in one place. Reaching one is a clear error, never a silent cut.
//!
//! Must never hold a setting: what an operator may change is no limit of the product.

use crate::time::Span;

/// Bytes of one definition file.
pub const DEFINITION_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Values of one definition file, aliases written out.
pub const DEFINITION_NODES_MAX: usize = 500_000;
/// Problems reported for one file; the rest would only repeat them.
pub const PROBLEMS_MAX: usize = 100;
/// Characters of a key that people choose (attribute, property, header).
pub const MAP_KEY_CHARS_MAX: usize = 200;
/// Characters of one text in a definition.
pub const TEXT_CHARS_MAX: usize = 64 * 1024;
/// Nesting of a definition or a condition.
pub const NESTING_MAX: usize = 64;
/// Steps of one journey.
pub const STEPS_MAX: usize = 10_000;
/// Journeys of one workspace.
pub const JOURNEYS_MAX: usize = 2_000;
/// Segments of one workspace.
pub const SEGMENTS_MAX: usize = 2_000;
/// Leaves of one condition tree.
pub const CONDITION_LEAVES_MAX: usize = 500;
/// Characters of an id in a definition (journey, step, segment, sender).
pub const SLUG_CHARS_MAX: usize = 64;
/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 200;
/// The longest wait, timeout, window or offset: ten years.
pub const SPAN_MAX: Span = Span::days(3_653);
/// Arms of an experiment, a branch or a `wait_for`.
pub const ARMS_MAX: usize = 100;
/// Occurrences a count condition may ask for.
pub const COUNT_MAX: u32 = 1_000;
/// Values an aggregate keeps per contact. Older ones still count over all time; within a window they do not,
/// which the manual says where aggregates are explained.
pub const AGGREGATE_VALUES_MAX: usize = 512;

/// Bytes of one input (a line of NDJSON, an item of a batch).
pub const INPUT_BYTES_MAX: usize = 64 * 1024;
/// Nesting of an input's JSON.
pub const INPUT_NESTING_MAX: usize = 32;
/// Characters of a user id, an anonymous id or a message id.
pub const EXTERNAL_ID_CHARS_MAX: usize = 256;
/// Characters of an event name.
pub const EVENT_NAME_CHARS_MAX: usize = 200;
/// Attributes of one contact.
pub const ATTRIBUTES_MAX: usize = 500;
/// Bytes of all attributes of one contact, as JSON.
pub const ATTRIBUTES_BYTES_MAX: usize = 64 * 1024;
/// Characters of an entry key.
pub const KEY_CHARS_MAX: usize = 256;
/// Tags of one contact.
pub const TAGS_MAX: usize = 200;

/// Enrollments of one contact that are active at one time.
pub const ACTIVE_ENROLLMENTS_MAX: usize = 500;
/// Ended (journey, key) pairs remembered per contact, so that a journey is not entered again.
pub const ENDED_KEYS_MAX: usize = 4_096;
/// Ended enrollments of one contact whose goal can still be reached.
pub const GOALS_WATCHED_MAX: usize = 4_096;
/// Messages remembered per enrollment for `wait_for` (the last ones).
pub const SENT_PER_ENROLLMENT_MAX: usize = 64;
/// Messages remembered per contact for caps that are published later; those a cap of now looks at are all kept.
pub const SENDS_REMEMBERED_MAX: usize = 32;
/// How long they are remembered.
pub const SENDS_REMEMBERED: Span = Span::days(7);
/// Steps one enrollment may run at one instant before something is surely wrong.
pub const STEPS_PER_INSTANT_MAX: u32 = 20_000;
/// Events that events may cause at one instant (`emit`, `enroll`).
pub const CASCADE_MAX: usize = 100;
/// Visits of one enrollment.
pub const VISITS_MAX: u32 = 1_000_000;
/// Characters remembered of a reply, to compare with `like`.
pub const REPLY_CHARS_MAX: usize = 80;
/// Characters of an inbound message.
pub const INBOUND_CHARS_MAX: usize = 10_000;
/// How long after the text an auto-reply may still go, excluded: a confirmation within five minutes is presumed to
/// belong to the STOP it confirms (47 CFR 64.1200(a)(12)), and later help or welcome would only puzzle.
pub const AUTO_REPLY_WITHIN: Span = Span::minutes(5);
/// HELP is answered once in this time: two machines that answer each other with help must not keep each other busy, and
/// a person who asks again after so long may have lost the first answer.
pub const HELP_AGAIN: Span = Span::minutes(5);
/// Auto-replies of one contact that are under way at one time; a person who texts STOP and START in turn gets no more.
pub const AUTO_REPLIES_OPEN_MAX: usize = 20;

/// Pictures and the like kept of one inbound message.
pub const MEDIA_MAX: usize = 10;

/// Inputs of one micro-batch.
pub const BATCH_INPUTS_MAX: usize = 1_000;
/// Contacts kept decoded in memory between two turns.
pub const HOT_CONTACTS_MAX: usize = 100_000;
/// Message ids are remembered this long, at least: an input repeated later is a new one.
pub const DEDUPLICATION: Span = Span::days(7);
/// The answer to a creating call of the API is given again this long, at least, when the call is repeated.
pub const REPEATABLE: Span = Span::hours(24);
/// How often a message of a paused journey is asked about again while nobody resumes the journey: resuming asks at
/// once, so this only keeps every hold short of for ever, and rare enough that a long pause costs next to nothing.
pub const PAUSED_ASKED_AGAIN: Span = Span::hours(24);
/// How long what cannot be read is left alone before it is tried again.
pub const SET_ASIDE: Span = Span::hours(1);
/// Lines about what was set aside that are kept until somebody reads them.
pub const SET_ASIDE_TOLD_MAX: usize = 100;
/// Inputs, and decisions, of a contact that new conditions over the past look back at: the newest. What is older
/// does not count for them, which the manual says where windows are explained.
pub const PAST_ROWS_MAX: usize = 100_000;
/// Inputs of a contact's history that "why" reads.
pub const WHY_INPUTS_MAX: usize = 200;
/// Stored decisions that "why" tells.
pub const WHY_DECISIONS_MAX: usize = 200;
/// Parts one message may have.
pub const PARTS_MAX: usize = 10;
/// Attempts to hand one message to a gateway, those that a carrier put off aside.
pub const ATTEMPTS_MAX: u32 = 10;
/// How long a message that a carrier asked to send slower waits, at least.
pub const THROTTLED_WAIT: Span = Span::seconds(1);
/// How long a message waits after its first failed attempt; doubled each time …
pub const RETRY_WAIT_MIN: Span = Span::seconds(5);
/// … up to this.
pub const RETRY_WAIT_MAX: Span = Span::minutes(15);
/// How long a message waits for a gateway that is not configured (any more).
pub const NO_GATEWAY_WAIT: Span = Span::minutes(1);
/// Routes of one workspace.
pub const ROUTES_MAX: usize = 1_000;
/// Answers a webhook may give, in bytes.
pub const CALL_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long it is kept how much of a day's allowance was used.
pub const ALLOWANCES_KEPT: Span = Span::days(7);
/// Gateways of one workspace. They are counted by reading one page of them.
pub const WORKSPACE_GATEWAYS_MAX: usize = 100;
/// Gateways of the operator.
pub const OPERATOR_GATEWAYS_MAX: usize = 1_000;
/// Rows of one page of any list.
pub const PAGE_ROWS_MAX: usize = 1_000;
