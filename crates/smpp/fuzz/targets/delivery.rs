//! Any text and parameters as a receipt, and as a text or a part of one.
//!
//! `cargo +nightly fuzz run delivery` in `crates/smpp`.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use wayline_smpp::{BindMode, CarrierDate, Event, IdBase, Inbound, Receipt};
use wayline_smpp::{Session, SessionConfig};

fuzz_target!(|bytes: &[u8]| {
    let now = Duration::ZERO;
    let config = SessionConfig::new(BindMode::Transceiver, "acme", "secret");
    let mut session = Session::new(config, now).expect("settings are good");
    while session.output().is_some() {}
    session.receive(b"\0\0\0\x11\x80\0\0\x09\0\0\0\0\0\0\0\x01\0", now);
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
            let _ = Inbound::read(&delivery).piece.unpacked();
        }
    }
});
