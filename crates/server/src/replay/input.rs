//! The input of a replay: lines of files, sorted by (time, arrival), refused ones set aside.
//!
//! Must never stop at a bad line, and never hold a line longer than an input may be.

use super::sort::{Sorted, Sorter};
use super::{Progress, ReplayError, file_error};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use wayline_core::ids::WorkspaceId;
use wayline_core::limits;
use wayline_core::time::Timestamp;
use wayline_pipeline::ingest::{Arrival, Refusal, read as read_message};

/// All lines, sorted.
pub(crate) struct Lines {
    sorted: Sorted,
    files: Vec<PathBuf>,
    refusals: Sorter,
    /// Lines that are not empty.
    pub(crate) count: u64,
    /// Lines that were refused.
    pub(crate) refused: u64,
    /// Lines later than the end of the replay.
    pub(crate) after_end: u64,
    /// The earliest instant.
    pub(crate) first_time: Option<Timestamp>,
}

/// The one field that sorting needs.
#[derive(Deserialize)]
struct When<'a> {
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
}

/// Reads and sorts all files.
pub(crate) fn read(files: &[PathBuf], progress: &mut dyn Progress) -> Result<Lines, ReplayError> {
    let mut sorter = Sorter::default();
    let mut refusals = Sorter::default();
    let (mut count, mut refused, mut first_time) = (0, 0, None);
    for (file, path) in files.iter().enumerate() {
        let mut reader = open(path)?;
        let mut buffer = Vec::new();
        let mut number = 0_u64;
        while let Some(whole) =
            next_line(&mut reader, &mut buffer).map_err(file_error(path, "reading"))?
        {
            number += 1;
            let text = trim(&buffer);
            if text.is_empty() {
                continue;
            }
            count += 1;
            match time_of(text, whole) {
                Ok(at) => {
                    first_time =
                        first_time.map_or(Some(at), |first: Timestamp| Some(first.min(at)));
                    let mut value = place(file, number);
                    value.extend_from_slice(text);
                    sorter.push((at.0 as u64).to_be_bytes().to_vec(), value)?;
                }
                Err(refusal) => {
                    refused += 1;
                    refusals.push(place(file, number), refusal.to_string().into_bytes())?;
                }
            }
            if count % super::PROGRESS_STEP == 0 {
                progress.read(count);
            }
        }
    }
    let sorted = sorter.finish()?;
    Ok(Lines { sorted, files: files.to_vec(), refusals, count, refused, after_end: 0, first_time })
}

impl Lines {
    /// The next input; bad ones are set aside.
    pub(crate) fn next(&mut self, workspace: WorkspaceId) -> Result<Option<Arrival>, ReplayError> {
        while let Some((_, value)) = self.sorted.next()? {
            let (place, text) = value.split_at(PLACE_BYTES.min(value.len()));
            match read_message(workspace, text, None) {
                Ok(arrival) => return Ok(Some(arrival)),
                Err(refusal) => {
                    self.refused += 1;
                    self.refusals.push(place.to_vec(), refusal.to_string().into_bytes())?;
                }
            }
        }
        Ok(None)
    }

    /// Writes every refused line with its place and reason.
    pub(crate) fn write_refused(self, path: &Path) -> Result<(), ReplayError> {
        let to_error = |error: csv::Error| ReplayError::File {
            path: path.to_owned(),
            action: "writing",
            source: error.into(),
        };
        let mut writer = csv::Writer::from_path(path).map_err(to_error)?;
        writer.write_record(["file", "line", "reason"]).map_err(to_error)?;
        let mut refusals = self.refusals.finish()?;
        while let Some((place, reason)) = refusals.next()? {
            let (file, line) = read_place(&place);
            let file = self.files.get(file).map(|path| path.display().to_string());
            let reason = String::from_utf8_lossy(&reason).into_owned();
            let row = [file.unwrap_or_default(), line.to_string(), reason];
            writer.write_record(&row).map_err(to_error)?;
        }
        writer.flush().map_err(file_error(path, "writing"))
    }
}

fn time_of(text: &[u8], whole: bool) -> Result<Timestamp, Refusal> {
    if !whole {
        return Err(Refusal::TooLarge { bytes: text.len() });
    }
    let when: Option<When<'_>> = serde_json::from_slice(text).ok();
    match when.and_then(|when| when.timestamp) {
        Some(timestamp) => Ok(Timestamp::parse(&timestamp)?),
        // It cannot be read or has no time: the whole reader says what is wrong.
        None => read_message(WorkspaceId(0), text, None).map(|arrival| arrival.input.at),
    }
}

const PLACE_BYTES: usize = 12;

fn place(file: usize, line: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PLACE_BYTES);
    bytes.extend_from_slice(&(file as u32).to_be_bytes());
    bytes.extend_from_slice(&line.to_be_bytes());
    bytes
}

fn read_place(bytes: &[u8]) -> (usize, u64) {
    let (file, line) = bytes.split_at(4.min(bytes.len()));
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    (number(file) as usize, number(line))
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, ReplayError> {
    let file = File::open(path).map_err(file_error(path, "opening"))?;
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let head = reader.fill_buf().map_err(file_error(path, "reading"))?;
    // By its first bytes, not by its name: a file may be compressed and not say so.
    if head.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::with_capacity(256 * 1024, MultiGzDecoder::new(reader))));
    }
    Ok(Box::new(reader))
}

/// Reads a line into the buffer. `Some(false)`: it is longer than an input may be; the rest of it is skipped.
fn next_line(reader: &mut dyn BufRead, buffer: &mut Vec<u8>) -> std::io::Result<Option<bool>> {
    const MOST: u64 = limits::INPUT_BYTES_MAX as u64 + 2;
    buffer.clear();
    let mut limited = reader.take(MOST);
    if limited.read_until(b'\n', buffer)? == 0 {
        return Ok(None);
    }
    if buffer.ends_with(b"\n") || (buffer.len() as u64) < MOST {
        return Ok(Some(true));
    }
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(Some(false));
        }
        match available.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                reader.consume(end + 1);
                return Ok(Some(false));
            }
            None => {
                let length = available.len();
                reader.consume(length);
            }
        }
    }
}

/// Without outer white space and a byte order mark.
fn trim(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii()
}
