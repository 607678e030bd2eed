//! Settings and secrets of HTTP gateways, and what API and documents say of them.
//!
//! Must never show a secret: not in `Debug`, not in an error, not serialized.

use super::outcome::Codes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use wayline_core::carrier::ErrorClass;

/// A kind of provider.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Its name in settings and in `rules/errors.yaml`.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
    /// Settings anybody may see.
    pub(crate) settings: &'static [Field],
    /// Settings nobody may see.
    pub(crate) secrets: &'static [Field],
    /// Where our message id comes back from: what an answer that got lost is found by.
    pub(crate) echo: &'static str,
    /// How callbacks are verified.
    pub(crate) verified_by: &'static str,
}

/// One setting or secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) about: &'static str,
    /// Whether there must be one.
    pub(crate) required: bool,
}

impl Field {
    /// One that must be there.
    pub(super) const fn required(name: &'static str, about: &'static str) -> Field {
        Field { name, about, required: true }
    }

    /// One that may be left out.
    pub(super) const fn optional(name: &'static str, about: &'static str) -> Field {
        Field { name, about, required: false }
    }
}

/// Secrets by name.
pub(crate) type Secrets = BTreeMap<String, String>;

/// A secret of one provider.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Secret(String);

impl Secret {
    /// Its text, for signing and for headers only.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Why settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SettingsError {
    /// No such provider.
    #[error(
        "{kind:?} is no kind of HTTP gateway; there are {}",
        super::HttpProvider::KINDS.map(|kind| kind.name).join(", ")
    )]
    UnknownKind {
        /// What was given.
        kind: String,
    },
    /// A secret is missing or empty.
    #[error("a gateway of kind {kind} needs the secret {name}")]
    MissingSecret {
        /// The kind.
        kind: &'static str,
        /// Which.
        name: &'static str,
    },
    /// A secret that the kind does not have, or one with line ends or other controls in it.
    #[error(
        "the secret {name:?} is not one of kind {kind}, is empty, or holds control characters; it has {known}"
    )]
    BadSecret {
        /// The kind.
        kind: &'static str,
        /// Which.
        name: String,
        /// Those it has.
        known: String,
    },
    /// A setting is missing, unknown or of the wrong form.
    #[error("settings of a gateway of kind {kind}: {reason}")]
    Bad {
        /// The kind.
        kind: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// What a provider is made of.
pub(super) struct Input<'a> {
    /// Its kind.
    pub(super) kind: &'static Kind,
    /// Settings as given.
    pub(super) settings: serde_json::Value,
    /// Secrets as given.
    pub(super) secrets: &'a Secrets,
    /// The gateway's own classes of some codes.
    pub(super) classes: BTreeMap<String, ErrorClass>,
}

impl Input<'_> {
    /// Refuses unknown, missing and malformed secrets.
    pub(super) fn check_names(&self) -> Result<(), SettingsError> {
        let kind = self.kind.name;
        for (name, value) in self.secrets {
            let known = self.kind.secrets.iter().any(|field| field.name == name);
            if !known || value.is_empty() || value.chars().any(char::is_control) {
                let names: Vec<&str> = self.kind.secrets.iter().map(|field| field.name).collect();
                let known = names.join(", ");
                return Err(SettingsError::BadSecret { kind, name: name.clone(), known });
            }
        }
        let missing = |field: &&Field| field.required && !self.secrets.contains_key(field.name);
        match self.kind.secrets.iter().find(missing) {
            Some(field) => Err(SettingsError::MissingSecret { kind, name: field.name }),
            None => Ok(()),
        }
    }

    /// The settings in their form.
    pub(super) fn settings<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        serde_json::from_value(self.settings.clone()).map_err(|error| self.bad(error.to_string()))
    }

    /// The secrets in their form.
    pub(super) fn secrets<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        let map = self.secrets.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        // The names were checked; were there an error, it would name a field, not a value.
        serde_json::from_value(serde_json::Value::Object(map.collect()))
            .map_err(|_| self.bad("the secrets do not fit".to_owned()))
    }

    /// An error about the settings.
    pub(super) fn bad(&self, reason: String) -> SettingsError {
        SettingsError::Bad { kind: self.kind.name, reason }
    }

    /// An address without its last slash, that must be http or https.
    pub(super) fn base(&self, given: Option<&str>, default: &str) -> Result<String, SettingsError> {
        let base = given.unwrap_or(default).trim_end_matches('/');
        let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
        let fits = |c: char| c.is_ascii_graphic() && !"?#@\\".contains(c);
        match rest {
            Some(rest) if !rest.is_empty() && rest.chars().all(fits) => Ok(base.to_owned()),
            _ => Err(self
                .bad(format!("{base:?} is no base_url; write https://host or https://host/path"))),
        }
    }

    /// A name that goes into a path: letters, digits, `-`, `_`, `.`.
    pub(super) fn name<'n>(&self, field: &str, given: &'n str) -> Result<&'n str, SettingsError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !given.is_empty() && given != "." && given != ".." && given.chars().all(fits) {
            return Ok(given);
        }
        Err(self.bad(format!("{field} {given:?} may only hold letters, digits, '-', '_' and '.'")))
    }

    /// The codes of the kind.
    pub(super) fn codes(&self) -> Codes {
        Codes { kind: self.kind, classes: self.classes.clone() }
    }
}
