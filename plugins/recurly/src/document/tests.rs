//! What is well formed, what is refused, and what reads as absent.

use std::time::{Duration, Instant};

use super::*;

fn why(text: &str) -> String {
    match read(text) {
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
        ("<a>&#xD800;</a>", "reference to a character that does not exist"),
        ("<a><b>x &#1114112;</b></a>", "reference to a character that does not exist"),
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
    assert!(read(&nested(MAX_DEPTH)).is_ok());
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
    let root = read(text).unwrap();
    for absent in ["a", "b", "c", "d", "e", "g.h", "nowhere", "f.f"] {
        assert_eq!(root.text(absent), "", "{absent}");
    }
    assert_eq!((root.text("f"), root.text("i")), ("y", "2"));
    assert_eq!(root.texts("i").collect::<Vec<_>>(), ["2", "3"]);
    assert!(root.has("f") && !root.has("g") && !root.has("nowhere"));
}

#[test]
fn text_is_decoded_once() {
    let text = "<r><a>M&#252;ller &amp;amp; <![CDATA[S&ouml;hne <b>]]><!-- -->&#x1F600;<c>no</c>!</a></r>";
    assert_eq!(read(text).unwrap().text("a"), "Müller &amp; S&ouml;hne <b>\u{1F600}!");
    let root = read("<p:a xmlns:p='urn:x'><p:b code=' I '>1</p:b></p:a>").unwrap();
    assert_eq!((root.name(), root.text("b"), root.code("b")), ("a", "1", "I"));
}

#[test]
fn a_plain_document_says_what_the_parser_of_all_xml_says() {
    let root = plain::read(PLAIN).expect("plain");
    assert_eq!(root, tree::read(PLAIN).expect("XML"));
    assert_eq!(root.texts("a.b").collect::<Vec<_>>(), ["1", "Ünal"]);
    assert_eq!(root.each("a", ["b", "c"]).collect::<Vec<_>>(), [["1", ""], ["Ünal", "x]"]]);
    assert_eq!((root.code("a.c"), root.has("n.b"), root.has("e")), ("M", false, true));
    // Everything that could be wrong or mean something else, at every place.
    let pieces = [
        "<",
        ">",
        "/",
        "</",
        "/>",
        "'",
        "\"",
        "=",
        " ",
        "\n",
        "\r",
        "\t",
        "&",
        "&amp;",
        "&lt;",
        "&x;",
        "]]>",
        "<![CDATA[x]]>",
        "<!-- x -->",
        "<?p x?>",
        "<!DOCTYPE a>",
        ":",
        "x:",
        "xmlns",
        " xmlns=\"u\"",
        " xmlns=\"http://www.w3.org/2000/xmlns/\"",
        "t<b/>t",
        " code=\"2\"",
        " nil=\"0\"",
        "<b>",
        "</b>",
        "<b/>",
        "<b>t</b>",
        "t",
        "é",
        "-",
        "1",
        "\u{1}",
        "\u{7f}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{a0}",
        "\u{feff}",
        "?>",
        "<?xml",
        "\u{b}",
        "\u{c}",
        "\u{85}",
        "\u{2028}",
        "=\"",
    ];
    let mut plain = 0;
    for (at, c) in PLAIN.char_indices().chain([(PLAIN.len(), ' ')]) {
        let (before, after) = PLAIN.split_at(at);
        let rest = after.strip_prefix(c).unwrap_or_default();
        for piece in pieces.iter().chain([&""]) {
            for text in [[before, piece, after].concat(), [before, piece, rest].concat()] {
                if let Some(fields) = plain::read(&text) {
                    plain += 1;
                    assert_eq!(Ok(fields), tree::read(&text), "{text}");
                }
            }
        }
    }
    assert!(plain > 500, "{plain}");
}

#[test]
fn what_the_parser_finds_too_much_is_not_read_in_one_pass() {
    for text in [
        format!("<r>{}</r>", "<a t=\"x\"/>".repeat(5_000)),
        format!("<r>{}</r>", "<a t=\"x\">xmlns</a>".repeat(70)),
        format!("<r>{}</r>", "<a t=\"x\">t =\"x\" =\"y\"</a>".repeat(1_500)),
    ] {
        assert!(tree::read(&text).is_err());
        assert_eq!(read(&text), tree::read(&text));
    }
}

#[test]
fn every_path_finds_its_elements_and_no_others() {
    let names = ["a", "b", "xb", "ab", "x", "a.b", "id", "di", "ba"];
    let mut text = String::from("<r>");
    for (at, outer) in names.iter().cycle().take(80).enumerate() {
        text += &format!("<{outer}{}>", at % 20);
        names.iter().for_each(|inner| text += &format!("<{inner}>{at}{inner}</{inner}>"));
        text += &format!("</{outer}{}>", at % 20);
    }
    text += "<x><b>1</b></x><x.b>2</x.b><b>3</b></r>";
    let fields = read(&text).expect("XML");
    let document = roxmltree::Document::parse(&text).expect("XML");
    let path_of = |node: roxmltree::Node<'_, '_>| {
        let mut names: Vec<_> =
            node.ancestors().filter(|node| node.is_element()).map(|n| n.tag_name().name()).collect();
        names.pop();
        names.reverse();
        names.join(".")
    };
    // A name that looks like a path is nobody's field.
    let has_dot = |node: &roxmltree::Node<'_, '_>| node.ancestors().any(|node| node.tag_name().name().contains('.'));
    let leaves = document.descendants().filter(|node| node.is_element() && node.text().is_some() && !has_dot(node));
    let mut expected = std::collections::BTreeMap::<String, Vec<&str>>::new();
    leaves.for_each(|node| expected.entry(path_of(node)).or_default().push(node.text().unwrap_or_default()));
    assert!(expected.len() > 256, "{}", expected.len());
    for (path, texts) in &expected {
        assert_eq!(fields.texts(path).collect::<Vec<_>>(), *texts, "{path}");
    }
    // Enough others to meet every slot.
    let letters = || ('a'..='z').chain(['.']);
    let before = || letters().flat_map(|first| letters().map(move |second| format!("{first}{second}")));
    for path in expected.keys().step_by(7) {
        for other in
            before().flat_map(|before| [format!("{before}{path}"), format!("{before}{}", path.replace('.', ".."))])
        {
            assert_eq!(fields.texts(&other).count(), expected.get(&other).map_or(0, Vec::len), "{other}");
        }
    }
    for path in ["", ".", "x.", ".b", "r", "r.x.b", "x.b.c", "c"] {
        assert_eq!(fields.texts(path).count(), 0, "{path}");
    }
}

#[test]
fn a_path_of_one_slot_with_another_is_another() {
    let names = || ('A'..='Z').chain('a'..='z').map(|letter| letter.to_string().repeat(3));
    let pairs = names().flat_map(|outer| names().map(move |inner| (outer.clone(), inner)));
    let mut met = 0;
    for (outer, inner) in pairs {
        let text = format!("<r><{outer}><{inner}>1</{inner}></{outer}></r>");
        let fields = read(&text).expect("XML");
        for other in
            [format!("{outer}{inner}"), format!("x{outer}.{inner}"), format!("{outer}..{inner}"), format!("x.{inner}")]
        {
            met += usize::from(slot(other.as_bytes()) == slot(format!("{outer}.{inner}").as_bytes()));
            assert!(!fields.has(&other), "{other}");
        }
        assert_eq!(fields.text(&format!("{outer}.{inner}")), "1");
    }
    assert!(met > 0, "no path met another's slot");
}

#[test]
fn what_recurly_sends_is_plain() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let (mut plain, mut all) = (0, 0);
    for entry in std::fs::read_dir(folder).expect("cases") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if path.extension().is_none_or(|end| end != "in") || !text.starts_with('<') {
            continue;
        }
        all += 1;
        if let Some(fields) = plain::read(text.trim()) {
            plain += 1;
            assert_eq!(Ok(fields), tree::read(text.trim()), "{}", path.display());
        }
    }
    assert!(all > 80 && plain * 10 > all * 7, "{plain} of {all}");
}

const PLAIN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<r v="">
  <a><b type="x">1</b><c code=" M " nil="false"/></a>
  <a t="y"><b> Ünal </b><c>x]</c></a>
  <n nil="true"><b>2</b></n><e></e>
</r>
"#;
