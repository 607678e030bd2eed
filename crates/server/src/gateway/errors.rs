//! What the codes of carriers and providers mean: `rules/errors.yaml`, compiled in.
//!
//! Must never hold a code itself: they are data, each with its source and its date.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use wayline_core::carrier::ErrorClass;

/// The table that comes with the product.
static BUILTIN: &str = include_str!("../../../../rules/errors.yaml");

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Where rows come from, by name.
    sources: BTreeMap<String, String>,
    /// The rows, by provider.
    errors: BTreeMap<String, Vec<Row>>,
}

/// What one code, or a range of codes, means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// `21610`, `0x58`, a name, or a range of numbers like `5000-5999`.
    pub(crate) code: String,
    /// What to do about it.
    pub(crate) class: ErrorClass,
    /// Name of the source.
    pub(crate) source: String,
    /// What the provider calls it.
    pub(crate) note: String,
    /// Day on which it was read.
    pub(crate) as_of: String,
}

/// Rows by provider, ready to be asked.
#[derive(Debug, Default)]
pub(crate) struct Table {
    by_provider: BTreeMap<String, Codes>,
}

#[derive(Debug, Default)]
struct Codes {
    exact: BTreeMap<String, ErrorClass>,
    ranges: Vec<(u64, u64, ErrorClass)>,
}

/// Why the table cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TableError {
    /// No YAML of that form.
    #[error("rules/errors.yaml: {reason}")]
    Format {
        /// What is wrong.
        reason: String,
    },
    /// A row that says nothing, or the same as another.
    #[error("rules/errors.yaml: {provider} {code}: {reason}")]
    Row {
        /// Whose.
        provider: String,
        /// Which.
        code: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl Table {
    /// The table that comes with the product.
    pub(crate) fn builtin() -> &'static Table {
        static TABLE: OnceLock<Table> = OnceLock::new();
        // A test reads the file. Were it unreadable all the same, every code would be unknown.
        TABLE.get_or_init(|| {
            Table::parse(BUILTIN).map_or_else(|_| Table::default(), |(table, _)| table)
        })
    }

    /// Reads a table; gives its rows too, in order.
    pub(crate) fn parse(text: &str) -> Result<(Table, Vec<(String, Row)>), TableError> {
        let tree = wayline_core::journey::node::read(text.as_bytes()).map_err(|error| {
            let (line, column) = (error.at.line, error.at.column);
            let reason = format!("line {line}, column {column}: {}", error.message);
            TableError::Format { reason }
        })?;
        let file: File = serde_json::from_value(tree.to_json())
            .map_err(|error| TableError::Format { reason: error.to_string() })?;
        let mut table = Table::default();
        let mut rows = Vec::new();
        for (provider, written) in file.errors {
            let codes = table.by_provider.entry(provider.clone()).or_default();
            for row in written {
                let bad = |reason| TableError::Row {
                    provider: provider.clone(),
                    code: row.code.clone(),
                    reason,
                };
                if !file.sources.contains_key(&row.source) {
                    return Err(bad("its source is not among `sources`"));
                }
                if row.note.is_empty() || !is_day(&row.as_of) {
                    return Err(bad("it needs a note, and a day like 2026-11-25 in as_of"));
                }
                codes.add(&row).map_err(bad)?;
                rows.push((provider.clone(), row));
            }
        }
        Ok((table, rows))
    }

    /// The class of a code of a provider.
    pub(crate) fn class(&self, provider: &str, code: &str) -> Option<ErrorClass> {
        let codes = self.by_provider.get(provider)?;
        let code = canonical(code);
        codes.exact.get(&code).copied().or_else(|| {
            let number: u64 = code.parse().ok()?;
            let fits = |range: &&(u64, u64, ErrorClass)| (range.0..=range.1).contains(&number);
            codes.ranges.iter().find(fits).map(|range| range.2)
        })
    }
}

impl Codes {
    fn add(&mut self, row: &Row) -> Result<(), &'static str> {
        let ends = row.code.split_once('-').and_then(|(from, to)| {
            Some((canonical(from).parse().ok()?, canonical(to).parse().ok()?))
        });
        match ends {
            Some((from, to)) if from >= to => Err("the range ends before it starts"),
            Some((from, to)) if self.ranges.iter().any(|(a, b, _)| from <= *b && *a <= to) => {
                Err("the range overlaps another")
            }
            Some((from, to)) => {
                self.ranges.push((from, to, row.class));
                Ok(())
            }
            None => match self.exact.insert(canonical(&row.code), row.class) {
                Some(_) => Err("the code is there twice"),
                None if row.code.is_empty() => Err("the code is empty"),
                None => Ok(()),
            },
        }
    }
}

/// One form per code: numbers in decimal without leading zeros, names in small letters.
fn canonical(code: &str) -> String {
    let code = code.trim();
    let hex = code.strip_prefix("0x").or_else(|| code.strip_prefix("0X"));
    let number = match hex {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => code.parse::<u64>().ok(),
    };
    number.map_or_else(|| code.to_ascii_lowercase(), |number| number.to_string())
}

/// Whether a text looks like `2026-11-25`.
fn is_day(text: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(fits)
}

/// The class of a code: as the gateway's own settings say, else as the table says; `None`: nobody knows it.
pub(crate) fn class(
    kind: &str,
    code: &str,
    overrides: &BTreeMap<String, ErrorClass>,
) -> Option<ErrorClass> {
    if code.is_empty() {
        return None;
    }
    let wanted = canonical(code);
    let own = overrides.iter().find(|(given, _)| canonical(given) == wanted);
    own.map(|(_, class)| *class).or_else(|| Table::builtin().class(kind, code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn rows() -> Vec<(String, Row)> {
        Table::parse(BUILTIN).map(|(_, rows)| rows).expect("the file is readable")
    }

    #[test]
    fn every_row_is_found_again_and_every_class_is_used() {
        let rows = rows();
        let used: BTreeSet<ErrorClass> = rows.iter().map(|(_, row)| row.class).collect();
        assert_eq!(used, ErrorClass::ALL.into_iter().collect());
        for (provider, row) in rows {
            let first = match row.code.split_once('-') {
                Some((from, _)) if from.bytes().all(|byte| byte.is_ascii_digit()) => from,
                _ => &row.code,
            };
            let found = class(&provider, first, &BTreeMap::new());
            assert_eq!(found, Some(row.class), "{provider} {first}");
        }
    }

    #[test]
    fn every_kind_of_provider_has_rows() {
        let with_rows: BTreeSet<String> =
            rows().into_iter().map(|(provider, _)| provider).collect();
        for kind in crate::gateway::http::HttpProvider::KINDS {
            let has = with_rows.contains(kind.name) || kind.name == "generic";
            assert!(has, "{} has no rows", kind.name);
        }
        assert!(with_rows.contains("smpp"));
    }

    #[test]
    fn classes_of_the_messaging_rules() {
        let cases = [
            ("twilio", "21610", ErrorClass::Suppress),
            ("twilio", "30008", ErrorClass::RetryOnce),
            ("twilio", "30003", ErrorClass::Retry),
            ("twilio", "20429", ErrorClass::Throttle),
            ("twilio", "30007", ErrorClass::StopRoute),
            ("twilio", "30023", ErrorClass::NextDay),
            ("twilio", "21211", ErrorClass::BadRequest),
            ("smpp", "0x00000058", ErrorClass::Throttle),
            ("smpp", "88", ErrorClass::Throttle),
            ("smpp", "0x14", ErrorClass::Throttle),
            ("smpp", "0x0000000E", ErrorClass::StopRoute),
            ("smpp", "0x0B", ErrorClass::BadRequest),
            ("bandwidth", "5101", ErrorClass::Retry),
        ];
        for (provider, code, expected) in cases {
            assert_eq!(
                class(provider, code, &BTreeMap::new()),
                Some(expected),
                "{provider} {code}"
            );
        }
        assert_eq!(class("twilio", "99999", &BTreeMap::new()), None);
        assert_eq!(class("nobody", "21610", &BTreeMap::new()), None);
        assert_eq!(class("twilio", "", &BTreeMap::new()), None);
    }

    #[test]
    fn the_gateway_s_own_classes_come_first_in_any_writing() {
        let own = BTreeMap::from([("0x58".to_owned(), ErrorClass::StopRoute)]);
        assert_eq!(class("smpp", "0x00000058", &own), Some(ErrorClass::StopRoute));
        assert_eq!(class("smpp", "88", &own), Some(ErrorClass::StopRoute));
    }

    #[test]
    fn bad_tables_say_which_row() {
        let table = |rows: &str| format!("sources: {{s: a page}}\nerrors:\n  x:\n{rows}");
        let row = |code: &str, rest: &str| {
            format!(
                "    - {{ code: \"{code}\", class: retry, source: s, note: n, as_of: {rest} }}\n"
            )
        };
        let cases = [
            (row("1", "2026-01-01") + &row("0x1", "2026-01-01"), "twice"),
            (row("1-5", "2026-01-01") + &row("5-9", "2026-01-01"), "overlaps"),
            (row("9-1", "2026-01-01"), "ends before"),
            (row("1", "soon"), "as_of"),
        ];
        for (rows, expected) in cases {
            let error = Table::parse(&table(&rows)).map(|_| ()).expect_err("bad");
            assert!(error.to_string().contains(expected), "{error}");
        }
        let error = Table::parse("sources: {}\nerrors: {x: [{code: \"1\"}]}").map(|_| ());
        assert!(matches!(error, Err(TableError::Format { .. })));
    }
}
