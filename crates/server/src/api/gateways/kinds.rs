//! The kinds of gateways, with their settings and secrets: what a form or a file is made from.
//!
//! Must never name a setting that a kind does not have.

use crate::api::App;
use crate::api::auth::Caller;
use crate::api::error::{ApiError, Failures};
use crate::gateway::http::HttpProvider;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A kind of gateway.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KindShown {
    /// As settings name it.
    kind: &'static str,
    /// For people.
    title: &'static str,
    /// Settings anybody may see.
    settings: Vec<SettingShown>,
    /// Settings nobody sees again.
    secrets: Vec<SettingShown>,
    /// Where our message id comes back from, which finds a message whose answer was lost.
    echo: &'static str,
    /// How callbacks are verified.
    verified_by: &'static str,
}

/// A setting or a secret of a kind.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingShown {
    name: &'static str,
    /// What it is.
    about: &'static str,
    /// Whether there must be one.
    required: bool,
}

/// All kinds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Kinds {
    kinds: Vec<KindShown>,
}

/// The settings of an smpp gateway: name, what it is.
const SMPP: &[(&str, &str)] = &[
    ("host", "Name or address of the carrier"),
    ("port", "Its port; 2775 unless said otherwise"),
    ("tls", "true: the connection is encrypted"),
    ("tls_certificate", "A certificate (PEM) to trust besides the usual ones"),
    ("system_id", "The account"),
    ("system_type", "Mostly empty"),
    ("address_range", "Which addresses the bind serves; mostly empty"),
    ("binds", "transceiver, or transmitter_receiver"),
    ("connections", "Connections that send, 1 to 32; 1 unless said otherwise"),
    (
        "window",
        "Submits of one connection that may be unanswered, 1 to 1000; 10 unless said otherwise",
    ),
    (
        "enquire_link_seconds",
        "Seconds of silence after which the carrier is asked whether it is there; 30",
    ),
    ("response_seconds", "Seconds a submit may take to be answered, 1 to 55; 55"),
    ("default_alphabet", "What data_coding 0 means there: gsm7 or latin1"),
    ("joining", "How parts are joined: udh8, udh16, sar or payload"),
    ("receipt_ids", "How ids come back: any, same, answer_hex or receipt_hex"),
    ("validity_hours", "Hours the carrier may try to deliver, 1 to 720"),
    ("source_ton_npi", "Type of number and numbering plan of senders, like [5, 0]"),
    ("destination_ton_npi", "The same of people's numbers, like [1, 1]"),
    ("service_type", "Mostly empty"),
];
/// Those without which there is no smpp gateway.
const SMPP_REQUIRED: [&str; 2] = ["host", "system_id"];

fn smpp() -> KindShown {
    let setting = |&(name, about): &(&'static str, &'static str)| SettingShown {
        name,
        about,
        required: SMPP_REQUIRED.contains(&name),
    };
    let about = "The account's password, at most 8 characters";
    KindShown {
        kind: "smpp",
        title: "SMPP 3.4",
        settings: SMPP.iter().map(setting).collect(),
        secrets: vec![SettingShown { name: "password", about, required: false }],
        echo: "nothing; receipts to the number tell",
        verified_by: "the connection itself",
    }
}

fn all() -> Vec<KindShown> {
    let mut kinds = vec![smpp()];
    kinds.extend(HttpProvider::KINDS.into_iter().map(|kind| {
        let shown = |field: &crate::gateway::http::Field| SettingShown {
            name: field.name,
            about: field.about,
            required: field.required,
        };
        KindShown {
            kind: kind.name,
            title: kind.title,
            settings: kind.settings.iter().map(shown).collect(),
            secrets: kind.secrets.iter().map(shown).collect(),
            echo: kind.echo,
            verified_by: kind.verified_by,
        }
    }));
    kinds
}

/// The kinds of gateways there are, and the settings and secrets of each.
#[utoipa::path(get, path = "/api/v1/gateways/kinds", tag = "gateways", operation_id = "list_gateway_kinds",
    responses((status = 200, description = "smpp, then the HTTP providers", body = Kinds), Failures))]
pub(crate) async fn list(_: Caller, State(_): State<Arc<App>>) -> Result<Json<Kinds>, ApiError> {
    Ok(Json(Kinds { kinds: all() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::{Registry, Setup};
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn every_setting_of_smpp_is_told_and_none_that_is_not_there() {
        // Whoever reads settings refuses what it does not know, and names what it knows.
        let settings = json!({ "host": "h", "system_id": "s", "no_such": 1 });
        let setup = Setup { settings, ..Setup::default() };
        let error = Registry::check_setup("smpp", &setup, &BTreeMap::new()).unwrap_err();
        let error = error.to_string();
        let known: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        let told: Vec<&str> = SMPP.iter().map(|(name, _)| *name).collect();
        assert_eq!(known, told, "{error}");
    }

    #[test]
    fn a_required_setting_is_required() {
        for kind in all() {
            let setup = Setup { settings: json!({}), ..Setup::default() };
            let needs = kind.settings.iter().chain(&kind.secrets).any(|it| it.required);
            let made = Registry::check_setup(kind.kind, &setup, &BTreeMap::new());
            assert!(!needs || made.is_err(), "{} is made of nothing", kind.kind);
        }
    }
}
