//! The journal: one line of JSON per submit, in the file before the submit is answered.
//!
//! Must never be behind the sender: what was answered is always in it. It is not forced to disk, because it
//! has to outlive the program under test, not the machine.

use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// One submit.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    /// Milliseconds since 1970.
    pub(crate) time_ms: i64,
    /// `smpp` or `http`.
    pub(crate) way: &'static str,
    pub(crate) system_id: &'a str,
    pub(crate) connection: u64,
    pub(crate) sequence: u32,
    pub(crate) source: &'a str,
    pub(crate) destination: &'a str,
    pub(crate) esm_class: u8,
    pub(crate) data_coding: u8,
    pub(crate) registered_delivery: u8,
    /// short_message in hexadecimal; over HTTP the text itself.
    pub(crate) message: String,
    /// The TLV message_payload in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<String>,
    /// sar_msg_ref_num, sar_total_segments, sar_segment_seqnum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sar: Option<[u16; 3]>,
    /// The id as the response has it; empty when none was given.
    pub(crate) message_id: &'a str,
    /// `ok`, `throttled`, `window`, `queue_full`, `refused`, `lost` or `dropped`.
    pub(crate) answer: &'static str,
    /// Whether the text left for the phone.
    pub(crate) went: bool,
}

/// The file, or nothing when none is asked for.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    file: Option<Mutex<File>>,
}

impl Journal {
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { file: Some(Mutex::new(file)) })
    }

    /// Whether lines are wanted at all.
    pub(crate) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Appends lines that are already written down, in one write.
    pub(crate) fn append(&self, lines: &[u8]) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        file.lock().unwrap_or_else(PoisonError::into_inner).write_all(lines)
    }
}

impl Line<'_> {
    /// Appends the line to a buffer.
    pub(crate) fn write(&self, buffer: &mut Vec<u8>) {
        // A line of plain fields always serialises, and a vector takes everything.
        if serde_json::to_writer(&mut *buffer, self).is_ok() {
            buffer.push(b'\n');
        }
    }
}

/// Octets in hexadecimal.
pub(crate) fn hex(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        text.push(char::from(DIGITS[usize::from(octet >> 4)]));
        text.push(char::from(DIGITS[usize::from(octet & 15)]));
    }
    text
}
