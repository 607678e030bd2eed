//! One HTTP/1.1 connection that is kept: whole requests out, whole answers in, one buffer for all.
//!
//! Must never cost much: it shares the machine with what it measures.

use crate::failure::{Failure, Outcome};
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::ops::Range;
use std::time::Duration;

/// Longest that one answer may take.
const ANSWER_SECONDS_MAX: u64 = 60;
const HEAD_BYTES_MAX: usize = 64 << 10;

/// A request as it goes over the wire.
pub(crate) fn request(method: &str, path: &str, key: &str, body: &[u8]) -> Vec<u8> {
    let authorization =
        if key.is_empty() { String::new() } else { format!("Authorization: Bearer {key}\r\n") };
    let mut bytes = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A connection, opened when it is first needed and again after it broke.
pub(crate) struct Connection {
    address: String,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(address: &str) -> Connection {
        Connection { address: address.to_owned(), stream: None, buffer: Vec::new() }
    }

    /// Sends a whole request and reads its answer: status and body.
    pub(crate) fn send(&mut self, request: &[u8]) -> Outcome<(u16, &[u8])> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.open()?,
        };
        stream.write_all(request)?;
        let answer = read_answer(&mut stream, &mut self.buffer)?;
        if !answer.is_last {
            self.stream = Some(stream);
        }
        Ok((answer.status, self.buffer.get(answer.body).unwrap_or_default()))
    }

    fn open(&self) -> Outcome<TcpStream> {
        let open = || {
            let stream = TcpStream::connect(&self.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(ANSWER_SECONDS_MAX)))?;
            Ok(stream)
        };
        open().map_err(|source| Failure::Connect { address: self.address.clone(), source })
    }
}

/// Where the parts of an answer are in the buffer.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    body: Range<usize>,
    /// The server closes the connection after it.
    is_last: bool,
}

fn read_answer(stream: &mut impl Read, buffer: &mut Vec<u8>) -> Outcome<Answer> {
    buffer.clear();
    let head_end = loop {
        if let Some(place) = find(buffer, b"\r\n\r\n") {
            break place + 4;
        }
        if buffer.len() > HEAD_BYTES_MAX {
            return Err(Failure::NotHttp { what: "a head without an end" });
        }
        fill(stream, buffer)?;
    };
    let head = std::str::from_utf8(buffer.get(..head_end).unwrap_or_default())
        .map_err(|_| Failure::NotHttp { what: "a head that is no text" })?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or(Failure::NotHttp { what: "no status" })?;
    let field = |name: &str| {
        head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let is_last = field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let is_chunked = field("transfer-encoding").is_some();
    let length = field("content-length").map_or(Some(0), |length| length.parse::<usize>().ok());
    let body = if is_chunked {
        read_chunks(stream, buffer, head_end)?
    } else {
        let length = length.ok_or(Failure::NotHttp { what: "a length that is no number" })?;
        while buffer.len() < head_end + length {
            fill(stream, buffer)?;
        }
        head_end..head_end + length
    };
    Ok(Answer { status, body, is_last })
}

/// Joins the chunks where they stand.
fn read_chunks(
    stream: &mut impl Read,
    buffer: &mut Vec<u8>,
    start: usize,
) -> Outcome<Range<usize>> {
    let (mut at, mut end) = (start, start);
    loop {
        let rest = buffer.get(at..).unwrap_or_default();
        let Some(line) = find(rest, b"\r\n") else {
            fill(stream, buffer)?;
            continue;
        };
        let size = std::str::from_utf8(rest.get(..line).unwrap_or_default())
            .ok()
            .and_then(|size| usize::from_str_radix(size.trim(), 16).ok())
            .ok_or(Failure::NotHttp { what: "a chunk without a size" })?;
        let from = at + line + 2;
        while buffer.len() < from + size + 2 {
            fill(stream, buffer)?;
        }
        buffer.copy_within(from..from + size, end);
        (at, end) = (from + size + 2, end + size);
        if size == 0 {
            return Ok(start..end);
        }
    }
}

fn fill(stream: &mut impl Read, buffer: &mut Vec<u8>) -> Outcome<()> {
    let length = buffer.len();
    buffer.resize(length + (16 << 10), 0);
    let read = stream.read(buffer.get_mut(length..).unwrap_or_default());
    buffer.truncate(length + *read.as_ref().unwrap_or(&0));
    match read? {
        0 => Err(Failure::NotHttp { what: "it ended in the middle" }),
        _ => Ok(()),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out its bytes a few at a time.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(into.len());
            let (now, rest) = self.0.split_at(count);
            into[..count].copy_from_slice(now);
            self.0 = rest;
            Ok(count)
        }
    }

    fn read(bytes: &[u8], drop: usize) -> Outcome<(u16, String, bool)> {
        let mut buffer = Vec::new();
        let answer = read_answer(&mut Drops(bytes, drop), &mut buffer)?;
        let body = String::from_utf8(buffer[answer.body].to_vec()).expect("text");
        Ok((answer.status, body, answer.is_last))
    }

    #[test]
    fn answers_are_read_whatever_the_pieces() {
        let plain = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        let chunked =
            b"HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
            3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        for drop in [1, 2, 3, 7, 1_000] {
            assert_eq!(read(plain, drop).expect("an answer"), (200, "hello".to_owned(), false));
            assert_eq!(read(chunked, drop).expect("an answer"), (429, "hello".to_owned(), true));
        }
    }

    #[test]
    fn what_is_no_answer_is_said() {
        let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello".as_slice();
        for bytes in [cut, b"", b"no\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"] {
            assert!(read(bytes, 9).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_request_carries_its_key_and_length() {
        let text = String::from_utf8(request("POST", "/v1/track", "wl_1", b"{}")).expect("text");
        assert!(text.starts_with("POST /v1/track HTTP/1.1\r\n"));
        assert!(text.contains("\r\nAuthorization: Bearer wl_1\r\n"));
        assert!(text.ends_with("\r\nContent-Length: 2\r\n\r\n{}"));
    }
}
