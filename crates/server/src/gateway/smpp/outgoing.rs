//! A message as SMPP carries it: addresses, alphabet, parts.
//!
//! Must never change a text: what an alphabet does not have travels as UTF-16.

use super::settings::{DefaultAlphabet, Joining, SmppSettings};
use std::time::Duration;
use wayline_core::carrier::{CarrierError, ErrorClass};
use wayline_core::ids::stable_hash;
use wayline_core::message::Message;
use wayline_core::policy::settings::{Sender, SenderKind};
use wayline_core::text::{self, Alphabet};
use wayline_smpp::{Address, AddressKind, Outgoing, ReceiptsWanted, SubmitPart, Validity};

/// `data_coding` of UTF-16.
const UTF16: u8 = 8;

/// The PDUs of a message.
///
/// # Errors
/// When no PDU can carry it.
pub(super) fn submits(
    settings: &SmppSettings,
    message: &Message,
    from: Option<&Sender>,
) -> Result<Vec<SubmitPart>, CarrierError> {
    let wrong = |class, text: String| CarrierError { class, code: String::new(), text };
    let Some(from) = from else {
        let text = format!("the workspace has no sender {:?} any more", message.sender);
        return Err(wrong(ErrorClass::StopRoute, text));
    };
    let (data_coding, parts) = encoded(settings, &message.text);
    let outgoing = Outgoing {
        concatenation: settings.concatenation(),
        reference: reference(message),
        receipts: ReceiptsWanted::Last,
        validity: settings
            .validity_hours
            .map(|hours| Validity::For(Duration::from_secs(u64::from(hours) * 3_600))),
        service_type: settings.service_type.clone(),
        ..Outgoing::new(
            source(settings, from),
            destination(settings, &message.to),
            data_coding,
            parts,
        )
    };
    outgoing.submits().map_err(|error| wrong(ErrorClass::BadRequest, error.to_string()))
}

fn source(settings: &SmppSettings, from: &Sender) -> Address {
    let kind = match from.kind {
        SenderKind::ShortCode => AddressKind::ShortCode,
        SenderKind::Alphanumeric => AddressKind::Alphanumeric,
        SenderKind::TenDlc | SenderKind::LongCode | SenderKind::TollFree => {
            AddressKind::International
        }
    };
    let usual = Address::of(kind, &from.number);
    match settings.source_ton_npi {
        Some((ton, npi)) => Address::new(ton, npi, usual.number),
        None => usual,
    }
}

fn destination(settings: &SmppSettings, to: &str) -> Address {
    let usual = Address::of(AddressKind::International, to);
    match settings.destination_ton_npi {
        Some((ton, npi)) => Address::new(ton, npi, usual.number),
        None => usual,
    }
}

/// `data_coding` and the bytes of each part.
fn encoded(settings: &SmppSettings, text: &str) -> (u8, Vec<Vec<u8>>) {
    let joining = match settings.joining {
        Joining::Udh8 => text::Joining::Reference8,
        Joining::Udh16 => text::Joining::Reference16,
        Joining::Sar => text::Joining::Parameters,
        Joining::Payload => text::Joining::Whole,
    };
    let pieces = text::split_for(text, joining);
    let (encoding, _) = text::parts(text);
    let usual = match settings.default_alphabet {
        DefaultAlphabet::Gsm7 => Alphabet::Gsm7,
        DefaultAlphabet::Latin1 => Alphabet::Latin1,
    };
    if encoding == text::Encoding::Gsm7 {
        let bytes: Result<Vec<Vec<u8>>, _> =
            pieces.iter().map(|piece| text::encode(piece, usual)).collect();
        if let Ok(parts) = bytes {
            return (0, parts);
        }
    }
    // A carrier of Latin-1 has no Greek, and no euro sign.
    let pieces = if encoding == text::Encoding::Gsm7 {
        text::split_as(text, text::Encoding::Ucs2, joining)
    } else {
        pieces
    };
    let parts = pieces.iter().map(|piece| text::encode(piece, Alphabet::Utf16).unwrap_or_default());
    (UTF16, parts.collect())
}

/// Which joined message it is: differs between the messages one person gets.
fn reference(message: &Message) -> u16 {
    let base = stable_hash(&[b"reference", message.to.as_bytes()]);
    let id = message.id;
    let count = id.enrollment.0.wrapping_mul(31).wrapping_add(u64::from(id.step) * 7);
    base.wrapping_add(count).wrapping_add(u64::from(id.visit)) as u16
}
