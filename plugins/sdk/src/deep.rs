//! JSON that is nested deeper than anybody reads. The parser stops at 128 levels, but a provider's event is no less an event
//! because a sender put an absurd value into one of its fields: what is too deep is replaced by null, without recursion.

/// Deeper than any field a collector reads, and well below the parser's own limit.
const MAX_DEPTH: usize = 64;

/// The same text with each list or object below [`MAX_DEPTH`] replaced by null; `None` when nothing is so deep, or when the
/// brackets do not balance: then the parser's own words are the better answer.
pub(crate) fn shallow(json: &[u8]) -> Option<Vec<u8>> {
    let (mut kept, mut open, mut cut) = (Vec::with_capacity(json.len()), Vec::new(), false);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json {
        let depth = open.len();
        let mut keep = depth <= MAX_DEPTH;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => {
                open.push(if *byte == b'[' { b']' } else { b'}' });
                if depth == MAX_DEPTH {
                    kept.extend_from_slice(b"null");
                    cut = true;
                }
                keep = depth < MAX_DEPTH;
            }
            b']' | b'}' if open.pop() != Some(*byte) => return None,
            _ => {}
        }
        if keep {
            kept.push(*byte);
        }
    }
    (cut && open.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!(r#"{{"a":{}"]"{},"b":[1,{{}}]}}"#, "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn what_is_too_deep_is_null_and_the_rest_stays() {
        let kept = shallow(nested(300).as_bytes()).expect("deep");
        let expected = format!(r#"{{"a":{}null{},"b":[1,{{}}]}}"#, "[".repeat(63), "]".repeat(63));
        assert_eq!(String::from_utf8(kept).expect("text"), expected);
    }

    #[test]
    fn nothing_else_is_touched() {
        assert_eq!(shallow(nested(63).as_bytes()), None, "not deep");
        assert_eq!(shallow("[".repeat(1_000).as_bytes()), None, "does not end");
        assert_eq!(shallow(format!("{}{}", "[".repeat(100), "}".repeat(100)).as_bytes()), None, "does not balance");
        assert_eq!(shallow(br#"{"a":"[[[[\"[["}"#), None, "brackets in a text");
    }
}
