//! Texts of people by carriers that give them no id: told again they count once, said again they count again, and
//! nothing that came is lost.

use crate::line::Line;
use wayline_core::consent::ConsentState;
use wayline_core::time::Span;
use wayline_pipeline::retain::Keep;
use wayline_store::batch::Kept;

#[test]
fn what_was_taken_and_not_answered_when_we_died_is_taken_once() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let text = line.says("yes").await;
        line.dies().await;
        let text = line.again(&text).await;
        assert_eq!(line.said().await, ["yes"]);
        // Again, before the answer is written.
        line.dies().await;
        let text = line.again(&text).await;
        assert_eq!(line.said().await, ["yes"]);
        line.answered(text).await;
        line.says("yes").await;
        assert_eq!(line.said().await, ["yes", "yes"], "the person has said it once more");
    });
}

#[test]
fn what_was_not_answered_when_the_connection_broke_is_taken_once() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let text = line.says("yes").await;
        for _ in 0..3 {
            line.breaks().await;
            line.again(&text).await;
        }
        assert_eq!(line.said().await, ["yes"]);
        assert_eq!(line.kept(Kept::Unanswered).await, 1);
    });
}

#[test]
fn what_was_answered_and_comes_over_the_next_connection_was_said_again() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let text = line.says("yes").await;
        line.answered(text.clone()).await;
        assert_eq!(line.kept(Kept::Unanswered).await, 0);
        line.breaks().await;
        line.again(&text).await;
        assert_eq!(line.said().await, ["yes", "yes"]);
    });
}

#[test]
fn two_equal_texts_on_one_connection_are_two_answered_or_not() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let (one, two) = (line.says("yes").await, line.says("yes").await);
        assert_eq!(line.said().await, ["yes", "yes"]);
        // Neither was answered: both come again, and no third.
        line.breaks().await;
        line.again(&one).await;
        line.again(&two).await;
        assert_eq!(line.said().await, ["yes", "yes"]);
        line.says("yes").await;
        assert_eq!(line.said().await.len(), 3);
    });
}

#[test]
fn a_carrier_that_gave_up_on_a_connection_tells_it_over_a_newer_one() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let first = line.connection;
        let other = (first + 1, line.since);
        let text = line.says("yes").await;
        // Both connections were there: the person has said it twice.
        (line.connection, line.since) = other;
        line.says("yes").await;
        assert_eq!(line.said().await, ["yes", "yes"]);
        // One that was opened since: we do not know yet that the old one is dead.
        line.connection += 1;
        line.connect();
        line.again(&text).await;
        assert_eq!(line.said().await, ["yes", "yes"]);
    });
}

#[test]
fn what_says_the_same_long_after_is_another_text_and_rows_are_forgotten() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let text = line.says("yes").await;
        line.dies().await;
        line.desk.later(Span::hours(24));
        line.again(&text).await;
        assert_eq!(line.said().await, ["yes", "yes"]);
        line.desk.later(Span::hours(25));
        let keep = Keep { history: Span::days(30), messages: Span::days(30) };
        let now = line.desk.now;
        assert_eq!(line.desk.pipeline.retain(keep, now, 100).await.expect("forgets"), 2);
        assert_eq!(line.kept(Kept::Unanswered).await, 0);
    });
}

#[test]
fn after_a_long_outage_what_was_not_answered_is_still_taken_once() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let start = line.says("START").await;
        let stop = line.says("STOP").await;
        line.answered(stop).await;
        line.dies().await;
        line.desk.later(Span::hours(20));
        let keep = Keep { history: Span::days(1), messages: Span::days(1) };
        let now = line.desk.now;
        assert_eq!(line.desk.pipeline.retain(keep, now, 100).await.expect("forgets"), 0);
        line.again(&start).await;
        assert_eq!(line.said().await, ["START", "STOP"]);
        assert_eq!(line.consents(line.workspace).await, [Some(ConsentState::OptedOut)]);
        // The old connection may be open: the carrier says the same ten minutes later.
        let text = line.says("yes").await;
        line.connection += 1;
        line.desk.later(Span::minutes(10));
        line.since = line.desk.now;
        line.again(&text).await;
        assert_eq!(line.said().await, ["START", "STOP", "yes", "yes"]);
    });
}

#[test]
fn a_stop_after_a_start_holds_though_it_looks_told_again() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        // Its answer was written, and the row outlives the restart.
        let stop = line.says("STOP").await;
        line.dies().await;
        line.says("START").await;
        assert_eq!(line.consents(line.workspace).await, [Some(ConsentState::OptedIn)]);
        let stop = line.again(&stop).await;
        assert_eq!(line.consents(line.workspace).await, [Some(ConsentState::OptedOut)]);
        line.breaks().await;
        line.again(&stop).await;
        assert_eq!(line.said().await, ["STOP", "START", "STOP"]);
    });
}

#[test]
fn a_text_told_again_and_again_is_no_loop() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let text = line.says("yes").await;
        for _ in 0..30 {
            line.breaks().await;
            line.again(&text).await;
        }
        line.says("no").await;
        assert_eq!(line.said().await, ["yes", "no"]);
    });
}
