//! One suite that every backend passes: the same operations, refusals, orders and pages.
//!
//! [`run`] takes a way to open an empty store and panics at the first difference; the random part compares with
//! the memory store and prints its seed. Must never know which backend it runs on.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod cases;
mod cases_carriers;
mod cases_live;
mod observe;
mod observe_carriers;
mod observe_live;
mod random;
mod random_carriers;
mod random_live;
pub mod samples;

pub use observe::observe;

use crate::Store;

/// Runs the whole suite. `open` answers with a new, empty store each time.
pub async fn run(mut open: impl FnMut() -> Store) {
    cases::definitions(&open()).await;
    cases::contacts(&open()).await;
    cases::identities_and_inputs(&open()).await;
    cases::timers(&open()).await;
    cases::history(&open()).await;
    cases::enrollments(&open()).await;
    cases::messages(&open()).await;
    cases::message_lists(&open()).await;
    cases::calls(&open()).await;
    cases::decisions(&open()).await;
    cases::counters(&open()).await;
    cases::letters_receipts_sweeps(&open()).await;
    cases::all_or_nothing(&open()).await;
    cases::limits(&open()).await;
    cases::retention(&open()).await;
    cases_live::api_keys(&open()).await;
    cases_live::repeated_calls(&open()).await;
    cases_live::drafts(&open()).await;
    cases_live::versions(&open()).await;
    cases_live::pauses(&open()).await;
    cases_live::search(&open()).await;
    cases_live::messages(&open()).await;
    cases_live::totals(&open()).await;
    cases_live::last_instant(&open()).await;
    cases_carriers::lanes(&open()).await;
    cases_carriers::unknown(&open()).await;
    cases_carriers::orphans(&open()).await;
    cases_carriers::gateways(&open()).await;
    cases_carriers::allowances(&open()).await;
    cases_carriers::texts(&open()).await;
    for seed in 0..random::SEEDS {
        random::compare_with_memory(&open(), seed).await;
    }
}
