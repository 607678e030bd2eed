//! A little SMPP client that writes and reads octets by hand.
//!
//! Must never use the codec of the carrier: an error in both would not be seen.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use wayline_smsc::{Behaviour, Carrier, Settings};

pub(crate) const BIND_RECEIVER: u32 = 1;
pub(crate) const BIND_TRANSMITTER: u32 = 2;
pub(crate) const QUERY_SM: u32 = 3;
pub(crate) const SUBMIT_SM: u32 = 4;
pub(crate) const DELIVER_SM: u32 = 5;
pub(crate) const UNBIND: u32 = 6;
pub(crate) const BIND_TRANSCEIVER: u32 = 9;
pub(crate) const ENQUIRE_LINK: u32 = 0x15;
pub(crate) const DATA_SM: u32 = 0x103;
pub(crate) const RESP: u32 = 0x8000_0000;

/// A guard against a test that hangs; nothing waits for it to pass.
pub(crate) const GUARD: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) id: u32,
    pub(crate) status: u32,
    pub(crate) sequence: u32,
    pub(crate) body: Vec<u8>,
}

impl Frame {
    /// The body as a string without its closing zero.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.body.split(|octet| *octet == 0).next().unwrap()).into_owned()
    }

    /// esm_class, data_coding and short_message of a deliver_sm.
    pub(crate) fn short_message(&self) -> (u8, u8, Vec<u8>) {
        let mut at = self.zero(0);
        at = self.zero(at + 2);
        at = self.zero(at + 2);
        let (class, coding) = (self.body[at], self.body[at + 7]);
        let length = usize::from(self.body[at + 9]);
        (class, coding, self.body[at + 10..at + 10 + length].to_vec())
    }

    /// Source and destination of a deliver_sm.
    pub(crate) fn addresses(&self) -> (String, String) {
        let from = self.zero(0) + 2;
        let to = self.zero(from) + 2;
        let string =
            |at: usize| String::from_utf8(self.body[at..self.zero(at) - 1].to_vec()).unwrap();
        (string(from), string(to))
    }

    pub(crate) fn receipt(&self) -> String {
        String::from_utf8(self.short_message().2).unwrap()
    }

    /// Behind the next zero.
    fn zero(&self, from: usize) -> usize {
        from + self.body[from..].iter().position(|octet| *octet == 0).unwrap() + 1
    }
}

pub(crate) struct Client<S = TcpStream> {
    stream: S,
    inbox: Vec<u8>,
    sequence: u32,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    /// Connects and binds as the default account.
    pub(crate) async fn bound(address: SocketAddr, kind: u32) -> Self {
        let mut client = Self::connect(address).await;
        let answer = client.bind(kind, "wayline", "secret").await;
        assert_eq!((answer.id, answer.status), (kind | RESP, 0));
        client
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, inbox: Vec::new(), sequence: 0 }
    }

    pub(crate) async fn raw(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
    }

    pub(crate) async fn send(&mut self, id: u32, status: u32, sequence: u32, body: &[u8]) {
        self.raw(&frame(id, status, sequence, body)).await;
    }

    pub(crate) async fn ask(&mut self, id: u32, body: &[u8]) -> u32 {
        self.sequence += 1;
        self.send(id, 0, self.sequence, body).await;
        self.sequence
    }

    pub(crate) async fn ask_bind(&mut self, kind: u32, system_id: &str, password: &str) -> u32 {
        let body = [system_id.as_bytes(), b"\0", password.as_bytes(), b"\0\0\x34\0\0\0"].concat();
        self.ask(kind, &body).await
    }

    pub(crate) async fn bind(&mut self, kind: u32, system_id: &str, password: &str) -> Frame {
        self.ask_bind(kind, system_id, password).await;
        self.next().await.unwrap()
    }

    pub(crate) async fn submit(&mut self, to: &str, text: &str) -> u32 {
        self.ask(SUBMIT_SM, &submit_body(to, text, 1)).await
    }

    pub(crate) async fn acknowledge(&mut self, frame: &Frame) {
        self.send(frame.id | RESP, 0, frame.sequence, b"\0").await;
    }

    /// The next PDU; None when the other side has closed.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        self.fill(16).await?;
        let length = self.number(0) as usize;
        assert!((16..1 << 17).contains(&length), "a length of {length}");
        self.fill(length).await?;
        let octets: Vec<u8> = self.inbox.drain(..length).collect();
        let number = |at: usize| u32::from_be_bytes(octets[at..at + 4].try_into().unwrap());
        let body = octets[16..].to_vec();
        Some(Frame { id: number(4), status: number(8), sequence: number(12), body })
    }

    /// Octets as they come.
    pub(crate) async fn octets(&mut self, count: usize) -> Option<Vec<u8>> {
        self.fill(count).await?;
        Some(self.inbox.drain(..count).collect())
    }

    fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.inbox[at..at + 4].try_into().unwrap())
    }

    async fn fill(&mut self, count: usize) -> Option<()> {
        while self.inbox.len() < count {
            let read = timeout(GUARD, self.stream.read_buf(&mut self.inbox)).await;
            match read.expect("the carrier says nothing") {
                Ok(1..) => {}
                _ => return None,
            }
        }
        Some(())
    }
}

pub(crate) fn frame(id: u32, status: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = 16 + body.len() as u32;
    let head: Vec<u8> =
        [length, id, status, sequence].iter().flat_map(|number| number.to_be_bytes()).collect();
    [head.as_slice(), body].concat()
}

pub(crate) fn submit_body(to: &str, text: &str, registered: u8) -> Vec<u8> {
    let mut body = b"\0\x03\x0112345\0\x01\x01".to_vec();
    body.extend_from_slice(to.as_bytes());
    body.extend_from_slice(&[0, 0, 0, 0, 0, 0, registered, 0, 0, 0, text.len() as u8]);
    body.extend_from_slice(text.as_bytes());
    body
}

pub(crate) async fn carrier(change: impl FnOnce(&mut Behaviour)) -> Carrier {
    let mut settings = Settings::default();
    change(&mut settings.behaviour);
    Carrier::start(settings).await.unwrap()
}
