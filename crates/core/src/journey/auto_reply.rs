//! What Wayline answers by itself to STOP, HELP and START: one message each, of no journey.
//!
//! ```text
//! a text that changes consent ─▶ queued ─▶ still true, still in time? ─▶ submitting ─▶ the gateway's answer
//!                                  │  ▲                                    │
//!               the contrary: withdrawn └────────── surely not taken ──────┘
//! ```
//! Must never confirm one STOP twice, and never say what is not true any more.

use crate::consent::{Channel, ConsentState};
use crate::contact::{AutoReplyMark, AutoReplyStage};
use crate::decision::{Reason, What};
use crate::event::{ReplyFrom, Via};
use crate::ids::{EnrollmentId, JourneyId, MessageId, stable_hash};
use crate::journey::effects::MessageEffect;
use crate::journey::run::Run;
use crate::journey::scope::Scope;
use crate::journey::step::outcome::Again;
use crate::keyword::AutoReply;
use crate::limits;
use crate::message::{HandedOut, Message, MessageChange, MessageState};
use crate::policy::may_send::may_reply;
use crate::policy::route::SANDBOX;
use crate::policy::settings::Purpose;
use crate::template::Template;
use crate::text;
use crate::time::Timestamp;
use serde_json::Value;
use std::sync::Arc;

impl Run<'_> {
    /// Queues the reply to a word of a text written at `at`, where the workspace has one. HELP that was answered a moment
    /// ago is not answered again; nor is what was written too long ago: history that is imported, what failed and is tried
    /// again.
    pub(super) fn auto_reply(&mut self, word: AutoReply, from: &ReplyFrom, at: Timestamp) {
        let settings = &self.engine.program.settings;
        let Some(to) = self.contact.profile.phone.clone() else { return };
        if settings.auto_replies.of(word).is_none() || *from == ReplyFrom::Nobody {
            return;
        }
        let (now, marks) = (self.now, &self.contact.state.auto_replies);
        // A carrier's clock may be ahead.
        let written_at = at.min(now);
        if written_at + limits::AUTO_REPLY_WITHIN <= now {
            return;
        }
        let open = marks.iter().filter(|it| it.stage != AutoReplyStage::Done).count();
        let helped =
            |it: &AutoReplyMark| it.word == AutoReply::Help && it.at > now - limits::HELP_AGAIN;
        let is_again = word == AutoReply::Help && marks.iter().any(helped);
        if open >= limits::AUTO_REPLIES_OPEN_MAX || is_again {
            return;
        }
        let named = match from {
            ReplyFrom::Sender(id) => Some(id.as_str()),
            ReplyFrom::Last | ReplyFrom::Nobody => self.heard_from_last(),
        };
        let place = settings.senders.iter().position(|it| Some(it.id.as_str()) == named);
        let place = place.unwrap_or(0);
        let (sender, gateway) = settings.senders.get(place).map_or_else(
            || (SANDBOX.to_owned(), SANDBOX.to_owned()),
            |sender| (sender.id.clone(), sender.gateway.clone()),
        );
        let id = self.auto_reply_id(word, place);
        let message = Message {
            id,
            workspace: self.contact.workspace,
            contact: self.contact.id,
            journey: JourneyId::NONE,
            version: 0,
            step: word.to_string(),
            variant: String::new(),
            purpose: Purpose::Transactional,
            channel: Channel::Sms,
            sender,
            gateway,
            to,
            state: MessageState::Queued,
            reason: Reason::Keyword,
            intended_at: written_at,
            due_at: now,
            handed_out_at: None,
            attempts: 0,
            put_off: 0,
            run: 0,
            parts: 0,
            text: String::new(),
            gateway_ref: None,
            error: String::new(),
            tried: Vec::new(),
        };
        let stage = AutoReplyStage::Queued;
        self.contact.state.auto_replies.push(AutoReplyMark { word, message: id, at: now, stage });
        self.out.messages.push(MessageEffect::Insert(Box::new(message)));
        self.about_auto_reply(word, id, What::Queued, Reason::Keyword);
    }

    /// The sender that the person's last message was to come from.
    fn heard_from_last(&self) -> Option<&str> {
        let last = self.contact.state.latest.as_ref()?;
        self.engine.sender_of_visit(last.journey, last.version, last.message)
    }

    /// The same for the same text of the same contact. Its step is the place of the sender that the person wrote to: a
    /// route may replace the sender on the message itself.
    fn auto_reply_id(&self, word: AutoReply, place: usize) -> MessageId {
        let before = self.contact.state.last_seq.map_or(0, |seq| seq.0);
        let hash = stable_hash(&[
            b"auto_reply",
            &self.contact.id.0.to_le_bytes(),
            &before.to_le_bytes(),
            word.as_str().as_bytes(),
        ]);
        let step = u16::try_from(place).unwrap_or(0);
        MessageId { enrollment: EnrollmentId::of_nobody(hash), step, visit: 1 }
    }

    /// Takes back replies that have not gone out and that consent, as it is now, makes untrue.
    pub(super) fn withdraw_untrue_replies(&mut self) {
        let consent = self.contact.state.consent(Channel::Sms, None);
        let untrue = |word: AutoReply| match word {
            AutoReply::Stop if consent != Some(ConsentState::OptedOut) => Some(Reason::Superseded),
            AutoReply::Start if consent == Some(ConsentState::OptedOut) => Some(Reason::Stopped),
            _ => None,
        };
        let queued = self.contact.state.auto_replies.iter();
        let queued = queued.filter(|it| it.stage == AutoReplyStage::Queued);
        let gone: Vec<(AutoReplyMark, Reason)> =
            queued.filter_map(|it| Some((*it, untrue(it.word)?))).collect();
        for (mark, reason) in gone {
            let change = MessageChange::to(MessageState::Withdrawn, reason);
            self.out.messages.push(MessageEffect::Change(mark.message, Box::new(change)));
            self.about_auto_reply(mark.word, mark.message, What::Withdrawn, reason);
            self.auto_reply_ended(mark.message, false);
        }
    }

    /// A queued reply may be handed to its gateway. Nothing that holds other messages holds it.
    pub(super) fn hand_out_auto_reply(
        &mut self,
        word: AutoReply,
        message: &Message,
        run: u64,
        via: &Via,
    ) {
        if message.state != MessageState::Queued {
            return;
        }
        let engine = self.engine;
        let template = engine.program.settings.auto_replies.of(word);
        let is_known = self.stage_of(message.id) == Some(AutoReplyStage::Queued);
        let Some(template) = template.filter(|_| is_known) else {
            return self.close(word, message, MessageState::Withdrawn, Reason::DefinitionGone);
        };
        let end = not_after(message);
        if let Err(reason) = self.may_go(word, message) {
            return self.close(word, message, MessageState::Dropped, reason);
        }
        let carried_by = match via {
            Via::Later { until, .. } if *until >= end => {
                return self.close(word, message, MessageState::Dropped, Reason::TooLate);
            }
            Via::Later { until, reason } => {
                let change = MessageChange {
                    due_at: Some(*until),
                    ..MessageChange::to(MessageState::Queued, *reason)
                };
                self.out.messages.push(MessageEffect::Change(message.id, Box::new(change)));
                return;
            }
            Via::Nothing => None,
            Via::Route { gateway, sender } => Some((sender.clone(), gateway.clone())),
            Via::Sender => {
                let senders = &engine.program.settings.senders;
                let intended = engine.sender_of_step(message).unwrap_or(&message.sender);
                let own = senders.iter().find(|it| it.id == intended).or(senders.first());
                own.map(|it| (it.id.clone(), it.gateway.clone()))
            }
        };
        let Some((sender, gateway)) = carried_by else {
            return self.close(word, message, MessageState::Dropped, Reason::NoRoute);
        };
        match self.auto_reply_text(template) {
            Err(reason) => self.close(word, message, MessageState::Dropped, reason),
            Ok((text, parts)) => {
                let (at, attempt, to) = (self.now, message.attempts + 1, message.to.clone());
                let handed_out = HandedOut { at, run, attempt, to, sender, gateway, text, parts };
                let change = MessageChange {
                    handed_out: Some(handed_out),
                    ..MessageChange::to(MessageState::Submitting, Reason::Allowed)
                };
                let mut submission = message.clone();
                submission.apply(&change);
                self.out.messages.push(MessageEffect::Change(message.id, Box::new(change)));
                self.out.submissions.push(submission);
                self.set_stage(message.id, AutoReplyStage::Submitting);
            }
        }
    }

    /// Surely not taken: back into the outbox, unless it has become untrue, was tried too often or would be too late.
    pub(super) fn auto_reply_again(&mut self, word: AutoReply, message: &Message, again: Again) {
        let Again { due, reason, counts, error, tried } = again;
        let objection = if self.stage_of(message.id) != Some(AutoReplyStage::Submitting) {
            Some(Reason::Superseded)
        } else if let Err(reason) = self.may_go(word, message) {
            Some(reason)
        } else if due >= not_after(message) {
            Some(Reason::TooLate)
        } else if counts && message.attempts_that_count() >= limits::ATTEMPTS_MAX {
            Some(Reason::TooManyAttempts)
        } else {
            None
        };
        if let Some(reason) = objection {
            return self.close(word, message, MessageState::Dropped, reason);
        }
        let change = MessageChange {
            due_at: Some(due),
            error,
            tried,
            put_off: !counts,
            ..MessageChange::to(MessageState::Queued, reason)
        };
        self.out.messages.push(MessageEffect::Change(message.id, Box::new(change)));
        self.set_stage(message.id, AutoReplyStage::Queued);
    }

    /// Nothing is done about a reply any more. One that went keeps HELP from being answered again too soon.
    pub(super) fn auto_reply_ended(&mut self, message: MessageId, went: bool) {
        let marks = &mut self.contact.state.auto_replies;
        marks.retain(|it| it.message != message || (went && it.word == AutoReply::Help));
        self.set_stage(message, AutoReplyStage::Done);
    }

    /// A decision about a reply: it is of the contact and of no journey.
    pub(super) fn about_auto_reply(
        &mut self,
        word: AutoReply,
        message: MessageId,
        what: What,
        reason: Reason,
    ) {
        let mut decision = self.about_contact(what, reason);
        decision.message = Some(message);
        decision.detail = word.to_string();
        self.push(decision);
    }

    /// Forgets that HELP was answered, once it may be answered again.
    pub(super) fn forget_auto_replies(&mut self) {
        let earliest = self.now - limits::HELP_AGAIN;
        let marks = &mut self.contact.state.auto_replies;
        marks.retain(|it| it.stage != AutoReplyStage::Done || it.at > earliest);
    }

    /// Asks the policy. A reply is as good as the last of its kind: of two STOPs only the later one is still confirmed.
    fn may_go(&self, word: AutoReply, message: &Message) -> Result<(), Reason> {
        let mut alike = self.contact.state.auto_replies.iter().filter(|it| it.word == word);
        if alike.next_back().is_some_and(|last| last.message != message.id) {
            return Err(Reason::Superseded);
        }
        may_reply(self.contact, word, &message.to, not_after(message), self.now)
    }

    /// The text and its parts. A value that is missing is nothing: no answer at all would be worse.
    fn auto_reply_text(&self, template: &Template) -> Result<(String, u32), Reason> {
        let scope = Scope::new(self.engine, self.contact, Arc::new(Value::Null), "");
        let rendered = scope.render_lenient(template, self.now);
        let text = rendered.map_err(|_| Reason::TemplateFailed)?.trim().to_owned();
        match text::parts(&text).1 {
            0 => Err(Reason::TextEmpty),
            parts if parts > limits::PARTS_MAX => Err(Reason::TextTooLong),
            parts => Ok((text, parts as u32)),
        }
    }

    fn close(&mut self, word: AutoReply, message: &Message, state: MessageState, reason: Reason) {
        let what = if state == MessageState::Withdrawn { What::Withdrawn } else { What::Dropped };
        let change = MessageChange::to(state, reason);
        self.out.messages.push(MessageEffect::Change(message.id, Box::new(change)));
        self.about_auto_reply(word, message.id, what, reason);
        self.auto_reply_ended(message.id, false);
    }

    fn stage_of(&self, message: MessageId) -> Option<AutoReplyStage> {
        let mut marks = self.contact.state.auto_replies.iter();
        marks.find(|it| it.message == message).map(|it| it.stage)
    }

    fn set_stage(&mut self, message: MessageId, stage: AutoReplyStage) {
        let marks = &mut self.contact.state.auto_replies;
        if let Some(mark) = marks.iter_mut().find(|it| it.message == message) {
            mark.stage = stage;
        }
    }
}

/// At that instant or later it does not go.
fn not_after(message: &Message) -> Timestamp {
    message.intended_at + limits::AUTO_REPLY_WITHIN
}
