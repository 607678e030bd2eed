//! What a session tells its caller.
//!
//! Plain data: nothing here decides anything.

use crate::address::Address;
use crate::delivery::Delivery;
use crate::receipt::ReceiptState;
use crate::status::Status;

/// Names one request of ours; never used twice in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub(crate) u64);

impl From<u64> for Token {
    /// Made by hand, for tests of callers that keep requests.
    fn from(number: u64) -> Token {
        Token(number)
    }
}

/// Names one delivery that waits for [`crate::Session::acknowledge`]; never used twice in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId(pub(crate) u64);

impl From<u64> for DeliveryId {
    /// Made by hand, for tests of callers that keep deliveries.
    fn from(number: u64) -> DeliveryId {
        DeliveryId(number)
    }
}

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer has taken the bind; requests may go.
    Bound {
        /// How the peer calls itself.
        system_id: String,
        /// Its interface version (0x34 is 3.4), if it says one.
        version: Option<u8>,
    },
    /// The one answer to a request.
    Answered {
        /// Which request.
        token: Token,
        /// What became of it.
        answer: Answer,
    },
    /// The peer's answer to a request that was already answered with [`Lost::Timeout`]. It tells
    /// the truth about that request; it may come once, or never.
    Late {
        /// Which request.
        token: Token,
        /// What became of it after all.
        answer: Answer,
    },
    /// A receipt or a text. The peer is told so only by [`crate::Session::acknowledge`].
    Arrived {
        /// For the acknowledgement.
        id: DeliveryId,
        /// What came.
        delivery: Delivery,
    },
    /// The session is over. Comes exactly once, and nothing comes after it. Bytes that are left in
    /// [`crate::Session::output`] should still be written before the connection is closed.
    Closed {
        /// Why.
        why: CloseReason,
    },
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The peer has taken the message.
    Accepted {
        /// Its id there, as it came. Some carriers give none; then no receipt can be matched by id.
        message_id: Option<String>,
    },
    /// The peer has surely not taken it.
    Refused {
        /// What it says.
        status: Status,
    },
    /// It was handed to the connection, and nobody knows what became of it.
    Lost(Lost),
    /// Its bytes were never given out, so it surely did not go.
    NotSent,
    /// To a query.
    State {
        /// What the peer says of the message.
        state: ReceiptState,
        /// When that came to be, in the peer's notation; may be empty.
        final_at: String,
        /// The network's error code; 0 for none.
        error: u8,
    },
    /// A cancel or a replace was done.
    Done,
}

/// Why nobody knows what became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lost {
    /// No answer within the response timeout. Its place in the window is free again.
    Timeout,
    /// The session closed first.
    Closed,
}

/// Why a session is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The peer does not take the bind.
    #[error("the carrier refuses the bind: {0}; check system_id, password and bind mode")]
    BindRefused(Status),
    /// No answer to the bind.
    #[error("the carrier did not answer the bind in time; check address and port")]
    BindTimeout,
    /// The answer to the bind belongs to another kind of bind.
    #[error(
        "the carrier answered the bind with command {0:#010x}, which is none; check the bind mode"
    )]
    BindConfused(u32),
    /// We unbound.
    #[error("unbound as asked")]
    Unbound,
    /// The peer unbound.
    #[error("the carrier ended the bind")]
    PeerUnbound,
    /// The connection ended.
    #[error("the carrier closed the connection")]
    Ended,
    /// The connection ended in the middle of a PDU.
    #[error("the carrier closed the connection in the middle of a PDU")]
    EndedInside,
    /// Questions went unanswered.
    #[error("the carrier did not answer {0} enquire_link in a row")]
    Silent(u32),
    /// Nothing came at all.
    #[error("nothing came from the carrier for the whole inactivity time")]
    Inactive,
    /// Too many timeouts in a row.
    #[error("{0} requests in a row had no answer in time")]
    ResponsesMissing(u32),
    /// A PDU that cannot be: the stream is no SMPP, or out of step.
    #[error(
        "the carrier sent a PDU of {0} bytes, which cannot be; is this an SMPP port, without TLS?"
    )]
    BadLength(u32),
    /// A PDU that does not end.
    #[error("the carrier began a PDU and did not finish it in time")]
    HalfPdu,
    /// More requests of the peer than the connection takes answers for.
    #[error("the carrier sends requests faster than it reads the answers")]
    Flooded,
}

/// Why a request was not taken. Nothing was sent; there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NoRoom {
    /// As many requests are unanswered as the window allows.
    #[error("the window is full; wait for an answer")]
    WindowFull,
    /// The bind is not answered yet.
    #[error("not bound yet; wait for the bind")]
    NotBound,
    /// A bind that cannot submit.
    #[error("this bind only receives; submit on a transmitter or transceiver")]
    ReceiverOnly,
    /// Unbinding, or over.
    #[error("the bind is ending; use another one")]
    Closing,
}

/// What happened that needs no event: for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Whole PDUs that came.
    pub received: u64,
    /// Responses to nothing, or of another command than the request.
    pub unmatched: u64,
    /// generic_nack with no sequence of ours.
    pub nacks: u64,
    /// PDUs whose body could not be read; answered with generic_nack where that is allowed.
    pub malformed: u64,
    /// Commands that a client does not know; answered with generic_nack.
    pub unknown: u64,
    /// Outbinds and alert notifications, which mean nothing here.
    pub ignored: u64,
    /// Deliveries put off because too many wait for their acknowledgement.
    pub put_off: u64,
    /// Requests that had no answer in time.
    pub timeouts: u64,
}

/// A message at the carrier, for query, cancel and replace: its id there and the source address
/// it was submitted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRef {
    /// As it came in [`Answer::Accepted`].
    pub message_id: String,
    /// As it was submitted.
    pub source: Address,
}
