//! Seeded chance: the only source of variety in a simulation.
//!
//! SplitMix64: small, and the same everywhere. Must never be seeded from anything but a number that is shown.

use wayline_core::time::Span;

/// A stream of draws.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random { state: seed ^ 0x9e37_79b9_7f4a_7c15 }
    }

    /// A stream of its own under a name: what one part draws does not shift what another one does.
    #[must_use]
    pub fn fork(&self, name: &str) -> Random {
        let mut state = self.state;
        for byte in name.bytes() {
            state = mix(state.wrapping_add(u64::from(byte)));
        }
        Random { state }
    }

    /// Any 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number in `0..n`; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// A number in `from..=to`.
    pub fn between(&mut self, from: usize, to: usize) -> usize {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// A length in `from..=to`, in milliseconds.
    pub fn span(&mut self, from: Span, to: Span) -> Span {
        Span(from.0 + self.below((to.0 - from.0).max(0) as usize + 1) as i64)
    }

    /// True in so many of 1,000 draws.
    pub fn per_mille(&mut self, share: u32) -> bool {
        self.below(1_000) < share as usize
    }

    /// True in every second draw.
    pub fn flip(&mut self) -> bool {
        self.per_mille(500)
    }

    /// One of them.
    pub fn one_of<T: Copy, const N: usize>(&mut self, items: [T; N]) -> T {
        items[self.below(N)]
    }

    /// One of them; `None`: there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }
}

fn mix(state: u64) -> u64 {
    let mut bits = state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
