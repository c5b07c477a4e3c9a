//! The fixed command line, with the real binary.

use std::fs;

use system_log_tests::process::{Process, run, token};

#[test]
fn dev_listens_on_loopback_only_and_all_mistakes_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    fs::write(&config, "[auth]\nissuer = \"me\"\n").unwrap();
    let (config, data) = (config.to_str().unwrap(), folder.path().to_str().unwrap());
    let args = ["serve", "--dev", "--data", data, "--listen", "0.0.0.0:0", "--config", config];
    let (code, _, err) = run(&args);
    assert_eq!(code, 64, "{err}");
    assert!(err.contains("--listen") && err.contains("loopback") && err.contains("hs256_secret"), "{err}");
}

#[test]
fn a_data_folder_may_be_a_bare_name_that_is_not_there_yet() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = std::process::Command::new(system_log_tests::process::binary());
    serve.current_dir(folder.path()).args(["serve", "--dev", "--data", "d"]);
    serve.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]).stdout(std::process::Stdio::piped());
    let mut server = serve.spawn().unwrap();
    let mut first = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(server.stdout.take().unwrap()), &mut first).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(first.starts_with("ready"), "{first}");
}

#[test]
fn tokens_are_made_before_and_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let before = token(folder.path(), "acme", "admin");
    let server = Process::serve(folder.path(), &[]);
    let during = token(folder.path(), "*", "ingest");
    assert!(before.split('.').count() == 3 && during.split('.').count() == 3);
    server.kill();
    let data = folder.path().to_str().unwrap();
    for (org, role) in [("*", "admin"), ("acme", "king"), ("not an id", "admin")] {
        let (code, out, err) = run(&["token", "--data", data, "--org", org, "--role", role]);
        assert!(code != 0 && out.is_empty() && !err.is_empty(), "{org} {role}: {code} {out} {err}");
    }
}

#[test]
fn verify_tells_sound_from_damaged_from_busy() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let server = Process::serve(folder.path(), &[]);
    let (code, _, err) = run(&["verify", "--data", data]);
    assert_eq!(code, 2, "a server holds the folder: {err}");
    assert!(server.terminate().success());
    let (code, out, err) = run(&["verify", "--data", data]);
    assert_eq!(code, 0, "{out}{err}");
    let (code, _, err) = run(&["verify", "--data", "/nowhere/at/all"]);
    assert_eq!(code, 2, "{err}");
}

#[test]
fn keys_are_made_listed_and_revoked_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let server = Process::serve(folder.path(), &[]);
    let url = format!("http://{}", server.listen);
    let key = |args: &[&str]| run(&[&["key", "--server", &url, "--data", data], args].concat());
    let (code, secret, err) = key(&["create", "--name", "shop", "--scope", "ingest:webhook", "--org", "acme"]);
    assert_eq!(code, 0, "{err}");
    assert!(secret.starts_with("slk_") && secret.lines().count() == 1, "{secret}");
    let (code, listed, err) = key(&["list"]);
    assert_eq!(code, 0, "{err}");
    assert!(listed.contains("ingest:webhook") && !listed.contains(secret.trim()), "{listed}");
    let id = listed.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let (code, revoked, err) = key(&["revoke", id]);
    assert_eq!(code, 0, "{err}");
    assert!(revoked.contains("\"revoked\":true"), "{revoked}");
    for wrong in [&["create", "--scope", "admin"][..], &["revoke", "nobody"]] {
        let (code, out, err) = key(wrong);
        assert!(code == 1 && out.is_empty() && !err.is_empty(), "{code} {out} {err}");
    }
    let (code, _, err) = run(&["key", "--server", &url, "list"]);
    assert!(code == 64 && err.contains("SYSTEM_LOG_TOKEN"), "{code} {err}");
    server.kill();
}
