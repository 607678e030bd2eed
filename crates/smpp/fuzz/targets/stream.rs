//! Any bytes from the peer, cut by their own first bytes, while we submit, write and wait.
//!
//! `cargo +nightly fuzz run stream` in `crates/smpp`.

#![no_main]

use std::collections::BTreeSet;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use wayline_smpp::{Address, BindMode, Event, IdBase, Inbound, Outgoing, Receipt, Session};
use wayline_smpp::{SessionConfig, Status};

fuzz_target!(|bytes: &[u8]| {
    let config = SessionConfig {
        deliveries_max: 4,
        window: 3,
        pdu_bytes_max: 1024,
        ..SessionConfig::new(BindMode::Transceiver, "acme", "secret")
    };
    let mut now = Duration::ZERO;
    let mut session = Session::new(config, now).expect("settings are good");
    while session.output().is_some() {}
    session.receive(b"\0\0\0\x11\x80\0\0\x09\0\0\0\0\0\0\0\x01\0", now);
    let to = Address::new(1, 1, "4917012345");
    let message = Outgoing::new(Address::new(3, 0, "123"), to, 0, vec![b"Hi".to_vec()]);
    let part = message.submits().expect("a good message").remove(0);

    let mut open = BTreeSet::new();
    let mut closed = false;
    let mut look = |session: &mut Session, open: &mut BTreeSet<_>, now: Duration| {
        while let Some(event) = session.event() {
            assert!(!closed, "nothing comes after the end");
            match event {
                Event::Answered { token, .. } => assert!(open.remove(&token), "answered once"),
                Event::Arrived { id, delivery } => {
                    let _ = Receipt::read(&delivery, IdBase::Any);
                    let _ = Inbound::read(&delivery);
                    if delivery.esm_class & 1 == 0 {
                        session.acknowledge(id, Status::OK, now);
                    }
                }
                Event::Closed { .. } => closed = true,
                Event::Bound { .. } | Event::Late { .. } => {}
            }
        }
    };
    for piece in bytes.chunks(1 + usize::from(bytes.first().copied().unwrap_or(0))) {
        open.extend(session.submit(&part, now));
        if piece.len().is_multiple_of(3) {
            while session.output().is_some() {}
        }
        session.receive(piece, now);
        now += Duration::from_millis(u64::from(piece[0]) * 100);
        session.tick(now);
        look(&mut session, &mut open, now);
        assert!(session.in_flight() <= 3 && session.deliveries_waiting() <= 8);
    }
    session.ended(now);
    look(&mut session, &mut open, now);
    assert!(session.is_closed() && open.is_empty());
});
