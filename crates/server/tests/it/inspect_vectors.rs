//! Published vectors, whole, through the process: the answers are those of the core and of others.

use crate::program::ask;
use crate::shared_data::{read, rows, shared};
use serde_json::{Value as Json, json};
use wayline_core::template::{MissingPolicy, RenderLimits, Scope, Template};
use wayline_core::time::Timestamp;

fn answers(what: &str, lines: &[String]) -> Vec<Json> {
    let said = ask(&["inspect", what], lines.join("\n") + "\n");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let found: Vec<Json> =
        said.lines().iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(found.len(), lines.len());
    found
}

#[test]
fn a7_every_text_of_the_corpus_bare_and_as_json() {
    let Some(corpus) = shared("realdata/SMSSpamCollection.gz") else { return };
    let Some(expected) = shared("realdata/expected/a7_uci_sms_spam.csv.gz") else { return };
    let corpus = read(&corpus);
    let texts: Vec<String> = corpus
        .split_terminator('\n')
        .map(|line| line.split_once('\t').expect("a tab after the label").1)
        .map(|text| text.strip_suffix('\r').unwrap_or(text).to_owned())
        .collect();
    let quoted: Vec<String> =
        texts.iter().map(|text| json!({ "text": text }).to_string()).collect();
    let expected = rows(&expected);
    let bare = answers("text", &texts);
    assert_eq!(bare, answers("text", &quoted));
    let differing: Vec<String> = bare
        .iter()
        .zip(&expected)
        .filter(|(found, row)| {
            let shown = [found["units"].to_string(), found["parts"].to_string()];
            found["encoding"] != row[1].as_str()
                || shown[..] != row[2..4]
                || (found["offending"] == json!([])) != (row[1] == "GSM-7")
        })
        .map(|(found, row)| format!("line {}: {found}, expected {row:?}", row[0]))
        .collect();
    assert_eq!((bare.len(), expected.len()), (5_574, 5_574));
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    println!("A7: {0}/{0} equal, bare and as JSON", expected.len());
}

#[test]
fn a8_every_number_bare_and_as_json() {
    let Some(path) = shared("realdata/vectors/a8_phones_stable.csv.gz") else { return };
    let rows = rows(&path);
    let numbers: Vec<String> = rows.iter().map(|row| row[0].clone()).collect();
    let quoted: Vec<String> =
        numbers.iter().map(|number| json!({ "number": number }).to_string()).collect();
    let bare = answers("number", &numbers);
    assert_eq!(bare, answers("number", &quoted));
    let mut differing = Vec::new();
    for (found, row) in bare.iter().zip(&rows) {
        let zones: Vec<&str> = row[4].split('|').filter(|zone| !zone.is_empty()).collect();
        let region = Some(row[2].as_str()).filter(|region| !region.is_empty());
        let mut expected = json!({
            "valid": row[1] == "1", "e164": row[0], "region": region, "kind": row[3],
            "zones": zones,
        });
        // The vectors know no states: theirs are those of North America, and of valid numbers.
        let state = &found["state"];
        let may_have_one = row[1] == "1" && matches!(row[2].as_str(), "US" | "CA");
        assert!(state.is_null() || (state.is_string() && may_have_one), "{found}");
        expected["state"] = state.clone();
        if *found != expected {
            differing.push(format!("{found}, expected {expected}"));
        }
    }
    assert_eq!(rows.len(), 1_231);
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    println!("A8: {0}/{0} equal, bare and as JSON", rows.len());
}

/// What the core gives for a case.
fn core(case: &Json) -> Json {
    let no_data = serde_json::Map::new();
    let data = case["data"].as_object().unwrap_or(&no_data);
    let roots: Vec<(&str, &Json)> = data.iter().map(|(name, it)| (name.as_str(), it)).collect();
    let scope = Scope::new(&roots, Timestamp(0)).with_missing(MissingPolicy::Empty);
    let rendered = Template::parse(case["template"].as_str().expect("a template"))
        .map_err(|error| error.to_string())
        .and_then(|template| {
            let text = template.render(&scope, &RenderLimits::default());
            text.map_err(|error| error.to_string())
        });
    match rendered {
        Ok(output) => json!({ "output": output }),
        Err(error) => json!({ "error": error }),
    }
}

/// Whether it is what the suite wants.
fn is_wanted(case: &Json, found: &Json) -> bool {
    if case["invalid"] == true {
        return found["error"].is_string();
    }
    let wanted = match case["results"].as_array() {
        Some(results) => results.clone(),
        None => vec![case["result"].clone()],
    };
    wanted.contains(&found["output"])
}

#[test]
fn golden_liquid_gives_what_the_core_gives() {
    let Some(path) = shared("realdata/vectors/golden_liquid.json.gz") else { return };
    let suite: Json = serde_json::from_str(&read(&path)).expect("JSON");
    let cases: Vec<&Json> = suite["tests"]
        .as_array()
        .expect("cases")
        .iter()
        .filter(|case| !case["templates"].is_object())
        .collect();
    let lines: Vec<String> = cases
        .iter()
        .map(|case| match &case["data"] {
            Json::Object(data) => json!({ "template": case["template"], "data": data }),
            _ => json!({ "template": case["template"] }),
        })
        .map(|line| line.to_string())
        .collect();
    let found = answers("template", &lines);
    let mut wanted = 0;
    for (case, found) in cases.iter().zip(&found) {
        assert_eq!(*found, core(case), "{}", case["name"]);
        wanted += usize::from(is_wanted(case, found));
    }
    println!("golden_liquid: {0}/{0} as the core, {wanted} as the suite wants", cases.len());
    assert!(wanted * 100 > cases.len() * 97, "{wanted} of {}", cases.len());
}
