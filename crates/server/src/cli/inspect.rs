//! `wayline inspect`: what a text costs, what a number is, what a template gives; a line each.
//!
//! Must never change what it is asked about, and must never end because of one line.

use super::lines::{Broken, LineError, answer_lines};
use super::{CliError, say};
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, IsTerminal};
use wayline_core::phone::{self, Phone, PhoneError, PhoneKind};
use wayline_core::template::{MissingPolicy, RenderLimits, Scope, Template};
use wayline_core::text::{self, Encoding};
use wayline_core::time::Timestamp;
use wayline_core::zone::zone;

const LINES: &str = "\
Each line of standard input is answered by one line of JSON, at once: another program can keep this
one running and ask it line by line. A line that cannot be read is answered by {\"error\": \"...\"}
and the next one is looked at. The longest line is 1 MiB.";

const TEXT_HELP: &str = "\
A line is the bare text, or {\"text\": \"...\"} when it begins with `{` or holds line breaks.

Example:
  echo 'Caf\u{e9} fa\u{e7}ade' | wayline inspect text
  {\"encoding\":\"UCS-2\",\"units\":11,\"parts\":1,\"offending\":[\"\u{e7}\"]}

units: septets for GSM-7, UTF-16 units for UCS-2. offending: the characters that force UCS-2.";

const NUMBER_HELP: &str = "\
A line is the bare number, or {\"number\": \"...\", \"region\": \"US\"}: the region is the country whose
habits a number without a country code follows.

Example:
  echo '+1 202 555 0142' | wayline inspect number
  {\"valid\":true,\"e164\":\"+12025550142\",\"region\":\"US\",\"kind\":\"FIXED_LINE_OR_MOBILE\",
   \"zones\":[\"America/New_York\"],\"state\":\"DC\"}  (on one line)

A number that cannot be read has \"valid\":false, nothing else, and an \"error\" that says why.";

const TEMPLATE_HELP: &str = "\
A line is a bare template, which has no data, or
{\"template\": \"...\", \"data\": {...}, \"missing\": \"empty\", \"now\": \"2026-11-23T09:30:00Z\", \"zone\": \"UTC\"}
of which all but the template may be left out. A line that begins with `{{` or `{%` is a bare
template, any other that begins with `{` is JSON. missing: what an absent value gives, `empty`
(nothing, as Liquid has it; this is what you get when you do not say) or `refuse` (an error, as in
journeys). now: the instant that 'now' means, 1970-01-01T00:00:00Z unless given, so that the same
line always gets the same answer.

Example:
  echo '{\"template\": \"Hi {{ name }}!\", \"data\": {\"name\": \"Ada\"}}' | wayline inspect template
  {\"output\":\"Hi Ada!\"}";

/// What to look at.
#[derive(Debug, Subcommand)]
#[command(after_help = LINES)]
pub(crate) enum InspectCommand {
    /// Encoding, length and number of SMS of a text
    #[command(after_help = TEXT_HELP)]
    Text,
    /// Validity, E.164 form, country, kind, time zones and state of a phone number
    #[command(after_help = NUMBER_HELP)]
    Number,
    /// What a Liquid template gives for some data
    #[command(after_help = TEMPLATE_HELP)]
    Template,
}

/// Answers until standard input ends.
///
/// # Errors
/// When standard input or output fails; never because of what a line says.
pub(crate) fn run(command: &InspectCommand) -> Result<(), CliError> {
    let answer = match command {
        InspectCommand::Text => text_line,
        InspectCommand::Number => number_line,
        InspectCommand::Template => template_line,
    };
    if io::stdin().is_terminal() {
        say("Type one a line; Ctrl-D ends. `--help` says what a line may be.\n");
    }
    let write = |line: Result<&str, LineError>, into: &mut Vec<u8>| {
        let answered = line.map_err(|error| error.to_string()).and_then(answer);
        let answered = answered.unwrap_or_else(|error| Answer::Error { error });
        serde_json::to_writer(into, &answered).map_err(io::Error::from)
    };
    answer_lines(io::stdin().lock(), io::stdout().lock(), write).map_err(|broken| match broken {
        Broken::Input(error) => CliError::Input(error),
        Broken::Output(error) => CliError::Output(error),
    })
}

/// The answer to a line; its keys stand in the order of the fields.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Answer {
    Text {
        encoding: Encoding,
        units: usize,
        parts: usize,
        offending: Vec<char>,
    },
    Number {
        valid: bool,
        e164: Option<String>,
        region: Option<String>,
        kind: Option<PhoneKind>,
        zones: &'static [&'static str],
        state: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    Template {
        output: String,
    },
    Error {
        error: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TextQuestion<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NumberQuestion<'a> {
    #[serde(borrow)]
    number: Cow<'a, str>,
    #[serde(default)]
    region: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateQuestion<'a> {
    #[serde(borrow)]
    template: Cow<'a, str>,
    #[serde(default)]
    data: Option<Map<String, Value>>,
    #[serde(default)]
    missing: Missing,
    #[serde(default)]
    now: Option<String>,
    #[serde(default)]
    zone: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Missing {
    #[default]
    Empty,
    Refuse,
}

/// Reads a line of JSON. `shape` is what it should look like.
fn read<'a, T: Deserialize<'a>>(line: &'a str, shape: &str) -> Result<T, String> {
    serde_json::from_str(line).map_err(|error| {
        format!("a line that begins with {{ is JSON like {shape}, and this one is not: {error}")
    })
}

fn text_line(line: &str) -> Result<Answer, String> {
    if line.starts_with('{') {
        let question: TextQuestion<'_> = read(line, r#"{"text": "..."}"#)?;
        return Ok(text_answer(&question.text));
    }
    Ok(text_answer(line))
}

fn text_answer(text: &str) -> Answer {
    let measure = text::measure(text);
    let offending = if measure.offending_unlisted == 0 {
        measure.offending.iter().map(|offending| offending.character).collect()
    } else {
        // The measure lists the first few; this answer has them all.
        let mut seen = BTreeSet::new();
        text.chars().filter(|&c| text::septets(c) == 0 && seen.insert(c)).collect()
    };
    Answer::Text {
        encoding: measure.encoding,
        units: measure.units,
        parts: measure.parts,
        offending,
    }
}

fn number_line(line: &str) -> Result<Answer, String> {
    if line.starts_with('{') {
        let shape = r#"{"number": "...", "region": "US"}"#;
        let question: NumberQuestion<'_> = read(line, shape)?;
        return Ok(number_answer(&question.number, question.region.as_deref()));
    }
    Ok(number_answer(line, None))
}

fn number_answer(number: &str, region: Option<&str>) -> Answer {
    let error = match phone::parse(number, region) {
        Ok(phone) => return known(phone),
        Err(error) => error,
    };
    // Of a length that no number has, but written in full: what is known about it can be told.
    let is_read = matches!(
        error,
        PhoneError::TooShort { .. }
            | PhoneError::TooLong { .. }
            | PhoneError::WrongLength { .. }
            | PhoneError::LocalOnly { .. }
    );
    match phone::classify(number.trim()).filter(|_| is_read) {
        Some(phone) => known(phone),
        None => Answer::Number {
            valid: false,
            e164: None,
            region: None,
            kind: None,
            zones: &[],
            state: None,
            error: Some(error.to_string()),
        },
    }
}

fn known(phone: Phone) -> Answer {
    Answer::Number {
        valid: phone.valid,
        zones: phone.zones(),
        state: phone::state(&phone.e164).filter(|_| phone.valid),
        e164: Some(phone.e164),
        region: phone.region,
        kind: Some(phone.kind),
        error: None,
    }
}

fn template_line(line: &str) -> Result<Answer, String> {
    let is_json = line.starts_with('{') && !line.starts_with("{{") && !line.starts_with("{%");
    let question = if is_json {
        read(line, r#"{"template": "...", "data": {...}}"#)?
    } else {
        TemplateQuestion {
            template: Cow::Borrowed(line),
            data: None,
            missing: Missing::Empty,
            now: None,
            zone: None,
        }
    };
    let output = template_answer(&question)?;
    Ok(Answer::Template { output })
}

fn template_answer(question: &TemplateQuestion<'_>) -> Result<String, String> {
    let now = match &question.now {
        Some(now) => Timestamp::parse(now).map_err(|error| format!("now: {error}"))?,
        None => Timestamp(0),
    };
    let data = question.data.iter().flatten();
    let roots: Vec<(&str, &Value)> = data.map(|(name, value)| (name.as_str(), value)).collect();
    let mut scope = Scope::new(&roots, now).with_missing(match question.missing {
        Missing::Empty => MissingPolicy::Empty,
        Missing::Refuse => MissingPolicy::Refuse,
    });
    if let Some(name) = &question.zone {
        scope = scope.in_zone(zone(name).map_err(|error| format!("zone: {error}"))?);
    }
    let template = Template::parse(&question.template).map_err(|error| error.to_string())?;
    template.render(&scope, &RenderLimits::default()).map_err(|error| error.to_string())
}
