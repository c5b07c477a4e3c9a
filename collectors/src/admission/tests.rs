//! Each wrong file is refused for its own reason, and the reason says what to do.

use super::*;
use crate::embedded;
use crate::host::{Host, HostError, HostOptions};
use crate::hostile::guest::{HONEST, MANIFEST, with_manifest};

const MAX: usize = 16 * 1024 * 1024;

fn refused(component: &[u8]) -> AdmissionError {
    inspect(component, MAX).expect_err("refused")
}

fn text(wat: &str) -> Vec<u8> {
    with_manifest(wat::parse_str(wat).unwrap(), MANIFEST)
}

/// Refused by the whole way in: inspected, compiled, linked, started.
fn refused_while_loading(component: Vec<u8>) -> AdmissionError {
    match Host::with_plugins(HostOptions::default(), vec![("test.wasm".into(), component)]) {
        Err(HostError::Refused { origin, source }) if origin == "test.wasm" => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn built_in_collectors_come_in_by_the_same_door() {
    for (name, component) in embedded::ALL {
        assert_eq!(inspect(component, MAX).unwrap().manifest.name, *name);
    }
    assert_eq!(inspect(&HONEST.with(MANIFEST), MAX).unwrap().manifest.name, "hostile");
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let whole = HONEST.with(MANIFEST);
    for end in 0..whole.len() {
        assert!(inspect(&whole[..end], MAX).is_err(), "cut at {end} of {}", whole.len());
    }
    let error = refused(&whole[..whole.len() / 2]);
    assert!(matches!(error, AdmissionError::Malformed(_)), "{error:?}");
    assert!(error.to_string().starts_with("not a valid WebAssembly component: "), "{error}");
}

#[test]
fn what_is_no_webassembly_is_told_so_in_one_line() {
    for bytes in [&b""[..], b"\0as", b"MZ\x90\0", b"name = \"hostile\"\n", &[0; 64]] {
        let error = refused(bytes);
        assert!(matches!(error, AdmissionError::NotWebAssembly), "{bytes:?}");
        let said = error.to_string();
        assert!(said.contains("does not begin with \\0asm") && !said.contains(['\n', '[']), "{said}");
    }
    assert!(matches!(refused(MAGIC), AdmissionError::Malformed(_)));
}

#[test]
fn a_core_module_is_refused_and_the_encoder_named() {
    let error = refused(&with_manifest(HONEST.module(), MANIFEST));
    assert!(matches!(error, AdmissionError::NotAComponent));
    assert!(error.to_string().contains("system-log plugin build"), "{error}");
}

/// proves: S7
#[test]
fn an_import_of_wasi_is_refused_and_the_right_target_named() {
    let error = refused(&text(r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance)))"#));
    assert!(
        matches!(&error, AdmissionError::Import { import } if import == "wasi:clocks/wall-clock@0.2.0"),
        "{error:?}"
    );
    let said = error.to_string();
    assert!(said.contains("may import only system-log:collector/diagnostics@1"), "{said}");
    assert!(said.contains("wasm32-unknown-unknown"), "{said}");
}

#[test]
fn any_other_import_is_refused_and_a_dependency_suspected() {
    for import in ["acme:net/http@1.0.0", "system-log:collector/secrets@1.0.0", "now"] {
        let error = refused(&text(&format!(r#"(component (import "{import}" (instance)))"#)));
        assert!(matches!(&error, AdmissionError::Import { import: found } if found == import), "{error:?}");
        assert!(error.to_string().contains("leave out the dependency"), "{error}");
    }
}

#[test]
fn our_own_imports_are_let_in_in_version_1_and_no_other() {
    let import = |version: &str| text(&format!(r#"(component (import "{DIAGNOSTICS}@{version}" (instance)))"#));
    for version in ["1.0.0", "1.7.3"] {
        assert!(matches!(refused(&import(version)), AdmissionError::NoCollect), "so the import was in order");
    }
    for version in ["0.9.0", "2.0.0", "10.0.0"] {
        assert!(matches!(refused(&import(version)), AdmissionError::Import { .. }), "{version}");
    }
}

#[test]
fn imports_of_what_is_inside_do_not_count() {
    let inside = r#"(component (component (import "wasi:cli/stdin@0.2.0" (instance)))
        (core module (import "env" "now" (func))))"#;
    assert!(matches!(refused(&text(inside)), AdmissionError::NoCollect));
}

#[test]
fn a_component_without_collect_is_refused() {
    for wat in ["(component)", r#"(component (instance $i) (export "acme:other/collect@1.0.0" (instance $i)))"#] {
        let error = refused(&text(wat));
        assert!(matches!(error, AdmissionError::NoCollect));
        assert!(error.to_string().contains("system-log:collector/collect@1"), "{error}");
    }
}

#[test]
fn a_manifest_stands_there_exactly_once() {
    let component = HONEST.component();
    let error = refused(&component);
    assert!(matches!(error, AdmissionError::NoManifest));
    assert!(
        error.to_string().contains("\"system-log:manifest\"") && error.to_string().contains("plugin.toml"),
        "{error}"
    );
    let once = with_manifest(component, MANIFEST);
    assert!(inspect(&once, MAX).is_ok());
    assert!(matches!(refused(&with_manifest(once, MANIFEST)), AdmissionError::TwoManifests));
}

#[test]
fn a_wrong_manifest_is_refused_in_its_own_words() {
    let error = refused(&HONEST.with(&MANIFEST.replace("name = \"hostile\"", "name = \"Hostile\"")));
    assert!(matches!(error, AdmissionError::Manifest(_)));
    assert!(error.to_string().starts_with("the manifest is wrong: name: lower-case"), "{error}");
}

#[test]
fn size_is_the_first_question() {
    let component = HONEST.with(MANIFEST);
    assert!(inspect(&component, component.len()).is_ok());
    let error = inspect(&component, component.len() - 1).unwrap_err();
    assert!(matches!(error, AdmissionError::TooLarge { .. }));
    assert_eq!(error.to_string(), format!("{} bytes, at most {}", component.len(), component.len() - 1));
    assert!(matches!(inspect(&[0; 9], 8).unwrap_err(), AdmissionError::TooLarge { bytes: 9, max: 8 }));
}

#[test]
fn instructions_that_are_wrong_or_not_ours_are_not_compiled() {
    let export = format!(r#"(instance $i) (export "{COLLECT}@1.0.0" (instance $i))"#);
    for module in [
        "(core module (func (result i32)))",        // no value
        "(core module (memory i64 1))",             // 64-bit memory
        "(core module (memory 1) (memory 1))",      // two memories
        "(core module (func $f (return_call $f)))", // tail calls
        "(core module (memory 1 1 shared))",        // threads
    ] {
        let component = text(&format!("(component {module} {export})"));
        assert!(inspect(&component, MAX).is_ok(), "its outside is in order");
        let error = refused_while_loading(component);
        assert!(matches!(error, AdmissionError::Compile(_)), "{module}: {error:?}");
        assert!(error.to_string().starts_with("cannot be compiled for the sandbox: "), "{error}");
    }
}

#[test]
fn types_that_are_not_the_contracts_are_refused() {
    let export = format!(r#"(instance $i) (export "{COLLECT}@1.0.0" (instance $i))"#);
    let steal = format!(r#"(import "{DIAGNOSTICS}@1.0.0" (instance (export "steal" (func))))"#);
    for component in [format!("(component {export})"), format!("(component {steal} {export})")] {
        let error = refused_while_loading(text(&component));
        assert!(matches!(error, AdmissionError::Contract { .. }), "{component}: {error:?}");
        assert!(error.to_string().starts_with("does not keep the contract 1: "), "{error}");
    }
}

#[test]
fn no_damaged_byte_brings_the_host_down() {
    let whole = HONEST.with(MANIFEST);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        // Let in or refused: it must be an answer.
        let _ = inspect(&damaged, MAX);
    }
}
