//! What a carrier should never send, by name, octet for octet.
//!
//! Must never be used by accident: each is asked for by a setting or over /control.

use bytes::{BufMut as _, BytesMut};
use serde::{Deserialize, Serialize};

/// A named misbehaviour. README.md lists the octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misbehaviour {
    /// A deliver_sm whose sm_length says 200 where 5 octets follow.
    WrongLength,
    /// A header whose command_length is 4.
    ShortLength,
    /// A request with the command id 0x0000FFFE.
    UnknownCommand,
    /// A generic_nack of sequence 0.
    NackWithoutSequence,
    /// A generic_nack with the sequence of the submit, in place of its response.
    Nack,
    /// A submit_sm_resp to a sequence that nobody sent.
    UnaskedResponse,
    /// The response of the submit, twice.
    DoubleResponse,
    /// A receipt for a message of somebody else.
    ForeignReceipt,
    /// A deliver_sm marked as a receipt whose text is no receipt.
    EmptyReceipt,
    /// 64 octets of an HTTP answer.
    Garbage,
    /// The first 24 octets of a deliver_sm, then silence for good.
    Half,
    /// A header that promises 2 GiB, and 64 KiB of them.
    Huge,
    /// A deliver_sm with a payload of 60,000 octets, correct in form.
    LargePayload,
    /// An unbind out of the blue.
    Unbind,
    /// The connection is cut.
    Cut,
    /// The connection stays, but nothing is sent any more.
    Silence,
    /// At a bind: no answer, ever.
    BindUnanswered,
    /// At a bind: ESME_RBINDFAIL.
    BindRefused,
    /// At a bind: the answer to another kind of bind.
    BindWrongAnswer,
}

/// What the connection does after the octets are out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    GoOn,
    Silent,
    Cut,
}

const DELIVER_SM: u32 = 5;
const UNBIND: u32 = 6;
const SUBMIT_SM_RESP: u32 = 0x8000_0004;
const GENERIC_NACK: u32 = 0x8000_0000;
/// A receipt of a carrier that we are not.
const FOREIGN: &[u8] = b"id:999999999999 sub:001 dlvrd:001 submit date:2601010000 \
done date:2601010000 stat:DELIVRD err:000 text:not yours";

impl Misbehaviour {
    /// Whether the response of the submit is left out.
    pub(crate) fn replaces_response(self) -> bool {
        matches!(self, Self::Nack)
    }

    /// Appends the octets. `sequence` is that of the submit, `own` a fresh one of ours.
    pub(crate) fn write(self, out: &mut BytesMut, sequence: u32, own: u32) -> Afterwards {
        match self {
            Self::WrongLength => deliver(out, own, 0, 200, b"hello", &[]),
            Self::ShortLength => {
                out.put_u32(4);
                header_tail(out, DELIVER_SM, 0, own);
            }
            Self::UnknownCommand => header(out, 0xFFFE, 0, own),
            Self::NackWithoutSequence => header(out, GENERIC_NACK, 2, 0),
            Self::Nack => header(out, GENERIC_NACK, 3, sequence),
            Self::UnaskedResponse => response(out, 0x7FFF_FFF0, b"4711"),
            Self::DoubleResponse => response(out, sequence, b"4712"),
            Self::ForeignReceipt => deliver(out, own, 4, FOREIGN.len() as u8, FOREIGN, &[]),
            Self::EmptyReceipt => deliver(out, own, 4, 5, b"hello", &[]),
            Self::Garbage => {
                out.put_slice(
                    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n",
                );
            }
            Self::Half => {
                let mut whole = BytesMut::new();
                deliver(&mut whole, own, 0, 5, b"hello", &[]);
                whole.truncate(24);
                out.put_slice(&whole);
                return Afterwards::Silent;
            }
            Self::Huge => {
                out.put_u32(0x7FFF_FFFF);
                header_tail(out, DELIVER_SM, 0, own);
                out.put_bytes(0, 65_536);
            }
            Self::LargePayload => deliver(out, own, 0, 0, b"", &[b'x'; 60_000]),
            Self::Unbind => header(out, UNBIND, 0, own),
            Self::Cut => return Afterwards::Cut,
            Self::Silence | Self::BindUnanswered => return Afterwards::Silent,
            // These only change the answer to a bind: see session.rs.
            Self::BindRefused | Self::BindWrongAnswer => {}
        }
        Afterwards::GoOn
    }
}

/// A whole PDU without a body.
pub(crate) fn header(out: &mut BytesMut, id: u32, status: u32, sequence: u32) {
    out.put_u32(16);
    header_tail(out, id, status, sequence);
}

fn header_tail(out: &mut BytesMut, id: u32, status: u32, sequence: u32) {
    out.put_u32(id);
    out.put_u32(status);
    out.put_u32(sequence);
}

fn response(out: &mut BytesMut, sequence: u32, id: &[u8]) {
    out.put_u32(17 + id.len() as u32);
    header_tail(out, SUBMIT_SM_RESP, 0, sequence);
    out.put_slice(id);
    out.put_u8(0);
}

/// A deliver_sm as given; only command_length is made to fit.
fn deliver(out: &mut BytesMut, sequence: u32, class: u8, length: u8, text: &[u8], payload: &[u8]) {
    let mut body = BytesMut::new();
    body.put_slice(b"\0\x01\x01491700000000\0\x01\x0112345\0");
    body.put_slice(&[class, 0, 0, 0, 0, 0, 0, 0, 0, length]);
    body.put_slice(text);
    if !payload.is_empty() {
        body.put_u16(0x0424);
        body.put_u16(payload.len() as u16);
        body.put_slice(payload);
    }
    out.put_u32(16 + body.len() as u32);
    header_tail(out, DELIVER_SM, 0, sequence);
    out.put_slice(&body);
}
