//! A server of its own for a measurement: a fresh folder, a free port, a clean stop.

use crate::api::Api;
use crate::clock::{Stopwatch, pause};
use crate::failure::{Failure, Outcome};
use crate::machine::Process;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const START_SECONDS_MAX: u64 = 30;
const STOP_SECONDS_MAX: u64 = 30;

/// A running server; stopped when it goes out of scope.
pub(crate) struct Server {
    child: Child,
    pub(crate) api: Api,
}

impl Server {
    /// Starts `program serve` on a folder that has no data yet.
    pub(crate) fn start(program: &Path, folder: &Path) -> Outcome<Server> {
        let address = free_address()?;
        let key_file = folder.join("operator.key");
        let log = folder.join("server.log");
        let file = |path: &Path, source| Failure::File { path: path.to_owned(), source };
        let out = File::create(&log).map_err(|source| file(&log, source))?;
        let errors = out.try_clone().map_err(|source| file(&log, source))?;
        let child = Command::new(program)
            .arg("serve")
            .arg("--data")
            .arg(folder.join("data"))
            .args(["--listen", &address, "--operator-key-file"])
            .arg(&key_file)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(errors)
            .spawn()
            .map_err(|source| file(program, source))?;
        let mut server = Server { child, api: Api::new(&address, "") };
        let key = server.wait_ready(&log, &key_file)?;
        server.api = Api::new(&address, operator_key(&key));
        Ok(server)
    }

    pub(crate) fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// Waits until it is up and has written its first key: the two come in any order.
    fn wait_ready(&mut self, log: &Path, key_file: &Path) -> Outcome<String> {
        let watch = Stopwatch::start();
        loop {
            let key = fs::read_to_string(key_file).unwrap_or_default();
            if key.contains("wl_") && self.api.is_ready() {
                return Ok(key);
            }
            let is_gone = self.child.try_wait()?.is_some();
            if is_gone || watch.elapsed() > Duration::from_secs(START_SECONDS_MAX) {
                let said = fs::read_to_string(log).unwrap_or_default();
                return Err(Failure::Other(format!("the server did not come up; it said: {said}")));
            }
            pause(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        // A server that is gone already needs no stop.
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let watch = Stopwatch::start();
        while matches!(self.child.try_wait(), Ok(None)) {
            if watch.elapsed() > Duration::from_secs(STOP_SECONDS_MAX) {
                let _ = self.child.kill();
            }
            pause(Duration::from_millis(20));
        }
    }
}

/// The key alone, or the line `operator key: wl_...`.
fn operator_key(text: &str) -> &str {
    text.split_whitespace().find(|word| word.starts_with("wl_")).unwrap_or(text.trim())
}

fn free_address() -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_found_in_what_the_server_writes() {
        assert_eq!(operator_key("operator key: wl_abc\n"), "wl_abc");
        assert_eq!(operator_key("wl_abc\n"), "wl_abc");
    }
}
