//! Server-sent events: bytes as they come in, whole events out.
//!
//! Must never hold more than one event of bounded size, and must never take a comment (which only says that the
//! connection lives) for an event.

/// Bytes of the longest event.
const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// What kind; empty when the server does not say.
    pub(crate) name: String,
    /// What it says.
    pub(crate) data: String,
}

/// An event without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of more than {EVENT_BYTES_MAX} bytes")]
pub(crate) struct TooLong;

/// Puts events together.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// Bytes of a line that has not ended.
    rest: Vec<u8>,
    name: String,
    data: Option<String>,
}

impl Events {
    /// Takes in bytes; gives the events they end.
    ///
    /// # Errors
    /// When an event grows without end.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.rest.extend_from_slice(part);
            if self.rest.len() + self.data.as_ref().map_or(0, String::len) > EVENT_BYTES_MAX {
                return Err(TooLong);
            }
            if self.rest.ends_with(b"\n") {
                let line = std::mem::take(&mut self.rest);
                events.extend(
                    self.line(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n'])),
                );
            }
        }
        Ok(events)
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            return self.data.take().map(|data| Event { name, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_however_the_bytes_arrive() {
        let text = ": hello\n\nevent: decision\r\ndata: {\"a\":\r\ndata: \"\u{e9}\"}\r\nid: 7\r\n\r\ndata:x\n\nevent: alone\n\ndata: cut";
        let all = [("decision", "{\"a\":\n\"\u{e9}\"}"), ("", "x")];
        let all = all.map(|(name, data)| Event { name: name.to_owned(), data: data.to_owned() });
        for size in [1, 2, 3, 7, 1000] {
            let mut events = Events::default();
            let mut found = Vec::new();
            for bytes in text.as_bytes().chunks(size) {
                found.extend(events.take(bytes).expect("short"));
            }
            assert_eq!(found, all, "in chunks of {size}");
        }
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut events = Events::default();
        assert!(events.take(&[b'a'; EVENT_BYTES_MAX]).is_ok());
        assert_eq!(events.take(b"aa"), Err(TooLong));
        let mut events = Events::default();
        let line = format!("data: {}\n", "a".repeat(1000));
        assert!((0..2_000).any(|_| events.take(line.as_bytes()).is_err()));
    }
}
