//! How many submits with receipts one core carries. Run by hand:
//! `cargo nextest run -p wayline-smsc --cargo-profile measure --run-ignored all -E 'test(submits_per_second)' --no-capture`
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod client;

use client::*;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wayline_smsc::{Carrier, Settings};

const SUBMITS: u32 = 400_000;
const WINDOW: u32 = 100;

/// The client has a thread and a runtime of its own; the carrier has one thread.
#[test]
#[ignore = "a measurement"]
#[allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn submits_per_second() {
    let (address_out, address_in) = std::sync::mpsc::channel();
    let (done_out, done_in) = tokio::sync::oneshot::channel::<()>();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let carrier = std::thread::spawn(move || {
        runtime().block_on(async {
            let carrier = Carrier::start(Settings::default()).await.unwrap();
            address_out.send(carrier.smpp_addr()).unwrap();
            done_in.await.unwrap();
            let total = carrier.state().total;
            assert_eq!(
                (total.accepted, total.receipts_sent),
                (u64::from(SUBMITS), u64::from(SUBMITS))
            );
        });
    });
    let address = address_in.recv().unwrap();
    let started = Instant::now();
    runtime().block_on(drive(address));
    let seconds = started.elapsed().as_secs_f64();
    done_out.send(()).unwrap();
    carrier.join().unwrap();
    println!("{:.0} submits/s with receipts, window {WINDOW}", f64::from(SUBMITS) / seconds);
}

async fn drive(address: std::net::SocketAddr) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
        .write_all(&frame(BIND_TRANSCEIVER, 0, 1, b"wayline\0secret\0\0\x34\0\0\0"))
        .await
        .unwrap();
    let (mut sent, mut answered, mut receipts) = (0, 0, 0);
    let (mut inbox, mut out) = (Vec::with_capacity(1 << 16), Vec::new());
    let body = submit_body("491701234567", "Your table is ready at seven. Reply STOP to end", 1);
    while receipts < SUBMITS {
        while sent < SUBMITS && sent - answered < WINDOW {
            sent += 1;
            out.extend_from_slice(&frame(SUBMIT_SM, 0, sent + 1, &body));
        }
        stream.write_all(&out).await.unwrap();
        out.clear();
        stream.read_buf(&mut inbox).await.unwrap();
        let mut at = 0;
        while inbox.len() >= at + 16 {
            let number = |from: usize| {
                u32::from_be_bytes(inbox[at + from..at + from + 4].try_into().unwrap())
            };
            let length = number(0) as usize;
            if inbox.len() < at + length {
                break;
            }
            match number(4) {
                id if id == SUBMIT_SM | RESP => answered += 1,
                DELIVER_SM => {
                    receipts += 1;
                    out.extend_from_slice(&frame(DELIVER_SM | RESP, 0, number(12), b"\0"));
                }
                _ => {}
            }
            at += length;
        }
        inbox.drain(..at);
    }
}
