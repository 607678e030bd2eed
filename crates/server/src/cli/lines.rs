//! One line in, one line out, for programs that keep this one running beside them.
//!
//! An answer is on its way before the next read waits. Must never hold more than one line, whatever
//! comes in, and must never leave a line without an answer.

use std::io::{self, BufRead, BufReader, Read, Write};

/// Bytes of the longest line that is looked at.
pub(crate) const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes read and written at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Why a line cannot be looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineError {
    /// Longer than a line may be.
    #[error("the line is longer than {LINE_BYTES_MAX} bytes and was skipped; shorten or split it")]
    TooLong,
    /// Bytes that are no text.
    #[error("the line is not UTF-8 at byte {at}; convert it, for instance with iconv -t UTF-8")]
    NotUtf8 {
        /// The first wrong byte, from 1.
        at: usize,
    },
}

/// Where the two ends of the conversation failed.
#[derive(Debug)]
pub(crate) enum Broken {
    /// Reading.
    Input(io::Error),
    /// Writing.
    Output(io::Error),
}

/// Hands each line, without its end (`\n` or `\r\n`), to `answer`, which appends what it says to the
/// bytes; the end of the line is added here.
///
/// # Errors
/// When one of the two ends fails.
pub(crate) fn answer_lines(
    input: impl Read,
    mut output: impl Write,
    mut answer: impl FnMut(Result<&str, LineError>, &mut Vec<u8>) -> io::Result<()>,
) -> Result<(), Broken> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, input);
    let mut line = Vec::new();
    let mut answers = Vec::new();
    loop {
        // The next read may wait for somebody who waits for these answers.
        if answers.len() >= BUFFER_BYTES || !reader.buffer().contains(&b'\n') {
            output.write_all(&answers).and_then(|()| output.flush()).map_err(Broken::Output)?;
            answers.clear();
        }
        let read = match next_line(&mut reader, &mut line).map_err(Broken::Input)? {
            Next::End => break,
            Next::TooLong => Err(LineError::TooLong),
            Next::Line => std::str::from_utf8(without_end(&line))
                .map_err(|error| LineError::NotUtf8 { at: error.valid_up_to() + 1 }),
        };
        answer(read, &mut answers).map_err(Broken::Output)?;
        answers.push(b'\n');
    }
    output.write_all(&answers).and_then(|()| output.flush()).map_err(Broken::Output)
}

enum Next {
    Line,
    TooLong,
    End,
}

/// Reads to the end of the line, and keeps it when it is short enough.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Next> {
    line.clear();
    let mut is_too_long = false;
    let mut has_begun = false;
    loop {
        let bytes = match reader.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        let is_over = end.is_some() || bytes.is_empty();
        has_begun |= !bytes.is_empty();
        // One byte more than a line has: the \r of an end of line that may follow.
        if line.len() + part.len() > LINE_BYTES_MAX + 1 {
            is_too_long = true;
            line.clear();
        } else if !is_too_long {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if is_over {
            is_too_long |= without_end(line).len() > LINE_BYTES_MAX;
            return Ok(match (has_begun, is_too_long) {
                (false, _) => Next::End,
                (true, true) => Next::TooLong,
                (true, false) => Next::Line,
            });
        }
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, as a pipe may.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(into.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn told(bytes: &[u8], at_once: usize) -> Vec<String> {
        let mut out = Vec::new();
        let mut most = 0;
        answer_lines(Drip(bytes, at_once), &mut out, |line, into| {
            most = most.max(into.capacity());
            match line {
                Ok(line) if line.len() > 20 => write!(into, "{} bytes", line.len()),
                Ok(line) => write!(into, "<{line}>"),
                Err(error) => write!(into, "{error}"),
            }
        })
        .expect("both ends hold");
        assert!(most <= 4 * BUFFER_BYTES, "{most}");
        String::from_utf8(out).expect("text").lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_line_is_answered_however_it_arrives() {
        for at_once in [1, 2, 3, 7, 1000] {
            assert_eq!(told(b"", at_once), [""; 0]);
            assert_eq!(told(b"\n", at_once), ["<>"]);
            assert_eq!(told(b"a\r\n\nb\rc\nd", at_once), ["<a>", "<>", "<b\rc>", "<d>"]);
            let wrong = told(b"ok\xff\nb", at_once);
            assert!(wrong[0].contains("UTF-8 at byte 3"), "{wrong:?}");
            assert_eq!(wrong[1], "<b>");
        }
    }

    #[test]
    fn a_line_of_the_longest_length_is_read_and_a_longer_one_is_skipped() {
        for at_once in [4_000, 65_536, 5_000_000] {
            for end in ["\n", "\r\n"] {
                let whole = "a".repeat(LINE_BYTES_MAX) + end + "b" + end;
                assert_eq!(told(whole.as_bytes(), at_once), ["1048576 bytes", "<b>"]);
                let over = "a".repeat(LINE_BYTES_MAX + 1) + end + "b" + end;
                let told_over = told(over.as_bytes(), at_once);
                assert!(told_over[0].starts_with("the line is longer"), "{told_over:?}");
                assert_eq!(told_over[1..], ["<b>"]);
            }
            let endless = told("a".repeat(3 * LINE_BYTES_MAX + 5).as_bytes(), at_once);
            assert!(endless.len() == 1 && endless[0].starts_with("the line is longer"));
        }
    }
}
