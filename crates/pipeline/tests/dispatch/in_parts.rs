//! Long texts that come in parts: joined, given as they are when parts do not come, and bounded.

use crate::line::Line;
use std::sync::{Arc, Mutex};
use wayline_core::text::Alphabet;
use wayline_core::time::Span;
use wayline_pipeline::parts::{MISSING, PARTS_MAX, PARTS_WITHIN};
use wayline_store::batch::{Batch, Kept, KeptText, Op};

#[test]
fn parts_that_contradict_each_other_stay_few_and_none_of_their_words_is_lost() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        line.desk.pipeline.observe(Box::new(move |batch: Batch| {
            let text = format!("{:?}", batch.ops);
            let words = text.split('<').skip(1).filter_map(|it| it.split('>').next());
            heard.lock().expect("a lock").extend(words.filter_map(|it| it.parse::<u32>().ok()));
        }));
        for n in 0..2_000 {
            line.desk.later(Span::minutes(1));
            line.part(7, (1, 2), &format!("<{n}>")).await;
            assert!(line.kept(Kept::Part).await <= 4);
        }
        line.part(7, (2, 2), "the end").await;
        let now = line.desk.now;
        assert_eq!(line.desk.pipeline.join_late(now).await.expect("joined"), 0, "just started");
        line.desk.later(Span(PARTS_WITHIN.0 + 1));
        let now = line.desk.now;
        assert_eq!(line.desk.pipeline.join_late(now).await.expect("joined"), 3);
        let mut said = said.lock().expect("a lock").clone();
        said.sort_unstable();
        said.dedup();
        assert_eq!(said, (0..2_000).collect::<Vec<u32>>());
        // What is too long for a part.
        let bytes = wayline_core::text::encode(&"é".repeat(600), Alphabet::Utf16);
        line.part_of(9, (1, 2), bytes.expect("all characters")).await;
        assert_eq!(line.kept(Kept::Part).await, 0);
        assert_eq!(line.said().await.last(), Some(&"é".repeat(600)));
    });
}

#[test]
fn parts_that_were_answered_before_we_died_are_joined_with_the_rest() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let first = line.part(7, (2, 3), "b").await;
        line.answered(first).await;
        let second = line.part(7, (1, 3), "a").await;
        line.dies().await;
        // Told again, it is not a second part.
        line.again(&second).await;
        assert_eq!(line.said().await, Vec::<String>::new());
        let third = line.part(7, (3, 3), "c").await;
        assert_eq!(line.said().await, ["abc"]);
        assert_eq!(line.kept(Kept::Part).await, 0);
        // The last one once more, because its answer was lost.
        line.breaks().await;
        line.again(&third).await;
        assert_eq!((line.said().await, line.kept(Kept::Part).await), (vec!["abc".to_owned()], 0));
    });
}

#[test]
fn a_reference_used_again_begins_a_text_of_its_own() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        line.part(7, (1, 2), "old").await;
        line.part(7, (1, 2), "new ").await;
        line.part(7, (2, 2), "words").await;
        assert_eq!(line.said().await, ["new words"]);
        let now = line.desk.now;
        assert_eq!(line.desk.pipeline.join_late(now).await.expect("joined"), 0);
        line.desk.later(Span(PARTS_WITHIN.0 + 1));
        let now = line.desk.now;
        assert_eq!(line.desk.pipeline.join_late(now).await.expect("joined"), 1);
        assert_eq!(line.said().await, ["new words".to_owned(), format!("old{MISSING}")]);
    });
}

#[test]
fn a_text_whose_parts_do_not_come_is_given_as_it_is_after_its_time() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        line.part(7, (2, 4), "b").await;
        line.desk.later(Span::minutes(1));
        line.part(7, (4, 4), "d").await;
        line.dies().await;
        // However long we were away: the carrier may have the rest, and is heard first.
        line.desk.later(Span::hours(2));
        let now = line.desk.now;
        assert_eq!(line.desk.pipeline.join_late(now).await.expect("joined"), 0);
        line.desk.later(Span(PARTS_WITHIN.0));
        let now = line.desk.now;
        assert_eq!(line.desk.pipeline.join_late(now).await.expect("joined"), 1);
        assert_eq!(line.said().await, [format!("{MISSING}b{MISSING}d")]);
        assert_eq!(line.kept(Kept::Part).await, 0);
    });
}

#[test]
fn parts_are_bounded_and_the_oldest_text_makes_room() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        line.part(0, (1, 2), "oldest").await;
        let store = Arc::clone(&line.desk.store);
        let row = store.texts_of(Kept::Part, "carrier", None, 1).await.expect("a read").remove(0);
        let copy = |n| {
            let (key, came_at) = (format!("{n:032x}/0000/001"), row.came_at + Span(1));
            Op::KeepText(KeptText { key, came_at, ..row.clone() })
        };
        let ops = (1..PARTS_MAX).map(copy).collect();
        store.commit(&Batch { ops }).await.expect("kept");
        assert_eq!(line.said().await, Vec::<String>::new());
        line.desk.later(Span::seconds(1));
        line.part(u16::MAX, (1, 2), "newest").await;
        assert_eq!(line.said().await, [format!("oldest{MISSING}")]);
        assert_eq!(line.kept(Kept::Part).await, PARTS_MAX);
    });
}

#[test]
fn parts_over_several_connections_and_of_several_texts_find_each_other() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        line.part(7, (1, 2), "a").await;
        line.connection += 1;
        line.part(8, (1, 2), "x").await;
        line.part(8, (2, 2), "y").await;
        line.part(7, (2, 2), "b").await;
        assert_eq!(line.said().await, ["xy", "ab"]);
        // A character that was cut in two.
        let bytes = wayline_core::text::encode("a😀", Alphabet::Utf16).expect("all characters");
        line.part_of(9, (1, 2), bytes[..4].to_vec()).await;
        line.part_of(9, (2, 2), bytes[4..].to_vec()).await;
        assert_eq!(line.said().await.last().map(String::as_str), Some("a😀"));
    });
}
