//! What a person says about being written to: consent entered, and the words they text.
//!
//! Must never lose a revocation: whatever it leads to may fail, the answer itself is kept.

use crate::consent::{Channel, ConsentNow, ConsentState};
use crate::decision::{Reason, What};
use crate::event::{InputKind, ReplyFrom};
use crate::journey::advance::AdvanceError;
use crate::journey::run::Run;
use crate::keyword::{self, AutoReply, Keyword};
use crate::limits;
use crate::time::Timestamp;

impl Run<'_> {
    /// Records an answer given at `at`; a revocation on the channel withdraws what has not gone out. An answer
    /// older than the one known changes nothing: an import must not undo a STOP. A revocation that changes nothing
    /// for that reason is noted, and one without a date is never older: it holds from now on.
    pub(crate) fn set_consent(
        &mut self,
        channel: Channel,
        topic: Option<String>,
        state: ConsentState,
        reason: Reason,
        detail: &str,
        at: Timestamp,
    ) -> Result<(), AdvanceError> {
        let whole_channel = topic.is_none();
        let changed = self.record_consent(channel, topic, state, reason, detail, at)?;
        if changed && whole_channel && channel == Channel::Sms {
            self.withdraw_untrue_replies();
        }
        if changed && state == ConsentState::OptedOut && whole_channel {
            self.withdraw_all(channel)?;
        }
        Ok(())
    }

    /// As [`Run::set_consent`], for the answer alone. Returns whether it differs from the one before.
    fn record_consent(
        &mut self,
        channel: Channel,
        topic: Option<String>,
        state: ConsentState,
        reason: Reason,
        detail: &str,
        at: Timestamp,
    ) -> Result<bool, AdvanceError> {
        let whole_channel = topic.is_none();
        let revokes = state == ConsentState::OptedOut;
        // The contact's clock may be ahead of the one that dated this input by its arrival.
        let at = if revokes && at >= self.arrived { self.now } else { at };
        let consents = &mut self.contact.state.consents;
        let known = consents.iter().position(|it| it.channel == channel && it.topic == topic);
        let full = consents.len() >= limits::TAGS_MAX;
        match known.and_then(|place| consents.get_mut(place)) {
            Some(found) if at < found.since => {
                if revokes && found.state != state {
                    self.tell_consent(channel, state, Reason::Superseded, detail);
                }
                return Ok(false);
            }
            Some(found) if found.state == state => {
                found.since = at;
                return Ok(false);
            }
            Some(found) => {
                found.state = state;
                found.since = at;
            }
            // A revocation of the whole channel always has a place.
            None if full && !whole_channel => return Err(AdvanceError::TooManyAttributes),
            None => consents.push(ConsentNow { channel, topic, state, since: at }),
        }
        self.tell_consent(channel, state, reason, detail);
        Ok(true)
    }

    fn tell_consent(
        &mut self,
        channel: Channel,
        state: ConsentState,
        reason: Reason,
        detail: &str,
    ) {
        let mut decision = self.about_contact(What::Consent, reason);
        decision.detail =
            format!("{channel} {state} {detail}").trim_end().chars().take(200).collect();
        self.push(decision);
    }

    pub(super) fn inbound(
        &mut self,
        text: &str,
        muted: bool,
        reply_from: &ReplyFrom,
        at: Timestamp,
    ) -> Result<(), AdvanceError> {
        self.count_hour(at);
        let consent = self.contact.state.consent(Channel::Sms, None);
        let meant = self.classify(text);
        if muted && meant != Keyword::Stop {
            return Ok(());
        }
        self.explain_words(&meant);
        match meant {
            Keyword::Stop => {
                let state = ConsentState::OptedOut;
                // Whatever the carrier's clock says: a revocation that arrives holds.
                let now = self.now;
                self.set_consent(Channel::Sms, None, state, Reason::Keyword, STOP, now)?;
                // Confirmed once: whoever is stopped already has been told.
                if consent != Some(state) && self.says(state) {
                    self.auto_reply(AutoReply::Stop, reply_from, at);
                }
            }
            Keyword::Start { yes } if !yes || is_unanswered(consent) => {
                let state = ConsentState::OptedIn;
                self.set_consent(Channel::Sms, None, state, Reason::Keyword, "start", at)?;
                // A yes to a question is answered by whoever asked it.
                let is_asked = yes && consent == Some(ConsentState::Pending);
                if self.says(state) && consent != Some(state) && !is_asked {
                    self.auto_reply(AutoReply::Start, reply_from, at);
                }
                // A yes that gives consent also answers the message that asked for it.
                if yes {
                    self.replied(text, at);
                }
            }
            Keyword::Own { word } => return self.enter_on_keyword(&word, at),
            Keyword::Help => {
                self.replied(text, at);
                self.auto_reply(AutoReply::Help, reply_from, at);
            }
            Keyword::Start { .. } | Keyword::Other => self.replied(text, at),
        }
        Ok(())
    }

    /// Whether that is the person's answer for texts now.
    fn says(&self, state: ConsentState) -> bool {
        self.contact.state.consent(Channel::Sms, None) == Some(state)
    }

    fn classify(&self, text: &str) -> Keyword {
        let words = self.engine.keyword_entries.keys().map(String::as_str);
        keyword::classify(text, &self.engine.program.settings, words)
    }

    /// Keeps the revocation in an input that failed, and of what it would lead to only its confirmation: no journey goes
    /// on. What waits for its turn is dropped when it comes to be handed over.
    pub(super) fn keep_revocation(&mut self, kind: &InputKind, at: Timestamp) {
        let out = ConsentState::OptedOut;
        let kept = match kind {
            InputKind::Inbound { text, reply_from, .. } if self.classify(text) == Keyword::Stop => {
                let now = self.now;
                let kept = self.record_consent(Channel::Sms, None, out, Reason::Keyword, STOP, now);
                if kept == Ok(true) {
                    self.auto_reply(AutoReply::Stop, reply_from, at);
                }
                kept
            }
            InputKind::Consent { channel, topic, state, source } if *state == out => {
                self.record_consent(*channel, topic.clone(), out, Reason::OptedOut, source, at)
            }
            _ => return,
        };
        // Only a topic too many is refused: the input has failed already, and says so.
        debug_assert!(kept.is_ok() || matches!(kind, InputKind::Consent { topic: Some(_), .. }));
    }
}

/// How the evidence names a revocation by text.
const STOP: &str = "stop";

/// Whether a `yes` answers the question for consent.
fn is_unanswered(consent: Option<ConsentState>) -> bool {
    matches!(consent, Some(ConsentState::Pending | ConsentState::OptedOut))
}
