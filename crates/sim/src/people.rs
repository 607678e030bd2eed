//! What people and businesses do in a scenario: who they are, what they buy, what they allow, what they text.
//!
//! Must never react to anything: what answers a message is drawn by the carrier.

use crate::compose::{EVENTS, TIERS};
use crate::random::Random;
use crate::scenario::{Person, Scenario, number};
use serde_json::{Map, Value, json};
use wayline_core::time::{Span, Timestamp};

/// Something that happens to the program from outside.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A line of a business's feed.
    Line(Line),
    /// A person texts a number of the workspace.
    Text {
        /// Place of the workspace.
        workspace: usize,
        /// Their number.
        from: String,
        /// What.
        text: String,
    },
    /// New definitions.
    Publish {
        /// Place of the workspace.
        workspace: usize,
        /// Place of the edition.
        edition: usize,
    },
    /// An operator pauses a journey, or resumes the paused ones.
    Pause {
        /// Place of the workspace.
        workspace: usize,
        /// Picks the journey.
        pick: usize,
        /// Whether it is the end of the pauses.
        over: bool,
    },
}

/// A line of a feed.
#[derive(Clone, Debug)]
pub struct Line {
    /// Place of the workspace.
    pub workspace: usize,
    /// JSON as sent; for an API entry, its properties.
    pub body: Value,
    /// A journey that it enters by API.
    pub enroll: Option<String>,
    /// What it is told by.
    pub token: String,
    /// Whether nobody can handle it.
    pub poison: bool,
}

/// Everything that happens, by time.
#[must_use]
pub fn happenings(scenario: &Scenario) -> Vec<(Timestamp, Happening)> {
    let mut all = Vec::new();
    for (workspace, plan) in scenario.workspaces.iter().enumerate() {
        for (edition, it) in plan.editions.iter().enumerate() {
            all.push((it.at, Happening::Publish { workspace, edition }));
        }
    }
    for person in &scenario.people {
        let mut life = Life { scenario, person, draw: person.random.fork("life"), count: 0 };
        life.tell(&mut all);
    }
    all.sort_by_key(|(at, _)| *at);
    all
}

struct Life<'a> {
    scenario: &'a Scenario,
    person: &'a Person,
    draw: Random,
    count: usize,
}

impl Life<'_> {
    fn tell(&mut self, all: &mut Vec<(Timestamp, Happening)>) {
        let (start, end) = (self.scenario.start, self.scenario.end);
        let mut at = start + self.draw.span(Span::seconds(1), Span::hours(20));
        let mut traits = Map::new();
        if let Some(phone) = &self.person.phone {
            traits.insert("phone".to_owned(), json!(phone));
        }
        // Some profiles are full: whatever a step would add finds no room.
        for place in 0..if self.draw.per_mille(60) { 496 } else { 0 } {
            traits.insert(format!("full{place}"), json!(1));
        }
        if let Some(zone) = self.person.zone {
            traits.insert("timezone".to_owned(), json!(zone));
        }
        self.line(all, at, "identify", "traits", Value::Object(traits));
        if self.draw.per_mille(800) {
            self.consent(all, at);
        }
        let pace = self.draw.one_of([Span::hours(2), Span::hours(10), Span::hours(40)]);
        for _ in 0..self.draw.one_of([5, 20, 60]) {
            // Some do two things at one instant.
            if !self.draw.per_mille(100) {
                at = at + self.draw.span(Span::ZERO, pace);
            }
            if at >= end {
                return;
            }
            self.something(all, at);
        }
    }

    fn something(&mut self, all: &mut Vec<(Timestamp, Happening)>, at: Timestamp) {
        match self.draw.below(20) {
            0..=11 => self.track(all, at),
            12 | 13 => {
                let change = self.change(at);
                self.line(all, at, "identify", "traits", change);
            }
            14 | 15 => self.consent(all, at),
            16 | 17 => self.text(all, at),
            _ => {
                let journey = format!("j{}", self.draw.below(5));
                let properties = self.properties(at);
                self.enroll(all, at, journey, properties);
            }
        }
    }

    fn track(&mut self, all: &mut Vec<(Timestamp, Happening)>, at: Timestamp) {
        let event = self.draw.one_of(EVENTS);
        let properties = self.properties(at);
        self.line(all, at, "track", event, properties);
    }

    fn properties(&mut self, at: Timestamp) -> Value {
        let ahead = self.draw.span(Span::hours(-4), Span::days(4));
        let mut properties = json!({
            "value": self.draw.between(0, 100),
            "order": format!("o{}", self.draw.below(4)),
        });
        if self.draw.per_mille(700) {
            properties["starts_at"] = json!((at + ahead).to_string());
        }
        properties
    }

    fn change(&mut self, at: Timestamp) -> Value {
        match self.draw.below(6) {
            0 => json!({ "phone": number(&mut self.draw) }),
            1 => json!({ "phone": null }),
            2 => json!({ "timezone": self.draw.one_of(["Asia/Tokyo", "America/Chicago", "none"]) }),
            3 => json!({ "born": (at + self.draw.span(Span::ZERO, Span::days(5))).to_string() }),
            4 => json!({ "nickname": "Bo" }),
            _ => json!({ "tier": self.draw.one_of(TIERS) }),
        }
    }

    fn consent(&mut self, all: &mut Vec<(Timestamp, Happening)>, at: Timestamp) {
        let state = self.draw.one_of(["opted_in", "opted_in", "opted_in", "opted_out", "pending"]);
        self.line(all, at, "consent", state, Value::Null);
    }

    fn text(&mut self, all: &mut Vec<(Timestamp, Happening)>, at: Timestamp) {
        let from = match &self.person.phone {
            Some(phone) if !self.draw.per_mille(100) => phone.clone(),
            _ => number(&mut self.draw),
        };
        let text = self.draw.one_of(["STOP", "START", "yes", "JOIN", "J0WORD", "J1WORD", "hello"]);
        let (workspace, text) = (self.person.workspace, text.to_owned());
        all.push((at, Happening::Text { workspace, from, text }));
    }

    fn token(&mut self) -> String {
        self.count += 1;
        format!("i-{}-{}-i", self.person.id, self.count)
    }

    fn line(
        &mut self,
        all: &mut Vec<(Timestamp, Happening)>,
        at: Timestamp,
        kind: &str,
        what: &str,
        mut about: Value,
    ) {
        let token = self.token();
        let mut body = json!({
            "type": kind,
            "userId": self.person.id,
            "messageId": token,
            "timestamp": at.to_string(),
        });
        let mut poison = false;
        match kind {
            "identify" => {
                about["token"] = json!(token);
                poison = self.draw.per_mille(self.scenario.faults.poison);
                for place in 0..if poison { 600 } else { 0 } {
                    about[format!("poison{place}")] = json!(1);
                }
                body["traits"] = about;
            }
            "track" => {
                about["token"] = json!(token);
                body["event"] = json!(what);
                body["properties"] = about;
            }
            _ => {
                body["state"] = json!(what);
                body["source"] = json!(token);
            }
        }
        let workspace = self.person.workspace;
        let line = Line { workspace, body, enroll: None, token, poison };
        all.push((at, Happening::Line(line)));
    }

    fn enroll(
        &mut self,
        all: &mut Vec<(Timestamp, Happening)>,
        at: Timestamp,
        journey: String,
        mut properties: Value,
    ) {
        let token = self.token();
        properties["token"] = json!(token);
        let body = json!({ "userId": self.person.id, "properties": properties });
        let workspace = self.person.workspace;
        let line = Line { workspace, body, enroll: Some(journey), token, poison: false };
        all.push((at, Happening::Line(line)));
    }
}
