//! SMPP 3.4 for the side that sends texts: one bind as a state machine without sockets or clock.
//!
//! # What it is for
//!
//! | part | what it does |
//! |---|---|
//! | [`Session`] | bind, window, timeouts, enquire_link, unbind; which request became what |
//! | [`Outgoing`] | a message, encoded and split, as submit_sm PDUs joined in one of four ways |
//! | [`Receipt`] | delivery receipts in every form that carriers send |
//! | [`Inbound`] | texts of people, and which part of what each is |
//! | [`Status`], [`tag`] | names of statuses and optional parameters |
//!
//! The session reads no clock and opens no socket: bytes and instants go in, bytes and events come
//! out, so every situation can be tested and repeated. Time is a [`std::time::Duration`] since
//! whenever the caller likes. PDUs are written with the `rusmpp` codec and read more kindly than
//! it would (see the module `wire`). Alphabets are the caller's: parts come in as bytes, texts of
//! people go out as bytes with their `data_coding`.
//!
//! # How it is driven
//!
//! Around one connection (with `TCP_NODELAY`; without it a small window crawls), in a loop:
//!
//! 1. write all that [`Session::output`] gives;
//! 2. handle all that [`Session::event`] gives; at [`Event::Closed`] write what is left and close
//!    the connection;
//! 3. queue requests while [`Session::room`] is more than 0;
//! 4. wait for whichever comes first: bytes, only while [`Session::wants_input`]
//!    ([`Session::receive`]); the end of the connection ([`Session::ended`]);
//!    [`Session::next_timeout`] ([`Session::tick`]); something to send.
//!
//! ```
//! use std::time::Duration;
//! use wayline_smpp::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = Duration::ZERO; // since the start of the program
//! let config = SessionConfig::new(BindMode::Transceiver, "acme", "secret");
//! let mut session = Session::new(config, now)?;
//! let bind = session.output().ok_or("the bind is ready to be written")?;
//! assert_eq!(bind[7], 9); // bind_transceiver
//!
//! // The carrier's answer, cut by the network as it likes.
//! session.receive(b"\0\0\0\x15\x80\0\0\x09\0\0\0\0\0\0", now);
//! session.receive(b"\0\x01peer\0", now);
//! assert!(matches!(session.event(), Some(Event::Bound { .. })));
//!
//! let source = Address::of(AddressKind::ShortCode, "12345");
//! let person = Address::of(AddressKind::International, "+4917012345");
//! let message = Outgoing::new(source, person, 0, vec![b"Hello".to_vec()]);
//! for part in message.submits()? {
//!     let token = session.submit(&part, now)?; // note it beside the message
//! #   let _ = token;
//! }
//! while let Some(bytes) = session.output() {
//! #   assert_eq!(bytes[7], 4);
//!     // socket.write_all(&bytes)
//! }
//! while let Some(event) = session.event() {
//!     match event {
//!         Event::Answered { token, answer } => { /* store it */ }
//!         Event::Arrived { id, delivery } => {
//!             match Receipt::read(&delivery, IdBase::Same) {
//!                 Some(receipt) => { /* store it */ }
//!                 None => { /* a text: Inbound::read(&delivery) */ }
//!             }
//!             session.acknowledge(id, Status::OK, now); // once it is durable
//!         }
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What can be relied on
//!
//! - Each request gets exactly one [`Event::Answered`], before [`Event::Closed`]. Only
//!   [`Answer::Refused`] and [`Answer::NotSent`] mean that it surely did not go; with
//!   [`Answer::Lost`] nobody knows, and sending it again may be sending it twice.
//! - A request that had no answer in time is [`Lost::Timeout`] and leaves the window; if its answer
//!   comes after all, [`Event::Late`] says so. Several timeouts in a row close the session.
//! - A delivery is answered when [`Session::acknowledge`] says so. What was not acknowledged comes
//!   again on the next bind, so the same delivery may arrive twice.
//! - Nothing a peer sends makes it panic or grow: see the settings of [`SessionConfig`] and
//!   `tests/hostile.rs`.
//!
//! # What it must never do
//!
//! Open a socket, read a clock, decide on retries or rates, or know what a journey is.

mod address;
mod config;
mod delivery;
mod event;
mod field;
mod inbound;
mod message;
mod receipt;
pub mod septets;
mod session;
mod status;
mod wire;

pub use address::{Address, AddressKind};
pub use config::{BadConfig, BindMode, SessionConfig, WINDOW_MAX};
pub use delivery::Delivery;
pub use event::{
    Answer, CloseReason, Counters, DeliveryId, Event, Lost, MessageRef, NoRoom, Token,
};
pub use field::BadField;
pub use inbound::{Coding, Inbound, Piece, Place};
pub use message::{
    BadMessage, Concatenation, Outgoing, PARTS_MAX, PAYLOAD_MAX, ReceiptsWanted, Replacement,
    SHORT_MESSAGE_MAX, SubmitPart, VALIDITY_MAX, Validity,
};
pub use receipt::{CarrierDate, IdBase, Receipt, ReceiptState, canonical};
pub use session::{RequestError, Session};
pub use status::Status;
pub use wire::{Tlvs, tag};
