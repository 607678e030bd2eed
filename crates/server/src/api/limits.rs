//! The limits of the HTTP API that are no settings, in one place.
//!
//! Must never hold a limit of the product as a whole (`wayline_core::limits`) nor one that whoever runs the
//! program may change (`config.rs`).

/// Rows of a page when nobody says.
pub(crate) const PAGE_ROWS_DEFAULT: usize = 50;
/// Characters of a cursor.
pub(crate) const CURSOR_CHARS_MAX: usize = 1_000;
/// Single errors in one answer; the rest would only repeat them.
pub(crate) const ERRORS_MAX: usize = 100;
/// Drafts of one workspace. They are counted by reading one page of them.
pub(crate) const DRAFTS_MAX: usize = 1_000;
/// Valid API keys of one workspace, and of the operator.
pub(crate) const API_KEYS_MAX: usize = 1_000;
/// Files of one workspace.
pub(crate) const FILES_MAX: usize = 10_000;
/// Characters of a text that is searched for.
pub(crate) const SEARCH_CHARS_MAX: usize = 256;
/// Contacts that are read at one time where some of them may be passed over.
pub(crate) const SEARCH_PAGE_ROWS: usize = 100;
/// Contacts after which a page of a search ends, however few it shows.
pub(crate) const SEARCH_ROWS_MAX: usize = 500;
/// Characters of an `Idempotency-Key`.
pub(crate) const TOKEN_CHARS_MAX: usize = 255;
/// Bytes of an answer that is kept to be given again.
pub(crate) const KEPT_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Explanations ("why") worked out at one time.
pub(crate) const WHYS_AT_ONCE_MAX: usize = 2;
/// Feeds of one workspace that may be watched at one time.
pub(crate) const WATCHERS_PER_WORKSPACE_MAX: usize = 64;
/// KiB of bodies that may be in memory at one time, from requests with a key and from those that show theirs in the body.
pub(crate) const BODIES_KILOBYTES_MAX: usize = 256 * 1024;
/// See [`BODIES_KILOBYTES_MAX`].
pub(crate) const UNNAMED_BODIES_KILOBYTES_MAX: usize = 32 * 1024;
/// Feeds that may be watched at one time by all together.
pub(crate) const WATCHERS_MAX: usize = 256;
/// Seconds after which a feed that shows nothing shows that it is alive; proxies cut silent connections.
pub(crate) const KEEP_ALIVE_SECONDS: u64 = 15;
/// Contacts whose external ids one feed remembers.
pub(crate) const WATCHED_CONTACTS_MAX: usize = 1_000;
/// Inputs, and decisions, that are looked through for the evidence of a consent; the newest ones.
pub(crate) const EVIDENCE_ROWS_MAX: usize = 10_000;
/// Bytes of settings and secrets of one gateway.
pub(crate) const GATEWAY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of what a provider tells in one callback.
pub(crate) const CALLBACK_BYTES_MAX: usize = 256 * 1024;
/// Parts of a text that tests a gateway.
pub(crate) const TEST_PARTS_MAX: usize = 3;
/// Texts a second that test gateways, of one workspace.
pub(crate) const TESTS_PER_SECOND_MAX: std::num::NonZeroU32 = std::num::NonZeroU32::MIN;

const _: () = assert!(DRAFTS_MAX <= wayline_core::limits::PAGE_ROWS_MAX);
