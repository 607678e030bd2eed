//! Parts in any order, of several people, too late, for ever.

use super::*;
use crate::inbound::Place;
use proptest::prelude::*;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn part(from: &str, reference: u16, total: u8, index: u8, text: &str) -> Inbound {
    Inbound {
        from: Address::new(1, 1, from),
        to: Address::new(3, 0, "12345"),
        place: (total > 1).then_some(Place { reference, wide: false, total, index }),
        piece: Piece {
            bytes: Bytes::copy_from_slice(text.as_bytes()),
            data_coding: 0,
            header_octets: 6,
            languages: (0, 0),
        },
        port: None,
    }
}

fn text<T>(joined: &Joined<T>) -> String {
    joined.runs().iter().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect()
}

fn new() -> Reassembly<u32> {
    Reassembly::new(3, at(60))
}

#[test]
fn parts_in_any_order_and_repeated() {
    let mut reassembly = new();
    assert!(reassembly.add(part("1", 9, 3, 3, "c"), 1, at(0)).is_empty());
    assert!(reassembly.add(part("1", 9, 3, 1, "a"), 2, at(0)).is_empty());
    assert!(reassembly.add(part("1", 9, 3, 3, "c"), 3, at(0)).is_empty());
    let ready = reassembly.add(part("1", 9, 3, 2, "b"), 4, at(1));
    assert_eq!(text(&ready[0]), "abc");
    assert!(ready[0].is_complete());
    assert_eq!(ready[0].tags, [1, 2, 3, 4], "the repeated one wants its answer too");
    assert!(reassembly.is_empty() && reassembly.next_timeout().is_none());
    let alone = reassembly.add(part("1", 0, 1, 1, "x"), 5, at(1));
    assert_eq!((text(&alone[0]).as_str(), &alone[0].tags[..]), ("x", &[5][..]));
}

#[test]
fn one_reference_of_two_people_is_two_messages() {
    let mut reassembly = new();
    reassembly.add(part("1", 9, 2, 1, "a"), 1, at(0));
    reassembly.add(part("2", 9, 2, 2, "B"), 2, at(0));
    assert_eq!(text(&reassembly.add(part("1", 9, 2, 2, "b"), 3, at(0))[0]), "ab");
    assert_eq!(text(&reassembly.add(part("2", 9, 2, 1, "A"), 4, at(0))[0]), "AB");
    // The width of the reference and the number of parts count as well.
    let mut wide = part("1", 9, 2, 2, "b");
    wide.place = wide.place.map(|place| Place { wide: true, ..place });
    reassembly.add(part("1", 9, 2, 1, "a"), 5, at(0));
    assert!(reassembly.add(wide, 6, at(0)).is_empty());
    assert!(reassembly.add(part("1", 9, 3, 2, "b"), 7, at(0)).is_empty());
}

#[test]
fn another_text_under_the_same_number_begins_anew() {
    let mut reassembly = new();
    reassembly.add(part("1", 9, 2, 1, "old"), 1, at(0));
    let ready = reassembly.add(part("1", 9, 2, 1, "new"), 2, at(1));
    assert_eq!((text(&ready[0]).as_str(), &ready[0].missing[..]), ("old", &[2][..]));
    let ready = reassembly.add(part("1", 9, 2, 2, "er"), 3, at(1));
    assert_eq!(text(&ready[0]), "newer");
    assert_eq!(ready[0].tags, [2, 3]);
}

#[test]
fn what_waits_too_long_or_takes_too_much_room_goes_as_it_is() {
    let mut reassembly = new();
    for (tag, from) in [(1, "1"), (2, "2"), (3, "3")] {
        reassembly.add(part(from, 9, 2, 2, from), tag, at(u64::from(tag)));
    }
    let ready = reassembly.add(part("4", 9, 2, 1, "4"), 4, at(4));
    assert_eq!(
        (ready.len(), ready[0].from.number.as_str(), &ready[0].missing[..]),
        (1, "1", &[1][..])
    );
    assert_eq!(reassembly.next_timeout(), Some(at(62)));
    assert!(reassembly.expire(at(61)).is_empty());
    assert_eq!(reassembly.expire(at(63)).len(), 2);
    assert_eq!(reassembly.drain().len(), 1);
    // One part for ever.
    let mut most = 0;
    for tag in 0..2_000 {
        for joined in reassembly.add(part("1", 9, 2, 1, "a"), tag, at(0)) {
            most = most.max(joined.tags.len());
        }
    }
    assert_eq!(most, TAGS_MAX);
}

#[test]
fn a_pair_cut_in_two_is_joined_before_it_is_decoded() {
    let mut reassembly = new();
    for (index, bytes) in [(1, [0xD8, 0x3D]), (2, [0xDE, 0x42])] {
        let mut half = part("1", 9, 2, index, "");
        half.piece.bytes = Bytes::copy_from_slice(&bytes);
        half.piece.data_coding = 8;
        for joined in reassembly.add(half, 0, at(0)) {
            assert_eq!(joined.runs(), [(8, Bytes::from_static(&[0xD8, 0x3D, 0xDE, 0x42]))]);
        }
    }
    assert!(reassembly.is_empty());
}

proptest! {
    #[test]
    fn each_part_comes_out_exactly_once(
        parts in prop::collection::vec((0u8..3, 0u16..2, 1u8..4, 1u8..4, 0u8..2, 0u64..50), 0..80),
    ) {
        let mut reassembly = new();
        let mut out: Vec<usize> = Vec::new();
        let mut now = 0;
        for (tag, (from, reference, total, index, word, later)) in parts.iter().copied().enumerate() {
            now += later;
            let given = part(&from.to_string(), reference, total, index.min(total), &word.to_string());
            let mut ready = reassembly.add(given, 0, at(now));
            out.extend(ready.drain(..).map(|joined| joined.tags.len()));
            out.extend(reassembly.expire(at(now)).iter().map(|joined| joined.tags.len()));
            prop_assert!(reassembly.len() <= 3);
            prop_assert!(out.iter().sum::<usize>() <= tag + 1);
        }
        out.extend(reassembly.drain().iter().map(|joined| joined.tags.len()));
        prop_assert_eq!(out.iter().sum::<usize>(), parts.len());
    }
}
