//! Every checker sees the bug it is there for, and without a bug none of them sees anything.

use wayline_sim::checks::Invariant;
use wayline_sim::faults::Sabotage;
use wayline_sim::simulate::simulate;

/// Seeds within which a planted bug must be seen.
const SEEDS: u64 = 40;

fn sees(sabotage: Sabotage, invariant: Invariant) {
    let seen = (0..SEEDS).any(|seed| {
        let report = simulate(seed, Some(sabotage), None);
        report.violations.iter().any(|violation| violation.invariant == invariant)
    });
    assert!(seen, "{sabotage:?} was planted in {SEEDS} worlds, and {invariant:?} did not see it");
}

macro_rules! planted {
    ($($name:ident: $sabotage:ident => $invariant:ident,)*) => {
        $(
            #[test]
            fn $name() {
                sees(Sabotage::$sabotage, Invariant::$invariant);
            }
        )*
    };
}

planted! {
    a_forgotten_stop_is_seen: DeafToStop => AfterStop,
    a_second_confirmation_is_seen: ForgetConfirmed => AutoReplies,
    a_late_confirmation_is_seen: SubmitLate => AutoReplies,
    a_text_at_night_is_seen: SubmitAtNight => QuietHours,
    a_text_over_a_cap_is_seen: ForgetSends => Caps,
    a_second_submit_is_seen: SubmitTwice => SubmittedTwice,
    a_wait_without_end_is_seen: LoseTimers => WaitsForNothing,
    a_wrong_count_is_seen: Miscount => Counters,
    a_step_left_in_silence_is_seen: ForgetLeaving => Standing,
    a_message_held_for_ever_in_the_counters_is_seen: ForgetReleases => Standing,
    a_text_of_a_paused_journey_is_seen: ForgetPauses => Paused,
    an_end_nobody_decided_is_seen: SkipReceipts => MessageStates,
    a_lost_input_is_seen: LoseInputs => Inputs,
    a_second_entry_is_seen: EnterTwice => ActiveTwice,
    a_forgotten_wake_is_seen: ForgetWakes => Sequences,
    sequences_that_go_back_are_seen: ForgetSequences => Sequences,
    a_buried_input_is_seen: BuryInputs => DeadLetters,
    a_message_that_never_goes_is_seen: PutOffForEver => Liveness,
    a_late_text_is_seen: SubmitLate => TooLate,
    a_text_without_consent_is_seen: AssumeConsent => Consent,
}

#[test]
fn chance_that_is_not_the_seeds_is_seen() {
    let run = || simulate(3, Some(Sabotage::Unseeded), None).digest;
    assert_ne!(run(), run());
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for seed in 0..5 {
        let run = || simulate(seed, None, None).digest;
        assert_eq!(run(), run(), "seed {seed}");
    }
}

#[test]
fn nothing_is_seen_where_nothing_is_wrong() {
    // The single ones once found something that is put right.
    for seed in (0..30).chain([34, 251, 319, 405, 558, 655, 941]) {
        let report = simulate(seed, None, None);
        assert!(report.violations.is_empty(), "seed {seed}: {:#?}", report.violations);
    }
}
