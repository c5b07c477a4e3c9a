//! Packs a plugin's cases into its component, so that a host can try it before it lets it serve.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::{BuildError, media_type};

/// The custom section that holds them, as a JSON array.
pub const CASES_SECTION: &str = "system-log:cases";

/// `NAME.in` and `NAME.out` of a folder, in order; `config.json` beside them is the operator's configuration in all of them.
/// `None` when there is no case.
pub(crate) fn pack(folder: &Path) -> Result<Option<Vec<u8>>, BuildError> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let io = |source| BuildError::Io { what: format!("reading {}", folder.display()), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|extension| extension == "in") {
            paths.push(path);
        }
    }
    paths.sort();
    let config = match fs::read(folder.join("config.json")) {
        Err(_) => None,
        Ok(text) => {
            let wrong =
                |error: serde_json::Error| BuildError::Case { case: "config.json".into(), why: error.to_string() };
            Some(serde_json::from_slice::<Value>(&text).map_err(wrong)?)
        }
    };
    let case = |path: &PathBuf| case(path, config.as_ref());
    let cases = paths.iter().map(case).collect::<Result<Vec<Value>, _>>()?;
    Ok((!cases.is_empty()).then(|| Value::Array(cases).to_string().into_bytes()))
}

fn case(path: &Path, config: Option<&Value>) -> Result<Value, BuildError> {
    let wrong = |why: String| BuildError::Case { case: path.display().to_string(), why };
    let read = |path: &Path| fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let payload = read(path).map_err(wrong)?;
    let out = path.with_extension("out");
    if !out.is_file() {
        let name = out.file_name().unwrap_or_default().to_string_lossy();
        return Err(wrong(format!("has no {name}; `BLESS=1 cargo test` writes what the collector says now")));
    }
    let out = read(&out).map_err(wrong)?;
    let outcome: Value = serde_json::from_slice(&out).map_err(|error| wrong(format!("its outcome: {error}")))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut case = Map::new();
    if let Some(config) = config {
        case.insert("config".into(), config.clone());
    }
    case.insert("content_type".into(), media_type(&name).into());
    case.insert("payload".into(), STANDARD.encode(payload).into());
    case.insert("outcome".into(), outcome);
    case.insert("name".into(), json!(name));
    Ok(Value::Object(case))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_packed_in_order_with_their_media_types() {
        let folder = tempfile::tempdir().unwrap();
        assert!(pack(&folder.path().join("none")).unwrap().is_none());
        assert!(pack(folder.path()).unwrap().is_none());
        for (name, content) in
            [("b.form.in", "a=1"), ("a.in", "{}"), ("a.out", "{\"unknown\": \"x\"}"), ("SOURCES.md", "")]
        {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let missing = pack(folder.path()).unwrap_err().to_string();
        assert!(missing.contains("has no b.form.out; `BLESS=1"), "{missing}");
        fs::write(folder.path().join("b.form.out"), "{}").unwrap();
        fs::write(folder.path().join("config.json"), "{\"price\": 3}").unwrap();
        let packed: Value = serde_json::from_slice(&pack(folder.path()).unwrap().unwrap()).unwrap();
        let wanted = json!([
            {"name": "a", "content_type": "application/json", "payload": "e30=", "outcome": {"unknown": "x"},
                "config": {"price": 3}},
            {"name": "b.form", "content_type": "application/x-www-form-urlencoded", "payload": "YT0x", "outcome": {},
                "config": {"price": 3}},
        ]);
        assert_eq!(packed, wanted);
    }
}
