//! `cargo xtask test`: everything a change must pass, step by step, with one count at the end.
//!
//! A failed step does not stop the next ones. A step whose tool is missing is skipped and says which line installs it;
//! with `CI=true` that is a failure. What is skipped is never counted as passed.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::process::{self, Failure, cargo};
use crate::tool::{self, Tool};

/// Tests and checks so far.
#[derive(Debug, Default)]
struct Count {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// How a step went, besides the tests it counted itself.
enum Step {
    Done(Result<(), Failure>),
    Missing(Tool),
}

/// A step counts its own tests, or nothing when it is one check.
type Check = fn(&mut Count) -> Step;

/// The steps, cheap ones first.
const STEPS: [(&str, Check); 8] = [
    ("format", format),
    ("clippy", clippy),
    ("plugins", plugins),
    ("tests", tests),
    ("example in C", example_in_c),
    ("docs", docs),
    ("contract", contract),
    ("chart", chart),
];

pub(crate) fn run(only: Option<&str>) -> Result<(), Failure> {
    system_log_plugin_build::ensure_target()?;
    let mut count = Count::default();
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        if only.is_some_and(|only| !name.contains(only)) {
            continue;
        }
        println!("\n== {name}");
        let begun = Instant::now();
        let counted = count.passed + count.failed;
        let outcome = step(&mut count);
        let counted_itself = count.passed + count.failed > counted;
        match outcome {
            Step::Done(Ok(())) => count.passed += usize::from(!counted_itself),
            Step::Done(Err(error)) => {
                println!("{name}: {error}");
                count.failed += usize::from(!counted_itself);
                failed.push(name.to_owned());
            }
            Step::Missing(tool) if in_ci() => {
                println!("{name}: needs a tool that could not be installed: {}", tool.line());
                count.failed += 1;
                failed.push(name.to_owned());
            }
            Step::Missing(tool) => {
                println!("{name}: SKIPPED, install its tool with: {}", tool.line());
                count.skipped += 1;
            }
        }
        println!("== {name}: {} s", begun.elapsed().as_secs());
    }
    let Count { passed, failed: failures, skipped } = count;
    // Every failed step counts, also one that failed before its first test.
    let failures = failures.max(failed.len());
    match skipped {
        0 => println!("\n{passed} passed, {failures} failed"),
        _ => println!("\n{passed} passed, {failures} failed, {skipped} skipped"),
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::Checks(failed)) }
}

fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

fn format(_: &mut Count) -> Step {
    Step::Done(in_both(|folder| process::run(cargo(folder).args(["fmt", "--all", "--check"]))))
}

fn clippy(_: &mut Count) -> Step {
    let check = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"];
    Step::Done(in_both(|folder| process::run(cargo(folder).args(check))))
}

/// In the host's workspace and in that of the plugins.
fn in_both(check: impl Fn(&Path) -> Result<(), Failure>) -> Result<(), Failure> {
    check(crate::root())?;
    check(&crate::root().join("plugins"))
}

/// The plugins' mapping code, natively: cases and laws.
fn plugins(count: &mut Count) -> Step {
    let mut test = cargo(&crate::root().join("plugins"));
    Step::Done(counted(test.args(["test", "--workspace", "--locked", "--quiet"]), count))
}

/// Unit tests, and the one integration binary against the real server.
fn tests(count: &mut Count) -> Step {
    let Some(grpcurl) = Tool::Grpcurl.find() else {
        return Step::Missing(Tool::Grpcurl);
    };
    // Besides the tests this builds the real binary, which some of them start, with the same features.
    if let Err(error) = process::run(cargo(crate::root()).args(["build", "--workspace", "--all-targets", "--locked"])) {
        return Step::Done(Err(error));
    }
    let mut test = cargo(crate::root());
    test.args(["test", "--workspace", "--locked", "--all-targets", "--no-fail-fast"]).env("GRPCURL", grpcurl);
    Step::Done(counted(&mut test, count))
}

/// The example in C builds, and says what its cases say. Where its tools are missing the tests above leave it out.
fn example_in_c(count: &mut Count) -> Step {
    if let Some(missing) = Tool::FOR_C.into_iter().find(|tool| tool.find().is_none()) {
        return Step::Missing(missing);
    }
    let mut test = cargo(crate::root());
    // The whole workspace, although one crate has the test: what the step above has built fits.
    test.args(["test", "--workspace", "--locked", "--lib", "the_examples"]);
    Step::Done(counted(test.env("PATH", tool::path()), count))
}

/// Documentation builds without a warning, and its examples run.
fn docs(count: &mut Count) -> Step {
    let mut doc = cargo(crate::root());
    // Private items too: the readers of these pages are the people who change the code.
    doc.args(["doc", "--workspace", "--no-deps", "--document-private-items", "--locked", "--quiet"]);
    doc.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links");
    if let Err(error) = process::run(&mut doc) {
        return Step::Done(Err(error));
    }
    Step::Done(counted(cargo(crate::root()).args(["test", "--workspace", "--locked", "--doc", "--quiet"]), count))
}

/// The contract keeps to the standard rules.
fn contract(_: &mut Count) -> Step {
    let Some(buf) = Tool::Buf.find() else {
        return Step::Missing(Tool::Buf);
    };
    Step::Done(process::run(process::program(buf).args(["lint", "proto"])))
}

/// The chart renders, and its objects are what Kubernetes knows.
fn chart(_: &mut Count) -> Step {
    let Some(helm) = Tool::Helm.find() else {
        return Step::Missing(Tool::Helm);
    };
    let Some(validate) = Tool::KubernetesValidate.find() else {
        return Step::Missing(Tool::KubernetesValidate);
    };
    let mut check = process::program("bash");
    check.arg("helm/check.sh").env("HELM", helm).env("KUBERNETES_VALIDATE", validate);
    Step::Done(process::run(&mut check))
}

/// Runs tests and adds up the runner's closing lines: `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn counted(command: &mut Command, count: &mut Count) -> Result<(), Failure> {
    process::watch(command, |line| {
        let Some(rest) = line.strip_prefix("test result: ") else { return };
        let words: Vec<&str> = rest.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<usize>() else { continue };
            match pair[1] {
                "passed" => count.passed += number,
                "failed" => count.failed += number,
                "ignored" => count.skipped += number,
                _ => {}
            }
        }
    })
}
