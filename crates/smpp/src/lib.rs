//! SMPP 3.4 client session, sans-I/O.

mod address;
mod config;
mod delivery;
mod event;
mod field;
mod inbound;
mod message;
mod reassembly;
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
pub use reassembly::{Joined, Reassembly};
pub use receipt::{CarrierDate, IdBase, Receipt, ReceiptState, canonical};
pub use session::{RequestError, Session};
pub use status::Status;
pub use wire::{Tlvs, tag};
