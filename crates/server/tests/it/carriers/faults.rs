//! Which faults there are, and when: drawn from a seed.
//!
//! What happens to one message (a lost answer, a cut connection, a receipt twice) the carriers decide by themselves,
//! as a hash of their seed and the number. What happens to everybody comes after so many messages.

use wayline_sim::random::Random;
use wayline_smsc::{Behaviour, Share};

/// What happens to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The program is killed, and started again.
    Kill,
    /// It is killed twice: the second time right after it has begun to listen.
    KillTwice,
    /// A carrier cuts all its connections at once.
    Cut(usize),
    /// A carrier takes no more than so many a second, until it has said so to some.
    Slow(usize, u32),
}

/// All faults of a run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// After so many messages this happens.
    pub(crate) events: Vec<(usize, Fault)>,
    lost: Share,
    dropped: Share,
    duplicate: Share,
}

impl Plan {
    /// About so many faults for so many messages: half of them duplicate receipts, most others lost answers.
    pub(crate) fn draw(seed: u64, messages: usize, faults: usize) -> Plan {
        let mut random = Random::new(seed).fork("faults");
        let (kills, cuts) = ((faults / 100).max(4), (faults / 100).max(4));
        let (slow, dropped, duplicate) = ((faults / 1_000).max(2), faults / 50, faults / 2);
        let lost = faults.saturating_sub(kills + cuts + slow + dropped + duplicate);
        let mut events = Vec::new();
        for kill in 0..kills {
            events.push(if kill % 4 == 3 { Fault::KillTwice } else { Fault::Kill });
        }
        for cut in 0..cuts {
            events.push(Fault::Cut(cut % 2));
        }
        for phase in 0..slow {
            events.push(Fault::Slow(phase % 2, random.between(20, 200) as u32));
        }
        // The first and the last messages are sent in peace: the end has to be one.
        let (first, last) = (messages / 50, messages - messages / 10);
        let mut events: Vec<(usize, Fault)> =
            events.into_iter().map(|fault| (random.between(first, last), fault)).collect();
        events.sort_by_key(|(at, _)| *at);
        let share = |count: usize| {
            Share::try_from(count as f64 / messages as f64).expect("fewer faults than messages")
        };
        Plan { events, lost: share(lost), dropped: share(dropped), duplicate: share(duplicate) }
    }

    /// How a carrier behaves while there are faults: of what it does not answer half goes out all the same.
    pub(crate) fn misbehave(&self, set: &mut Behaviour) {
        set.lost = self.lost;
        set.dropped = self.dropped;
        set.duplicate_receipts = self.duplicate;
        set.lost_went = Share::try_from(0.5).expect("a share");
        set.receipt_before_response = Share::try_from(0.05).expect("a share");
    }
}

/// How many there were of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) kills: usize,
    pub(crate) cuts: usize,
    pub(crate) slow: usize,
}
