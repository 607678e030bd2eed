//! Why a measurement cannot go on.

use std::path::PathBuf;

/// Why a measurement cannot go on. One refused event is none of these: it is counted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("no connection to {address}; start the server, or give its address with --server")]
    Connect { address: String, source: std::io::Error },
    #[error("the connection broke")]
    Broken(#[from] std::io::Error),
    #[error("the server's answer is no HTTP that this program reads: {what}")]
    NotHttp { what: &'static str },
    #[error("{what}: the server answered {status}: {body}")]
    Refused { what: String, status: u16, body: String },
    #[error("{what}: the server's answer has another shape than the API promises")]
    Shape { what: String, source: serde_json::Error },
    #[error("{path}: cannot be used; choose another place")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Other(String),
}

/// What may fail.
pub(crate) type Outcome<T> = Result<T, Failure>;
