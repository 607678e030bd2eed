//! What the carrier sends to a receiver: receipts and texts of people, and how they are written.
//!
//! Must never decide: it writes down what happened in the form that is set.

use crate::fate::Ending;
use crate::settings::{IdForm, ReceiptForm};
use bytes::{BufMut as _, Bytes, BytesMut};
use jiff::tz::TimeZone;
use rusmpp::encode::{Length as _, owned::Encode as _};
use rusmpp::pdus::builders::DeliverSmBuilder;
use rusmpp::tlvs::MessageDeliveryRequestTlvValue;
use rusmpp::types::{COctetString, OctetString};
use rusmpp::values::{
    DataCoding, ErrorCodeNetworkType, EsmClass, MessageState, NetworkErrorCode, Npi, Ton,
};
use rusmpp::{Command, CommandId, CommandStatus, Pdu};

/// A number with its type and plan.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) ton: Ton,
    pub(crate) npi: Npi,
    pub(crate) digits: COctetString<1, 21>,
}

impl Address {
    /// The address of a number as a person writes it: `+49 …` is international.
    pub(crate) fn of(number: &str) -> Option<Self> {
        let digits: String = number.chars().filter(|c| !matches!(c, '+' | ' ' | '-')).collect();
        let international = digits.len() > 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let (ton, npi) = if international {
            (Ton::International, Npi::Isdn)
        } else if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            (Ton::NetworkSpecific, Npi::Isdn)
        } else {
            (Ton::Alphanumeric, Npi::Unknown)
        };
        COctetString::from_string(digits).ok().map(|digits| Self { ton, npi, digits })
    }
}

/// What waits to be sent to a receiver.
#[derive(Clone, Debug)]
pub(crate) enum Delivery {
    Receipt(Receipt),
    Text(Text),
}

/// A receipt: `from` is the phone, `to` the sender of the text.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) id: u64,
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) ending: Ending,
    pub(crate) excerpt: Bytes,
}

/// One part of a text of a person.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) coding: u8,
    pub(crate) has_header: bool,
    pub(crate) body: Bytes,
}

/// The id as the response has it.
pub(crate) fn id_in_response(form: IdForm, id: u64) -> String {
    match form {
        IdForm::Decimal | IdForm::DecimalThenHex | IdForm::LeadingZeros => id.to_string(),
        IdForm::Hex | IdForm::HexThenDecimal | IdForm::UpperHex => format!("{id:x}"),
        IdForm::PaddedHexThenDecimal => format!("{id:08X}"),
    }
}

/// The id as the receipt has it.
pub(crate) fn id_in_receipt(form: IdForm, id: u64) -> String {
    match form {
        IdForm::Decimal | IdForm::HexThenDecimal => id.to_string(),
        IdForm::Hex | IdForm::DecimalThenHex => format!("{id:x}"),
        IdForm::LeadingZeros => format!("{id:020}"),
        IdForm::UpperHex => format!("{id:X}"),
        IdForm::PaddedHexThenDecimal => format!("{id:010}"),
    }
}

/// An id as a query has it: that of the response.
pub(crate) fn id_from_query(form: IdForm, text: &str) -> Option<u64> {
    match form {
        IdForm::Decimal | IdForm::DecimalThenHex | IdForm::LeadingZeros => text.parse().ok(),
        _ => u64::from_str_radix(text, 16).ok(),
    }
}

/// Appends a command in its octets.
pub(crate) fn write(out: &mut BytesMut, status: CommandStatus, sequence: u32, pdu: impl Into<Pdu>) {
    let command = Command::new(status, sequence, pdu);
    let length = 4 + command.length();
    out.reserve(length);
    out.put_u32(length as u32);
    command.encode(out);
}

impl Delivery {
    /// Appends the PDU. Returns false when a field does not fit and nothing was written.
    pub(crate) fn write(
        &self,
        out: &mut BytesMut,
        sequence: u32,
        set: (IdForm, ReceiptForm),
    ) -> bool {
        match self {
            Self::Receipt(receipt) => receipt.write(out, sequence, set).is_some(),
            Self::Text(text) => text.write(out, sequence).is_some(),
        }
    }
}

impl Text {
    fn write(&self, out: &mut BytesMut, sequence: u32) -> Option<()> {
        let class = if self.has_header { 0x40 } else { 0 };
        let pdu = deliver(&self.from, &self.to, class)
            .data_coding(DataCoding::from(self.coding))
            .short_message(OctetString::from_bytes(self.body.clone()).ok()?)
            .build();
        write(out, CommandStatus::EsmeRok, sequence, pdu);
        Some(())
    }
}

/// The class of a receipt: bits 5 to 2 are 0001.
const RECEIPT_CLASS: u8 = 0x04;

impl Receipt {
    fn write(&self, out: &mut BytesMut, sequence: u32, set: (IdForm, ReceiptForm)) -> Option<()> {
        let (id_form, form) = set;
        let id = id_in_receipt(id_form, self.id);
        if form == ReceiptForm::DataSm {
            self.write_data_sm(out, sequence, &id);
            return Some(());
        }
        let text = self.text(&id, form);
        let mut pdu = deliver(&self.from, &self.to, RECEIPT_CLASS)
            .short_message(OctetString::from_vec(text).ok()?)
            .build();
        if matches!(form, ReceiptForm::Tlv | ReceiptForm::Both) {
            let id = COctetString::from_string(id).ok()?;
            pdu.push_tlv(MessageDeliveryRequestTlvValue::ReceiptedMessageId(id));
            pdu.push_tlv(MessageDeliveryRequestTlvValue::MessageState(self.state()));
            pdu.push_tlv(MessageDeliveryRequestTlvValue::NetworkErrorCode(self.network_error()));
        }
        write(out, CommandStatus::EsmeRok, sequence, pdu);
        Some(())
    }

    /// By hand: the codec's data_sm has no TLVs of receipts.
    fn write_data_sm(&self, out: &mut BytesMut, sequence: u32, id: &str) {
        let mut body = BytesMut::new();
        body.put_u8(0);
        for address in [&self.from, &self.to] {
            body.put_slice(&[address.ton.into(), address.npi.into()]);
            body.put_slice(address.digits.as_str().as_bytes());
            body.put_u8(0);
        }
        body.put_slice(&[RECEIPT_CLASS, 0, 0]);
        body.put_slice(&[0x00, 0x1E, 0, id.len() as u8 + 1]);
        body.put_slice(id.as_bytes());
        body.put_u8(0);
        body.put_slice(&[0x04, 0x27, 0, 1, self.state().into()]);
        let error = self.network_error().error_code as u8;
        body.put_slice(&[0x04, 0x23, 0, 3, 3, 0, error]);
        out.put_u32(16 + body.len() as u32);
        out.put_u32(CommandId::DataSm.into());
        out.put_u32(0);
        out.put_u32(sequence);
        out.put_slice(&body);
    }

    fn text(&self, id: &str, form: ReceiptForm) -> Vec<u8> {
        let (stat, delivered, error) = match self.ending {
            Ending::Delivered => ("DELIVRD", 1, 0),
            Ending::Undelivered => ("UNDELIV", 0, 27),
        };
        let day = || {
            let now = crate::clock::today().to_zoned_datetime(TimeZone::UTC);
            let (year, month, day) = (now.year() % 100, now.month(), now.day());
            format!("{year:02}{month:02}{day:02}{:02}{:02}", now.hour(), now.minute())
        };
        let mut text = match form {
            ReceiptForm::Tlv | ReceiptForm::DataSm => return Vec::new(),
            ReceiptForm::Missing => return format!("id:{id} stat:{stat}").into_bytes(),
            ReceiptForm::Reordered => {
                let day = day();
                let head = format!("STAT:{stat} ERR:{error:03} DLVRD:{delivered:03} SUB:001");
                return format!("{head} DONE DATE:{day} SUBMIT DATE:{day} ID:{id}").into_bytes();
            }
            ReceiptForm::Standard | ReceiptForm::Both => {
                let day = day();
                let head = format!("id:{id} sub:001 dlvrd:{delivered:03} submit date:{day}");
                format!("{head} done date:{day} stat:{stat} err:{error:03} text:").into_bytes()
            }
        };
        text.extend(self.excerpt.iter().filter(|byte| (0x20..0x7F).contains(*byte)));
        text
    }

    fn state(&self) -> MessageState {
        match self.ending {
            Ending::Delivered => MessageState::Delivered,
            Ending::Undelivered => MessageState::Undeliverable,
        }
    }

    fn network_error(&self) -> NetworkErrorCode {
        let code = if self.ending == Ending::Delivered { 0 } else { 27 };
        NetworkErrorCode::new(ErrorCodeNetworkType::Gsm, code)
    }
}

fn deliver(from: &Address, to: &Address, class: u8) -> DeliverSmBuilder {
    DeliverSmBuilder::new()
        .source_addr_ton(from.ton)
        .source_addr_npi(from.npi)
        .source_addr(from.digits.clone())
        .dest_addr_ton(to.ton)
        .dest_addr_npi(to.npi)
        .destination_addr(to.digits.clone())
        .esm_class(EsmClass::from(class))
}

/// Characters that are the same octet in ASCII and in GSM 03.38.
const SAME_IN_GSM: &str = "\n\r !\"#%&'()*+,-./:;<=>?";

/// The parts of a text of a person: one, or several with an 8-bit concatenation header.
pub(crate) fn parts(from: &Address, to: &Address, text: &str, reference: u8) -> Vec<Text> {
    let plain = |c: char| c.is_ascii_alphanumeric() || SAME_IN_GSM.contains(c);
    let (coding, octets, single, part) = if text.chars().all(plain) {
        (0, text.as_bytes().to_vec(), 160, 153)
    } else {
        (8, text.encode_utf16().flat_map(u16::to_be_bytes).collect(), 140, 134)
    };
    let whole = |body: Bytes, has_header| Text {
        from: from.clone(),
        to: to.clone(),
        coding,
        has_header,
        body,
    };
    if octets.len() <= single {
        return vec![whole(Bytes::from(octets), false)];
    }
    let total = octets.len().div_ceil(part).min(255) as u8;
    let pieces = octets.chunks(part).zip(1_u8..=total);
    pieces
        .map(|(piece, number)| {
            let mut body = BytesMut::with_capacity(6 + piece.len());
            body.put_slice(&[5, 0, 3, reference, total, number]);
            body.put_slice(piece);
            whole(body.freeze(), true)
        })
        .collect()
}
