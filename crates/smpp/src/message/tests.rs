//! Every byte of a submit_sm, for each way of joining (case 4 of ten).

use super::*;
use crate::wire::encode;

fn message(parts: &[&[u8]]) -> Outgoing {
    let parts = parts.iter().map(|part| part.to_vec()).collect();
    let source = Address::new(5, 0, "ACME");
    Outgoing::new(source, Address::new(1, 1, "4917012345"), 0, parts)
}

/// The PDUs as bytes, with sequence numbers from 1.
fn golden(message: &Outgoing) -> Vec<Vec<u8>> {
    let submits = message.submits().unwrap();
    (1..).zip(submits).map(|(n, submit)| encode(0, n, submit.pdu().clone()).to_vec()).collect()
}

/// What stands before the text of a PDU to this person, up to and including its length.
fn head(length: u8, sequence: u8, esm_class: u8, registered: u8, text: u8) -> Vec<u8> {
    let mut head = vec![0, 0, 0, length, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, sequence];
    head.extend(b"\0\x05\x00ACME\0\x01\x014917012345\0");
    head.extend([esm_class, 0, 0, 0, 0, registered, 0, 0, 0, text]);
    head
}

/// Bytes of such a PDU without text and parameters.
const FIXED: u8 = 47;

#[test]
fn case_4_of_section_3_one_part() {
    let expected = [&head(FIXED + 2, 1, 0, 1, 2)[..], b"Hi"].concat();
    for concatenation in [Concatenation::Udh8, Concatenation::Udh16, Concatenation::Sar] {
        let one = Outgoing { concatenation, ..message(&[b"Hi"]) };
        assert_eq!(golden(&one), std::slice::from_ref(&expected));
    }
}

#[test]
fn case_4_of_section_3_two_parts_with_an_8_bit_reference() {
    let two = Outgoing { reference: 0x1234, ..message(&[b"ab", b"c"]) };
    assert_eq!(
        golden(&two),
        [
            [&head(FIXED + 8, 1, 0x40, 1, 8)[..], b"\x05\x00\x03\x34\x02\x01ab"].concat(),
            [&head(FIXED + 7, 2, 0x40, 1, 7)[..], b"\x05\x00\x03\x34\x02\x02c"].concat(),
        ]
    );
}

#[test]
fn case_4_of_section_3_two_parts_with_a_16_bit_reference() {
    let two = Outgoing {
        reference: 0x1234,
        concatenation: Concatenation::Udh16,
        receipts: ReceiptsWanted::Last,
        ..message(&[b"ab", b"c"])
    };
    assert_eq!(
        golden(&two),
        [
            [&head(FIXED + 9, 1, 0x40, 0, 9)[..], b"\x06\x08\x04\x12\x34\x02\x01ab"].concat(),
            [&head(FIXED + 8, 2, 0x40, 1, 8)[..], b"\x06\x08\x04\x12\x34\x02\x02c"].concat(),
        ]
    );
}

#[test]
fn case_4_of_section_3_two_parts_with_parameters() {
    let two = Outgoing {
        reference: 0x1234,
        concatenation: Concatenation::Sar,
        receipts: ReceiptsWanted::None,
        ..message(&[b"ab", b"c"])
    };
    let sar = |index: u8| {
        [&b"\x02\x0C\x00\x02\x12\x34\x02\x0E\x00\x01\x02\x02\x0F\x00\x01"[..], &[index]].concat()
    };
    assert_eq!(
        golden(&two),
        [
            [&head(FIXED + 18, 1, 0, 0, 2)[..], b"ab", &sar(1)].concat(),
            [&head(FIXED + 17, 2, 0, 0, 1)[..], b"c", &sar(2)].concat(),
        ]
    );
}

#[test]
fn case_4_of_section_3_the_whole_as_payload() {
    let two = Outgoing { concatenation: Concatenation::Payload, ..message(&[b"ab", b"c"]) };
    let expected = [&head(FIXED + 7, 1, 0, 1, 0)[..], b"\x04\x24\x00\x03abc"].concat();
    assert_eq!(golden(&two), [expected]);
}

#[test]
fn case_4_of_section_3_seven_full_parts() {
    let part = [b'a'; 153];
    for (concatenation, length) in [(Concatenation::Udh8, 159), (Concatenation::Sar, 153)] {
        let seven = Outgoing { concatenation, reference: 9, ..message(&[&part[..]; 7]) };
        let pdus = golden(&seven);
        assert_eq!(pdus.len(), 7);
        assert!(pdus.iter().all(|pdu| pdu[usize::from(FIXED) - 1] == length));
    }
    // The euro sign at 153 and the emoji at 67 reach this crate as parts one unit shorter
    // (`text::split` of the core); their bytes must pass unchanged.
    let euro: &[&[u8]] = &[&[b'a'; 152], b"\x1B\x65b"];
    let emoji: &[&[u8]] = &[&[0x04; 132], &[0xD8, 0x3D, 0xDE, 0x42]];
    for parts in [euro, emoji] {
        let pdus = golden(&message(parts));
        for (pdu, part) in pdus.iter().zip(parts) {
            assert_eq!(&pdu[usize::from(FIXED) + 6..], *part);
        }
    }
}

#[test]
fn packed_text_begins_on_a_septet() {
    let two = Outgoing { packed: true, ..message(&[b"hello", b"x"]) };
    for (pdu, part) in golden(&two).iter().zip(["hello", "x"]) {
        let text = &pdu[usize::from(FIXED) + 6..];
        assert_eq!(septets::unpack(text, septets::fill_bits(6)), part.as_bytes());
    }
}

#[test]
fn settings_reach_their_fields() {
    let given = Outgoing {
        validity: Some(Validity::For(Duration::from_secs(90_061))),
        esm_class: 0x03,
        protocol_id: 0x41,
        priority: 2,
        service_type: "VMA".into(),
        replace_if_present: true,
        tlvs: vec![(0x1400, Bytes::from_static(b"x"))],
        data_coding: 8,
        ..message(&[b""])
    };
    let pdu = golden(&given).remove(0);
    let body = b"VMA\0\x05\x00ACME\0\x01\x014917012345\0\x03\x41\x02\x00000001010101000R\0\x01\x01\x08\0\0\x14\0\0\x01x";
    assert_eq!(&pdu[16..], body);
}

#[test]
fn what_no_pdu_can_carry_is_an_error() {
    let error = |message: Outgoing| message.submits().unwrap_err().to_string();
    assert!(error(message(&[])).contains("at least one part"));
    assert!(error(message(&vec![&b"x"[..]; 256])).contains("256 parts"));
    assert!(error(message(&[&[b'a'; 255]])).contains("part 1 takes 255 bytes"));
    assert!(message(&[&[b'a'; 254]]).submits().is_ok());
    assert!(error(message(&[&[b'a'; 249], b"b"])).contains("part 1 takes 255 bytes"));
    let payload = |length| Outgoing {
        concatenation: Concatenation::Payload,
        ..message(&[&vec![b'a'; length]])
    };
    assert!(payload(PAYLOAD_MAX).submits().is_ok());
    assert!(error(payload(PAYLOAD_MAX + 1)).contains("65536 bytes"));
    let long = Address::new(1, 1, "1".repeat(21));
    assert!(error(Outgoing { destination: long, ..message(&[b"x"]) }).contains("at most 20"));
    let name = Address::new(5, 0, "Zürich");
    assert!(error(Outgoing { source: name, ..message(&[b"x"]) }).contains("ASCII"));
    for validity in [
        Validity::For(Duration::ZERO),
        Validity::For(VALIDITY_MAX + Duration::from_secs(1)),
        Validity::Text("tomorrow".into()),
    ] {
        assert!(
            error(Outgoing { validity: Some(validity), ..message(&[b"x"]) }).contains("validity")
        );
    }
    let tlvs = vec![(0x1400, Bytes::from(vec![0; 65_536]))];
    assert!(error(Outgoing { tlvs, ..message(&[b"x"]) }).contains("0x1400"));
}
