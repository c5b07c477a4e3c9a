//! What a dead letter never holds: prompts and answers of AI models, bodies of e-mails.
//!
//! No event has them, so a dead letter has no use for them either. Texts become a marker and the structure stays, so that a
//! replay reads the same usage, models, ids and errors as the record did.

use serde_json::{Map, Value};

/// What stands where a text was.
const MARKER: &str = "[removed]";
/// Deeper than any parser here lets through.
const DEEPEST: usize = 256;

/// Fields that carry prompts and answers, lower case and without separators. Endings do: `system_prompt`.
const CONTENT: [&str; 40] = [
    "prompts",
    "contents",
    "texts",
    "input",
    "inputs",
    "output",
    "outputs",
    "choices",
    "candidates",
    "generation",
    "generations",
    "completions",
    "system",
    "systeminstruction",
    "instruction",
    "reasoning",
    "reasoningdetails",
    "thinking",
    "thought",
    "parts",
    "delta",
    "transcription",
    "query",
    "question",
    "answer",
    "answers",
    "document",
    "documents",
    "refusal",
    "word",
    "words",
    "segments",
    "tools",
    "functions",
    "toolcalls",
    "functioncall",
    "history",
    "imageurl",
    "b64json",
    "filedata",
];
const ENDINGS: [&str; 7] = ["prompt", "content", "messages", "completion", "instructions", "transcript", "text"];
/// Fields whose own fields anybody may name: nothing in them is ours to read.
const OPAQUE: [&str; 6] = ["arguments", "args", "structuredcontent", "toolinput", "parameters", "partialjson"];
/// What a replay reads amid prompts and answers.
const TOLD: [&str; 13] = [
    "type",
    "role",
    "id",
    "object",
    "status",
    "model",
    "finishreason",
    "stopreason",
    "callid",
    "toolcallid",
    "tooluseid",
    "responseid",
    "resulttype",
];
/// Counts, some of which are called `input` and `output`.
const COUNTS: [&str; 4] = ["usage", "usagemetadata", "usagedetails", "costdetails"];
/// Parts of a mail, and where it can be fetched.
const MAIL: [&str; 6] =
    ["body-plain", "body-html", "body-mime", "stripped-text", "stripped-html", "stripped-signature"];

/// The payload without what is never kept. `collector` and `source` say whose it is.
pub(super) fn remove(collector: &str, source: &str, payload: &[u8], content_type: &str) -> Vec<u8> {
    let is = |name: &str| collector == name || source == name;
    if is("ai") {
        return json(payload, |value| value.is_string() && mark(value) || conversation(value, "", Place::Outside, 0))
            // what nobody can read may hold anything
            .unwrap_or_else(|| MARKER.into());
    }
    if !is("mailgun") {
        return payload.to_owned();
    }
    let media = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match media.as_str() {
        "application/x-www-form-urlencoded" => form(payload),
        "multipart/form-data" => multipart(payload),
        _ => json(payload, |value| mail(value, "", 0)).unwrap_or_else(|| payload.to_owned()),
    }
}

/// The JSON after a change, byte for byte as it was without one; `None` if it is none.
fn json(payload: &[u8], change: impl FnOnce(&mut Value) -> bool) -> Option<Vec<u8>> {
    let bare = payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(payload);
    let mut value: Value = serde_json::from_slice(bare).ok()?;
    Some(if change(&mut value) { value.to_string().into_bytes() } else { payload.to_owned() })
}

fn mark(value: &mut Value) -> bool {
    let Value::String(text) = value else { return false };
    let changes = !text.is_empty() && text != MARKER;
    if changes {
        MARKER.clone_into(text);
    }
    changes
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Content,
    Opaque,
}

/// Removes prompts and answers; answers whether there were any.
fn conversation(value: &mut Value, name: &str, place: Place, depth: usize) -> bool {
    if depth > DEEPEST {
        *value = Value::from(MARKER);
        return true;
    }
    match value {
        Value::String(text) if place == Place::Outside => match within(text, name) {
            Some(new) if new != *text => {
                *text = new;
                true
            }
            _ => false,
        },
        Value::String(_) => mark(value),
        Value::Array(items) => {
            items.iter_mut().fold(false, |changed, item| conversation(item, name, place, depth + 1) | changed)
        }
        Value::Object(fields) => of_fields(fields, name, place, depth),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A text that may hold JSON, or the answer itself: JSON, a stream's events, or plain words.
fn within(text: &str, name: &str) -> Option<String> {
    if text.trim_start().starts_with(['{', '[']) {
        let clean = json(text.as_bytes(), |value| conversation(value, name, Place::Outside, 1));
        if let Some(clean) = clean.and_then(|clean| String::from_utf8(clean).ok()) {
            return Some(clean);
        }
    }
    if !folded(name).ends_with("response") || text.is_empty() {
        return None;
    }
    if !text.contains("data:") {
        return Some(MARKER.to_owned());
    }
    let line = |line: &str| match line.strip_prefix("data:").map(str::trim) {
        Some(data) => match json(data.as_bytes(), |value| conversation(value, "", Place::Outside, 1)) {
            Some(clean) => format!("data: {}", String::from_utf8_lossy(&clean)),
            None if data == "[DONE]" => line.to_owned(),
            None => format!("data: {MARKER}"),
        },
        None if line.starts_with("event:") || line.starts_with("id:") || line.is_empty() => line.to_owned(),
        None => MARKER.to_owned(),
    };
    Some(text.lines().map(line).collect::<Vec<_>>().join("\n"))
}

fn of_fields(fields: &mut Map<String, Value>, parent: &str, place: Place, depth: usize) -> bool {
    // What a tool says of its failure is the error, which an event keeps: the first text of it.
    let failed = matches!(fields.get("isError"), Some(Value::Bool(true)))
        || fields.get("isError").and_then(Value::as_str).is_some_and(|told| told.eq_ignore_ascii_case("true"));
    let attribute = fields.get("key").and_then(Value::as_str).is_some_and(|key| is_content(key, ""));
    let any_value = ["stringValue", "kvlistValue", "arrayValue"].iter().any(|kind| fields.contains_key(*kind));
    let mut changed = false;
    for (name, value) in fields.iter_mut() {
        let plain = folded(name.rsplit('.').next().unwrap_or(name));
        let counted = place != Place::Opaque && COUNTS.contains(&plain.as_str());
        let told = place == Place::Content && TOLD.contains(&plain.as_str()) && !value.is_object();
        if counted || told {
            continue;
        }
        if plain == "logprobs" || (plain == "bytes" && value.is_array()) {
            // token by token it is the answer once more
            changed |= !value.is_null();
            *value = Value::Null;
            continue;
        }
        let kept = (failed && name == "content").then(|| first_text(value)).flatten();
        let opaque = OPAQUE.contains(&plain.as_str())
            || (attribute && name == "value")
            || (any_value && parent == "body")
            || (place == Place::Content && plain == "input" && value.is_object());
        let speaks = is_content(name, parent)
            || (matches!(plain.as_str(), "result" | "body") && !value.is_object())
            || (plain == "response" && value.is_array() && place == Place::Content);
        let next = match place {
            Place::Opaque => Place::Opaque,
            _ if opaque => Place::Opaque,
            _ if speaks => Place::Content,
            _ => place,
        };
        changed |= conversation(value, name, next, depth + 1);
        if let Some((at, text)) = kept
            && let Some(slot) = value.get_mut(at).and_then(|block| block.get_mut("text"))
        {
            *slot = Value::from(text);
        }
    }
    changed
}

/// The first block that says anything.
fn first_text(blocks: &Value) -> Option<(usize, String)> {
    let texts = blocks.as_array()?.iter().enumerate();
    let mut texts = texts.filter_map(|(at, block)| Some((at, block.get("text")?.as_str()?.to_owned())));
    texts.find(|(_, text)| !text.trim().is_empty())
}

/// Whether a field carries prompts or answers: by its name, or by the end of an attribute's, `gen_ai.prompt.0.content`.
fn is_content(name: &str, parent: &str) -> bool {
    let mut words = name.split('.').filter(|word| !word.is_empty() && !word.bytes().all(|b| b.is_ascii_digit()));
    if words.clone().any(|word| word.contains("usage") || word.contains("token")) {
        return false;
    }
    let Some(last) = words.next_back() else { return false };
    let before = words.next_back();
    // OpenTelemetry calls the provider `gen_ai.system`.
    if last == "system" && (before.is_some() || matches!(parent, "gen_ai" | "llm")) {
        return false;
    }
    let last = folded(if last == "value" { before.unwrap_or(last) } else { last });
    let result = last == "result" && before.is_some();
    result
        || CONTENT.contains(&last.as_str())
        || OPAQUE.contains(&last.as_str())
        || (!last.starts_with("error") && ENDINGS.iter().any(|ending| last.ends_with(ending)))
}

fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Removes bodies of mails and where they are stored.
fn mail(value: &mut Value, parent: &str, depth: usize) -> bool {
    if depth > DEEPEST {
        return false;
    }
    match value {
        Value::Array(items) => items.iter_mut().fold(false, |changed, item| mail(item, parent, depth + 1) | changed),
        Value::Object(fields) => fields.iter_mut().fold(false, |changed, (name, value)| {
            let now = match value {
                Value::String(_) if is_mail(name, parent) => mark(value),
                Value::Array(items) if is_mail(name, parent) => {
                    items.iter_mut().fold(false, |changed, item| mark(item) | changed)
                }
                value => mail(value, name, depth + 1),
            };
            now || changed
        }),
        _ => false,
    }
}

fn is_mail(name: &str, parent: &str) -> bool {
    MAIL.contains(&name.to_ascii_lowercase().as_str())
        || matches!(name, "storage.url" | "storage.key" | "message-url")
        || (parent == "storage" && matches!(name, "url" | "key"))
}

fn form(payload: &[u8]) -> Vec<u8> {
    let pairs = payload.split(|byte| *byte == b'&').map(|pair| {
        let (name, value) = form_urlencoded::parse(pair).next().unwrap_or_default();
        let inner = || json(value.as_bytes(), |value| mail(value, "", 0));
        let new = if is_mail(&name, "") {
            Some(MARKER.as_bytes().to_vec())
        } else {
            value.starts_with('{').then(inner).flatten().filter(|clean| clean != value.as_bytes())
        };
        new.map_or_else(
            || pair.to_owned(),
            |new| {
                let new = String::from_utf8_lossy(&new).into_owned();
                form_urlencoded::Serializer::new(String::new()).append_pair(&name, &new).finish().into_bytes()
            },
        )
    });
    pairs.collect::<Vec<_>>().join(&b'&')
}

/// The parts of a multipart body whose names are a mail's: what they hold goes up to the next boundary.
fn multipart(payload: &[u8]) -> Vec<u8> {
    let find = |from: usize, what: &[u8]| {
        payload[from..].windows(what.len()).position(|window| window == what).map(|at| from + at)
    };
    let mut out = Vec::with_capacity(payload.len());
    let mut at = 0;
    while let Some(head) = find(at, b"name=\"") {
        let name_at = head + b"name=\"".len();
        let Some((name_end, body)) = find(name_at, b"\"").zip(find(name_at, b"\r\n\r\n").map(|at| at + 4)) else {
            break;
        };
        let name = String::from_utf8_lossy(&payload[name_at..name_end]);
        out.extend_from_slice(&payload[at..body]);
        let end = find(body, b"\r\n--").unwrap_or(payload.len());
        at = if is_mail(&name, "") {
            out.extend_from_slice(MARKER.as_bytes());
            end
        } else {
            body
        };
    }
    out.extend_from_slice(&payload[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::remove;

    const SAID: &str = "the quick brown fox";

    fn clean(collector: &str, payload: &str, media: &str) -> String {
        String::from_utf8(remove(collector, collector, payload.as_bytes(), media)).unwrap()
    }

    #[test]
    fn prompts_and_answers_go_and_what_is_counted_stays() {
        for shape in [
            r#"{"messages":[{"role":"user","content":"S"}],"response":{"choices":[{"message":{"content":"S"}}]}}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"S"}]}],"system":"S"}"#,
            r#"{"input":[{"type":"function_call","arguments":"{\"q\":\"S\"}"}],"instructions":"S"}"#,
            r#"{"output":[{"type":"tool_use","input":{"id":"S","name":"S"}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"S"}]}}],"systemInstruction":{"parts":[{"text":"S"}]}}"#,
            r#"{"type":"mystery","content":"S","thinking":"S","transcript":"S","system_prompt":"S"}"#,
            r#"{"params":{"name":"find","arguments":{"type":"S"}},"result":{"content":[{"type":"text","text":"S"}]}}"#,
            r#"{"response":"S"}"#,
            r#"{"response":"data: {\"choices\":[{\"delta\":{\"content\":\"S\"}}]}\n\ndata: [DONE]"}"#,
            r#"{"metadata":"{\"messages\":[\"S\"]}"}"#,
            r#"{"attributes":[{"key":"gen_ai.prompt.0.content","value":{"stringValue":"S"}}],"body":{"stringValue":"S"}}"#,
            r#"{"attributes":{"gen_ai.input.messages":"[\"S\"]","input.value":"S","gen_ai.tool.call.result":"S"}}"#,
            r#"[{"kind":"x","completion":"S"},{"text":"S"}]"#,
            r#""S""#,
            "not json: S",
        ] {
            let text = clean("ai", &shape.replace('S', SAID), "application/json");
            assert!(!text.contains(SAID) && text.contains("[removed]"), "{shape} -> {text}");
            assert_eq!(clean("ai", &text, "application/json"), text, "twice is once");
        }
        let kept = r#"{"attributes":{"gen_ai.system":"openai","gen_ai.usage.input_tokens":"3"},"error":{"code":"c","message":"too long"},"gen_ai":{"system":"openai"},"id":"i","model":"gpt-4o","prompt_tokens":5,"usage":{"cost":0.00022500000000000002,"input":"7","output":9}}"#;
        assert_eq!(clean("ai", kept, "application/json"), kept);
        let failed = r#"{"content":[{"text":"no such file","type":"text"}],"isError":true}"#;
        assert_eq!(clean("ai", failed, "application/json"), failed, "the error of an event");
        assert_eq!(clean("webhook", r#"{"content":"S"}"#, "application/json"), r#"{"content":"S"}"#);
    }

    #[test]
    fn bodies_of_mails_go_in_every_format() {
        let json = format!(
            r#"{{"event-data":{{"id":"m","storage":{{"key":"{SAID}","url":["{SAID}"]}}}},"body-plain":"{SAID}"}}"#
        );
        let form = "event=bounced&body-html=the+quick+brown+fox&stripped-text=the%20quick%20brown+fox&id=m";
        let multipart = format!(
            "--b\r\nContent-Disposition: form-data; name=\"body-plain\"\r\n\r\n{SAID}\r\n--b\r\n\
             Content-Disposition: form-data; name=\"event\"\r\n\r\nbounced\r\n--b--\r\n"
        );
        for (body, media) in [
            (json.as_str(), "application/json"),
            (form, "application/x-www-form-urlencoded"),
            (multipart.as_str(), "multipart/form-data; boundary=b"),
        ] {
            let text = clean("mailgun", body, media);
            assert!(!text.contains("quick") && text.contains("removed"), "{text}");
            assert!(text.contains("bounced") || text.contains("\"m\""), "{text}");
        }
    }
}
