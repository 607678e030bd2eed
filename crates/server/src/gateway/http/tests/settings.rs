//! What settings and secrets are taken.

use super::*;
use crate::gateway::http::settings::Field;

fn error(kind: &str, change: impl Fn(&mut Value, &mut Secrets)) -> String {
    let (mut settings, mut secrets) = inputs(kind);
    change(&mut settings, &mut secrets);
    let made = HttpProvider::new(kind, settings, &secrets, BTreeMap::new());
    made.map(|_| ()).expect_err("it is wrong").to_string()
}

#[test]
fn unknown_and_missing_things_are_named() {
    for kind in HttpProvider::KINDS {
        let said = error(kind.name, |settings, _| settings["colour"] = json!("red"));
        assert!(said.contains("colour"), "{said}");
        let said = error(kind.name, |_, secrets| {
            secrets.insert("other".to_owned(), "hush-hush".to_owned());
        });
        assert!(said.contains("other") && !said.contains("hush"), "{said}");
        for field in kind.settings.iter().filter(|field| field.required) {
            let said = error(kind.name, |settings, _| {
                settings.as_object_mut().expect("a map").remove(field.name);
            });
            assert!(said.contains(field.name), "{said}");
        }
        for field in kind.secrets.iter().filter(|field| field.required) {
            let said = error(kind.name, |_, secrets| {
                secrets.remove(field.name);
            });
            assert!(said.contains(field.name), "{said}");
            let said = error(kind.name, |_, secrets| {
                secrets.insert(field.name.to_owned(), "hush\r\nx: y".to_owned());
            });
            assert!(said.contains(field.name) && !said.contains("hush"), "{said}");
            let said = error(kind.name, |_, secrets| {
                secrets.insert(field.name.to_owned(), String::new());
            });
            assert!(said.contains(field.name), "{said}");
        }
    }
}

#[test]
fn what_is_described_is_what_is_read() {
    for kind in HttpProvider::KINDS {
        let (settings, secrets) = inputs(kind.name);
        let names =
            |fields: &[Field]| -> Vec<&str> { fields.iter().map(|field| field.name).collect() };
        for name in settings.as_object().expect("a map").keys() {
            assert!(names(kind.settings).contains(&name.as_str()), "{} {name}", kind.name);
        }
        for name in secrets.keys() {
            assert!(names(kind.secrets).contains(&name.as_str()), "{} {name}", kind.name);
        }
        for field in kind.settings.iter().chain(kind.secrets) {
            assert!(!field.about.is_empty(), "{} {}", kind.name, field.name);
        }
    }
}

#[test]
fn an_address_is_http_and_nothing_clever() {
    let bad = [
        "ftp://x",
        "https://",
        "x.example",
        "https://user@x.example",
        "https://x.example?a",
        "https://x\ny",
        "",
    ];
    for base in bad {
        let said = error("twilio", |settings, _| settings["base_url"] = json!(base));
        assert!(said.contains("base_url"), "{base:?}: {said}");
    }
    let (mut settings, secrets) = inputs("twilio");
    settings["base_url"] = json!("http://127.0.0.1:4010/api/");
    let provider = HttpProvider::new("twilio", settings, &secrets, BTreeMap::new()).expect("right");
    let url = provider.check(now()).expect("a check").url;
    assert_eq!(url, "http://127.0.0.1:4010/api/2010-04-01/Accounts/AC123.json");
}

#[test]
fn ids_cannot_leave_their_place_in_the_path() {
    let cases = [
        ("twilio", "account_sid", "AC/../x"),
        ("plivo", "auth_id", ".."),
        ("sinch", "region", "us.evil.example/"),
        ("bandwidth", "account_id", "9?x"),
        ("aws", "region", "us east"),
    ];
    for (kind, field, value) in cases {
        let said = error(kind, |settings, _| settings[field] = json!(value));
        assert!(said.contains(field), "{said}");
    }
}

#[test]
fn an_api_key_has_both_halves() {
    let said = error("twilio", |settings, _| settings["api_key_sid"] = json!("SK1"));
    assert!(said.contains("api_key_secret"), "{said}");
}

#[test]
fn the_kind_must_exist() {
    let made = HttpProvider::new("carrier-pigeon", json!({}), &Secrets::new(), BTreeMap::new());
    let said = made.map(|_| ()).expect_err("no such kind").to_string();
    assert!(said.contains("carrier-pigeon") && said.contains("telnyx"), "{said}");
}
