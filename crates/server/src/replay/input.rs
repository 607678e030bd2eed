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
use wayline_pipeline::ingest::{Arrival, Refusal, read as read_message, warnings};

/// All lines, sorted.
pub(crate) struct Lines {
    sorted: Sorted,
    files: Vec<PathBuf>,
    refusals: Sorter,
    /// What was taken though not all of it can be used.
    warnings: Sorter,
    /// Lines that are not empty.
    pub(crate) count: u64,
    /// Lines that were refused.
    pub(crate) refused: u64,
    /// Warnings about lines that were taken.
    pub(crate) warned: u64,
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
        while let Some(bytes) = next_line(&mut reader, &mut buffer).map_err(|source| {
            let (path, line) = (path.clone(), number + 1);
            ReplayError::Input { path, line, source }
        })? {
            number += 1;
            let text = trim(&buffer);
            if text.is_empty() {
                continue;
            }
            count += 1;
            match time_of(text, bytes) {
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
    let (files, warnings) = (files.to_vec(), Sorter::default());
    let (warned, after_end) = (0, 0);
    Ok(Lines { sorted, files, refusals, warnings, count, refused, warned, after_end, first_time })
}

impl Lines {
    /// The next input; bad ones are set aside. `country` is the workspace's, for its phone numbers.
    pub(crate) fn next(
        &mut self,
        workspace: WorkspaceId,
        country: &str,
    ) -> Result<Option<Arrival>, ReplayError> {
        while let Some((_, value)) = self.sorted.next()? {
            let (place, text) = value.split_at(PLACE_BYTES.min(value.len()));
            match read_message(workspace, text, None) {
                Ok(arrival) => {
                    for warning in warnings(&arrival, country) {
                        self.warned += 1;
                        self.warnings.push(place.to_vec(), warning.into_bytes())?;
                    }
                    return Ok(Some(arrival));
                }
                Err(refusal) => {
                    self.refused += 1;
                    self.refusals.push(place.to_vec(), refusal.to_string().into_bytes())?;
                }
            }
        }
        Ok(None)
    }

    /// Writes every refused line, and every line of which something cannot be used, with place and reason.
    pub(crate) fn write_refused(self, refused: &Path, warned: &Path) -> Result<(), ReplayError> {
        write_places(refused, &self.files, self.refusals)?;
        write_places(warned, &self.files, self.warnings)
    }
}

fn write_places(path: &Path, files: &[PathBuf], rows: Sorter) -> Result<(), ReplayError> {
    let to_error = |error: csv::Error| ReplayError::File {
        path: path.to_owned(),
        action: "writing",
        source: error.into(),
    };
    let mut writer = csv::Writer::from_path(path).map_err(to_error)?;
    writer.write_record(["file", "line", "reason"]).map_err(to_error)?;
    let mut rows = rows.finish()?;
    while let Some((place, reason)) = rows.next()? {
        let (file, line) = read_place(&place);
        let file = files.get(file).map(|path| path.display().to_string());
        let reason = String::from_utf8_lossy(&reason).into_owned();
        let row = [file.unwrap_or_default(), line.to_string(), reason];
        writer.write_record(&row).map_err(to_error)?;
    }
    writer.flush().map_err(file_error(path, "writing"))
}

fn time_of(text: &[u8], bytes: u64) -> Result<Timestamp, Refusal> {
    if bytes > LINE_BYTES_MAX {
        return Err(Refusal::TooLarge { bytes: bytes as usize });
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

/// Bytes of a line that are read: those of an input, and the end of the line.
const LINE_BYTES_MAX: u64 = limits::INPUT_BYTES_MAX as u64 + 2;

/// Reads a line into the buffer, at most [`LINE_BYTES_MAX`] of it; the rest is skipped. Returns how long it is.
fn next_line(reader: &mut dyn BufRead, buffer: &mut Vec<u8>) -> std::io::Result<Option<u64>> {
    buffer.clear();
    let read = reader.take(LINE_BYTES_MAX).read_until(b'\n', buffer)? as u64;
    if read == 0 {
        return Ok(None);
    }
    if buffer.ends_with(b"\n") || read < LINE_BYTES_MAX {
        return Ok(Some(read));
    }
    let mut bytes = read;
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(Some(bytes));
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(available.len(), |end| end + 1);
        bytes += end.unwrap_or(used) as u64;
        reader.consume(used);
        if end.is_some() {
            return Ok(Some(bytes));
        }
    }
}

/// Without outer white space and a byte order mark.
fn trim(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::{LINE_BYTES_MAX, Lines, next_line, read, trim};
    use crate::replay::Progress;
    use std::fs;
    use std::path::{Path, PathBuf};
    use wayline_core::event::InputKind;
    use wayline_core::ids::WorkspaceId;
    use wayline_core::limits;

    struct Nobody;

    impl Progress for Nobody {
        fn read(&mut self, _lines: u64) {}
        fn ran(&mut self, _inputs: u64, _all: u64) {}
    }

    fn line(event: &str, second: u32) -> String {
        let at = format!("2026-01-01T00:00:{second:02}Z");
        format!(r#"{{"type":"track","userId":"1","event":"{event}","timestamp":"{at}"}}"#) + "\n"
    }

    fn files(folder: &Path, contents: &[&[u8]]) -> Vec<PathBuf> {
        let paths = contents.iter().enumerate().map(|(place, bytes)| {
            let path = folder.join(format!("{place}.ndjson"));
            fs::write(&path, bytes).expect("write");
            path
        });
        paths.collect()
    }

    fn events(lines: &mut Lines) -> Vec<String> {
        let mut found = Vec::new();
        while let Some(arrival) = lines.next(WorkspaceId(1), "US").expect("readable runs") {
            let InputKind::Track { event, .. } = arrival.input.kind else { panic!("a track") };
            found.push(event);
        }
        found
    }

    #[test]
    fn lines_come_by_time_then_file_then_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = line("d", 9) + &line("b", 5);
        let second =
            "\u{feff}".to_owned() + &line("c", 5).replace('\n', "\r\n") + "\n \n" + &line("a", 1);
        let paths = files(folder.path(), &[first.as_bytes(), second.as_bytes()]);
        let mut lines = read(&paths, &mut Nobody).expect("readable files");
        assert_eq!((lines.count, lines.refused), (4, 0));
        assert_eq!(
            lines.first_time.map(|at| at.to_string()),
            Some("2026-01-01T00:00:01.000Z".into())
        );
        assert_eq!(events(&mut lines), ["a", "b", "c", "d"]);
    }

    #[test]
    fn what_is_refused_is_listed_by_file_and_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let nobody = r#"{"type":"track","event":"x","timestamp":"2026-01-01T00:00:00Z"}"#;
        let second =
            format!("{nobody}\n{}\n", "x".repeat(3 * limits::INPUT_BYTES_MAX)) + &line("ok", 2);
        let paths = files(folder.path(), &[b"{\n\xff\xfe\n", second.as_bytes()]);
        let mut lines = read(&paths, &mut Nobody).expect("readable files");
        assert_eq!(events(&mut lines), ["ok"]);
        assert_eq!((lines.count, lines.refused), (5, 4));
        let list = folder.path().join("refused.csv");
        lines.write_refused(&list, &list.with_extension("warned")).expect("written");
        let rows: Vec<Vec<String>> = csv::Reader::from_path(&list)
            .expect("a table")
            .records()
            .map(|row| row.expect("a row").iter().map(str::to_owned).collect())
            .collect();
        let expected = [
            ("0", "1", "EOF"),
            ("0", "2", "column"),
            ("1", "1", "userId is missing"),
            ("1", "2", "196608 bytes"),
        ];
        assert_eq!(rows.len(), expected.len());
        for (row, (file, number, says)) in rows.iter().zip(expected) {
            assert!(row[0].ends_with(&format!("{file}.ndjson")), "{row:?}");
            assert!(row[1] == number && row[2].contains(says), "{row:?}");
        }
    }

    #[test]
    fn a_long_line_is_skipped_and_measured_but_never_held() {
        let long = 1_000_000;
        let text = format!("{}\nshort", "x".repeat(long));
        let (mut reader, mut buffer) = (text.as_bytes(), Vec::new());
        let found = next_line(&mut reader, &mut buffer).expect("read");
        assert_eq!((found, buffer.len() as u64), (Some(long as u64), LINE_BYTES_MAX));
        assert_eq!(next_line(&mut reader, &mut buffer).expect("read"), Some(5));
        assert_eq!(
            (buffer.as_slice(), next_line(&mut reader, &mut buffer.clone()).expect("read")),
            (&b"short"[..], None)
        );
    }

    #[test]
    fn marks_and_white_space_around_a_line_are_nothing() {
        for text in ["\u{feff}a\r\n", " a\t\n", "a"] {
            assert_eq!(trim(text.as_bytes()), b"a");
        }
    }
}
