//! Receipts in every form that was met or may be.

use super::*;
use bytes::Bytes;
use proptest::prelude::*;

use crate::wire::Tlvs;

fn delivery(esm_class: u8, text: &[u8], tlvs: &[(u16, &[u8])]) -> Delivery {
    Delivery {
        source: Address::new(1, 1, "4917012345"),
        destination: Address::new(3, 0, "12345"),
        esm_class,
        text: Bytes::copy_from_slice(text),
        tlvs: Tlvs::of(
            tlvs.iter().map(|(tag, value)| (*tag, Bytes::copy_from_slice(value))).collect(),
        ),
        ..Delivery::default()
    }
}

/// Text, id, state, error, done: what a marked receipt with this text says.
type Row = (&'static str, &'static str, ReceiptState, &'static str, &'static str);

#[rustfmt::skip]
fn forms() -> Vec<Row> {
    use ReceiptState::*;
    vec![
        // The standard's appendix, and what is left out of it.
        ("id:0123456789 sub:001 dlvrd:001 submit date:2401021504 done date:2401021505 stat:DELIVRD err:000 text:Hello", "123456789", Delivered, "000", "2401021505"),
        ("id:7 sub:001 dlvrd:000 submit date:2401021504 done date:2401021505 stat:UNDELIV err:021 text:", "7", Undeliverable, "021", "2401021505"),
        ("id:7 stat:EXPIRED", "7", Expired, "", ""),
        ("id:7 stat:DELETED err:1", "7", Deleted, "1", ""),
        ("id:7 stat:ACCEPTD", "7", Accepted, "", ""),
        ("id:7 stat:REJECTD", "7", Rejected, "", ""),
        ("id:7 stat:UNKNOWN", "7", Unknown, "", ""),
        ("id:7 stat:ENROUTE", "7", Enroute, "", ""),
        ("id:7 stat:SKIPPED", "7", Skipped, "", ""),
        ("id:7 stat:SCHEDULED", "7", Scheduled, "", ""),
        ("id:7", "7", Unknown, "", ""),
        ("stat:DELIVRD", "", Delivered, "", ""),
        ("", "", Unknown, "", ""),
        ("nonsense", "", Unknown, "", ""),
        // Any case, other names.
        ("ID:7 SUB:1 DLVRD:1 SUBMIT DATE:2401021504 DONE DATE:2401021505 STAT:delivrd ERR:000 TEXT:x", "7", Delivered, "000", "2401021505"),
        ("Id:7 Stat:Delivered Err:0 Text:x", "7", Delivered, "0", ""),
        ("id:7 sub:001 dlvrd:001 submit date:2401021504 done date:2401021505 stat:DELIVRD err:000 Text:id:9 stat:UNDELIV", "7", Delivered, "000", "2401021505"),
        ("id:7 status:FAILED error:33", "7", Undeliverable, "33", ""),
        ("message_id:7 stat:BUFFERED", "7", Enroute, "", ""),
        ("Message ID:7 stat:PENDING", "7", Enroute, "", ""),
        ("msgid:7 stat:UNDELIVERED", "7", Undeliverable, "", ""),
        // Reordered.
        ("stat:DELIVRD err:000 id:7 done date:2401021505", "7", Delivered, "000", "2401021505"),
        ("done date:2401021505 id:7 err:5 stat:UNDELIV", "7", Undeliverable, "5", "2401021505"),
        ("text:hi stat:DELIVRD id:7", "7", Delivered, "", ""),
        ("err:000 text:abc id:7 stat:DELIVRD", "7", Delivered, "000", ""),
        // Dates of every length.
        ("id:7 submit date:240102150459 done date:240102150501 stat:DELIVRD", "7", Delivered, "", "240102150501"),
        ("id:7 done date:20240102150501 stat:DELIVRD", "7", Delivered, "", "20240102150501"),
        ("id:7 done date:2024-01-02 15:05:01 stat:DELIVRD", "7", Delivered, "", "2024-01-02 15:05:01"),
        ("id:7 done_date:2401021505 stat:DELIVRD", "7", Delivered, "", "2401021505"),
        ("id:7 donedate:2401021505 stat:DELIVRD", "7", Delivered, "", "2401021505"),
        // Errors that are no decimal number.
        ("id:7 stat:UNDELIV err:21b", "7", Undeliverable, "21b", ""),
        ("id:7 stat:UNDELIV err:0x0B", "7", Undeliverable, "0x0B", ""),
        ("id:7 stat:UNDELIV err:-1", "7", Undeliverable, "-1", ""),
        ("id:7 stat:UNDELIV err: text:x", "7", Undeliverable, "", ""),
        // Spaces, commas, line ends, zero bytes.
        ("id: 7 stat: DELIVRD err: 000", "7", Delivered, "000", ""),
        ("id :7 stat :DELIVRD", "7", Delivered, "", ""),
        ("id:7,stat:DELIVRD,err:000", "7", Delivered, "000", ""),
        ("id:7\nstat:DELIVRD\r\nerr:000", "7", Delivered, "000", ""),
        ("id:7\tstat:DELIVRD\0", "7", Delivered, "", ""),
        ("  id:7 stat:DELIVRD  ", "7", Delivered, "", ""),
        ("id:7   sub:   dlvrd:   stat:DELIVRD", "7", Delivered, "", ""),
        // Ids that are no numbers.
        ("id:0000000000 stat:DELIVRD", "0", Delivered, "", ""),
        ("id:00AbC stat:DELIVRD", "abc", Delivered, "", ""),
        ("id:2f7a9c3e-0001-4b5f-8a55-0242ac120002 stat:DELIVRD", "2f7a9c3e-0001-4b5f-8a55-0242ac120002", Delivered, "", ""),
        ("id:urn.x/1+2= stat:DELIVRD", "urn.x/1+2=", Delivered, "", ""),
        ("id: stat:DELIVRD", "", Delivered, "", ""),
        // Words of the carrier's own; fields twice.
        ("id:7 stat:NOCREDIT", "7", Other("NOCREDIT".into()), "", ""),
        ("id:7 id:8 stat:DELIVRD stat:UNDELIV", "7", Delivered, "", ""),
        ("IMSI:1 msc:2 id:7 stat:DELIVRD", "7", Delivered, "", ""),
        ("paid:5 id:7 stat:DELIVRD", "7", Delivered, "", ""),
    ]
}

#[test]
fn every_known_form_of_the_text() {
    assert!(forms().len() >= 40);
    for (text, id, state, error, done) in forms() {
        let receipt = Receipt::read(&delivery(0x04, text.as_bytes(), &[]), IdBase::Same).unwrap();
        let ids: Vec<&str> = receipt.ids.iter().map(String::as_str).collect();
        assert_eq!(ids.first().copied().unwrap_or(""), id, "{text}");
        assert_eq!(receipt.state, state, "{text}");
        assert_eq!(receipt.error.as_deref().unwrap_or(""), error, "{text}");
        assert_eq!(receipt.done_at.as_deref().unwrap_or(""), done, "{text}");
        assert_eq!(receipt.from.number, "4917012345");
        assert_eq!(receipt.to.number, "12345");
    }
}

#[test]
fn the_same_in_two_bytes_a_character_and_behind_a_header() {
    for (text, id, state, ..) in forms().into_iter().filter(|(text, ..)| text.len() > 2) {
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let mut given = delivery(0x04, &wide, &[]);
        given.data_coding = 8;
        let receipt = Receipt::read(&given, IdBase::Same).unwrap();
        assert_eq!(receipt.ids.first().map_or("", String::as_str), id, "{text}");
        assert_eq!(receipt.state, state, "{text}");

        let headed = [&[0x05, 0x00, 0x03, 1, 1, 1], text.as_bytes()].concat();
        let receipt = Receipt::read(&delivery(0x44, &headed, &[]), IdBase::Same).unwrap();
        assert_eq!(receipt.ids.first().map_or("", String::as_str), id, "{text}");
    }
}

#[test]
fn parameters_count_before_the_text() {
    let text = b"id:16 stat:UNDELIV err:021";
    let tlvs: &[(u16, &[u8])] = &[
        (tag::RECEIPTED_MESSAGE_ID, b"00Ff\0"),
        (tag::MESSAGE_STATE, &[2]),
        (tag::NETWORK_ERROR_CODE, &[3, 0, 33]),
        (tag::USER_MESSAGE_REFERENCE, &[0x12, 0x34]),
    ];
    let receipt = Receipt::read(&delivery(0, text, tlvs), IdBase::Same).unwrap();
    assert_eq!(receipt.ids, ["ff", "16"]);
    assert_eq!(receipt.state, ReceiptState::Delivered);
    assert_eq!((receipt.error.as_deref(), receipt.error_network), (Some("33"), Some(3)));
    assert_eq!(receipt.user_message_reference, Some(0x1234));
    assert!(!receipt.intermediate);

    // Without a text, as in a data_sm; an id without its end; a state in four bytes.
    let tlvs: &[(u16, &[u8])] =
        &[(tag::RECEIPTED_MESSAGE_ID, b"A1"), (tag::MESSAGE_STATE, &[0, 0, 0, 5])];
    let receipt = Receipt::read(&delivery(0, b"", tlvs), IdBase::Any).unwrap();
    assert_eq!(receipt.ids, ["a1", "161"]);
    assert_eq!(receipt.state, ReceiptState::Undeliverable);

    // Parameters that make no sense are as if they were not there.
    let tlvs: &[(u16, &[u8])] = &[
        (tag::RECEIPTED_MESSAGE_ID, b""),
        (tag::MESSAGE_STATE, b""),
        (tag::NETWORK_ERROR_CODE, &[3]),
    ];
    let receipt = Receipt::read(&delivery(0x04, text, tlvs), IdBase::Same).unwrap();
    assert_eq!(receipt.ids, ["16"]);
    assert_eq!(receipt.state, ReceiptState::Undeliverable);
    assert_eq!(receipt.error.as_deref(), Some("021"));
}

#[test]
fn intermediate_notifications_are_marked() {
    let receipt = Receipt::read(&delivery(0x20, b"id:7 stat:ENROUTE", &[]), IdBase::Same).unwrap();
    assert!(receipt.intermediate);
    let receipt = Receipt::read(&delivery(0x20, b"id:7 stat:UNDELIV", &[]), IdBase::Same).unwrap();
    assert!(receipt.intermediate, "the kind says that more follows");
    let receipt = Receipt::read(&delivery(0x04, b"id:7 stat:DELIVRD", &[]), IdBase::Same).unwrap();
    assert!(!receipt.intermediate);
}

#[test]
fn without_the_bits_only_what_no_person_would_write_is_a_receipt() {
    let read = |text: &str| Receipt::read(&delivery(0, text.as_bytes(), &[]), IdBase::Same);
    assert!(
        read("id:7 sub:001 dlvrd:001 done date:2401021505 stat:DELIVRD err:000 text:x").is_some()
    );
    assert!(read("stat:UNDELIV id:7 err:1").is_some());
    for text in [
        "STOP",
        "",
        "my id:7",
        "id:7 stat:DELIVRD",
        "id:7 stat:hungry err:yes",
        "please text: hello",
        "err: I think the status: unknown",
        "Done date:tomorrow?",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn dates_of_carriers() {
    let date = |year, month, day, hour, minute, second| {
        Some(CarrierDate { year, month, day, hour, minute, second })
    };
    let all = [
        ("2401021504", date(2024, 1, 2, 15, 4, 0)),
        ("240102150405", date(2024, 1, 2, 15, 4, 5)),
        ("202401021504", date(2024, 1, 2, 15, 4, 0)),
        ("20240102150405", date(2024, 1, 2, 15, 4, 5)),
        ("2024-01-02 15:04:05", date(2024, 1, 2, 15, 4, 5)),
        ("2024/01/02T15:04", date(2024, 1, 2, 15, 4, 0)),
        ("240102150405000+", date(2024, 1, 2, 15, 4, 5)),
        ("2413021504", None),
        ("24010215", None),
        ("", None),
        ("tomorrow", None),
        ("9999999999", None),
    ];
    for (text, expected) in all {
        assert_eq!(CarrierDate::read(text), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(
        esm_class in any::<u8>(),
        data_coding in any::<u8>(),
        text in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "(id|stat|err|done date|text|sub|:| |[0-9a-f]|é|\0){0,40}".prop_map(String::into_bytes),
        ],
        tlvs in prop::collection::vec(
            (prop::sample::select(vec![0x1Eu16, 0x427, 0x423, 0x204, 0x424]),
             prop::collection::vec(any::<u8>(), 0..12)), 0..5),
    ) {
        let tlvs: Vec<(u16, &[u8])> = tlvs.iter().map(|(tag, value)| (*tag, &value[..])).collect();
        let mut given = delivery(esm_class, &text, &tlvs);
        given.data_coding = data_coding;
        for base in [IdBase::Same, IdBase::ResponseHex, IdBase::ReceiptHex, IdBase::Any] {
            if let Some(receipt) = Receipt::read(&given, base) {
                for date in [&receipt.done_at, &receipt.submitted_at].into_iter().flatten() {
                    let _ = CarrierDate::read(date);
                }
            }
        }
    }
}
