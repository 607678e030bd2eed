//! The address: free for a server, or one that is well.
//!
//! Must never need a key.

use super::{Line, failed, ok, problem, warning};
use crate::cli::CliError;
use crate::cli::remote::wait_for;
use crate::client::{Client, ClientError};
use crate::run;
use serde::Deserialize;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

/// A server that takes longer to say how it is, is not well.
const LIMIT: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Health {
    version: String,
}

/// Looks at the server that is named, or at the address of the settings.
///
/// # Errors
/// When there are no threads to ask with.
pub(super) fn look(
    server: Option<&str>,
    listen: Option<SocketAddr>,
) -> Result<Vec<Line>, CliError> {
    match (server, listen) {
        (Some(server), _) => health(server),
        (None, Some(listen)) => match TcpListener::bind(listen) {
            Ok(_) => Ok(vec![ok("port", format!("{listen} is free; no server runs there"))]),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                health(&format!("http://{}", reached(listen)))
            }
            Err(error) => {
                let what = format!(
                    "{listen} cannot be listened on: {error}; `listen` in the settings names another address"
                );
                Ok(vec![problem("port", what)])
            }
        },
        (None, None) => Ok(Vec::new()),
    }
}

/// Where somebody on this machine reaches what listens there.
fn reached(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    listen
}

fn health(server: &str) -> Result<Vec<Line>, CliError> {
    let client = match Client::new(server, None) {
        Ok(client) => client,
        Err(error) => return Ok(vec![failed("server", &error)]),
    };
    wait_for(async {
        Ok(vec![live(&client).await, ready(&client).await].into_iter().flatten().collect())
    })
}

async fn asked(client: &Client, what: &str) -> Option<Result<Health, ClientError>> {
    run::within(LIMIT, client.get(&["health", what])).await
}

async fn live(client: &Client) -> Option<Line> {
    let server = client.server();
    Some(match asked(client, "live").await {
        Some(Ok(Health { version })) if version == env!("CARGO_PKG_VERSION") => {
            ok("server", format!("wayline {version} answers at {server}"))
        }
        Some(Ok(Health { version })) => {
            let own = env!("CARGO_PKG_VERSION");
            let what = format!(
                "wayline {version} answers at {server} and this program is {own}; use the same release"
            );
            warning("server", what)
        }
        Some(Err(error)) => failed("server", &error),
        None => problem(
            "server",
            format!("{server} took the question and does not answer; look at its log"),
        ),
    })
}

async fn ready(client: &Client) -> Option<Line> {
    match asked(client, "ready").await {
        Some(Ok(_)) => Some(ok("ready", "its engine runs and its store can be read")),
        // It was told that it refuses.
        Some(Err(error)) if error.status().is_some() => Some(failed("ready", &error)),
        // That nobody answers was told already.
        _ => None,
    }
}
