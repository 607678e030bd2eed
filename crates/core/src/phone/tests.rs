//! What people write, and what is refused with which words.

use super::*;
use proptest::prelude::*;

#[test]
fn reads_what_people_write() {
    for (text, region, e164) in [
        ("+1 202 555 0123", None, "+12025550123"),
        ("(202) 555-0123", Some("US"), "+12025550123"),
        ("1-202-555-0123", Some("us"), "+12025550123"),
        ("202.555.0123", Some("CA"), "+12025550123"),
        ("  tel:+1-202-555-0123 ", None, "+12025550123"),
        ("+44 (0)20 7946 0000", None, "+442079460000"),
        ("020 7946 0000", Some("GB"), "+442079460000"),
        ("00 44 20 7946 0000", None, "+442079460000"),
        ("0044 20 7946 0000", Some("US"), "+442079460000"),
        ("0044 20 7946 0000", Some("DE"), "+442079460000"),
        ("011 44 20 7946 0000", Some("US"), "+442079460000"),
        ("0170/1234567", Some("DE"), "+491701234567"),
        ("+491701234567", Some("US"), "+491701234567"),
        ("06 698 12345", Some("IT"), "+390669812345"),
        ("+39 06 698 12345", None, "+390669812345"),
        ("+1 2025550123", None, "+12025550123"),
        ("＋４４ ２０ ７９４６ ００００", None, "+442079460000"),
        ("٠٢٠ ٧٩٤٦ ٠٠٠٠", Some("GB"), "+442079460000"),
        ("\u{202A}+44\u{A0}20\u{2011}7946\u{2011}0000\u{202C}", None, "+442079460000"),
        ("+44\t20\t7946\t0000\r\n", None, "+442079460000"),
    ] {
        let found = parse(text, region).map(|phone| phone.e164);
        assert_eq!(found.as_deref(), Ok(e164), "{text:?} {region:?}");
    }
}

#[test]
fn tells_region_kind_and_validity() {
    let phone = parse("07400 123456", Some("GB")).unwrap();
    assert_eq!(
        (phone.region.as_deref(), phone.kind, phone.valid),
        (Some("GB"), PhoneKind::Mobile, true)
    );
    assert_eq!(phone.zones(), zones("+447400123456"));
    // A possible length in no known range: read, and marked.
    let phone = parse("+1 202 055 0123", None).unwrap();
    assert_eq!(
        (phone.region.as_deref(), phone.kind, phone.valid),
        (None, PhoneKind::Unknown, false)
    );
    assert!(phone.zones().is_empty());
    assert_eq!(zones_by_prefix(&phone.e164), ["America/New_York"]);
    assert_eq!(parse("+800 1234 5678", None).unwrap().region.as_deref(), Some("001"));
    assert_eq!(zones("+18005550123").len(), 42);
    assert_eq!(
        serde_json::to_string(&PhoneKind::FixedLineOrMobile).unwrap(),
        "\"FIXED_LINE_OR_MOBILE\""
    );
    // Stored numbers are described whatever their length.
    assert!(parse("+1202555", None).is_err());
    assert_eq!(classify("+1202555").map(|phone| phone.valid), Some(false));
    assert_eq!((classify("12025550123"), classify("+999123"), classify("")), (None, None, None));
}

#[test]
fn names_are_the_same_in_json_and_in_text() {
    for kind in [PhoneKind::Uan, PhoneKind::Voip, PhoneKind::Voicemail, PhoneKind::PersonalNumber] {
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        assert_eq!(PhoneKind::from(PhoneNumberType::from(kind)), kind);
    }
}

#[test]
fn refuses_with_a_reason_each() {
    let why = |text: &str, region| parse(text, region).unwrap_err();
    let text = |text: &str| text.to_owned();
    assert_eq!(why(" \t", None), PhoneError::Empty);
    assert_eq!(why(&"1".repeat(65), None), PhoneError::Oversized { chars: 65 });
    assert_eq!(why("call me", None), PhoneError::Letter { text: text("call me"), letter: 'c' });
    assert!(matches!(why("1-800-FLOWERS", Some("US")), PhoneError::Letter { letter: 'F', .. }));
    for extension in [
        "+1 202 555 0123 x45",
        "+1 202 555 0123 ext. 45",
        "+12025550123;ext=45",
        "+1 202 555 0123 #45",
    ] {
        assert_eq!(why(extension, None), PhoneError::Extension { text: text(extension) });
    }
    assert!(matches!(why("*+12025550123", None), PhoneError::Character { character: '*', .. }));
    assert!(matches!(why("+12025550123+", None), PhoneError::Malformed { .. }));
    assert!(matches!(why("()", Some("US")), PhoneError::Malformed { .. }));
    assert!(matches!(why("+", None), PhoneError::Malformed { .. }));
    assert!(matches!(why("202 555 0123", None), PhoneError::RegionNeeded { .. }));
    assert_eq!(why("1", Some("ZZ")), PhoneError::UnknownRegion { region: text("ZZ") });
    assert!(matches!(why("1", Some("USA")), PhoneError::UnknownRegion { .. }));
    assert!(matches!(why("+999 123 4567", None), PhoneError::UnknownCountryCode { .. }));
    assert!(matches!(why("+1 202 555", None), PhoneError::TooShort { country_code: 1, .. }));
    assert!(matches!(why("+44 1", None), PhoneError::TooShort { country_code: 44, .. }));
    assert!(matches!(why("+1 202 555 01234", None), PhoneError::TooLong { country_code: 1, .. }));
    assert!(matches!(
        why("+12345678901234567890123", None),
        PhoneError::TooLong { country_code: 1, .. }
    ));
    assert!(matches!(why("555 0123", Some("US")), PhoneError::LocalOnly { .. }));
}

proptest! {
    #[test]
    fn anything_is_read_or_refused(
        text in prop_oneof![any::<String>(), "[-+0-9 ()./xX#*;,ext=~]{0,70}", "\\PC{0,80}"],
        region in prop_oneof![Just(None), "[A-Za-z0-9é]{0,3}".prop_map(Some)],
    ) {
        if let Ok(phone) = parse(&text, region.as_deref()) {
            prop_assert!(phone.e164.starts_with('+') && phone.e164[1..].bytes().all(|b| b.is_ascii_digit()));
            // What was read reads again as itself.
            prop_assert_eq!(classify(&phone.e164), Some(phone));
        }
        let _ = (zones(&text), zones_by_prefix(&text), state(&text), nanp_country(&text), classify(&text));
    }
}
