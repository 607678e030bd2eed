//! Headers, good and hostile, and what the codings mean.

use super::*;
use proptest::prelude::*;

use crate::wire::Tlvs;

fn read(esm_class: u8, text: &[u8]) -> Inbound {
    let text = Bytes::copy_from_slice(text);
    Inbound::read(&Delivery { esm_class, text, ..Delivery::default() })
}

fn place(reference: u16, wide: bool, total: u8, index: u8) -> Option<Place> {
    Some(Place { reference, wide, total, index })
}

#[test]
fn headers_of_both_widths() {
    let part = read(0x40, b"\x05\x00\x03\x09\x02\x01hello");
    assert_eq!(part.place, place(9, false, 2, 1));
    assert_eq!((&part.piece.bytes[..], part.piece.header_octets), (&b"hello"[..], 6));
    let part = read(0x40, b"\x06\x08\x04\x01\x02\x03\x03hi");
    assert_eq!(part.place, place(0x0102, true, 3, 3));
    let part = read(0x40, b"\x0B\x05\x04\x15\x8A\x00\x00\x00\x03\x09\x02\x02x");
    assert_eq!((part.place, part.port), (place(9, false, 2, 2), Some(0x158A)));
    let part = read(0x40, b"\x06\x24\x01\x02\x25\x01\x03x");
    assert_eq!((part.place, part.piece.languages), (None, (3, 2)));
}

#[test]
fn headers_that_make_no_sense_lose_no_text() {
    // Without the bit there is no header.
    assert_eq!(
        &read(0, b"\x05\x00\x03\x09\x02\x01x").piece.bytes[..],
        b"\x05\x00\x03\x09\x02\x01x"
    );
    // A header longer than the text: all of it is text.
    for text in [&b""[..], b"\x05", b"\x05\x00\x03\x09\x02", b"\xFFhello"] {
        let part = read(0x40, text);
        assert_eq!((&part.piece.bytes[..], part.place), (text, None));
    }
    // Elements that run over the end, have the wrong length, or count wrongly.
    for header in [
        &b"\x05\x00\x09\x09\x02\x01"[..],
        b"\x05\x00\x02\x09\x02\x01",
        b"\x05\x00\x03\x09\x00\x00",
        b"\x05\x00\x03\x09\x02\x03",
        b"\x05\x00\x03\x09\x02\x00",
        b"\x05\x00\x03\x09\x01\x01",
        b"\x01\x00",
        b"\x00",
    ] {
        let part = read(0x40, &[header, b"text"].concat());
        assert_eq!((&part.piece.bytes[..], part.place), (&b"text"[..], None), "{header:?}");
    }
}

#[test]
fn parameters_place_a_part_too() {
    let tlvs = |list: &[(u16, &[u8])]| {
        let list = list.iter().map(|(tag, value)| (*tag, Bytes::copy_from_slice(value))).collect();
        Inbound::read(&Delivery { tlvs: Tlvs::of(list), ..Delivery::default() }).place
    };
    let all: &[(u16, &[u8])] = &[(0x020C, &[0, 7]), (0x020E, &[2]), (0x020F, &[1])];
    assert_eq!(tlvs(all), place(7, true, 2, 1));
    assert_eq!(tlvs(&all[..2]), None);
    assert_eq!(tlvs(&[(0x020C, &[]), (0x020E, &[]), (0x020F, &[])]), None);
}

#[test]
fn codings() {
    for (data_coding, coding) in [
        (0, Coding::Default),
        (1, Coding::Ascii),
        (2, Coding::Binary),
        (3, Coding::Latin1),
        (4, Coding::Binary),
        (5, Coding::Other(5)),
        (8, Coding::Utf16),
        (0x10, Coding::Default),
        (0x18, Coding::Utf16),
        (0x14, Coding::Binary),
        (0xC8, Coding::Default),
        (0xE8, Coding::Utf16),
        (0xF1, Coding::Default),
        (0xF5, Coding::Binary),
    ] {
        assert_eq!(Coding::of(data_coding), coding, "{data_coding:#x}");
    }
}

proptest! {
    #[test]
    fn nothing_panics_and_the_end_is_kept(text in prop::collection::vec(any::<u8>(), 0..300)) {
        let part = read(0x40, &text);
        prop_assert!(text.ends_with(&part.piece.bytes));
        let _ = part.piece.unpacked();
    }
}
