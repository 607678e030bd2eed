//! Lengths and parts at their edges, and for any text.

use super::gsm::ESCAPE;
use super::*;
use proptest::prelude::*;

fn check(text: &str, encoding: Encoding, units: usize, parts: usize) {
    let found = measure(text);
    assert_eq!((found.encoding, found.units, found.parts), (encoding, units, parts), "{text:?}");
    assert_eq!(super::parts(text), (encoding, parts), "{text:?}");
    assert_eq!(split(text).len(), parts, "{text:?}");
    assert_eq!(split(text).concat(), text);
}

/// Of case 4 of ten: seven parts, and one more.
#[test]
fn lengths_at_the_edges() {
    use Encoding::{Gsm7, Ucs2};
    let a = |n: usize| "a".repeat(n);
    check("", Gsm7, 0, 0);
    check("a", Gsm7, 1, 1);
    check(&a(160), Gsm7, 160, 1);
    check(&a(161), Gsm7, 161, 2);
    check(&a(306), Gsm7, 306, 2);
    check(&a(307), Gsm7, 307, 3);
    check(&a(7 * 153), Gsm7, 1071, 7);
    check(&a(7 * 153 + 1), Gsm7, 1072, 8);
    check(&"€".repeat(80), Gsm7, 160, 1);
    check(&"€".repeat(81), Gsm7, 162, 2);
    // 76 pairs to a part (152 septets): the seventy-seventh pair would straddle the end.
    check(&"€".repeat(153), Gsm7, 306, 3);
    check("[]{}\\^~|\u{0C}€", Gsm7, 20, 1);
    check(&"ж".repeat(70), Ucs2, 70, 1);
    check(&"ж".repeat(71), Ucs2, 71, 2);
    check(&"ж".repeat(134), Ucs2, 134, 2);
    check(&"ж".repeat(135), Ucs2, 135, 3);
    check(&"🙂".repeat(35), Ucs2, 70, 1);
    check(&"🙂".repeat(36), Ucs2, 72, 2);
    check(&"🙂".repeat(67), Ucs2, 134, 3);
    check(&"ж".repeat(7 * 67), Ucs2, 469, 7);
}

/// Of case 4 of ten: an escape pair at septet 153, a surrogate pair at unit 67.
#[test]
fn pairs_are_never_cut() {
    let text = format!("{}€{}", "a".repeat(152), "b".repeat(20));
    assert_eq!(split(&text)[0], "a".repeat(152));
    assert!(split(&text)[1].starts_with('€'));
    let text = format!("{}🙂{}", "ж".repeat(66), "b".repeat(20));
    assert_eq!(split(&text)[0], "ж".repeat(66));
    assert!(split(&text)[1].starts_with('🙂'));
    // One septet less, and the pair just fits.
    let text = format!("{}€{}", "a".repeat(151), "b".repeat(20));
    assert!(split(&text)[0].ends_with('€'));
}

#[test]
fn offenders_are_listed_with_place_and_count() {
    let found = measure("a“b” “c”");
    assert_eq!(
        found.offending,
        [
            Offending { character: '“', first: 1, count: 2 },
            Offending { character: '”', first: 3, count: 2 },
        ]
    );
    assert_eq!(found.offending_unlisted, 0);
    assert_eq!(measure("ça").offending[0].character, 'ç', "the small c with cedilla is not GSM");
    assert_eq!(measure("Ça").encoding, Encoding::Gsm7);
    assert_eq!(measure("a\u{A0}b").offending[0].character, '\u{A0}');
    assert_eq!(measure("\u{1B}\u{FFFF}").offending.len(), 2, "the escape is no character");

    let many: String = ('а'..='я').chain('а'..='я').collect();
    let found = measure(&many);
    assert_eq!(found.offending.len(), OFFENDING_MAX);
    assert_eq!(found.offending.iter().map(|o| o.count).sum::<usize>(), 2 * OFFENDING_MAX);
    assert_eq!(found.offending_unlisted, 2 * (32 - OFFENDING_MAX));
}

#[test]
fn encodings_have_their_usual_names() {
    assert_eq!(Encoding::Gsm7.to_string(), "GSM-7");
    assert_eq!(serde_json::to_string(&Encoding::Ucs2).unwrap(), "\"UCS-2\"");
}

fn texts() -> impl Strategy<Value = String> {
    let gsm = prop::sample::select(
        GSM_DEFAULT
            .into_iter()
            .filter(|&c| c != ESCAPE)
            .chain(GSM_EXTENSION.map(|(_, c)| c))
            .collect::<Vec<_>>(),
    );
    let mixed = prop_oneof![6 => gsm.clone(), 1 => any::<char>(), 1 => Just('🙂')];
    prop_oneof![
        prop::collection::vec(gsm, 0..900).prop_map(String::from_iter),
        prop::collection::vec(mixed, 0..400).prop_map(String::from_iter),
    ]
}

proptest! {
    #[test]
    fn parts_join_to_the_text_and_fit(text in texts()) {
        let found = measure(&text);
        let pieces = split(&text);
        prop_assert_eq!(pieces.concat(), &text[..]);
        prop_assert_eq!(pieces.len(), found.parts);
        prop_assert_eq!(parts(&text), (found.encoding, found.parts));
        let units = |piece: &str| piece.chars().map(|c| found.encoding.units(c)).sum::<usize>();
        prop_assert_eq!(units(&text), found.units);
        let most = if pieces.len() > 1 { found.encoding.joined_max() } else { found.encoding.alone_max() };
        for (i, piece) in pieces.iter().enumerate() {
            prop_assert!(!piece.is_empty() && units(piece) <= most);
            // Full but for the odd unit that half a pair would have taken.
            prop_assert!(i + 1 == pieces.len() || units(piece) + 1 >= most);
        }
        prop_assert_eq!(found.encoding == Encoding::Gsm7, found.offending.is_empty());
    }
}
