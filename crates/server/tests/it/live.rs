//! The live program, started as people start it, and a small HTTP client for it.

use crate::program::wayline;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running program with a data folder of its own. It is stopped in order when this is dropped.
pub(crate) struct Live {
    data: tempfile::TempDir,
    arguments: Vec<String>,
    /// Where it is told to listen.
    listen: String,
    /// The operator key of the first start.
    pub(crate) operator: String,
    /// What the last start said on standard output.
    pub(crate) said: String,
    address: String,
    program: Option<Program>,
}

struct Program {
    child: Child,
    output: JoinHandle<()>,
    errors: JoinHandle<()>,
    log: Arc<Mutex<String>>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or(Json::Null)
    }

    /// The body as JSON, when the status is this one.
    pub(crate) fn expect(&self, status: u16) -> Json {
        assert_eq!(self.status, status, "{}", self.body);
        self.json()
    }
}

impl Live {
    /// Starts the program in a new data folder.
    pub(crate) fn start() -> Live {
        Live::start_with(&[])
    }

    /// As [`Live::start`], with more arguments for `wayline serve`.
    pub(crate) fn start_with(arguments: &[&str]) -> Live {
        Live::start_at("127.0.0.1:0", arguments)
    }

    /// As [`Live::start_with`], at a known address.
    pub(crate) fn start_at(listen: &str, arguments: &[&str]) -> Live {
        let mut live = Live {
            listen: listen.to_owned(),
            data: tempfile::tempdir().expect("a folder"),
            arguments: arguments.iter().map(|&it| it.to_owned()).collect(),
            operator: String::new(),
            said: String::new(),
            address: String::new(),
            program: None,
        };
        live.run();
        live
    }

    /// Starts it again on the same data; it must not run.
    pub(crate) fn run(&mut self) {
        assert!(self.program.is_none(), "it runs");
        let mut child = wayline(["serve", "--listen", self.listen.as_str(), "--data"])
            .arg(self.data.path())
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start wayline");
        let log = Arc::new(Mutex::new(String::new()));
        let mut errors = BufReader::new(child.stderr.take().expect("its errors"));
        let kept = Arc::clone(&log);
        let errors = std::thread::spawn(move || {
            let mut line = String::new();
            while errors.read_line(&mut line).is_ok_and(|read| read > 0) {
                kept.lock().expect("the log").push_str(&std::mem::take(&mut line));
            }
        });
        let mut lines = BufReader::new(child.stdout.take().expect("its output"));
        self.said.clear();
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).expect("read what it says") == 0 {
                let _ = (child.wait(), errors.join());
                panic!("it did not start: {}", log.lock().expect("the log"));
            }
            self.said.push_str(&line);
            if let Some(key) = line.strip_prefix("operator key: ") {
                key.trim().clone_into(&mut self.operator);
            }
            if let Some(rest) = line.strip_prefix("wayline listens on http://") {
                rest.split(' ').next().unwrap_or_default().clone_into(&mut self.address);
                break;
            }
        }
        // What else it says must not fill the pipe.
        let output = std::thread::spawn(move || {
            let _ = std::io::copy(&mut lines, &mut std::io::sink());
        });
        self.program = Some(Program { child, output, errors, log });
    }

    /// The data folder.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Where it listens, like `http://127.0.0.1:1234`.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.program.as_ref().expect("it runs").child.id()
    }

    /// What it said on standard error since its last start.
    pub(crate) fn log(&self) -> String {
        let program = self.program.as_ref().expect("it runs");
        program.log.lock().expect("the log").clone()
    }

    /// Stops it in order (SIGTERM) and says what it said at the end; it must end by itself, without an error.
    pub(crate) fn stop(&mut self) -> String {
        let program = self.program.as_ref().expect("it runs");
        let id = program.child.id().to_string();
        let done = Command::new("kill").args(["-TERM", &id]).status().expect("run kill");
        assert!(done.success());
        let (code, log) = self.ended();
        assert_eq!(code, Some(0), "{log}");
        log
    }

    /// Ends it as a power cut would (SIGKILL).
    pub(crate) fn kill(&mut self) {
        self.program.as_mut().expect("it runs").child.kill().expect("kill it");
        self.ended();
    }

    /// Stops it in order and starts it again.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.run();
    }

    fn ended(&mut self) -> (Option<i32>, String) {
        let mut program = self.program.take().expect("it runs");
        let status = program.child.wait().expect("wait for it");
        let _ = (program.output.join(), program.errors.join());
        let log = program.log.lock().expect("the log").clone();
        (status.code(), log)
    }

    /// Sends a request with a JSON body; `key` empty: without a key, `body` null: without a body.
    pub(crate) fn request(&self, method: &str, path: &str, key: &str, body: &Json) -> Answer {
        self.request_with(method, path, key, &[], body)
    }

    /// As [`Live::request`], with more headers.
    pub(crate) fn request_with(
        &self,
        method: &str,
        path: &str,
        key: &str,
        headers: &[(&str, &str)],
        body: &Json,
    ) -> Answer {
        self.try_request(method, path, key, headers, body).expect("an answer")
    }

    /// As [`Live::request_with`], where it may be that nobody answers.
    pub(crate) fn try_request(
        &self,
        method: &str,
        path: &str,
        key: &str,
        headers: &[(&str, &str)],
        body: &Json,
    ) -> std::io::Result<Answer> {
        ask(&self.address, (method, path), key, headers, body)
    }

    /// Reads, with the operator key.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &self.operator, &Json::Null)
    }

    /// Sends, with the operator key.
    pub(crate) fn post(&self, path: &str, body: &Json) -> Answer {
        self.request("POST", path, &self.operator, body)
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        key: &str,
        headers: &[(&str, &str)],
        body: &Json,
    ) -> std::io::Result<BufReader<TcpStream>> {
        send_to(&self.address, method, path, key, headers, body)
    }

    /// Opens a stream of server-sent events; its head has been read.
    pub(crate) fn events(&self, path: &str, key: &str) -> Events {
        let mut reader = self.send("GET", path, key, &[], &Json::Null).expect("send");
        let (status, headers) = read_head(&mut reader).expect("a head");
        Events { status, headers, reader }
    }

    /// Makes the workspace of a folder (`workspace.yaml`, `journeys/`, `segments/`); its text id is `slug`.
    pub(crate) fn apply(&self, slug: &str, folder: &Path) {
        let files = folder_of(folder);
        self.apply_files(slug, &files);
    }

    /// As [`Live::apply`], with the texts of the files by their names.
    pub(crate) fn apply_files(&self, slug: &str, files: &BTreeMap<String, String>) {
        let path = format!("/api/v1/workspaces/{slug}");
        let body = serde_json::json!({ "files": files });
        self.request("PUT", &path, &self.operator, &body).expect(200);
    }

    /// Makes a key of a workspace.
    pub(crate) fn key(&self, slug: &str, scopes: &[&str]) -> String {
        let body = serde_json::json!({ "name": "test", "scopes": scopes });
        let made = self.post(&format!("/api/v1/workspaces/{slug}/keys"), &body).expect(201);
        made["key"].as_str().expect("a key").to_owned()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(program) = &mut self.program {
            let id = program.child.id().to_string();
            let _ = Command::new("kill").args(["-TERM", &id]).status();
            let _ = program.child.wait();
        }
    }
}

/// The files of a folder of definitions, by name.
pub(crate) fn folder_of(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for below in ["", "journeys", "segments"] {
        let Ok(entries) = std::fs::read_dir(folder.join(below)) else { continue };
        for entry in entries {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|it| it == "yaml") {
                let name = path.strip_prefix(folder).expect("below it").display().to_string();
                files.insert(name, std::fs::read_to_string(&path).expect("read a file"));
            }
        }
    }
    files
}

/// The real time: tests give up by it, and decide nothing.
#[allow(clippy::disallowed_methods, reason = "a deadline of a test is real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Asks until there is an answer, without waiting for a fixed time.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(now() < end, "waited too long until {what}");
        // A breath: polling as fast as possible would meet the rate limit of the key.
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Sends one request to whoever listens at an address, also from a thread that does not hold the program.
pub(crate) fn ask(
    address: &str,
    (method, path): (&str, &str),
    key: &str,
    headers: &[(&str, &str)],
    body: &Json,
) -> std::io::Result<Answer> {
    let mut reader = send_to(address, method, path, key, headers, body)?;
    let (status, headers) = read_head(&mut reader)?;
    let mut body = String::new();
    reader.read_to_string(&mut body)?;
    // Whoever is killed in the middle of an answer has not given it.
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    if length.is_some_and(|length: usize| length != body.len()) {
        return Err(std::io::Error::other("the answer broke off"));
    }
    Ok(Answer { status, headers, body })
}

fn send_to(
    address: &str,
    method: &str,
    path: &str,
    key: &str,
    headers: &[(&str, &str)],
    body: &Json,
) -> std::io::Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n");
    if !key.is_empty() {
        let _ = write!(head, "Authorization: Bearer {key}\r\n");
    }
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let length = body.len();
    let _ = write!(
        head,
        "Connection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    Ok(BufReader::new(stream))
}

fn read_head(reader: &mut impl BufRead) -> std::io::Result<(u16, BTreeMap<String, String>)> {
    let broken = || std::io::Error::other("the answer broke off");
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status =
        line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(broken());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Ok((status, headers))
}

/// A stream of server-sent events.
pub(crate) struct Events {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    reader: BufReader<TcpStream>,
}

impl Events {
    /// The next event: its name and its data; `None`: the stream has ended.
    pub(crate) fn next(&mut self) -> Option<(String, Json)> {
        let (mut name, mut data) = (String::new(), None);
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).expect("an event in time") == 0 {
                return None;
            }
            // Lengths of chunks stand between the lines and look like none of these.
            let line = line.trim_end();
            if let Some(value) = line.strip_prefix("event:") {
                value.trim().clone_into(&mut name);
            } else if let Some(value) = line.strip_prefix("data:") {
                data = Some(serde_json::from_str(value.trim()).expect("data is JSON"));
            } else if line.is_empty()
                && let Some(data) = data.take()
            {
                return Some((name, data));
            }
        }
    }
}

/// The example shop as the workspace `slug`.
pub(crate) fn shop_as(slug: &str) -> BTreeMap<String, String> {
    let mut files = folder_of(&crate::program::repository("examples/shop"));
    let text = files.get_mut("workspace.yaml").expect("a workspace");
    *text = text.replace("workspace: juniper", &format!("workspace: {slug}"));
    files
}
