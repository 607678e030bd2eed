//! A state survives being stored, and what an older release stored can be read.

use proptest::prelude::*;
use std::path::Path;
use wayline_core::condition::{JsonPath, WindowKey, WindowPlan, WindowSource};
use wayline_core::consent::{Channel, ConsentNow, ConsentState};
use wayline_core::contact::{
    AutoReplyMark, AutoReplyStage, DateDue, Ended, Enrollment, GoalWatch, LatestMessage, Position,
    SendMark, SentMark, State,
};
use wayline_core::decision::Reason;
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId, Seq};
use wayline_core::keyword::AutoReply;
use wayline_core::policy::settings::Purpose;
use wayline_core::time::{Span, Timestamp};
use wayline_core::window::Window;

fn message(n: u64) -> MessageId {
    MessageId { enrollment: EnrollmentId(n), step: (n % 9) as u16, visit: n as u32 + 1 }
}

fn position(n: u64, until: Timestamp) -> Position {
    match n % 6 {
        0 => Position::Waiting { until },
        1 => Position::Awaiting { until },
        2 => Position::Holding { until, reason: Reason::ALL[n as usize % Reason::ALL.len()] },
        3 => Position::Queued,
        4 => Position::Submitting,
        _ => Position::Calling { until },
    }
}

fn enrollment(n: u64, text: &str) -> Enrollment {
    let at = Timestamp(1_790_000_000_123 + n as i64 * 977);
    Enrollment {
        id: EnrollmentId(n + 1),
        journey: JourneyId(n as u32 % 5 + 1),
        version: n as u32 % 3 + 1,
        key: text.to_owned(),
        entered_at: at,
        event: format!("{{\"cart\":{n},\"name\":{text:?}}}"),
        visits: n as u32,
        step: n as u16 % 300,
        reached_at: at + Span(5),
        position: position(n, at + Span::hours(4)),
        variant: text.to_owned(),
        sent: (0..n % 4)
            .map(|mark| SentMark {
                step: mark as u16,
                visit: mark as u32 + 1,
                at: at + Span(mark as i64),
                handed_out: mark != 1,
                delivered: mark == 0,
                failed: mark == 1,
                clicked: mark == 2,
                reply: (mark == 2).then(|| "sí".to_owned()),
            })
            .collect(),
        converted: n.is_multiple_of(2),
    }
}

/// Something in every field.
fn state(n: u64, text: &str) -> State {
    let at = Timestamp(1_790_000_000_000 + n as i64);
    let mut windows = Vec::new();
    for value in [false, true] {
        let plan = WindowPlan {
            source: WindowSource::Event { event: text.to_owned(), filter: None },
            value: value.then(|| JsonPath::new("value")),
            depth: 2,
            horizon: None,
        };
        let mut window = Window::default();
        for k in 0..(n as i64 % 5 + if value { 520 } else { 3 }) {
            window.record(&plan, at + Span(k), Some(k as f64 * 0.5), at + Span(k));
        }
        windows.push((WindowKey(n + u64::from(value)), window));
    }
    State {
        salt: n.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        clock: at,
        last_seq: n.is_multiple_of(2).then_some(Seq(n)),
        windows_fingerprint: n ^ 0xFFFF,
        definitions: n ^ 0xABCD,
        entry_read: Default::default(),
        consents: vec![
            ConsentNow {
                channel: Channel::Sms,
                topic: None,
                state: ConsentState::OptedIn,
                since: at,
            },
            ConsentNow {
                channel: Channel::Email,
                topic: Some(text.to_owned()),
                state: ConsentState::OptedOut,
                since: at + Span(1),
            },
        ],
        windows,
        enrollments: (n..n + 7).map(|n| enrollment(n, text)).collect(),
        ended: vec![Ended { journey: JourneyId(2), key: u64::MAX - n, at }],
        goals: vec![GoalWatch {
            enrollment: EnrollmentId(n),
            journey: JourneyId(3),
            version: 2,
            variant: text.to_owned(),
            step: Some(4),
            from: at,
            until: at + Span::days(3),
        }],
        sends: vec![SendMark { at, purpose: Purpose::Transactional, message: message(n) }],
        latest: Some(LatestMessage {
            message: message(n),
            journey: JourneyId(1),
            version: 9,
            variant: text.to_owned(),
        }),
        memberships: vec![(text.to_owned(), n % 2 == 1)],
        dates: vec![DateDue { journey: JourneyId(1), due: at, value: "1988-02-29".to_owned() }],
        recheck_at: Some(at + Span(1)),
        hours: (0..24).collect(),
        auto_replies: Vec::new(),
    }
}

/// As [`state`], with what version 2 added.
fn state_with_replies(n: u64, text: &str) -> State {
    let at = Timestamp(1_790_000_000_000 + n as i64);
    let stages =
        [AutoReplyStage::Queued, AutoReplyStage::Submitting, AutoReplyStage::Done].into_iter();
    let marks = AutoReply::ALL.into_iter().zip(stages).map(|(word, stage)| {
        let message = MessageId { enrollment: EnrollmentId::of_nobody(n << 8), step: 1, visit: 1 };
        AutoReplyMark { word, message, at, stage }
    });
    State { auto_replies: marks.collect(), ..state(n, text) }
}

proptest! {
    #![proptest_config(crate::cases(100))]
    #[test]
    fn a_state_survives_being_stored(n in 0_u64..1_000_000, text in "\\PC{0,20}") {
        for before in [state(n, &text), state_with_replies(n, &text)] {
            let bytes = before.encode(ContactId(1)).expect("it can be written");
            let after = State::decode(ContactId(1), &bytes).expect("it can be read");
            prop_assert_eq!(before, after);
        }
    }

    /// Damage is an error or another state, never a crash.
    #[test]
    fn damage_never_ends_the_program(n in 0_u64..50, cut in 0_usize..4_000, flip in 0_usize..4_000, with: u8) {
        for state in [state(n, "x"), state_with_replies(n, "x")] {
            let mut bytes = state.encode(ContactId(1)).expect("it can be written");
            if let Some(byte) = bytes.get_mut(flip) {
                *byte ^= with;
            }
            bytes.truncate(cut);
            let _ = State::decode(ContactId(1), &bytes);
        }
    }
}

/// A state as release 0.1 stored it, in hexadecimal. When this fails, a running installation would lose its people:
/// give the encoding a new version and read both. `UPDATE_EXPECT=1` is for the time before the first release.
#[test]
fn state_compatibility() {
    // One without auto-replies is still written as the first release wrote it, which reads it, too.
    golden(1, &state(12, "größe"));
    golden(2, &state_with_replies(12, "größe"));
}

#[allow(clippy::disallowed_methods, reason = "a test has no other way to be told")]
fn golden(version: u8, rich: &State) {
    let name = format!("tests/state/v{version}.bin");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let written = rich.encode(ContactId(1)).expect("it can be written");
    assert_eq!(written.first(), Some(&version));
    if std::env::var("UPDATE_EXPECT").is_ok() {
        let bytes = rich.encode(ContactId(1)).expect("it can be written");
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let lines: Vec<String> = hex.chunks(40).map(<[String]>::concat).collect();
        std::fs::write(&path, lines.join("\n") + "\n").expect("the golden state can be written");
    }
    let text = std::fs::read_to_string(&path).expect("the golden state is there");
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let bytes: Vec<u8> = digits.chunks(2).map(|two| (two[0] * 16 + two[1]) as u8).collect();
    let stored = State::decode(ContactId(1), &bytes).expect("what was stored can be read");
    assert_eq!(stored, *rich);
    assert_eq!(written, bytes, "version {version} is written as it was");
    let newer: Vec<u8> = std::iter::once(99).chain(bytes.into_iter().skip(1)).collect();
    let error = State::decode(ContactId(1), &newer).expect_err("a newer version is refused");
    assert!(error.to_string().contains("version 99"), "{error}");
    assert!(State::decode(ContactId(1), &[]).is_err());
}
