//! What people do: contacts by Zipf or evenly, and events as a shop sends them.
//!
//! Must never be timed: lines are written before the clock runs.

use std::fmt::Write as _;
use wayline_core::time::Timestamp;
use wayline_sim::random::Random;

pub(crate) const WORKSPACE: &str = "workspace: bench
brand: Bench
country: US
time_zone: America/New_York
quiet_hours: none
caps: []
consent: assumed
senders:
  - {id: main, number: \"60777\", kind: short_code, gateway: sandbox}
";

/// An abandoned cart: a restart with each item, a purchase ends it, and regulars (three purchases in 30 days, an exact
/// window) are spoken to in another way.
pub(crate) const JOURNEY: &str = "journey: cart
purpose: marketing
entry:
  event: addtocart
  while_active: restart
  once_ended: always
exit:
  - {event: purchase, as: purchased}
steps:
  let_them_shop:
    wait: 4h
  who:
    branch:
      - when: {event: purchase, at_least: 3, within: 30d}
        next: regular
      - {otherwise: remind}
  regular:
    send:
      sms: \"{{ workspace.brand }}: we put your {{ event.item }} aside, {{ contact.first_name | default: 'friend' }}. Reply STOP to opt out.\"
    next: end
  remind:
    send:
      sms: \"{{ workspace.brand }}: your {{ event.item }} is still in your cart. Want it? Reply STOP to opt out.\"
";

/// How contacts are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Distribution {
    /// Rank r with a weight of 1 / r^0.9.
    Zipf,
    Uniform,
}

impl Distribution {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Distribution::Zipf => "zipf",
            Distribution::Uniform => "uniform",
        }
    }
}

const ZIPF_EXPONENT: f64 = 0.9;

/// Draws contacts: ranks over a random permutation of all of them.
pub(crate) struct People {
    /// Sums of the weights up to each rank; empty: all weigh the same.
    sums: Vec<f64>,
    order: Vec<u32>,
}

impl People {
    pub(crate) fn new(contacts: u64, distribution: Distribution) -> People {
        let mut draw = Random::new(7);
        let mut order: Vec<u32> = (0..contacts as u32).collect();
        for place in (1..order.len()).rev() {
            order.swap(place, draw.below(place + 1));
        }
        let weights = (1..=contacts).map(|rank| (rank as f64).powf(-ZIPF_EXPONENT));
        let mut sum = 0.0;
        let sums = match distribution {
            Distribution::Uniform => Vec::new(),
            Distribution::Zipf => weights
                .map(|weight| {
                    sum += weight;
                    sum
                })
                .collect(),
        };
        People { sums, order }
    }

    /// The number of a contact, from 0.
    fn draw(&self, draw: &mut Random) -> u32 {
        let rank = match self.sums.last() {
            None => draw.below(self.order.len()),
            Some(sum) => {
                let share = (draw.bits() >> 11) as f64 / (1_u64 << 53) as f64;
                self.sums.partition_point(|upto| *upto < share * sum)
            }
        };
        self.order.get(rank).or(self.order.last()).copied().unwrap_or(0)
    }
}

/// Writes lines as a business sends them.
pub(crate) struct Lines {
    draw: Random,
    /// How many were written: message ids are never repeated.
    written: u64,
}

impl Lines {
    pub(crate) fn new() -> Lines {
        Lines { draw: Random::new(11), written: 0 }
    }

    /// The next line: 70% looks, 15% carts, 10% purchases, 5% news about the person.
    pub(crate) fn next(&mut self, people: &People, at: Timestamp) -> String {
        let user = people.draw(&mut self.draw);
        let (kind, bits) = (self.draw.below(100), self.draw.bits());
        self.written += 1;
        let mut line = String::with_capacity(400);
        let mixed = bits ^ self.written;
        let _ = write!(
            line,
            "{{\"userId\":\"user-{user}\",\"messageId\":\"b7a1-{mixed:016x}-{:012x}\",\
             \"timestamp\":\"{}\",",
            self.written,
            at.to_jiff()
        );
        let item = bits % 50_000;
        let price = bits % 9_000 + 1_000;
        let _ = match kind {
            0..5 => write!(
                line,
                "\"type\":\"identify\",\"traits\":{{\"tier\":\"{}\",\"last_shop\":\"store-{}\"}}}}",
                ["gold", "silver", "none"][(bits % 3) as usize],
                bits % 200
            ),
            _ => write!(
                line,
                "\"type\":\"track\",\"event\":\"{}\",\"properties\":{{\"item\":\"item-{item}\",\
                 \"value\":{}.{:02},\"currency\":\"USD\",\"category\":\"garden/outdoor\",\
                 \"source\":\"app\",\"session\":\"{:012x}\"}}}}",
                ["purchase", "addtocart", "addtocart", "view"]
                    [usize::from(kind >= 15) + usize::from(kind >= 22) + usize::from(kind >= 30)],
                price / 100,
                price % 100,
                bits >> 16
            ),
        };
        line
    }
}
