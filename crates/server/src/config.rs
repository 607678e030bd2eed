//! Settings of the live program: `config.default.toml`, which is their manual, under a file of one's own.
//!
//! Must never take a setting it does not know, and never put a secret into an error.

use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Every setting with its default and its comment.
pub(crate) const DEFAULTS: &str = include_str!("../../../config.default.toml");

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Folder of the store.
    pub(crate) data: PathBuf,
    /// Address of the HTTP API.
    pub(crate) listen: SocketAddr,
    /// Times faster than real time.
    pub(crate) speed: u32,
    /// The store.
    pub(crate) store: StoreConfig,
    /// The HTTP API.
    pub(crate) http: HttpConfig,
    /// How long things are kept.
    pub(crate) retention: RetentionConfig,
    /// Webhooks of `call` steps.
    pub(crate) webhooks: WebhookConfig,
    /// Logs.
    pub(crate) log: LogConfig,
    /// The sandbox gateway.
    pub(crate) sandbox: SandboxConfig,
}

/// `[store]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoreConfig {
    /// MiB of memory for hot rows.
    pub(crate) cache_megabytes: usize,
    /// Reading connections.
    pub(crate) readers: usize,
}

/// `[http]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpConfig {
    /// Open connections.
    pub(crate) connections_max: usize,
    /// Seconds for headers, and between requests.
    pub(crate) header_timeout_seconds: u64,
    /// Seconds for a request.
    pub(crate) request_timeout_seconds: u64,
    /// KiB of a body as sent.
    pub(crate) body_kilobytes_max: usize,
    /// KiB of a body unpacked.
    pub(crate) unpacked_kilobytes_max: usize,
    /// Where the world reaches us; empty: nowhere.
    pub(crate) public_url: String,
    /// Requests a second per key.
    pub(crate) requests_per_second_max: u32,
    /// Requests at once per key.
    pub(crate) requests_at_once_max: u32,
}

/// `[retention]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetentionConfig {
    /// Days of inputs and decisions.
    pub(crate) history_days: u32,
    /// Days of finished messages.
    pub(crate) messages_days: u32,
}

/// `[webhooks]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookConfig {
    /// Whether private networks may be reached.
    pub(crate) private_addresses: bool,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogConfig {
    /// What.
    pub(crate) filter: String,
    /// How.
    pub(crate) format: LogFormat,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// `[sandbox]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SandboxConfig {
    /// Share of answers lost.
    pub(crate) timeout: f64,
    /// Share of submits asked to slow down.
    pub(crate) throttle: f64,
    /// Share of submits refused.
    pub(crate) refuse: f64,
    /// Share of accepted messages that do not arrive.
    pub(crate) undelivered: f64,
    /// Seconds until a receipt, from and to.
    pub(crate) receipt_seconds: (f64, f64),
    /// A line for every submit; empty: none.
    pub(crate) journal: PathBuf,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// No such file, or not readable.
    #[error("the settings in {path} could not be read; check the name and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No TOML, an unknown setting, a wrong type.
    #[error("the settings in {path} are wrong: {what}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where and what.
        what: String,
    },
    /// A value outside its range.
    #[error("the setting {name} is {found}; it must be {allowed}")]
    Range {
        /// Which.
        name: &'static str,
        /// What it is.
        found: String,
        /// What it may be.
        allowed: &'static str,
    },
}

impl Config {
    /// The defaults, overlaid by a file where one is named.
    ///
    /// # Errors
    /// When the file cannot be read or a setting in it makes no sense.
    pub(crate) fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
        let named = path.unwrap_or(Path::new("config.default.toml"));
        let wrong = |what: String| ConfigError::Wrong { path: named.to_owned(), what };
        let mut settings: toml::Table =
            toml::from_str(DEFAULTS).map_err(|error| wrong(error.to_string()))?;
        if let Some(path) = path {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
            // Read by itself first: only then an error names the line of the person's own file.
            let own: toml::Table =
                toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
            overlay(&mut settings, own);
        }
        let config: Config =
            settings.try_into().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Whether every value is in its range.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let within = |name, found: f64, from: f64, to: f64, allowed| {
            if (from..=to).contains(&found) {
                Ok(())
            } else {
                Err(ConfigError::Range { name, found: found.to_string(), allowed })
            }
        };
        within("speed", f64::from(self.speed), 1.0, 100_000.0, "1 to 100000")?;
        let store = &self.store;
        within("store.cache_megabytes", store.cache_megabytes as f64, 1.0, 65_536.0, "1 to 65536")?;
        within("store.readers", store.readers as f64, 1.0, 64.0, "1 to 64")?;
        let http = &self.http;
        let seconds = "1 to 3600";
        within("http.connections_max", http.connections_max as f64, 1.0, 1e5, "1 to 100000")?;
        let header = http.header_timeout_seconds as f64;
        within("http.header_timeout_seconds", header, 1.0, 3_600.0, seconds)?;
        let request = http.request_timeout_seconds as f64;
        within("http.request_timeout_seconds", request, 1.0, 3_600.0, seconds)?;
        let size = "1 to 65536";
        within("http.body_kilobytes_max", http.body_kilobytes_max as f64, 1.0, 65_536.0, size)?;
        let unpacked = http.unpacked_kilobytes_max as f64;
        within("http.unpacked_kilobytes_max", unpacked, 1.0, 65_536.0, size)?;
        let rate = "1 to 1000000";
        let per_second = f64::from(http.requests_per_second_max);
        within("http.requests_per_second_max", per_second, 1.0, 1e6, rate)?;
        let at_once = f64::from(http.requests_at_once_max);
        within("http.requests_at_once_max", at_once, 1.0, 1e6, rate)?;
        let days = "1 to 36500";
        let kept = self.retention;
        within("retention.history_days", f64::from(kept.history_days), 1.0, 36_500.0, days)?;
        within("retention.messages_days", f64::from(kept.messages_days), 1.0, 36_500.0, days)?;
        let sandbox = &self.sandbox;
        for (name, share) in [
            ("sandbox.timeout", sandbox.timeout),
            ("sandbox.throttle", sandbox.throttle),
            ("sandbox.refuse", sandbox.refuse),
            ("sandbox.undelivered", sandbox.undelivered),
        ] {
            within(name, share, 0.0, 1.0, "0 to 1")?;
        }
        let (from, to) = sandbox.receipt_seconds;
        within(
            "sandbox.receipt_seconds",
            from,
            0.0,
            to,
            "from 0 on, the first not above the second",
        )?;
        within("sandbox.receipt_seconds", to, from, 86_400.0, "at most 86400")
    }
}

/// Puts the settings of one table over those of another, table by table.
fn overlay(under: &mut toml::Table, over: toml::Table) {
    for (name, value) in over {
        match (under.get_mut(&name), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => overlay(under, over),
            (_, value) => {
                under.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<Config, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::load(Some(file.path()))
    }

    #[test]
    fn the_defaults_are_right() {
        assert_eq!(Config::load(None).unwrap().speed, 1);
    }

    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let config = with("speed = 600\n[http]\nconnections_max = 7\n").unwrap();
        assert_eq!((config.speed, config.http.connections_max), (600, 7));
        assert_eq!(config.http.header_timeout_seconds, 30);
    }

    #[test]
    fn each_wrong_setting_says_which_and_what_it_may_be() {
        for (text, says) in [
            ("sped = 2", "sped"),
            ("speed = 0", "speed is 0"),
            ("speed = \"fast\"", "speed"),
            ("listen = \"nowhere\"", "socket address"),
            ("[http]\nbody_kilobytes_max = 0", "http.body_kilobytes_max"),
            ("[sandbox]\ntimeout = 2.0", "sandbox.timeout is 2"),
            ("[sandbox]\nreceipt_seconds = [3.0, 1.0]", "sandbox.receipt_seconds"),
            ("speed = ", "line 1"),
        ] {
            let error = with(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
