//! Bodies of dead letters: guarded in the format they came in, so that a replay still parses them.

use serde_json::Value;

use super::Guard;
use super::keys::classify_field;
use super::walk::field;

/// The guarded payload; the bytes as they came when there is nothing to remove.
pub(super) fn clean(guard: &Guard, payload: &[u8], content_type: &str) -> Vec<u8> {
    let media = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match std::str::from_utf8(payload) {
        Ok(_) if is_wide(payload) => binary(guard, payload),
        Ok(text) if media == "application/x-www-form-urlencoded" => form(guard, text).into_bytes(),
        Ok(text) => json(guard, text).unwrap_or_else(|| guard.text(text).into_owned()).into_bytes(),
        Err(_) => binary(guard, payload),
    }
}

/// A JSON text, or several, one a line. `None` if it is none.
fn json(guard: &Guard, text: &str) -> Option<String> {
    let start = text.trim_start();
    if !start.starts_with(['{', '[', '"']) {
        return None;
    }
    let whole = match serde_json::from_str::<Value>(text) {
        Ok(mut value) => match guard.walk(&mut value, None, 0) {
            true => value.to_string(),
            false => text.to_owned(),
        },
        Err(_) => {
            let lines: Option<Vec<String>> = text.lines().map(|line| json_line(guard, line)).collect();
            return lines.filter(|lines| lines.len() > 1).map(|lines| lines.join("\n"));
        }
    };
    Some(again(guard, whole))
}

fn json_line(guard: &Guard, line: &str) -> Option<String> {
    if line.trim().is_empty() {
        return Some(line.to_owned());
    }
    let mut value: Value = serde_json::from_str(line).ok()?;
    let text = if guard.walk(&mut value, None, 0) { value.to_string() } else { line.to_owned() };
    Some(again(guard, text))
}

/// A second look at the text: a parser keeps the last of two fields of one name, the text has both. A replacement that
/// would break the JSON is not needed for that and not taken, unless it removes what the parser did not see.
fn again(guard: &Guard, text: String) -> String {
    match guard.redacted(&text) {
        None => text,
        Some(new) if serde_json::from_str::<Value>(&new).is_ok() => new,
        // fail closed: the parsed form holds nothing that was not looked at
        Some(_) => serde_json::from_str::<Value>(&text).map_or_else(|_| String::new(), |value| value.to_string()),
    }
}

fn form(guard: &Guard, text: &str) -> String {
    let pairs: Vec<String> = text.split('&').map(|pair| form_pair(guard, pair)).collect();
    guard.text(&pairs.join("&")).into_owned()
}

fn form_pair(guard: &Guard, pair: &str) -> String {
    let Some((name, value)) = pair.split_once('=') else {
        return pair.to_owned();
    };
    let plain = decoded(value);
    let kind = classify_field(decoded(name).as_bytes()).and_then(|key| field(key, &plain));
    let new = match kind {
        Some(kind) => Some(kind.marker().to_owned()),
        // a value may be JSON itself
        None => match serde_json::from_str::<Value>(&plain) {
            Ok(mut json @ (Value::Object(_) | Value::Array(_))) => {
                guard.walk(&mut json, None, 0).then(|| json.to_string())
            }
            _ => guard.redacted(&plain),
        },
    };
    match new {
        None => pair.to_owned(),
        Some(new) => format!("{name}={}", encoded(&new)),
    }
}

fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(match (escaped, bytes[at]) {
            (Some(byte), _) => byte,
            (None, b'+') => b' ',
            (None, byte) => byte,
        });
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What a form needs escaped; a marker stays readable.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'[' | b']' | b':' => {
                out.push(char::from(byte))
            }
            _ => write!(out, "%{byte:02X}").expect("writing to a string cannot fail"),
        }
    }
    out
}

fn is_wide(payload: &[u8]) -> bool {
    let zeros = payload.iter().take(256).filter(|b| **b == 0).count();
    zeros * 3 > payload.len().min(256)
}

/// Not UTF-8: each byte is read as the character of that number, which loses nothing and leaves every ASCII rule at
/// work. UTF-16 is recognised by its zero bytes.
fn binary(guard: &Guard, payload: &[u8]) -> Vec<u8> {
    if is_wide(payload) {
        let little = payload.starts_with(&[0xff, 0xfe]) || payload.get(1) == Some(&0);
        let units = payload.chunks_exact(2).map(|pair| match pair {
            [a, b] if little => u16::from_le_bytes([*a, *b]),
            [a, b] => u16::from_be_bytes([*a, *b]),
            _ => 0,
        });
        let text: String = char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect();
        return guard.redacted(&text).map_or_else(|| payload.to_vec(), String::into_bytes);
    }
    let text: String = payload.iter().map(|byte| char::from(*byte)).collect();
    match guard.redacted(&text) {
        None => payload.to_vec(),
        Some(new) => new.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect(),
    }
}
