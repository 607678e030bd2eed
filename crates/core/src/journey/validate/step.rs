//! One step: its references, texts, times and arms.
//!
//! Must never look at other steps; paths between them are in `journey`.

use super::Checker;
use crate::journey::definition::scalar::{Literal, Text, Until};
use crate::journey::definition::scalar::{Next, is_template, parse_wall_time};
use crate::journey::definition::step::{
    Action, Awaited, Body, Branch, Call, Experiment, Send, Step, UntilInstant, Update, Wait,
    WaitFor, WaitUntil,
};
use crate::journey::form::Entries;
use crate::journey::node::{Node, Value};
use crate::journey::problem::{Code, Spot, advice, shortened};
use crate::limits;
use crate::time::Span;
use std::collections::BTreeSet;

impl UntilInstant {
    /// Whether it waits for a time of day rather than an instant.
    #[must_use]
    pub fn is_wall_time(&self) -> bool {
        parse_wall_time(&self.until.text).is_some()
    }
}

impl Checker<'_> {
    pub(super) fn step(&mut self, step: &Step) {
        self.next(step.next.as_ref(), false);
        match &step.action {
            Action::Send(send) => self.send(send),
            Action::Wait(wait) => self.wait(wait),
            Action::WaitFor(wait) => self.wait_for(wait),
            Action::Branch(branch) => self.branch(branch),
            Action::Experiment(experiment) => self.experiment(experiment),
            Action::Update(update) => self.update(update),
            Action::Emit(emit) => self.values(emit.properties.as_ref(), false),
            Action::Call(call) => self.call(call),
            Action::Enroll(enroll) => {
                self.journey_ref(&enroll.journey.text, enroll.journey.at);
            }
            Action::HandOff(hand_off) => {
                if let Some(note) = &hand_off.note {
                    self.text(note);
                }
            }
            Action::Exit(exit) => {
                if let Some(next) = &step.next {
                    let message = format!(
                        "this step ends the journey ({}), so it cannot go on; remove next",
                        exit.reason.text
                    );
                    self.report.error(Code::MisplacedKey, next.at, message);
                }
            }
        }
    }

    fn next(&mut self, next: Option<&Next>, may_continue: bool) {
        let Some(next) = next else { return };
        let word = next.as_str();
        if word == "end" || (may_continue && word == "continue") || self.steps.contains_key(word) {
            return;
        }
        if self.report.is_full() {
            return;
        }
        let extra: &[&str] = if may_continue { &["end", "continue"] } else { &["end"] };
        let names = self.steps.keys().copied().chain(extra.iter().copied());
        let hint = advice(word, names.collect::<Vec<_>>());
        let message = format!("there is no step {:?}{hint}", shortened(word));
        self.report.error(Code::UnknownStep, next.at, message);
    }

    fn send(&mut self, send: &Send) {
        self.next(send.if_suppressed.as_ref(), true);
        if let Some(sender) = &send.sender {
            self.sender_ref(sender);
        }
        if let Some(crate::journey::definition::step::NotAfter::Until(until)) = &send.not_after {
            self.until(&until.until);
            if parse_wall_time(&until.until.text).is_some() {
                let message = "not_after takes an instant or a path, not a time of day";
                self.report.error(Code::BadInstant, until.until.at, message);
            }
        }
        for (language, text) in send.translations.iter().flat_map(|it| &it.0) {
            if !is_language(&language.text) {
                let message = format!(
                    "{:?} is not a language; write it like es or pt-br",
                    shortened(&language.text)
                );
                self.report.error(Code::BadName, language.at, message);
            }
            self.text(text);
        }
        self.body(&send.body);
    }

    fn body(&mut self, body: &Body) {
        let texts: Vec<&Text> = match body {
            Body::Sms(text) => vec![text],
            Body::Mms(mms) | Body::Rcs(mms) => {
                std::iter::once(&mms.text).chain(mms.media.iter().flat_map(|it| &it.0)).collect()
            }
            Body::Email(email) => [Some(&email.subject), email.text.as_ref(), email.html.as_ref()]
                .into_iter()
                .flatten()
                .collect(),
            Body::Whatsapp(message) => vec![&message.text],
            Body::Push(push) => [Some(&push.text), push.title.as_ref(), push.link.as_ref()]
                .into_iter()
                .flatten()
                .collect(),
            Body::Content(_) => Vec::new(),
        };
        for text in texts {
            if text.text.trim().is_empty() {
                self.report.error(Code::Empty, text.at, "this text is empty");
            }
            self.text(text);
        }
    }

    fn until(&mut self, until: &Until) {
        if is_template(&until.text) {
            self.template(&until.text, until.at);
        }
    }

    fn wait(&mut self, wait: &Wait) {
        match wait {
            Wait::For(_) | Wait::Until(WaitUntil::BestTime(_)) => {}
            Wait::Until(WaitUntil::Between(ends)) => match ends.as_slice() {
                [from, to] => {
                    let message = if from.span() < Span::ZERO {
                        "a wait cannot be negative"
                    } else if from.span() > to.span() {
                        "the first duration is longer than the second; swap them"
                    } else if to.span() == Span::ZERO {
                        "a wait must be more than nothing"
                    } else {
                        return;
                    };
                    self.report.error(Code::BadDuration, from.at, message);
                }
                _ => {
                    let at = ends.first().map_or(Spot::default(), |end| end.at);
                    let message = "between takes two durations, like [1h, 3h]";
                    self.report.error(Code::BadDuration, at, message);
                }
            },
            Wait::Until(WaitUntil::Until(until)) => self.wait_until(until),
        }
    }

    fn wait_until(&mut self, until: &UntilInstant) {
        self.until(&until.until);
        self.next(until.if_past.as_ref(), true);
        if until.is_wall_time() {
            let spots =
                [until.offset.as_ref().map(|it| it.at), until.if_past.as_ref().map(|it| it.at)];
            for at in spots.into_iter().flatten() {
                let message = "offset and if_past go with an instant; the next such time of day \
                               is never past";
                self.report.error(Code::MisplacedKey, at, message);
            }
        } else {
            if let Some(zone) = &until.zone {
                let message = "a zone goes with a time of day; an instant has none";
                self.report.error(Code::MisplacedKey, zone.at, message);
            }
            if until.days.is_some() {
                let message = "days go with a time of day; an instant has its own";
                self.report.error(Code::MisplacedKey, until.at, message);
            }
        }
    }

    fn wait_for(&mut self, wait: &WaitFor) {
        self.arms(wait.first.len(), wait.at, "wait_for");
        for arm in &wait.first {
            self.next(arm.next.as_ref(), false);
            match &arm.on {
                Awaited::Event(event) => {
                    if let Some(filter) = &event.filter {
                        self.condition(filter, true);
                    }
                }
                Awaited::Segment(change) => self.segment_ref(&change.id),
                Awaited::Attribute(leaf) => {
                    let leaf = crate::journey::definition::Condition::Attribute(leaf.clone());
                    self.condition(&leaf, true);
                }
                // Whether their step sends is a question of paths.
                Awaited::Clicked(_)
                | Awaited::Replied(_)
                | Awaited::Delivered(_)
                | Awaited::Failed(_) => {}
            }
        }
        self.next(Some(&wait.otherwise), false);
    }

    fn arms(&mut self, count: usize, at: Spot, what: &str) {
        if count == 0 {
            let message = format!("this {what} has nothing to choose from; add at least one");
            self.report.error(Code::Empty, at, message);
        } else if count > limits::ARMS_MAX {
            let most = limits::ARMS_MAX;
            let message = format!("this {what} has {count} arms and may have {most}");
            self.report.error(Code::TooLarge, at, message);
        }
    }

    fn branch(&mut self, branch: &Branch) {
        self.arms(branch.cases.len(), branch.at, "branch");
        for case in &branch.cases {
            self.condition(&case.when, true);
            self.next(Some(&case.next), false);
        }
        self.next(branch.otherwise.as_ref(), false);
    }

    fn experiment(&mut self, experiment: &Experiment) {
        self.arms(experiment.arms.len(), experiment.at, "experiment");
        let mut names = BTreeSet::new();
        for arm in &experiment.arms {
            self.next(arm.next.as_ref(), false);
            let mut bad = |at, message: String| self.report.error(Code::BadArms, at, message);
            if !names.insert(arm.name.as_str()) {
                bad(arm.name.at, format!("the arm {:?} stands twice", arm.name.text));
            }
            match (arm.holdout == Some(true), &arm.next) {
                (true, Some(next)) => {
                    let message = "a holdout gets nothing, so it has no next".to_owned();
                    bad(next.at, message);
                }
                (false, None) => {
                    let name = &arm.name.text;
                    let message = format!("the arm {name:?} needs \"next\", or `holdout: true`");
                    bad(arm.at, message);
                }
                _ => {}
            }
        }
        let weights: u64 = experiment.arms.iter().map(|arm| u64::from(arm.weight.value)).sum();
        if weights == 0 && !experiment.arms.is_empty() {
            let message = "all weights are 0, so nobody gets anything; give at least one a share";
            self.report.error(Code::BadArms, experiment.at, message);
        } else if weights > u64::from(u32::MAX) {
            let message = "the weights add up to more than can be kept; use smaller ones";
            self.report.error(Code::BadArms, experiment.at, message);
        }
    }

    fn update(&mut self, update: &Update) {
        self.values(update.set.as_ref(), true);
        self.values(update.add.as_ref(), true);
        for (key, value) in update.add.iter().flat_map(|it| &it.0) {
            let number = match &value.0.value {
                Value::Number(_) => true,
                Value::Text(text) => is_template(text),
                _ => false,
            };
            if !number {
                let message = format!(
                    "{:?} can be increased by a number, found {}",
                    shortened(&key.text),
                    value.0.describe()
                );
                self.report.error(Code::BadNumber, value.0.at, message);
            }
        }
        let topics = update.subscribe.iter().chain(&update.unsubscribe).flat_map(|it| &it.0);
        for topic in topics {
            self.topic_ref(topic);
        }
        let changes = [
            update.set.is_some(),
            update.unset.is_some(),
            update.add.is_some(),
            update.tag.is_some(),
            update.untag.is_some(),
            update.subscribe.is_some(),
            update.unsubscribe.is_some(),
        ];
        if !changes.contains(&true) {
            let message = "this update changes nothing; use set, unset, add, tag, untag, \
                           subscribe or unsubscribe";
            self.report.error(Code::Empty, update.at, message);
        }
    }

    fn values(&mut self, values: Option<&Entries<Literal>>, are_attributes: bool) {
        for (key, value) in values.iter().flat_map(|it| &it.0) {
            if are_attributes && key.text.split('.').any(|part| part.trim().is_empty()) {
                let message = format!(
                    "{:?} is not an attribute; write names joined by dots, like address.zip",
                    shortened(&key.text)
                );
                self.report.error(Code::BadPath, key.at, message);
            }
            match &value.0.value {
                Value::Text(text) if is_template(text) => self.template(text, value.0.at),
                _ => self.no_template_inside(&value.0),
            }
        }
    }

    /// Lists and mappings are kept as they are: a template in one would reach people unrendered.
    fn no_template_inside(&mut self, node: &Node) {
        match &node.value {
            Value::Text(text) if is_template(text) => {
                let message = "a text inside a list or mapping is not rendered here; set it as a \
                               value of its own";
                self.report.error(Code::BadTemplate, node.at, message);
            }
            Value::List(items) => {
                for item in items {
                    self.no_template_inside(item);
                }
            }
            Value::Map(entries) => {
                for (_, value) in entries {
                    self.no_template_inside(value);
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, call: &Call) {
        self.next(call.on_error.as_ref(), true);
        self.text(&call.url);
        let url = call.url.text.as_str();
        if !["https://", "http://", "{{", "{%"].iter().any(|start| url.starts_with(start)) {
            let message = "a url begins with https:// or http://";
            self.report.error(Code::BadPath, call.url.at, message);
        }
        for (_, value) in call.headers.iter().flat_map(|it| &it.0) {
            self.text(value);
        }
        if let Some(body) = &call.body {
            self.templates_inside(&body.0);
        }
        for (key, _) in call.save.iter().flat_map(|it| &it.0) {
            if key.text.split('.').any(|part| part.trim().is_empty()) {
                let message = format!("{:?} is not an attribute", shortened(&key.text));
                self.report.error(Code::BadPath, key.at, message);
            }
        }
    }

    fn templates_inside(&mut self, node: &Node) {
        match &node.value {
            Value::Text(text) if is_template(text) => self.template(text, node.at),
            Value::List(items) => {
                for item in items {
                    self.templates_inside(item);
                }
            }
            Value::Map(entries) => {
                for (_, value) in entries {
                    self.templates_inside(value);
                }
            }
            _ => {}
        }
    }
}

/// `es`, `pt-br`, `zh_Hant`.
fn is_language(text: &str) -> bool {
    let mut parts = text.split(['-', '_']);
    let first = parts.next().unwrap_or("");
    (2..=3).contains(&first.len())
        && first.chars().all(|c| c.is_ascii_alphabetic())
        && parts.all(|part| {
            (2..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric())
        })
}
