//! Steps: what they do, and where they go.
//!
//! Must never leave a reference to be resolved while the program runs.

use super::condition::days;
use super::{Compiler, segment_change};
use crate::condition::JsonPath;
use crate::journey::body::BodyTemplate;
use crate::journey::definition::scalar::{
    Duration, Literal, Next as NextWritten, Offset, Path, Slug, Text, Until, is_template,
    parse_instant, parse_wall_time,
};
use crate::journey::definition::step as written;
use crate::journey::node::{Key, Node, Value};
use crate::journey::problem::{Code, Spot};
use crate::journey::program::{
    Action, Arm, Awaited, Call, Change, Expr, Next, NotAfter, Send, Step, Wait, WaitFor, ZoneOf,
};
use crate::template::Template;
use crate::time::Span;
use std::collections::BTreeMap;

/// How long a webhook may take when its step does not say.
const CALL_TIMEOUT: Span = Span::seconds(10);

impl Compiler<'_> {
    pub(super) fn step(
        &mut self,
        index: usize,
        count: usize,
        slug: &str,
        step: &written::Step,
    ) -> Option<Step> {
        let below = if index + 1 < count { Next::Step(index as u16 + 1) } else { Next::End };
        let next = match &step.next {
            Some(next) => self.next(next)?,
            None => below,
        };
        let action = self.action(&step.action, next)?;
        Some(Step { slug: slug.to_owned(), action, next })
    }

    fn next(&mut self, next: &NextWritten) -> Option<Next> {
        if next.text == "end" {
            return Some(Next::End);
        }
        self.step_index(&next.text, next.at).map(Next::Step)
    }

    fn next_or(&mut self, next: Option<&NextWritten>, default: Next) -> Option<Next> {
        match next {
            Some(next) if next.text == "continue" => Some(default),
            Some(next) => self.next(next),
            None => Some(default),
        }
    }

    /// `Some(None)`: on, as if nothing had happened.
    #[allow(clippy::option_option, reason = "the outer one says whether it compiled")]
    fn detour(&mut self, next: Option<&NextWritten>) -> Option<Option<Next>> {
        match next {
            Some(next) if next.text != "continue" => self.next(next).map(Some),
            _ => Some(None),
        }
    }

    fn step_index(&mut self, slug: &str, at: Spot) -> Option<u16> {
        let index = self.steps.get(slug).copied();
        if index.is_none() {
            self.report.error(Code::UnknownStep, at, format!("no step {slug:?}"));
        }
        index
    }

    fn action(&mut self, action: &written::Action, next: Next) -> Option<Action> {
        use written::Action as W;
        Some(match action {
            W::Send(send) => Action::Send(Box::new(self.send(send)?)),
            W::Wait(wait) => Action::Wait(self.wait(wait, next)?),
            W::WaitFor(wait) => Action::WaitFor(Box::new(self.wait_for(wait, next)?)),
            W::Branch(branch) => {
                let mut arms = Vec::with_capacity(branch.cases.len());
                for case in &branch.cases {
                    arms.push((self.condition(&case.when)?, self.next(&case.next)?));
                }
                Action::Branch { arms, otherwise: self.next_or(branch.otherwise.as_ref(), next)? }
            }
            W::Experiment(experiment) => {
                let arms = experiment.arms.iter().map(|arm| self.arm(arm, next));
                Action::Experiment { arms: arms.collect::<Option<_>>()? }
            }
            W::Update(update) => Action::Update(self.changes(update)?),
            W::Emit(emit) => Action::Emit {
                event: emit.event.text.clone(),
                properties: self.values(emit.properties.as_ref().map(|it| it.0.as_slice()))?,
            },
            W::Call(call) => Action::Call(Box::new(self.call(call)?)),
            W::Enroll(enroll) => Action::Enroll { journey: enroll.journey.text.clone() },
            W::HandOff(hand_off) => Action::HandOff {
                team: hand_off.team.as_ref().map(|team| team.text.clone()),
                note: match &hand_off.note {
                    Some(note) => Some(self.template(note)?),
                    None => None,
                },
            },
            W::Exit(exit) => Action::Exit { reason: exit.reason.text.clone() },
        })
    }

    fn send(&mut self, send: &written::Send) -> Option<Send> {
        let written::Body::Sms(text) = &send.body else {
            let message = "only sms can be sent yet";
            self.report.error(Code::NotPublishable, send.at, message);
            return None;
        };
        let mut translations = BTreeMap::new();
        for (language, text) in send.translations.iter().flat_map(|it| &it.0) {
            let language = language.text.to_lowercase().replace('_', "-");
            translations.insert(language, self.template(text)?);
        }
        Some(Send {
            text: self.template(text)?,
            translations,
            sender: send.sender.as_ref().map(|sender| sender.text.clone()),
            not_after: match &send.not_after {
                None => None,
                Some(written::NotAfter::Elapsed(span)) => Some(NotAfter::Elapsed(span.span())),
                Some(written::NotAfter::Until(until)) => Some(NotAfter::Until {
                    instant: self.instant(&until.until)?,
                    offset: until.offset.as_ref().map_or(Span::ZERO, Offset::span),
                }),
            },
            coupon: send.coupon.as_ref().map(|coupon| coupon.text.clone()),
            if_suppressed: self.detour(send.if_suppressed.as_ref())?,
            purpose: send.purpose,
        })
    }

    fn instant(&mut self, until: &Until) -> Option<Expr> {
        if is_template(&until.text) {
            let text = Text { text: until.text.clone(), at: until.at };
            return self.template(&text).map(Expr::Template);
        }
        if let Some(at) = parse_instant(&until.text) {
            return Some(Expr::Literal(serde_json::Value::String(at.to_string())));
        }
        Some(Expr::Path(JsonPath::new(&until.text)))
    }

    fn wait(&mut self, wait: &written::Wait, next: Next) -> Option<Wait> {
        let until = match wait {
            written::Wait::For(span) => return Some(Wait::For(span.span())),
            written::Wait::Until(until) => until,
        };
        Some(match until {
            written::WaitUntil::BestTime(span) => Wait::BestTime(span.span()),
            written::WaitUntil::Between(ends) => match ends.as_slice() {
                [from, to] => Wait::Between(from.span(), to.span()),
                _ => {
                    let at = ends.first().map_or(Spot::default(), |end| end.at);
                    self.report.error(Code::BadDuration, at, "between takes two durations");
                    return None;
                }
            },
            written::WaitUntil::Until(until) => match parse_wall_time(&until.until.text) {
                Some(at) => Wait::UntilLocal {
                    at,
                    days: days(until.days.as_ref().map(|days| days.0.as_slice())),
                    zone: self.zone_of(until.zone.as_ref())?,
                },
                None => Wait::Until {
                    instant: self.instant(&until.until)?,
                    offset: until.offset.as_ref().map_or(Span::ZERO, Offset::span),
                    if_past: self.next_or(until.if_past.as_ref(), next)?,
                },
            },
        })
    }

    fn zone_of(
        &mut self,
        zone: Option<&crate::journey::definition::scalar::ZoneOf>,
    ) -> Option<ZoneOf> {
        let Some(zone) = zone else { return Some(ZoneOf::Contact) };
        match zone.text.as_str() {
            "contact" => Some(ZoneOf::Contact),
            "workspace" => Some(ZoneOf::Workspace),
            name => match crate::zone::zone(name) {
                Ok(named) => Some(ZoneOf::Named(named)),
                Err(error) => {
                    self.report.error(Code::UnknownZone, zone.at, error.to_string());
                    None
                }
            },
        }
    }

    fn wait_for(&mut self, wait: &written::WaitFor, next: Next) -> Option<WaitFor> {
        let mut first = Vec::with_capacity(wait.first.len());
        for arm in &wait.first {
            let next = self.next_or(arm.next.as_ref(), next)?;
            first.push((self.awaited(&arm.on)?, next));
        }
        Some(WaitFor {
            first,
            restart_on: wait.restart_on.as_ref().map(|event| event.text.clone()),
            timeout: wait.timeout.span(),
            otherwise: self.next(&wait.otherwise)?,
        })
    }

    fn awaited(&mut self, awaited: &written::Awaited) -> Option<Awaited> {
        use written::Awaited as W;
        let index = |compiler: &mut Self, slug: &Slug| compiler.step_index(&slug.text, slug.at);
        Some(match awaited {
            W::Event(event) => Awaited::Event {
                event: event.event.text.clone(),
                filter: self.optional(event.filter.as_ref())?,
            },
            W::Clicked(step) => Awaited::Clicked { step: index(self, step)? },
            W::Delivered(step) => Awaited::Delivered { step: index(self, step)? },
            W::Failed(step) => Awaited::Failed { step: index(self, step)? },
            W::Replied(replied) => {
                let like = replied.like.iter().flat_map(|like| &like.0);
                Awaited::Replied {
                    step: match replied.replied.as_str() {
                        "any" => None,
                        _ => Some(index(self, &replied.replied)?),
                    },
                    like: like.map(|word| word.text.trim().to_lowercase()).collect(),
                }
            }
            W::Segment(change) => Awaited::Condition(segment_change(change)),
            W::Attribute(leaf) => {
                let leaf = crate::journey::definition::Condition::Attribute(leaf.clone());
                Awaited::Condition(self.condition(&leaf)?)
            }
        })
    }

    fn arm(&mut self, arm: &written::ExperimentArm, next: Next) -> Option<Arm> {
        let holdout = arm.holdout == Some(true);
        Some(Arm {
            name: arm.name.text.clone(),
            weight: arm.weight.value,
            holdout,
            next: if holdout { Next::End } else { self.next_or(arm.next.as_ref(), next)? },
        })
    }

    fn changes(&mut self, update: &written::Update) -> Option<Vec<Change>> {
        let mut changes = Vec::new();
        for (key, value) in self.values(update.set.as_ref().map(|it| it.0.as_slice()))? {
            changes.push(Change::Set(JsonPath::new(&key), value));
        }
        let paths = update.unset.iter().flat_map(|it| &it.0);
        changes.extend(paths.map(Path::path).map(Change::Unset));
        for (key, value) in self.values(update.add.as_ref().map(|it| it.0.as_slice()))? {
            changes.push(Change::Add(JsonPath::new(&key), value));
        }
        let tags = update.tag.iter().flat_map(|it| &it.0);
        changes.extend(tags.map(|tag| Change::Tag(tag.text.clone())));
        let tags = update.untag.iter().flat_map(|it| &it.0);
        changes.extend(tags.map(|tag| Change::Untag(tag.text.clone())));
        let topics = update.subscribe.iter().flat_map(|it| &it.0);
        changes.extend(topics.map(|topic| Change::Subscribe(topic.text.clone())));
        let topics = update.unsubscribe.iter().flat_map(|it| &it.0);
        changes.extend(topics.map(|topic| Change::Unsubscribe(topic.text.clone())));
        Some(changes)
    }

    fn values(&mut self, values: Option<&[(Key, Literal)]>) -> Option<Vec<(String, Expr)>> {
        let values = values.unwrap_or_default().iter();
        values.map(|(key, value)| Some((key.text.clone(), self.value(&value.0)?))).collect()
    }

    fn value(&mut self, node: &Node) -> Option<Expr> {
        match &node.value {
            Value::Text(text) if is_template(text) => {
                self.rendered(text, node.at).map(Expr::Template)
            }
            _ => Some(Expr::Literal(node.to_json())),
        }
    }

    fn rendered(&mut self, text: &str, at: Spot) -> Option<Template> {
        self.template(&Text { text: text.to_owned(), at })
    }

    fn call(&mut self, call: &written::Call) -> Option<Call> {
        let mut headers = Vec::new();
        for (name, value) in call.headers.iter().flat_map(|it| &it.0) {
            headers.push((name.text.clone(), self.template(value)?));
        }
        let save = call.save.iter().flat_map(|it| &it.0);
        Some(Call {
            url: self.template(&call.url)?,
            method: match call.method {
                Some(written::Method::Get) => "GET",
                Some(written::Method::Put) => "PUT",
                Some(written::Method::Patch) => "PATCH",
                Some(written::Method::Delete) => "DELETE",
                Some(written::Method::Post) | None => "POST",
            }
            .to_owned(),
            headers,
            body: match &call.body {
                Some(body) => Some(self.body(&body.0)?),
                None => None,
            },
            timeout: call.timeout.as_ref().map_or(CALL_TIMEOUT, Duration::span),
            save: save.map(|(key, at)| (JsonPath::new(&key.text), at.text.clone())).collect(),
            on_error: self.detour(call.on_error.as_ref())?,
        })
    }

    fn body(&mut self, node: &Node) -> Option<BodyTemplate> {
        Some(match &node.value {
            Value::Text(text) if is_template(text) => {
                BodyTemplate::Template(self.rendered(text, node.at)?)
            }
            Value::List(items) => {
                let items = items.iter().map(|item| self.body(item));
                BodyTemplate::Array(items.collect::<Option<_>>()?)
            }
            Value::Map(entries) => {
                let fields =
                    entries.iter().map(|(key, value)| Some((key.text.clone(), self.body(value)?)));
                BodyTemplate::Object(fields.collect::<Option<_>>()?)
            }
            _ => BodyTemplate::Literal(node.to_json()),
        })
    }
}
