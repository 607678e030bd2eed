//! The texts with a rule: ids, durations, times, paths, names.
//!
//! Must never look beyond the text itself: whether an id names something is for `validate`.

use crate::condition::JsonPath;
use crate::journey::declare::scalar;
use crate::journey::form::{Form, Report, SchemaBook};
use crate::journey::node::{Node, Value};
use crate::journey::problem::{Code, Spot};
use crate::limits;
use crate::policy::quiet::LocalTime;
use crate::time::{Span, Timestamp};
use serde_json::json;

/// Words that stand for something else where a step id may stand.
pub const RESERVED_STEP_IDS: [&str; 3] = ["end", "continue", "any"];

scalar! {
    /// An id: a to z, 0 to 9 and _, beginning with a letter, at most 64 characters.
    pub struct Slug: "an id", BadId, check_slug, pattern "^[a-z][a-z0-9_]{0,63}$"
}
scalar! {
    /// Where to go: the id of a step, or `end`. Some places also take `continue`.
    pub struct Next: "a step id or end", BadId, check_slug, pattern "^[a-z][a-z0-9_]{0,63}$"
}
scalar! {
    /// The messages of a step: its id in the same journey, `journey.step` in another one, or `any`.
    pub struct MessageRef: "a step id, journey.step or any", BadId, check_message_ref,
    pattern "^[a-z][a-z0-9_]{0,63}([.][a-z][a-z0-9_]{0,63})?$"
}
scalar! {
    /// A text that may hold Liquid: `{{ contact.first_name }}`.
    pub struct Text: "a text", WrongType, check_text
}
scalar! {
    /// A name for people.
    pub struct Label: "a name", BadName, check_label
}
scalar! {
    /// The name of an event.
    pub struct EventName: "the name of an event", BadName, check_label
}
scalar! {
    /// A keyword: one word that people text.
    pub struct Word: "a keyword", BadName, check_word
}
scalar! {
    /// A length of time of more than nothing: `30s`, `90m`, `4h`, `7d`, `2w`, `1h30m`. A day is 24 hours.
    pub struct Duration: "a duration", BadDuration, check_duration,
    pattern "^([0-9]+(ms|[smhdw]))+$"
}
scalar! {
    /// A length of time that may be negative or nothing: `-30m`, `0s`, `2d`.
    pub struct Offset: "a duration", BadDuration, check_offset,
    pattern "^[-+]?([0-9]+(ms|[smhdw]))+$"
}
scalar! {
    /// A time of day, `18:30`, in 24 hours.
    pub struct WallTime: "a time of day", BadTime, check_wall_time,
    pattern "^([01][0-9]|2[0-3]):[0-5][0-9]$"
}
scalar! {
    /// An instant, `2026-11-23T09:30:00Z`, or a date, `2026-11-23` (midnight UTC).
    pub struct Instant: "an instant", BadInstant, check_instant
}
scalar! {
    /// A path to a value: `country`, `address.zip`.
    pub struct Path: "a path", BadPath, check_path
}
scalar! {
    /// A path from the root: `event.cart_id`, `contact.plan`, `workspace.brand`.
    pub struct RootPath: "a path", BadPath, check_root_path,
    pattern "^(event|contact|workspace)[.].+$"
}
scalar! {
    /// When a wait or a message ends: a path (`event.starts_at`), an instant, a time of day
    /// (`18:30`) or a text with Liquid that renders to an instant.
    pub struct Until: "a path, an instant or a time of day", BadInstant, check_until
}
scalar! {
    /// A JSON pointer into an answer: `/items/0/id`.
    pub struct Pointer: "a JSON pointer", BadPath, check_pointer, pattern "^(/.*)?$"
}
scalar! {
    /// A time zone of the IANA database: `America/New_York`.
    pub struct Zone: "a time zone", UnknownZone, check_zone
}
scalar! {
    /// Whose wall clock: `contact`, `workspace`, or a time zone of the IANA database.
    pub struct ZoneOf: "a time zone, contact or workspace", UnknownZone, check_zone_of
}
scalar! {
    /// A country by its two letters (ISO 3166): `US`.
    pub struct Country: "a country", UnknownCountry, check_country, pattern "^[A-Z]{2}$"
}
scalar! {
    /// A recurrence rule of RFC 5545: `FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=9;BYMINUTE=30`.
    pub struct Rule: "a recurrence rule", BadRecurrence, check_rule
}

/// What to say about quotes when a text was expected.
pub(crate) fn quotes_hint(node: &Node, code: Code) -> &'static str {
    match (&node.value, code) {
        (Value::Number(_), Code::BadDuration) => {
            "; add its unit: 30s, 90m, 4h, 7d (seconds, minutes, hours, days)"
        }
        (Value::Number(_), Code::BadTime) => "; write it like \"18:30\"",
        (Value::Number(_) | Value::Bool(_), _) => "; put it in quotes",
        (Value::Map(_), Code::WrongType) => {
            "; put texts that begin with {{ in quotes, YAML reads them as a mapping"
        }
        _ => "",
    }
}

fn check_slug(text: &str) -> Result<(), String> {
    let fine = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && text.len() <= limits::SLUG_CHARS_MAX;
    if fine {
        return Ok(());
    }
    let mut like: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .skip_while(|c| !c.is_ascii_lowercase())
        .take(limits::SLUG_CHARS_MAX)
        .collect();
    if like.is_empty() {
        like = "like_this_1".to_owned();
    }
    Err(format!(" (a-z, 0-9 and _, a letter first, at most 64); write it like {like:?}"))
}

fn check_message_ref(text: &str) -> Result<(), String> {
    match text.split_once('.') {
        Some((journey, step)) => check_slug(journey).and_then(|()| check_slug(step)),
        None => check_slug(text),
    }
}

fn check_text(text: &str) -> Result<(), String> {
    let length = text.chars().count();
    if length > limits::TEXT_CHARS_MAX {
        let most = limits::TEXT_CHARS_MAX;
        return Err(format!(": it has {length} characters and may have {most}"));
    }
    Ok(())
}

fn check_label(text: &str) -> Result<(), String> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        return Err(": it is empty".to_owned());
    }
    if length > limits::NAME_CHARS_MAX || text.chars().any(char::is_control) {
        let most = limits::NAME_CHARS_MAX;
        return Err(format!(": at most {most} characters and none of them a control character"));
    }
    Ok(())
}

fn check_word(text: &str) -> Result<(), String> {
    check_label(text)?;
    if text.chars().any(char::is_whitespace) || text.chars().count() > limits::SLUG_CHARS_MAX {
        return Err(": it is one word of at most 64 characters".to_owned());
    }
    Ok(())
}

/// Reads a duration; `Err` says why not.
///
/// # Errors
/// When it is no duration, or one beyond `limits::SPAN_MAX`.
pub fn parse_span(text: &str) -> Result<Span, String> {
    const LIKE: &str = "; write it like 30s, 90m, 4h, 7d, 2w or 1h30m";
    let bad = || LIKE.to_owned();
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (count, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let size = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(bad()),
        };
        if count.is_empty() {
            return Err(bad());
        }
        let count = count.parse::<i64>().unwrap_or(i64::MAX);
        total = total.saturating_add(count.saturating_mul(size));
        rest = tail;
    }
    if total > limits::SPAN_MAX.0 {
        return Err(format!(" that can be used: at most {}", limits::SPAN_MAX));
    }
    Ok(Span(sign * total))
}

fn check_duration(text: &str) -> Result<(), String> {
    match parse_span(text)? {
        span if span.0 < 0 => Err(" that can be used here: it is negative".to_owned()),
        Span::ZERO => Err(" that can be used here: it must be more than nothing".to_owned()),
        _ => Ok(()),
    }
}

fn check_offset(text: &str) -> Result<(), String> {
    parse_span(text).map(|_| ())
}

/// Minutes of the day of `HH:MM`.
#[must_use]
pub fn parse_wall_time(text: &str) -> Option<LocalTime> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |s: &str| (s.len() == 2).then(|| s.parse::<u16>().ok()).flatten();
    if !text.chars().all(|c| c.is_ascii_digit() || c == ':') {
        return None;
    }
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then_some(LocalTime(hours * 60 + minutes))
}

fn check_wall_time(text: &str) -> Result<(), String> {
    parse_wall_time(text).map(|_| ()).ok_or_else(|| {
        "; write hours and minutes from \"00:00\" to \"23:59\", like \"18:30\"".to_owned()
    })
}

/// Reads an instant or a date.
#[must_use]
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    if let Ok(at) = Timestamp::parse(text) {
        return Some(at);
    }
    if text.len() != 10 {
        return None;
    }
    Timestamp::parse(&format!("{text}T00:00:00Z")).ok()
}

fn check_instant(text: &str) -> Result<(), String> {
    parse_instant(text)
        .map(|_| ())
        .ok_or_else(|| "; write it like 2026-11-23T09:30:00Z or 2026-11-23".to_owned())
}

fn check_path(text: &str) -> Result<(), String> {
    let fine = !text.is_empty()
        && text.chars().count() <= limits::MAP_KEY_CHARS_MAX
        && text.split('.').all(|part| !part.trim().is_empty())
        && !text.chars().any(|c| c.is_control() || c == '{' || c == '}');
    if fine { Ok(()) } else { Err("; write names joined by dots, like address.zip".to_owned()) }
}

fn check_root_path(text: &str) -> Result<(), String> {
    let like = "; write it like event.cart_id or contact.plan";
    check_path(text).map_err(|_| like.to_owned())?;
    match text.split_once('.') {
        Some(("event" | "contact" | "workspace", _)) => Ok(()),
        _ => Err(format!("; it begins with event., contact. or workspace.{like}")),
    }
}

/// Whether a text holds Liquid.
#[must_use]
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

fn check_until(text: &str) -> Result<(), String> {
    if is_template(text) {
        return check_text(text);
    }
    if parse_wall_time(text).is_some()
        || parse_instant(text).is_some()
        || check_root_path(text).is_ok()
    {
        return Ok(());
    }
    let clock = text.contains(':') && text.len() <= 5;
    Err(if clock {
        "; a time of day goes from \"00:00\" to \"23:59\"".to_owned()
    } else {
        "; write event.starts_at, contact.birthday, 2026-11-23T09:30:00Z or \"18:30\"".to_owned()
    })
}

fn check_pointer(text: &str) -> Result<(), String> {
    let fine = text.is_empty() || text.starts_with('/');
    if fine { Ok(()) } else { Err("; it begins with /, like /order/id".to_owned()) }
}

fn check_zone(text: &str) -> Result<(), String> {
    if crate::zone::zone(text).is_ok() {
        return Ok(());
    }
    let names: Vec<String> =
        jiff::tz::TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect();
    Err(match crate::journey::problem::nearest_exactly(text, names.iter().map(String::as_str)) {
        Some(name) => format!("; did you mean {name:?}?"),
        None => "; write an IANA name like America/New_York".to_owned(),
    })
}

fn check_zone_of(text: &str) -> Result<(), String> {
    if matches!(text, "contact" | "workspace") { Ok(()) } else { check_zone(text) }
}

fn check_country(text: &str) -> Result<(), String> {
    if COUNTRIES.split(' ').any(|country| country == text) {
        return Ok(());
    }
    let upper = text.to_uppercase();
    if COUNTRIES.split(' ').any(|country| country == upper) {
        return Err(format!("; did you mean {upper:?}?"));
    }
    Err("; write its two letters, like US or GB".to_owned())
}

/// ISO 3166-1 alpha-2, and XK (Kosovo), which numbers use.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI \
BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE \
DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS \
GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW \
KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW \
MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO \
RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM \
TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

fn check_rule(text: &str) -> Result<(), String> {
    crate::journey::recurrence::parse(text).map(|_| ()).map_err(|why| format!(": {why}"))
}

impl Duration {
    /// Its length.
    #[must_use]
    pub fn span(&self) -> Span {
        parse_span(&self.text).unwrap_or_default()
    }
}

impl Offset {
    /// Its length.
    #[must_use]
    pub fn span(&self) -> Span {
        parse_span(&self.text).unwrap_or_default()
    }
}

impl WallTime {
    /// Minutes of the day.
    #[must_use]
    pub fn time(&self) -> LocalTime {
        parse_wall_time(&self.text).unwrap_or(LocalTime(0))
    }
}

impl Instant {
    /// The instant; a date is its midnight in UTC.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        parse_instant(&self.text).unwrap_or_default()
    }
}

impl Path {
    /// The path.
    #[must_use]
    pub fn path(&self) -> JsonPath {
        JsonPath::new(&self.text)
    }
}

impl RootPath {
    /// The path, its root included.
    #[must_use]
    pub fn path(&self) -> JsonPath {
        JsonPath::new(&self.text)
    }
}

/// A whole number and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// The number.
    pub value: u32,
    /// Where it stands.
    pub at: Spot,
}

impl Form for Whole {
    const WHAT: &'static str = "a whole number";
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let whole = match &node.value {
            Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
            _ => {
                report.wrong(node, Self::WHAT);
                return None;
            }
        };
        if whole.is_none() {
            let message = format!("expected a whole number from 0, found {}", node.describe());
            report.error(Code::BadNumber, node.at, message);
        }
        whole.map(|value| Whole { value, at: node.at })
    }
    fn encode(&self) -> Node {
        Node::new(Value::Number(self.value.into()))
    }
    fn schema(_: &mut SchemaBook) -> serde_json::Value {
        json!({ "type": "integer", "minimum": 0 })
    }
}

/// A value of another type, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub at: Spot,
}

impl<T: Form> Form for Placed<T> {
    const WHAT: &'static str = T::WHAT;
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        T::decode(node, report).map(|value| Placed { value, at: node.at })
    }
    fn encode(&self) -> Node {
        self.value.encode()
    }
    fn schema(book: &mut SchemaBook) -> serde_json::Value {
        T::schema(book)
    }
}

/// What a reply must be; a number is taken as its digits, because people reply `1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The words.
    pub text: String,
    /// Where it stands.
    pub at: Spot,
}

impl Form for Reply {
    const WHAT: &'static str = "a reply";
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let text = match &node.value {
            Value::Text(text) if !text.trim().is_empty() => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => {
                report.wrong(node, "a text that is a reply");
                return None;
            }
        };
        Some(Reply { text, at: node.at })
    }
    fn encode(&self) -> Node {
        Node::text(self.text.clone())
    }
    fn schema(_: &mut SchemaBook) -> serde_json::Value {
        json!({ "type": ["string", "number"] })
    }
}

/// Any value: a text, a number, true or false, nothing, a list, a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Literal(pub Node);

impl Form for Literal {
    const WHAT: &'static str = "a value";
    fn decode(node: &Node, _: &mut Report) -> Option<Self> {
        Some(Literal(node.clone()))
    }
    fn encode(&self) -> Node {
        self.0.clone()
    }
    fn schema(_: &mut SchemaBook) -> serde_json::Value {
        json!({})
    }
}
