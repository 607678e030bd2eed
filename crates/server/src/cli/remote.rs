//! Which server a command speaks to, and with which key.
//!
//! Must never show a key, and must never send one that stands in a file others wrote more into than a key.

use super::{CliError, say};
use crate::client::Client;
use crate::run;
use clap::Args;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;

/// Bytes read of a file with a key: a key has far fewer.
const KEY_BYTES_MAX: u64 = 4_096;

/// Where the server is, and who asks.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerArgs {
    /// Address of the server
    #[arg(
        long,
        value_name = "URL",
        env = "WAYLINE_SERVER",
        default_value = "http://127.0.0.1:8321"
    )]
    server: String,
    /// API key; other users of this machine can see it here, so better in a file or in the environment
    #[arg(long, value_name = "KEY", env = "WAYLINE_KEY", hide_env_values = true)]
    key: Option<Key>,
    /// File that holds the API key and nothing else; it goes before --key
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// A key, which is not shown.
#[derive(Clone)]
struct Key(String);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl FromStr for Key {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Key(text.trim().to_owned()))
    }
}

impl ServerArgs {
    /// The client of that server.
    ///
    /// # Errors
    /// When the address or the key makes no sense.
    pub(crate) fn client(&self) -> Result<Client, CliError> {
        let key = match &self.key_file {
            None => self.key.as_ref().map(|key| key.0.clone()),
            Some(path) => {
                let mut text = String::new();
                File::open(path)
                    .and_then(|file| file.take(KEY_BYTES_MAX).read_to_string(&mut text))
                    .map_err(|source| CliError::Key { path: path.clone(), source })?;
                Some(text.trim().to_owned())
            }
        };
        let key = key.filter(|key| !key.is_empty());
        let client = Client::new(&self.server, key.as_deref())?;
        if client.shows_its_key() {
            let server = client.server();
            say(&format!("warning: the key goes to {server} without encryption; use https\n"));
        }
        Ok(client)
    }
}

/// Does what waits for a server, to its end.
///
/// # Errors
/// What the work ends with, or that there are no threads.
pub(crate) fn wait_for<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    run::runtime().map_err(CliError::Threads)?.block_on(work)
}
