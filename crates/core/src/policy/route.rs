//! Which gateways may carry a message, the best first.
//!
//! A pure function of settings and message: what is connected, paused or busy now is known to whoever hands out,
//! who takes the first of these that can. Must never name a gateway that has refused the message.

use crate::carrier::gateway_id;
use crate::ids::stable_hash;
use crate::message::Message;
use crate::phone;
use crate::policy::settings::{Purpose, Sender, SenderKind, Settings};

/// Gateway and sender of a workspace that names none.
pub const SANDBOX: &str = "sandbox";

/// A rule that picks a gateway. What is absent matches everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Gateway id.
    pub gateway: String,
    /// Sent from this sender instead of the message's own.
    pub sender: Option<String>,
    /// ISO 3166 country of the number.
    pub country: Option<String>,
    /// What the number begins with, `+` and digits: a country's code, or a carrier's range.
    pub prefix: Option<String>,
    /// What the message is for.
    pub purpose: Option<Purpose>,
    /// Kind of the sender.
    pub sender_kind: Option<SenderKind>,
    /// Lower goes first; default 10.
    pub priority: u32,
    /// Share among routes of one priority; 0: only when no other is left. Default 1.
    pub weight: u32,
    /// Cost of a part in millionths of the account's currency: the cheaper first within one priority and weight 0,
    /// and for reports.
    pub cost_micros: Option<u64>,
}

/// A gateway and the sender to use there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Gateway id, as the settings name it.
    pub gateway: String,
    /// Sender id.
    pub sender: String,
}

/// What may carry a message, the best first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates(Vec<Candidate>);

impl Candidates {
    /// Those whose gateway is none of these, given by key.
    #[must_use]
    pub fn without<'k>(mut self, refused: impl IntoIterator<Item = &'k String>) -> Candidates {
        let refused: Vec<&str> = refused.into_iter().map(|key| gateway_id(key)).collect();
        self.0.retain(|it| !refused.contains(&it.gateway.as_str()));
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The best first.
    pub fn iter(&self) -> impl Iterator<Item = &Candidate> {
        self.0.iter()
    }
}

/// The gateways that may carry a message. Routes that match come by priority; within one priority they are drawn by
/// weight, the same for the same message; the gateway its sender names comes last. Without a sender: the sandbox.
/// `intended`: the sender its step names, which a route tried before may have replaced on the message.
#[must_use]
pub fn candidates(settings: &Settings, message: &Message, intended: Option<&str>) -> Candidates {
    let own = intended.unwrap_or(&message.sender);
    let own = settings.senders.iter().find(|sender| sender.id == own);
    let Some(own) = own.or(settings.senders.first()) else {
        let (gateway, sender) = (SANDBOX.to_owned(), SANDBOX.to_owned());
        return Candidates(vec![Candidate { gateway, sender }]);
    };
    // Reading a number costs more than all the rest.
    let by_country = settings.routes.iter().any(|route| route.country.is_some());
    let country = by_country.then(|| phone::classify(&message.to)).flatten();
    let country = country.and_then(|phone| phone.region);
    let mut matching: Vec<(u32, f64, &Route)> = settings
        .routes
        .iter()
        .enumerate()
        .filter(|(_, route)| matches(route, own, message, country.as_deref()))
        .map(|(place, route)| (route.priority, draw(route, place, message), route))
        .collect();
    matching.sort_by(|a, b| {
        let cost = |route: &Route| route.cost_micros.unwrap_or(u64::MAX);
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(cost(a.2).cmp(&cost(b.2)))
    });
    let mut found: Vec<Candidate> = Vec::with_capacity(matching.len() + 1);
    let mut add = |candidate: Candidate| {
        if !found.iter().any(|it| it.gateway == candidate.gateway) {
            found.push(candidate);
        }
    };
    for (_, _, route) in matching {
        let sender = route.sender.clone().unwrap_or_else(|| own.id.clone());
        add(Candidate { gateway: route.gateway.clone(), sender });
    }
    add(Candidate { gateway: own.gateway.clone(), sender: own.id.clone() });
    Candidates(found)
}

fn matches(route: &Route, own: &Sender, message: &Message, country: Option<&str>) -> bool {
    route.country.as_deref().is_none_or(|wanted| country == Some(wanted))
        && route.prefix.as_deref().is_none_or(|prefix| message.to.starts_with(prefix))
        && route.purpose.is_none_or(|purpose| purpose == message.purpose)
        && route.sender_kind.is_none_or(|kind| kind == own.kind)
}

/// A place in the order: the smaller the sooner, so that a route comes first as often as its weight says
/// (exponential draws: the least of them is route i with probability weight i over all weights).
fn draw(route: &Route, place: usize, message: &Message) -> f64 {
    if route.weight == 0 {
        return f64::INFINITY;
    }
    let place = (place as u64).to_le_bytes();
    let hash = stable_hash(&[b"route", message.id.to_string().as_bytes(), &place]);
    let share = ((hash >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
    -share.ln() / f64::from(route.weight)
}
