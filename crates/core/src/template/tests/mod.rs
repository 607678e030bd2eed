//! Tables of templates and what they give. Must never depend on the machine's clock or zone.

mod bounds;
mod dates;
mod errors;
mod figures;
mod missing;

use super::{MissingPolicy, RenderError, RenderLimits, Scope, Template};
use crate::time::Timestamp;
use serde_json::{Value as Json, json};

/// 2026-11-23T09:30:00Z.
const NOW: Timestamp = Timestamp(1_795_426_200_000);

fn data() -> Json {
    json!({
        "contact": { "first_name": "Ada", "blank": "", "none": null, "vip": true, "tags": ["a", "b"] },
        "event": { "total": 1234.5, "items": [{ "name": "Tea", "price": "4.20" }] },
    })
}

/// Renders with the limits and policy messages have.
fn run(source: &str) -> Result<String, RenderError> {
    run_with(source, &data(), MissingPolicy::Refuse, &RenderLimits::default())
}

fn run_with(
    source: &str,
    data: &Json,
    missing: MissingPolicy,
    limits: &RenderLimits,
) -> Result<String, RenderError> {
    let roots: Vec<(&str, &Json)> =
        data.as_object().unwrap().iter().map(|(k, v)| (k.as_str(), v)).collect();
    let scope = Scope::new(&roots, NOW).with_missing(missing);
    Template::parse(source).unwrap_or_else(|e| panic!("{source}: {e}")).render(&scope, limits)
}

/// Each source gives each text.
fn check(table: &[(&str, &str)]) {
    for (source, wanted) in table {
        assert_eq!(run(source).as_deref(), Ok(*wanted), "{source}");
    }
}

#[test]
fn a_message() {
    check(&[
        (
            "Hi {{ contact.first_name }}, your order of {{ event.total | money: 'USD' }} is in!\
             {% if contact.vip %} Thank you.{% endif %}",
            "Hi Ada, your order of $1,234.50 is in! Thank you.",
        ),
        ("{% for i in event.items %}{{ i.name }} {{ i.price }}{% endfor %}", "Tea 4.20"),
        ("{{ contact.tags | join: ', ' }} {{ contact.tags.size }}", "a, b 2"),
        ("{{ 0.1 | plus: 0.2 }} {{ 3 | times: 1.1 }} {{ 0.3 | divided_by: 0.1 }}", "0.3 3.3 3.0"),
        ("{{ 2.675 | round: 2 }} {{ 1250 | round: -2 }} {{ -2.5 | round }}", "2.68 1300 -3"),
        ("{{ 'mary-ann o NEIL' | titlecase }}", "Mary-Ann O Neil"),
        ("{{ event.items | json }}", r#"[{"name":"Tea","price":"4.20"}]"#),
    ]);
}

#[test]
fn what_a_text_needs() {
    let table: &[(&str, &[&str])] = &[
        ("{{ contact.first_name | default: shop.name }}", &["contact.first_name", "shop.name"]),
        ("{% for i in event.items %}{{ i.name }}{{ forloop.index }}{% endfor %}", &["event.items"]),
        ("{% assign n = contact.name %}{{ n }}{{ n.first }}", &["contact.name"]),
        ("{{ event.items[0].name }}{{ event['total'] }}", &["event.items[0].name", "event.total"]),
        ("{{ a[b.c].d }}{{ x.size }}", &["a", "b.c", "x"]),
        ("{% if a == b and c contains d %}{% endif %}", &["a", "b", "c", "d"]),
        ("{% case a %}{% when b %}{{ c }}{% endcase %}", &["a", "b", "c"]),
        ("{% for i in (a..b) limit: c %}{% endfor %}{{ i }}", &["a", "b", "c", "i"]),
        ("{% capture t %}{{ a }}{% endcapture %}{{ t }}{% raw %}{{ z }}{% endraw %}", &["a"]),
        ("{% increment n %}{{ n }}{% cycle x: y, 'z' %}", &["x", "y"]),
    ];
    for (source, wanted) in table {
        assert_eq!(Template::parse(source).unwrap().variables(), *wanted, "{source}");
    }
}

#[test]
fn templates_travel_between_threads() {
    fn shared<T: Clone + Send + Sync + std::fmt::Debug>() {}
    shared::<Template>();
    shared::<RenderError>();
}
