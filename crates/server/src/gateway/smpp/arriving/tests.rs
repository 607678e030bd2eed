//! What a connection hands over, and when it calls a delivery answered.

use super::*;
use crate::live::Outcome;
use crate::run::Clock;
use serde_json::json;
use wayline_smpp::Tlvs;

struct Desk {
    arriving: Arriving,
    heard: Heard,
    told: mpsc::UnboundedReceiver<Outcome>,
    asks: mpsc::UnboundedSender<Ask>,
    inbox: mpsc::UnboundedReceiver<Ask>,
}

impl Desk {
    fn new() -> Desk {
        let settings = json!({ "host": "h", "system_id": "s" });
        let settings = Arc::new(serde_json::from_value(settings).unwrap());
        let (outcomes, told) = mpsc::unbounded_channel();
        let (asks, inbox) = mpsc::unbounded_channel();
        let heard = Events::new("g", outcomes, Arc::new(Clock::start(1, None)));
        let mut arriving = Arriving::new(settings, "g", 0);
        arriving.begins(Timestamp(5));
        Desk { arriving, heard, told, asks, inbox }
    }

    fn take(&mut self, id: u64, delivery: &Delivery) -> GatewayEvent {
        self.arriving.take(id.into(), delivery, Timestamp(9));
        self.arriving.hand_over(&self.heard, &self.asks.downgrade());
        let (events, taken) = self.engine();
        taken.say();
        events.into_iter().next().unwrap()
    }

    fn text(&mut self, id: u64, delivery: &Delivery) -> Told {
        match self.take(id, delivery) {
            GatewayEvent::Delivery(told) => *told,
            other => panic!("{other:?}"),
        }
    }

    /// What the engine has been told, and the way to say that it is durable.
    fn engine(&mut self) -> (Vec<GatewayEvent>, Taken) {
        match self.told.try_recv().unwrap() {
            Outcome::Heard(events, taken) => (events, taken),
            _ => panic!("something else was told"),
        }
    }

    /// What the carrier is answered after the engine has spoken.
    fn answers(&mut self) -> Vec<DeliveryId> {
        match self.inbox.try_recv().unwrap() {
            Ask::Taken(of, ids) => self.arriving.durable(of, ids),
            _ => Vec::new(),
        }
    }
}

fn delivery(esm_class: u8, text: &[u8]) -> Delivery {
    Delivery {
        source: Address::new(1, 1, "491701234567"),
        destination: Address::new(0, 0, "12345"),
        esm_class,
        text: bytes::Bytes::copy_from_slice(text),
        ..Delivery::default()
    }
}

#[test]
fn the_same_words_have_one_print_and_each_delivery_a_number_of_its_own() {
    let mut desk = Desk::new();
    let words = delivery(0, b"hello");
    let first = desk.text(0, &words);
    let second = desk.text(1, &words);
    assert_eq!((first.print, first.connection), (second.print, second.connection));
    assert_ne!(first.number, second.number);
    assert_eq!(
        (first.inbound.from.as_str(), first.inbound.text.as_str()),
        ("+491701234567", "hello")
    );
    // Over the next connection it is told as it was.
    desk.arriving.ended(&desk.heard);
    assert!(matches!(
        desk.engine().0[..],
        [GatewayEvent::Connection(ConnectionEvent::Ended { .. })]
    ));
    desk.arriving.begins(Timestamp(5));
    let again = desk.text(0, &words);
    assert_eq!(again.print, first.print);
    assert_ne!(again.connection, first.connection);
    assert_ne!(desk.text(1, &delivery(0, b"hallo")).print, first.print);
    // What a carrier counts for itself does not make it another text; a part of another text does.
    let tagged = |tag, value: &'static [u8]| {
        let tlvs = Tlvs::of(vec![(tag, bytes::Bytes::from_static(value))]);
        Delivery { tlvs, ..delivery(0, b"hello") }
    };
    assert_eq!(desk.text(2, &tagged(0x0304, &[1])).print, first.print);
    assert_ne!(desk.text(3, &tagged(tag::SAR_MSG_REF_NUM, &[0, 1])).print, first.print);
}

#[test]
fn an_answer_is_told_when_it_was_written_and_never_for_a_connection_that_is_no_more() {
    let mut desk = Desk::new();
    let first = desk.text(4, &delivery(0, b"hello"));
    desk.arriving.written(&desk.heard);
    assert!(desk.told.try_recv().is_err(), "nothing was answered");
    assert_eq!(desk.answers(), [DeliveryId::from(4)]);
    assert!(desk.told.try_recv().is_err(), "it has not been written");
    desk.arriving.written(&desk.heard);
    let (events, _) = desk.engine();
    let [GatewayEvent::Connection(ConnectionEvent::Answered { connection, deliveries, .. })] =
        &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(
        (*connection, &deliveries[..]),
        (first.connection, &[(first.print, first.number)][..])
    );

    desk.text(5, &delivery(0, b"hello"));
    desk.arriving.ended(&desk.heard);
    desk.engine();
    desk.arriving.begins(Timestamp(6));
    assert!(desk.answers().is_empty(), "the carrier tells it again");
    desk.arriving.written(&desk.heard);
    assert!(desk.told.try_recv().is_err());
}

#[test]
fn parts_keep_their_bytes_and_receipts_have_nothing_to_be_told_again() {
    let mut desk = Desk::new();
    let told = desk.text(0, &delivery(0x40, &[5, 0, 3, 7, 2, 1, b'a', 0]));
    let part = told.part.unwrap();
    assert_eq!((part.reference, part.total, part.index, part.wide), (7, 2, 1, false));
    assert_eq!((&part.bytes[..], part.alphabet), (&b"a\0"[..], Alphabet::Gsm7));
    assert_eq!(told.inbound.text, "");
    assert_eq!(desk.answers(), [DeliveryId::from(0)]);
    desk.arriving.written(&desk.heard);
    desk.engine();
    let receipt = delivery(0x04, b"id:1 sub:001 dlvrd:001 stat:DELIVRD err:000 text:");
    assert!(matches!(desk.take(1, &receipt), GatewayEvent::Receipt(_)));
    assert_eq!(desk.answers(), [DeliveryId::from(1)]);
    desk.arriving.written(&desk.heard);
    assert!(desk.told.try_recv().is_err());
}
