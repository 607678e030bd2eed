//! How people of the town answer a text.
//!
//! Must never depend on anything but the seed, the text, who got it and when.

use super::life::order_id;
use super::{Town, person};
use crate::random::Random;
use serde_json::{Value, json};
use wayline_core::ids::stable_hash;
use wayline_core::time::{Span, Timestamp};

const QUESTIONS: [&str; 4] = [
    "Do you ship to Canada?",
    "Is it ok for sensitive skin?",
    "Can I still change my order?",
    "Running 10 minutes late, is that ok?",
];

/// What a person does with a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Reaction {
    /// Opens its link.
    Click,
    /// Writes back.
    Reply(String),
    /// Buys: what the shop then sends, in the shape of Segment's.
    Buy(Value),
}

impl Town {
    /// What whoever has the number `to` does with a text that reached them, and when; `None`: nothing.
    #[must_use]
    pub fn react(
        &self,
        text: &str,
        to: &str,
        delivered_at: Timestamp,
        journey: &str,
        step: &str,
    ) -> Option<(Timestamp, Reaction)> {
        let number = self.owner(to)?;
        let (seed, when) = (self.seed.to_le_bytes(), delivered_at.0.to_le_bytes());
        let about = [b"react".as_slice(), &seed, to.as_bytes(), text.as_bytes(), &when];
        let mut draw = Random::new(stable_hash(&about));
        let soon = delivered_at + draw.span(Span::seconds(30), Span::minutes(45));
        let chance = draw.below(1_000);
        if chance < 8 {
            return Some((soon, reply("STOP")));
        }
        let reaction = match (journey, step) {
            ("welcome", "ask") if chance < 800 => reply(draw.one_of(["YES", "Yes", "yes!"])),
            ("appointment", "tomorrow") if chance < 600 => reply(draw.one_of(["YES", "Yes", "ok"])),
            ("order", "review") if chance < 350 => {
                reply(draw.one_of(["5", "5", "5", "4", "4", "3", "2"]))
            }
            _ if chance < 25 => reply(draw.one_of(QUESTIONS)),
            ("order" | "appointment", _) => return None,
            _ if chance < 110 => Reaction::Buy(purchase(&mut draw, number, soon)),
            _ if chance < 330 && text.contains("http") => Reaction::Click,
            _ => return None,
        };
        Some((soon, reaction))
    }
}

fn reply(text: &str) -> Reaction {
    Reaction::Reply(text.to_owned())
}

fn purchase(draw: &mut Random, number: u64, at: Timestamp) -> Value {
    let user_id = person::user_id(number);
    let (item, price) = draw.one_of([("Night Cream", 52), ("Clay Mask", 24), ("Travel Set", 29)]);
    json!({
        "type": "track",
        "userId": user_id,
        "messageId": format!("{user_id}-buy-{}", at.0),
        "timestamp": at.to_string(),
        "event": "transaction",
        "properties": { "order_id": order_id(&user_id, at.0), "item": item, "total": price },
    })
}
