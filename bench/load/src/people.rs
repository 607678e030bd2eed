//! Who is there and what they do, written before the clock runs.
//!
//! Must never repeat a message id: repetitions are cheap, and would be counted as events.

use clap::ValueEnum;
use std::fmt::Write as _;
use wayline_sim::random::Random;

/// How contacts are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Distribution {
    /// Rank r with a weight of 1 / r^s.
    Zipf,
    /// Each as likely.
    Uniform,
}

/// Draws contacts: ranks over a random permutation of all of them.
pub(crate) struct People {
    /// Sums of the weights up to each rank; empty: all weigh the same.
    sums: Vec<f64>,
    order: Vec<u32>,
}

impl People {
    pub(crate) fn new(contacts: u32, distribution: Distribution, exponent: f64) -> People {
        let mut draw = Random::new(7);
        let mut order: Vec<u32> = (0..contacts).collect();
        for place in (1..order.len()).rev() {
            order.swap(place, draw.below(place + 1));
        }
        let mut sum = 0.0;
        let weigh = |rank: u32| {
            sum += f64::from(rank).powf(-exponent);
            sum
        };
        let sums = match distribution {
            Distribution::Uniform => Vec::new(),
            Distribution::Zipf => (1..=contacts).map(weigh).collect(),
        };
        People { sums, order }
    }

    /// The number of a contact, from 0.
    pub(crate) fn draw(&self, draw: &mut Random) -> u32 {
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

/// The business's id of a contact.
pub(crate) fn user(number: u32) -> String {
    format!("user-{number}")
}

/// A number of Washington; unique below 6 million.
fn phone(number: u32) -> String {
    // Exchanges of subscribers: every hundred has 80 that are neither for services nor for fiction.
    let exchange = number / 10_000;
    let exchange = (2 + exchange / 80 % 8) * 100 + 20 + exchange % 80;
    let exchange = if exchange == 555 { 919 } else { exchange };
    format!("+1202{exchange}{:04}", number % 10_000)
}

/// Who somebody is and that they may be texted: two messages of a batch.
pub(crate) fn introduce(number: u32, into: &mut String) {
    let (user, phone) = (user(number), phone(number));
    let _ = write!(
        into,
        "{{\"type\":\"identify\",\"userId\":\"{user}\",\"messageId\":\"i-{number}\",\"traits\":\
         {{\"phone\":\"{phone}\",\"timezone\":\"America/New_York\",\"first_name\":\"Ada\"}}}},\
         {{\"type\":\"consent\",\"userId\":\"{user}\",\"messageId\":\"c-{number}\",\
         \"channel\":\"sms\",\"state\":\"opted_in\",\"source\":\"import\"}}"
    );
}

/// One event of somebody.
pub(crate) fn track(number: u32, event: &str, id: &str) -> String {
    format!(
        "{{\"type\":\"track\",\"userId\":\"user-{number}\",\"messageId\":\"{id}\",\
         \"event\":\"{event}\",\"properties\":{{\"item\":\"Clay Mask\"}}}}"
    )
}

/// Messages as a body of `POST /v1/batch`.
pub(crate) fn batch<I: IntoIterator<Item = String>>(messages: I) -> String {
    let mut body = String::from("{\"batch\":[");
    for (place, message) in messages.into_iter().enumerate() {
        if place > 0 {
            body.push(',');
        }
        body.push_str(&message);
    }
    body.push_str("]}");
    body
}

/// Writes what people of a shop do.
pub(crate) struct Lines {
    draw: Random,
    /// Makes the message ids of one run unlike those of another.
    run: u64,
    written: u64,
}

impl Lines {
    pub(crate) fn new(seed: u64, run: u64) -> Lines {
        Lines { draw: Random::new(seed ^ run), run, written: 0 }
    }

    /// The next message: 70% looks, 15% carts, 10% purchases, 5% news about the person. The server gives the time.
    pub(crate) fn next(&mut self, people: &People) -> String {
        let user = people.draw(&mut self.draw);
        let (kind, bits) = (self.draw.below(100), self.draw.bits());
        self.written += 1;
        let (item, price) = (bits % 50_000, bits % 9_000 + 1_000);
        let mut line = format!(
            "{{\"userId\":\"user-{user}\",\"messageId\":\"{:x}-{:x}-{bits:016x}\",",
            self.run, self.written
        );
        let (cents, price) = (price % 100, price / 100);
        let about = format!("\"item\":\"item-{item}\",\"price\":{price}.{cents:02}");
        let _ = match kind {
            0..5 => write!(
                line,
                "\"type\":\"identify\",\"traits\":{{\"last_shop\":\"store-{}\"}}}}",
                bits % 200
            ),
            5..15 => write!(
                line,
                "\"type\":\"track\",\"event\":\"purchase\",\"properties\":{{{about},\"order\":\"o-{bits}\"}}}}"
            ),
            15..30 => write!(
                line,
                "\"type\":\"track\",\"event\":\"addtocart\",\"properties\":{{{about}}}}}"
            ),
            _ => write!(
                line,
                "\"type\":\"track\",\"event\":\"product_viewed\",\"properties\":{{{about},\"from\":\"search\"}}}}"
            ),
        };
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    #[test]
    fn zipf_prefers_few_and_uniform_nobody() {
        let count = |distribution| {
            let people = People::new(1_000, distribution, 0.9);
            let mut draw = Random::new(1);
            let mut counts = vec![0; 1_000];
            (0..100_000).for_each(|_| counts[people.draw(&mut draw) as usize] += 1);
            counts.sort_unstable();
            (counts[999], counts[500])
        };
        let (most, middle) = count(Distribution::Zipf);
        // 1 / (sum of r^-0.9 to 1,000 = 10.5...) of all, and 500^-0.9 as often.
        assert!((8_500..10_500).contains(&most), "{most}");
        assert!((20..60).contains(&middle), "{middle}");
        let (most, middle) = count(Distribution::Uniform);
        assert!(most < 150 && (90..110).contains(&middle), "{most} {middle}");
    }

    #[test]
    fn bodies_are_json_and_ids_are_never_repeated() {
        let people = People::new(50, Distribution::Zipf, 0.9);
        let mut ids = BTreeSet::new();
        for run in 0..2 {
            let mut lines = Lines::new(3, run);
            let body = batch((0..500).map(|_| lines.next(&people)));
            let body: Value = serde_json::from_str(&body).expect("JSON");
            for message in body["batch"].as_array().expect("a list") {
                assert!(ids.insert(message["messageId"].to_string()));
            }
        }
        assert_eq!(ids.len(), 1_000);
    }

    #[test]
    fn everybody_has_a_number_of_their_own() {
        let numbers: BTreeSet<String> = (0..100_000).map(|it| phone(it * 60)).collect();
        assert_eq!(numbers.len(), 100_000);
        assert_eq!(phone(0), "+12022200000");
        let mut body = String::new();
        introduce(12, &mut body);
        let both: Value = serde_json::from_str(&format!("[{body}]")).expect("JSON");
        assert_eq!(both[1]["state"], "opted_in");
    }
}
