//! Any text and parameters as a receipt, as a text, and as parts.
//!
//! `cargo +nightly fuzz run delivery` in `crates/smpp`.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use wayline_smpp::{BindMode, CarrierDate, Event, IdBase, Inbound, Reassembly, Receipt};
use wayline_smpp::{Session, SessionConfig};

fuzz_target!(|bytes: &[u8]| {
    let now = Duration::ZERO;
    let config = SessionConfig::new(BindMode::Transceiver, "acme", "secret");
    let mut session = Session::new(config, now).expect("settings are good");
    while session.output().is_some() {}
    session.receive(b"\0\0\0\x11\x80\0\0\x09\0\0\0\0\0\0\0\x01\0", now);
    let mut reassembly = Reassembly::new(4, Duration::from_secs(60));
    let mut given = 0;
    let mut back = 0;
    for body in bytes.split(|&byte| byte == 0xFE) {
        for command in [0x05u32, 0x103] {
            let length = u32::try_from(16 + body.len()).unwrap_or(u32::MAX);
            let mut pdu = [length, command, 0, 7].map(u32::to_be_bytes).concat();
            pdu.extend_from_slice(body);
            session.receive(&pdu, now);
        }
        while let Some(event) = session.event() {
            let Event::Arrived { delivery, .. } = event else { continue };
            for base in [IdBase::Same, IdBase::ResponseHex, IdBase::ReceiptHex, IdBase::Any] {
                if let Some(receipt) = Receipt::read(&delivery, base) {
                    let _ = receipt.done_at.as_deref().map(CarrierDate::read);
                }
            }
            given += 1;
            for joined in reassembly.add(Inbound::read(&delivery), (), now) {
                back += joined.tags.len();
                let _ = joined.runs();
                joined.pieces.iter().for_each(|piece| drop(piece.unpacked()));
            }
        }
    }
    back += reassembly.drain().iter().map(|joined| joined.tags.len()).sum::<usize>();
    assert_eq!(given, back, "each delivery comes out once");
});
