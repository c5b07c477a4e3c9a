//! From bytes to text, as XML wants it: a byte-order mark decides, then the shape of the first character, then the
//! declaration. Recurly sends UTF-8; relays in between do not always.

use std::borrow::Cow;

use system_log_plugin::Verdict;
use system_log_plugin::text::cut;

/// A declaration longer than this has no encoding worth looking for.
const MAX_DECLARATION_BYTES: usize = 256;

/// Decodes a document.
///
/// # Errors
/// A rejection that names the encoding, or the place where the bytes do not keep to it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Verdict> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        // Without a mark: `<` in two bytes.
        [b'<', 0, ..] => utf16(bytes, u16::from_le_bytes),
        [0, b'<', ..] => utf16(bytes, u16::from_be_bytes),
        _ => declared(bytes),
    }
}

fn declared(bytes: &[u8]) -> Result<Cow<'_, str>, Verdict> {
    let name = declaration(bytes).unwrap_or_default();
    match name.to_ascii_lowercase().as_str() {
        // UTF-16 in the declaration of a text that is plainly not: a program declared it and another one re-coded it.
        "" | "utf-8" | "utf8" | "us-ascii" | "ascii" | "utf-16" | "utf-16le" | "utf-16be" => utf8(bytes),
        // Each byte is the character of that number.
        "iso-8859-1" | "iso_8859-1" | "latin1" => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
        _ => {
            let name = cut(&name, 64);
            Err(Verdict::malformed(format!("payload: encoding {name:?}: must be UTF-8, UTF-16 or ISO-8859-1")))
        }
    }
}

/// The encoding that `<?xml … encoding="…"?>` names.
fn declaration(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_DECLARATION_BYTES)]);
    let (declaration, _) = head.trim_start().strip_prefix("<?xml")?.split_once("?>")?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| ['"', '\''].contains(c))?;
    value[1..].split_once(quote).map(|(name, _)| name.trim().to_owned())
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, Verdict> {
    std::str::from_utf8(bytes)
        .map(Cow::Borrowed)
        .map_err(|error| Verdict::malformed(format!("payload: not UTF-8 from byte {}", error.valid_up_to())))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, str>, Verdict> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let text = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect::<Result<String, _>>();
    match text {
        Ok(text) if rest.is_empty() => Ok(Cow::Owned(text)),
        _ => Err(Verdict::malformed("payload: not UTF-16, though it begins like that")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16le(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn utf16be(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    }

    #[test]
    fn every_encoding_says_the_same() {
        let text = "<a>Müller \u{1F600}</a>";
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [b"\xff\xfe".to_vec(), utf16le(text)].concat(),
            [b"\xfe\xff".to_vec(), utf16be(text)].concat(),
            utf16le(text),
            utf16be(text),
        ] {
            assert_eq!(decode(&bytes).unwrap(), text);
        }
        let latin = b"<?xml version='1.0' encoding = 'ISO-8859-1' ?><a>M\xfcller</a>";
        assert!(decode(latin).unwrap().ends_with("<a>Müller</a>"));
        assert!(decode(b"<?xml version=\"1.0\" encoding=\"utf-16\"?><a>x</a>").unwrap().ends_with("<a>x</a>"));
    }

    #[test]
    fn what_cannot_be_decoded_says_why() {
        let broken: [(&[u8], &str); 5] = [
            (b"<?xml version='1.0' encoding='EBCDIC-US'?><a/>", "encoding \"EBCDIC-US\": must be UTF-8"),
            (b"<a>\xfc</a>", "not UTF-8 from byte 3"),
            (b"\xff\xfe<\0a\0>", "not UTF-16"),
            (b"\xff\xfe\x00\xd8<\0", "not UTF-16"),
            (b"<\0", "no error"),
        ];
        for (bytes, why) in &broken[..4] {
            let Err(Verdict::Reject("MALFORMED_PAYLOAD", message)) = decode(bytes) else { panic!("{bytes:?}") };
            assert!(message.contains(why), "{message}");
        }
        assert_eq!(decode(broken[4].0).unwrap(), "<");
    }

    #[test]
    fn a_declaration_that_is_none_is_passed_over() {
        for text in
            ["", "<", "<?xml", "<?xml encoding", "<?xml encoding=?>", "<?xml encoding='?>", "<?xml encoding=é?>"]
        {
            assert_eq!(declaration(text.as_bytes()), None, "{text}");
        }
    }
}
