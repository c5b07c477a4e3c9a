//! The shape of the house: who may depend on whom, and where a rule may live.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Each crate of the workspace with what it depends on outside of its tests.
fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(root());
    let output = cargo.output().expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    let edges = packages.iter().map(|package| {
        let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
        (text(&package["name"]), dependencies.filter(|d| d["kind"] != "dev").map(|d| text(&d["name"])).collect())
    });
    edges.collect()
}

fn users(edges: &BTreeMap<String, BTreeSet<String>>, what: fn(&str) -> bool) -> Vec<&str> {
    let uses = |dependencies: &BTreeSet<String>| dependencies.iter().any(|name| what(name));
    edges.iter().filter(|(_, dependencies)| uses(dependencies)).map(|(name, _)| name.as_str()).collect()
}

#[test]
fn engines_and_wire_stay_in_their_rooms() {
    let edges = edges();
    assert_eq!(users(&edges, |name| ["sled", "tantivy"].contains(&name)), ["system-log-index"]);
    assert_eq!(users(&edges, |name| name == "wasmtime"), ["system-log-collectors"]);
    let wire = |name: &str| name == "prost" || name == "tonic" || name.starts_with("tonic-");
    assert_eq!(users(&edges, wire), ["system-log-service", "system-log-tests", "system-log-wire"]);
}

#[test]
fn collectors_and_index_know_the_model_and_never_each_other() {
    let edges = edges();
    let ours = |name: &str| -> Vec<&str> {
        edges[name].iter().map(String::as_str).filter(|d| d.starts_with("system-log")).collect()
    };
    assert_eq!(ours("system-log-index"), ["system-log-model"]);
    assert_eq!(ours("system-log-collectors"), ["system-log-model", "system-log-plugin-build"]);
    assert_eq!(ours("system-log-model"), [""; 0]);
    assert_eq!(ours("system-log-wire"), [""; 0]);
    let both = |d: &BTreeSet<String>| d.contains("system-log-index") && d.contains("system-log-collectors");
    let knowing: Vec<&String> = edges.iter().filter(|(_, d)| both(d)).map(|(name, _)| name).collect();
    assert_eq!(knowing, ["system-log-service"]);
}

fn sources() -> Vec<PathBuf> {
    let output = Command::new("git").args(["ls-files", "*.rs"]).current_dir(root()).output().expect("git runs");
    let listed = String::from_utf8(output.stdout).expect("text");
    listed.lines().map(|line| root().join(line)).filter(|path| path.is_file()).collect()
}

#[test]
fn every_file_says_what_it_is_for() {
    let sources = sources();
    assert!(sources.len() > 100, "{}", sources.len());
    for path in sources {
        assert!(path.file_name().is_some_and(|name| name != "mod.rs"), "{}", path.display());
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} does not begin with a `//!` line", path.display());
        assert!(text.lines().count() <= 500, "{} is too long for one idea", path.display());
    }
}

/// The only door to what may be stored: the guard alone makes a `Clean`.
///
/// proves: S1
#[test]
fn clean_is_made_by_the_guard_alone() {
    let makes = |path: &PathBuf| fs::read_to_string(path).unwrap().contains(concat!("from_guar", "ded("));
    let makers: Vec<PathBuf> = sources().into_iter().filter(makes).collect();
    let model = root().join("proto/model/src");
    assert_eq!(makers, [model.join("clean.rs"), model.join("guard.rs")]);
}

/// Every invariant of the architecture is named by a test.
#[test]
fn every_invariant_has_a_test_that_names_it() {
    let all: String = sources().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    for number in 1..=11 {
        let name = format!("proves: S{number}");
        let found =
            all.match_indices(&name).any(|(at, _)| !all[at + name.len()..].starts_with(|c: char| c.is_ascii_digit()));
        assert!(found, "no test {name}");
    }
}
