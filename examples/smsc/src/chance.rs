//! Chance that can be repeated: a hash of seed, number, count and question.
//!
//! Must never draw from a random source: the same seed gives the same carrier.

use rustc_hash::FxHasher;
use std::hash::Hasher as _;

/// What is being decided. Each question has its own dice, so that one setting never moves another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question {
    QueueFull,
    Lost,
    LostWent,
    Dropped,
    Receipt,
    Undelivered,
    Duplicate,
    Before,
    Latency,
    ReceiptDelay,
    Reply,
    ReplyText,
    ReplyDelay,
    Misbehave,
}

/// The dice of one text: the n-th to a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// Dice for the `count`-th text to `number`.
    pub(crate) fn new(seed: u64, number: u64, count: u64) -> Self {
        Self { state: mix(mix(mix(seed) ^ number) ^ count) }
    }

    /// A number that depends on nothing but the dice and the question.
    pub(crate) fn roll(self, question: Question) -> u64 {
        mix(self.state ^ (question as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Whether the question is answered with yes.
    pub(crate) fn yes(self, question: Question, share: f64) -> bool {
        share > 0.0 && self.fraction(question) < share
    }

    /// A fraction in 0..1.
    pub(crate) fn fraction(self, question: Question) -> f64 {
        // 53 bits are what a float holds exactly.
        (self.roll(question) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A number as the dice know it.
pub(crate) fn number_hash(number: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(number.as_bytes());
    mix(hasher.finish())
}

/// The finaliser of splitmix64: every bit of the input moves every bit of the output.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_what_it_says() {
        let number = number_hash("491701234567");
        let yes = (0..10_000)
            .filter(|count| Dice::new(7, number, *count).yes(Question::Reply, 0.3))
            .count();
        assert!((2_850..3_150).contains(&yes), "{yes}");
    }

    #[test]
    fn one_question_says_nothing_about_another() {
        let dice = (0..10_000).map(|count| Dice::new(7, 1, count));
        let both = dice
            .filter(|dice| dice.yes(Question::Lost, 0.5) && dice.yes(Question::Dropped, 0.5))
            .count();
        assert!((2_350..2_650).contains(&both), "{both}");
    }
}
