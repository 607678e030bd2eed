//! Long texts of people that a provider tells part by part.

use super::events::events;
use wayline_pipeline::gateway::GatewayEvent;

#[test]
fn a_part_of_a_text_waits_for_its_others() {
    let part = |id: &str, which: &str| {
        let body = format!(
            "msisdn=14155550199&to=14155550100&messageId={id}&text=h%C3%A9&type=text&concat=true&concat-ref=7&{which}"
        );
        match events("vonage", &body).as_deref() {
            Ok([GatewayEvent::Delivery(delivery)]) => (**delivery).clone(),
            other => panic!("{other:?}"),
        }
    };
    let first = part("I1", "concat-total=2&concat-part=1");
    let known = first.part.clone().expect("a part");
    assert_eq!((known.index, known.total, known.bytes.len()), (1, 2, 4));
    assert_eq!((first.inbound.from.as_str(), first.inbound.id.as_ref()), ("+14155550199", None));
    let second = part("I2", "concat-total=2&concat-part=2");
    assert_eq!(second.part.map(|part| part.reference), Some(known.reference));
    assert_ne!((first.print, first.number), (second.print, second.number));
    let again = part("I1", "concat-total=2&concat-part=1");
    assert_eq!((first.print, first.number), (again.print, again.number));
    // What makes no sense is a text of its own.
    for which in ["concat-total=2&concat-part=3", "concat-total=1&concat-part=1", "concat-part=x"] {
        let body = format!("msisdn=14155550199&to=14155550100&messageId=I1&text=hi&{which}");
        let told = events("vonage", &body);
        assert!(matches!(told.as_deref(), Ok([GatewayEvent::Inbound(_)])), "{told:?}");
    }
}
