//! The file of a gateway: what it is, and where its secrets stand.
//!
//! Must never put a secret into an error.

use crate::cli::CliError;
use serde_json::{Map, Value as Json};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes read of a file: the server takes no more.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The id of a gateway, and the body that the API takes. The server checks the rest.
///
/// # Errors
/// When the file, or a secret it names, cannot be read.
pub(super) fn read(path: &Path) -> Result<(String, Json), CliError> {
    let wrong = |what: String| CliError::GatewayFile { path: path.to_owned(), what };
    let text = text_of(path).map_err(|error| wrong(error.to_string()))?;
    let is_json = path.extension().is_some_and(|it| it.eq_ignore_ascii_case("json"));
    // What the parsers say may quote a line, and a secret may stand in it: only the place is told.
    let parsed: Result<Map<String, Json>, String> = if is_json {
        serde_json::from_str(&text)
            .map_err(|error| format!("it is no JSON object (line {})", error.line()))
    } else {
        toml::from_str(&text).map_err(|error| match error.span() {
            Some(span) => {
                let line = text.get(..span.start).unwrap_or_default().matches('\n').count() + 1;
                format!("it is no TOML (line {line})")
            }
            None => "it is no TOML".to_owned(),
        })
    };
    let mut gateway = parsed.map_err(wrong)?;
    let id = match gateway.remove("id") {
        Some(Json::String(id)) => id,
        _ => return Err(wrong("it has no id; write id = \"main\"".to_owned())),
    };
    if let Some(Json::Object(secrets)) = gateway.get_mut("secrets") {
        for (name, value) in secrets {
            *value = secret(path, value).map_err(|what| wrong(format!("secret {name}: {what}")))?;
        }
    }
    Ok((id, Json::Object(gateway)))
}

fn text_of(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// A secret as written, or from where it stands.
#[allow(clippy::disallowed_methods, reason = "a file of the command line names the variable")]
fn secret(beside: &Path, value: &Json) -> Result<Json, String> {
    let Json::Object(place) = value else { return Ok(value.clone()) };
    let mut entries = place.iter();
    match (entries.next(), entries.next()) {
        (Some((how, Json::String(name))), None) if how == "env" => match std::env::var(name) {
            Ok(found) => Ok(Json::String(found)),
            Err(_) => Err(format!("the environment has no {name}")),
        },
        (Some((how, Json::String(name))), None) if how == "file" => {
            let path = beside.parent().unwrap_or(Path::new("")).join(name);
            let found = text_of(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(Json::String(found.trim_end_matches(['\r', '\n']).to_owned()))
        }
        (Some((how, Json::Bool(true))), None) if how == "remove" => Ok(Json::Null),
        _ => {
            Err("write a text, { env = \"NAME\" }, { file = \"path\" } or { remove = true }"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_fetched_from_where_they_stand_and_never_told() {
        let folder = tempfile::tempdir().unwrap();
        let (toml, wrong) = (folder.path().join("g.toml"), folder.path().join("w.toml"));
        std::fs::write(folder.path().join("token.txt"), "from a file\n").unwrap();
        let text = "id = \"main\"\nkind = \"generic\"\n[secrets]\ntoken = { file = \"token.txt\" }\n\
            password = \"as written\"\nusername = { remove = true }\n";
        std::fs::write(&toml, text).unwrap();
        let (id, gateway) = read(&toml).unwrap();
        let secrets = json!({ "token": "from a file", "password": "as written", "username": null });
        assert_eq!((id.as_str(), &gateway["secrets"]), ("main", &secrets));
        for text in [
            "id = \"main\"\n[secrets]\ntoken = \"hunter2\n",
            "[secrets]\ntoken = \"hunter2\"",
            "id = \"main\"\n[secrets]\ntoken = { env = \"NO_SUCH_VARIABLE\" }",
            "id = \"main\"\n[secrets]\ntoken = { file = \"no_such\" }",
            "id = \"main\"\n[secrets]\ntoken = { value = \"hunter2\" }",
        ] {
            std::fs::write(&wrong, text).unwrap();
            let error = read(&wrong).unwrap_err().to_string();
            assert!(error.contains("w.toml") && !error.contains("hunter2"), "{error}");
        }
    }
}
