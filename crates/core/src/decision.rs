//! What was decided about a contact, and the closed list of reasons.
//!
//! Every decision carries exactly one [`Reason`]. Decisions that touched an enrollment or a message
//! are stored; those that changed nothing are recomputed on demand by the same core. Must never grow a
//! free-text reason: a reason that people can meet has a name here.

use crate::ids::{EnrollmentId, JourneyId, MessageId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

macro_rules! named_codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// Its name in exports, in the store and in the API.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// From its name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<$name> {
                match name { $($text => Some($name::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

named_codes!(
    /// What was decided or what happened.
    What {
        /// An enrollment began.
        Entered = "entered",
        /// An entry that matched did not lead to an enrollment.
        NotEntered = "not_entered",
        /// An active enrollment began again at its first step.
        Restarted = "restarted",
        /// A step was reached.
        Reached = "reached",
        /// A step was left.
        Left = "left",
        /// A branch, a wait or an experiment chose a way.
        Chose = "chose",
        /// A message may not go yet.
        Held = "held",
        /// A held message is held no longer: it goes into the outbox, is dropped or withdrawn.
        Released = "released",
        /// A message was put into the outbox.
        Queued = "queued",
        /// A message was handed to a gateway and not refused.
        Sent = "sent",
        /// A message will not go.
        Dropped = "dropped",
        /// A message was taken back before it was handed over.
        Withdrawn = "withdrawn",
        /// The gateway refused a message for good, or a carrier could not deliver it.
        Failed = "failed",
        /// Whether a message was sent cannot be known.
        Unknown = "unknown",
        /// A message arrived.
        Delivered = "delivered",
        /// A person clicked.
        Clicked = "clicked",
        /// A person replied.
        Replied = "replied",
        /// The goal was reached.
        Converted = "converted",
        /// The contact was changed by a step.
        Updated = "updated",
        /// An event was emitted by a step.
        Emitted = "emitted",
        /// A webhook was called.
        Called = "called",
        /// A webhook answered, or failed to.
        Answered = "answered",
        /// Given to an agent.
        HandedOff = "handed_off",
        /// The enrollment ended.
        Exited = "exited",
        /// Consent changed.
        Consent = "consent",
    }
);

named_codes!(
    /// Why. One closed list for every decision.
    Reason {
        /// The entry event, keyword, segment, schedule or date matched.
        EntryMatched = "entry_matched",
        /// Entered by an API call.
        EnteredByApi = "entered_by_api",
        /// Entered by an `enroll` step of another journey.
        EnteredByJourney = "entered_by_journey",
        /// An enrollment with the same key is active.
        AlreadyActive = "already_active",
        /// One with the same key has ended, and the journey is entered once.
        AlreadyEnded = "already_ended",
        /// One with the same key ended too recently.
        EndedTooRecently = "ended_too_recently",
        /// The entry needs a key, and the event has none.
        KeyMissing = "key_missing",
        /// The journey is not live: it is paused, retired, or was not published yet.
        NotLive = "not_live",
        /// The name of the event, or the word, is another.
        EventDiffers = "event_differs",
        /// The entry condition does not hold, or the person neither joins nor leaves the segment.
        ConditionFalse = "condition_false",
        /// The date of the entry is past.
        DatePast = "date_past",
        /// The contact reached a limit of the product.
        LimitReached = "limit_reached",
        /// Policy allows it now.
        Allowed = "allowed",
        /// Quiet hours of the workspace.
        QuietHours = "quiet_hours",
        /// Hours of a law that applies to the person.
        JurisdictionHours = "jurisdiction_hours",
        /// The person's zone is unknown: the strictest hours apply.
        ZoneUnknown = "zone_unknown",
        /// No instant within sight is allowed in every plausible zone.
        NoAllowedInstant = "no_allowed_instant",
        /// A cap is full.
        CapFull = "cap_full",
        /// Beyond the rate of the gateway, or the gateway asked to slow down.
        RateLimited = "rate_limited",
        /// The gateway was not reachable, or asked to try again.
        GatewayUnavailable = "gateway_unavailable",
        /// Too late: `not_after` is past, or would be when the message may go.
        TooLate = "too_late",
        /// The instant `not_after` refers to cannot be read.
        NotAfterUnreadable = "not_after_unreadable",
        /// No consent was given.
        NoConsent = "no_consent",
        /// Consent is not confirmed yet.
        ConsentPending = "consent_pending",
        /// Consent was revoked.
        OptedOut = "opted_out",
        /// Consent was given.
        OptedIn = "opted_in",
        /// The person has no address on this channel.
        NoAddress = "no_address",
        /// The text needs a value that is missing.
        ValueMissing = "value_missing",
        /// The text is empty once rendered.
        TextEmpty = "text_empty",
        /// The template went beyond its limits or failed.
        TemplateFailed = "template_failed",
        /// The text needs more parts than one message may have.
        TextTooLong = "text_too_long",
        /// The journey of this enrollment or its step does not exist any more.
        DefinitionGone = "definition_gone",
        /// The step was left for the next one.
        StepDone = "step_done",
        /// The time has come.
        TimeReached = "time_reached",
        /// The instant waited for is past.
        TimePast = "time_past",
        /// The instant waited for cannot be read.
        TimeUnreadable = "time_unreadable",
        /// What was waited for happened.
        AwaitedHappened = "awaited_happened",
        /// What was waited for did not happen in time.
        TimedOut = "timed_out",
        /// The waiting began again.
        WaitRestarted = "wait_restarted",
        /// The first condition that holds.
        ConditionTrue = "condition_true",
        /// No condition holds.
        Otherwise = "otherwise",
        /// Drawn, stable for this contact.
        Drawn = "drawn",
        /// In the holdout of an experiment.
        Holdout = "holdout",
        /// The last step is done.
        Completed = "completed",
        /// An exit of the journey.
        ExitMatched = "exit_matched",
        /// An `exit` step.
        ExitStep = "exit_step",
        /// The goal was reached.
        GoalReached = "goal_reached",
        /// A new entry restarted the enrollment.
        RestartedByEntry = "restarted_by_entry",
        /// The contact opted out.
        Stopped = "stopped",
        /// The contact was erased or merged.
        ContactGone = "contact_gone",
        /// The gateway took it.
        GatewayAccepted = "gateway_accepted",
        /// The gateway refused it.
        GatewayRefused = "gateway_refused",
        /// The gateway did not answer in time, or the program died meanwhile.
        AnswerLost = "answer_lost",
        /// Handed over too often.
        TooManyAttempts = "too_many_attempts",
        /// A receipt said so.
        Receipt = "receipt",
        /// The person did so.
        Person = "person",
        /// A step did so.
        Step = "step",
        /// The webhook answered.
        CallAnswered = "call_answered",
        /// The webhook failed.
        CallFailed = "call_failed",
        /// Imported or set by an API call.
        Recorded = "recorded",
        /// A keyword the person sent.
        Keyword = "keyword",
        /// The journey is paused: its messages wait until it is resumed.
        JourneyPaused = "journey_paused",
        /// No route takes it: none is configured for it, or all have refused it.
        NoRoute = "no_route",
        /// The carrier closed this route to the message: another one is tried.
        RouteClosed = "route_closed",
        /// The day's allowance at the carrier is used up.
        AllowanceUsed = "allowance_used",
        /// The carrier says that this number cannot or must not be texted.
        NumberRefused = "number_refused",
        /// The person has said something else since, so this answer changed nothing.
        Superseded = "superseded",
    }
);

/// Detail of a `held` decision about a message that was held already: it was asked about, and stays.
pub const HELD_AGAIN: &str = "again";

/// One decision about one contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
    /// Why.
    pub reason: Reason,
    /// In which journey; `None`: about the contact itself.
    pub journey: Option<JourneyId>,
    /// Its version; 0 without a journey.
    pub version: u32,
    /// In which enrollment.
    pub enrollment: Option<EnrollmentId>,
    /// At which step.
    pub step: Option<u16>,
    /// Arm of the last experiment passed; empty: none.
    pub variant: String,
    /// About which message.
    pub message: Option<MessageId>,
    /// Until when (held, waiting).
    pub until: Option<Timestamp>,
    /// Name of the exit, the arm, the event; empty: nothing to add.
    pub detail: String,
}
