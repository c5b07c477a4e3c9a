//! What is well formed, what is refused, and what reads as absent.

use std::time::{Duration, Instant};

use super::*;

fn why(text: &str) -> String {
    match parse(text).and_then(|document| Fields::of(&document).map(drop)) {
        Err(Verdict::Reject("MALFORMED_PAYLOAD", message)) => message,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn what_is_not_well_formed_says_where() {
    for (text, rule) in [
        ("", "not XML"),
        ("<a>", "never closed"),
        ("<a><id>uuid</></a>", "invalid name token at 1:14"),
        ("<a><b></a></b>", "expected 'b' tag, not 'a' at 1:7"),
        ("<a/><b/>", "1:5"),
        ("<a>a & b</a>", "malformed entity reference at 1:6"),
        ("<a>&nbsp;</a>", "unknown entity reference 'nbsp' at 1:4"),
        ("<a>&#0;</a>", "malformed entity reference"),
        ("<a>\u{1}</a>", "non-XML character"),
        ("<a b='1' b='2'/>", "already defined"),
        ("<p:a/>", "unknown namespace prefix 'p'"),
    ] {
        let why = why(text);
        assert!(why.starts_with("payload: not XML: ") && why.contains(rule), "{text}: {why}");
    }
}

#[test]
fn document_types_are_refused() {
    for text in [
        "<!DOCTYPE a><a/>",
        "<!-- x --><!DOCTYPE a SYSTEM \"file:///etc/hostname\"><a/>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"http://example.com/\">]><a>&x;</a>",
        "<!DOCTYPE a [<!ENTITY x \"xx\"><!ENTITY y \"&x;&x;\">]><a>&y;</a>",
    ] {
        assert_eq!(why(text), "payload: a document type declaration (DOCTYPE) is not allowed");
    }
}

#[test]
fn nesting_and_quadratic_inputs_have_an_end() {
    let nested = |levels: usize| format!("{}x{}", "<a>".repeat(levels), "</a>".repeat(levels));
    assert!(Fields::of(&parse(&nested(MAX_DEPTH)).unwrap()).is_ok());
    assert_eq!(why(&nested(MAX_DEPTH + 1)), "payload: elements nested deeper than 64");
    let began = Instant::now();
    assert_eq!(why(&nested(37_000)), "payload: elements nested deeper than 64");
    let spaces: String = (0..7_000).map(|i| format!("<a xmlns:a{i}='u{i}'>")).collect();
    assert_eq!(why(&spaces), "payload: more than 64 namespace declarations");
    let many: String = (0..20_000).map(|i| format!(" a{i} = ''")).collect();
    assert_eq!(why(&format!("<a{many}/>")), "payload: more than 4096 attributes");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn nil_and_empty_are_absent() {
    let text = "<r xmlns:xsi='x'><a nil='true'>verena</a><b nil='nil'/><c type='datetime'></c><d nil='true'>\n</d>\
        <e xsi:nil=' TRUE '>x</e><f nil='false'>y</f><g nil='true'><h>z</h></g><i/><i nil='1'>1</i><i> 2 </i><i>3</i></r>";
    let document = parse(text).unwrap();
    let root = Fields::of(&document).unwrap();
    for absent in ["a", "b", "c", "d", "e", "g.h", "nowhere", "f.f"] {
        assert_eq!(root.text(absent), "", "{absent}");
    }
    assert_eq!((root.text("f"), root.text("i")), ("y".into(), "2".into()));
    assert_eq!(root.texts("i"), ["2", "3"]);
    assert!(root.has("f") && !root.has("g") && !root.has("nowhere"));
}

#[test]
fn text_is_decoded_once() {
    let document = parse("<a>M&#252;ller &amp;amp; <![CDATA[S&ouml;hne <b>]]><!-- -->&#x1F600;<c>no</c>!</a>").unwrap();
    assert_eq!(Element(document.root_element()).own_text(), "Müller &amp; S&ouml;hne <b>\u{1F600}!");
    let document = parse("<p:a xmlns:p='urn:x'><p:b code=' I '>1</p:b></p:a>").unwrap();
    let root = Fields::of(&document).unwrap();
    assert_eq!((root.name(), root.text("b"), root.attribute("b", "code")), ("a", "1".into(), "I".into()));
}
