//! What a callback tells, in the form in which the engine hears it. Each provider fills in what it knows besides.
//!
//! Must never leave out where it came from.

use super::read;
use serde_json::Value;
use wayline_core::event::{Media, ReceiptStatus};
use wayline_core::ids::{stable_hash, stable_hash_wide};
use wayline_core::text::Alphabet;
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::{Delivery, Destination, GatewayEvent, Inbound, Part, Receipt};

/// What became of the message that the provider calls so.
pub(super) fn receipt(
    gateway: &str,
    gateway_ref: impl Into<String>,
    status: ReceiptStatus,
    at: Timestamp,
) -> Receipt {
    Receipt {
        gateway: gateway.to_owned(),
        gateway_ref: gateway_ref.into(),
        other_refs: Vec::new(),
        to: None,
        message: None,
        status,
        error: None,
        at,
    }
}

/// A text of a person to a number.
pub(super) fn inbound(
    gateway: &str,
    from: &str,
    number: impl Into<String>,
    at: Timestamp,
) -> Inbound {
    let (gateway, number) = (gateway.to_owned(), number.into());
    Inbound {
        destination: Destination::Sender { gateway, number },
        id: None,
        from: read::e164(from),
        text: String::new(),
        media: Vec::new(),
        at,
    }
}

/// A part of a text, of a provider that names each part: which one of how many, from 1.
pub(super) fn part(
    gateway: &str,
    inbound: Inbound,
    reference: &str,
    (index, total): (u8, u8),
) -> GatewayEvent {
    let id = inbound.id.clone().unwrap_or_default();
    let units = inbound.text.encode_utf16();
    let part = Part {
        reference: (stable_hash(&[reference.as_bytes()]) & u64::from(u16::MAX)) as u16,
        wide: true,
        total,
        index,
        alphabet: Alphabet::Utf16,
        bytes: units.flat_map(u16::to_be_bytes).collect(),
    };
    GatewayEvent::Delivery(Box::new(Delivery {
        gateway: gateway.to_owned(),
        inbound: Inbound { id: None, text: String::new(), ..inbound },
        // Told again it has the same id, whichever connection that is.
        connection: 0,
        number: stable_hash(&[id.as_bytes()]),
        since: Timestamp::MIN,
        print: stable_hash_wide(&[id.as_bytes()]),
        part: Some(part),
    }))
}

/// Pictures and the like, each an object with `url` and `content_type`.
pub(super) fn media(list: &[Value]) -> Vec<Media> {
    let read = |media| Media {
        url: read::at(media, "/url"),
        content_type: read::at(media, "/content_type"),
    };
    list.iter().map(read).filter(|media| !media.url.is_empty()).collect()
}

/// Pictures and the like, by their addresses alone.
pub(super) fn media_at(urls: impl Iterator<Item = String>) -> Vec<Media> {
    let urls = urls.filter(|url| !url.is_empty());
    urls.map(|url| Media { url, content_type: String::new() }).collect()
}
