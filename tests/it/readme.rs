//! What the README and the server itself tell a newcomer to type works.

use std::process::Command;

use system_log_tests::process::{Process, token};

/// The program that `cargo xtask test` found or installed.
fn grpcurl() -> String {
    std::env::var("GRPCURL").unwrap_or_else(|_| "grpcurl".into())
}

/// Lines of the README's `sh` blocks that call grpcurl.
fn lines() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(path).expect("the README").replace("\\\n", " ");
    readme.lines().map(str::trim).filter(|line| line.starts_with("grpcurl ")).map(str::to_owned).collect()
}

/// What a line answers.
fn answer(line: &str, listen: &str, admin: &str, ingest: &str) -> String {
    let command =
        line.replacen("grpcurl", "\"$GRPCURL\"", 1).replace("127.0.0.1:8080", listen).replace("localhost:8080", listen);
    let answer = Command::new("bash")
        .args(["-c", &command])
        .env("GRPCURL", grpcurl())
        .env("TOKEN", admin)
        .env("INGEST_TOKEN", ingest)
        .output()
        .expect("bash runs");
    let (out, err) = (String::from_utf8_lossy(&answer.stdout), String::from_utf8_lossy(&answer.stderr));
    assert!(answer.status.success(), "{line}\n{out}{err}");
    assert!(out.trim().len() > 10, "an empty answer to {line}: {out}{err}");
    out.into_owned()
}

#[test]
fn every_grpcurl_line_of_the_readme_and_of_the_server_gets_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::serve(folder.path(), &["--demo"]);
    let printed = server.lines_to("demo loaded");
    let loaded = printed.last().unwrap();
    assert!(loaded.contains("stored") && loaded.ends_with(" 0 refused or kept aside"), "{loaded}");
    let admin = token(folder.path(), "demo", "admin");
    let ingest = token(folder.path(), "demo", "ingest");
    let lines = lines();
    assert!(lines.len() >= 4, "{lines:?}");
    for line in lines {
        answer(&line, &server.listen, &admin, &ingest);
    }
    let printed: Vec<_> = printed.iter().filter(|line| line.starts_with("grpcurl ")).collect();
    assert!(printed.len() >= 5, "one for each question of the help page: {printed:?}");
    for line in printed {
        let answer = answer(line, &server.listen, &admin, &ingest);
        let shown = ["\"events\"", "\"rows\"", "\"chunk\""];
        assert!(shown.iter().any(|name| answer.contains(name)), "nothing to see: {line}\n{answer}");
        if line.ends_with("/SummarizeAiUsage") {
            assert!(answer.contains("\"model\": \"claude-sonnet-4-5\""), "{answer}");
            assert!(answer.contains("\"costNanoUsd\"") && answer.contains("\"requestsWithoutCost\""), "{answer}");
        }
    }
    assert!(server.terminate().success());
}
