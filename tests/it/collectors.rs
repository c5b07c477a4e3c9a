//! Plugins of the directory, seen through the contract: they come and change without a restart, their kinds are known at once,
//! and one that keeps failing is switched off for a while. The plugin is the one that `system-log plugin new` makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::json;
use system_log_model::Timestamp;
use system_log_service::auth::Role;
use system_log_tests::client::{fields, reason};
use system_log_tests::event::{everything, record};
use system_log_tests::process::{binary, run};
use system_log_tests::server::{NOW, TestServer};
use system_log_wire::systemlog::v1 as pb;
use tonic_health::pb::health_client::HealthClient;

const AT: &str = "2026-11-22T09:00:00Z";

/// The kit, from `new` to `build`, in a folder that is kept between runs so that the SDK is compiled once.
fn project() -> &'static Path {
    static PROJECT: OnceLock<PathBuf> = OnceLock::new();
    PROJECT.get_or_init(|| {
        let project = Path::new(env!("CARGO_TARGET_TMPDIR")).join("door");
        if project.exists() {
            fs::remove_dir_all(&project).unwrap();
        }
        let (code, out, err) = run(&["plugin", "new", "door", "--dir", project.to_str().unwrap()]);
        assert_eq!(code, 0, "{err}");
        assert!(out.contains("cargo test && system-log plugin build"), "{out}");
        fs::create_dir(project.join(".cargo")).unwrap();
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin-kit");
        fs::write(project.join(".cargo/config.toml"), format!("[build]\ntarget-dir = {target:?}\n")).unwrap();
        project
    })
}

/// Builds the project under a version, with a change of its source or manifest, and gives the component.
fn build(version: &str, file: &str, from: &str, to: &str) -> Vec<u8> {
    let out = project().join("built.wasm");
    let built = try_build(&out, version, file, from, to);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    fs::read(out).unwrap()
}

fn try_build(out: &Path, version: &str, file: &str, from: &str, to: &str) -> Output {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _held = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let project = project();
    let paths = [project.join("plugin.toml"), project.join(file)];
    let before = paths.each_ref().map(|path| fs::read_to_string(path).unwrap());
    let changed = before[1].replace(from, to);
    assert!(from.is_empty() || changed != before[1], "{from} is not in {file}");
    if !from.is_empty() {
        fs::write(&paths[1], changed).unwrap();
    }
    let manifest = fs::read_to_string(&paths[0]).unwrap();
    fs::write(&paths[0], manifest.replace("0.1.0", version)).unwrap();
    // What it needs is there already: our own plugins need the same.
    let built = Command::new(binary())
        .env("CARGO_NET_OFFLINE", "true")
        .args(["plugin", "build", project.to_str().unwrap(), "--out", out.to_str().unwrap()])
        .output()
        .unwrap();
    for (path, text) in paths.iter().zip(before) {
        fs::write(path, text).unwrap();
    }
    built
}

fn door() -> &'static [u8] {
    static DOOR: OnceLock<Vec<u8>> = OnceLock::new();
    DOOR.get_or_init(|| build("1.0.0", "plugin.toml", "", ""))
}

async fn start() -> (TestServer, tempfile::TempDir) {
    let plugins = tempfile::tempdir().unwrap();
    let config = format!("[collectors]\ndirectory = {:?}\n", plugins.path());
    let now = Timestamp::parse(NOW).unwrap();
    (TestServer::configured(tempfile::tempdir().unwrap(), now, &config).await, plugins)
}

async fn reload(server: &TestServer) -> Vec<pb::Collector> {
    let operator = server.client("*", Role::Operator);
    let answer = operator.collectors().reload_collectors(pb::ReloadCollectorsRequest {}).await.unwrap();
    answer.into_inner().collectors.into_iter().filter(|collector| collector.origin.starts_with("directory")).collect()
}

fn report(id: &str, event: &str) -> pb::Record {
    record(&json!({"id": id, "event": event, "at": AT, "message": "The door was opened.", "email": "ada@example.com"}))
}

fn reports() -> pb::EventFilter {
    pb::EventFilter { types: vec!["door_reported".into()], ..everything(pb::Log::System) }
}

#[tokio::test]
async fn a_plugin_is_loaded_without_a_restart_and_its_kind_is_known_at_once() {
    let (server, plugins) = start().await;
    let admin = server.admin_of("acme");
    let list = || pb::ListEventsRequest { filter: Some(reports()), ..Default::default() };
    assert_eq!(
        reason(&server.sender().send("door", "acme", vec![report("r1", "report")]).await.unwrap_err()),
        "UNKNOWN_SOURCE"
    );
    let refused = admin.list(list()).await.unwrap_err();
    assert_eq!((reason(&refused).as_str(), fields(&refused)), ("INVALID_FILTER", vec!["filter.types".to_owned()]));

    fs::write(plugins.path().join("door.wasm"), door()).unwrap();
    let loaded = reload(&server).await;
    assert_eq!(loaded.len(), 1);
    assert_eq!((loaded[0].name.as_str(), loaded[0].version.as_str(), loaded[0].error.as_str()), ("door", "1.0.0", ""));
    assert_eq!(
        (loaded[0].state(), &loaded[0].kinds),
        (pb::CollectorState::Active, &vec!["system/door_reported".to_owned()])
    );

    let results =
        server.sender().send("door", "acme", vec![report("r1", "report"), report("r2", "heartbeat")]).await.unwrap();
    assert_eq!(
        results.iter().map(pb::RecordResult::outcome).collect::<Vec<_>>(),
        [pb::Outcome::Stored, pb::Outcome::Dropped]
    );
    let events = admin.list(list()).await.unwrap().events;
    assert_eq!(events.iter().map(|event| event.message.as_str()).collect::<Vec<_>>(), ["The door was opened."]);

    let logs = admin.log().describe_logs(pb::DescribeLogsRequest {}).await.unwrap().into_inner().logs;
    let system = logs.iter().find(|log| log.log() == pb::Log::System).unwrap();
    let kind = system.kinds.iter().find(|kind| kind.r#type == "door_reported").unwrap();
    assert_eq!((kind.category(), kind.description.as_str()), (pb::Category::Process, "door reported something."));
    assert_eq!(kind.sources, ["door"]);
}

#[tokio::test]
async fn a_bad_file_leaves_the_earlier_version_serving_and_says_why() {
    let (server, plugins) = start().await;
    let file = plugins.path().join("door.wasm");
    fs::write(&file, door()).unwrap();
    reload(&server).await;
    fs::write(&file, &door()[..door().len() / 2]).unwrap();
    let state = reload(&server).await;
    assert_eq!(
        state.iter().map(pb::Collector::state).collect::<Vec<_>>(),
        [pb::CollectorState::Active, pb::CollectorState::Failed]
    );
    assert!(state.iter().all(|collector| collector.error.contains("not a valid WebAssembly component")), "{state:?}");
    let results = server.sender().send("door", "acme", vec![report("r1", "report")]).await.unwrap();
    assert_eq!(results[0].outcome(), pb::Outcome::Stored);
    let (file_path, data) = (plugins.path().display().to_string(), format!("{state:?}"));
    assert!(!data.contains(&file_path), "no path of the server leaves: {data}");
}

#[tokio::test]
async fn a_dry_run_with_an_undeclared_kind_tells_the_reason() {
    let (server, plugins) = start().await;
    // The cases would tell before: a plugin without any.
    let other = build("1.0.1", "plugin.toml", "name = \"door_reported\"", "name = \"door_locked\"");
    fs::write(plugins.path().join("door.wasm"), other).unwrap();
    let state = reload(&server).await;
    assert!(state[0].error.contains("its own case \"report\" fails: KIND_NOT_DECLARED"), "{state:?}");

    let undeclared = build(
        "1.0.2",
        "src/lib.rs",
        "\"heartbeat\" =>",
        "\"locked\" => return Ok(Verdict::Emit(vec![Event::new(\"system\", \"role_changed\")])),\n        \"heartbeat\" =>",
    );
    fs::write(plugins.path().join("door.wasm"), undeclared).unwrap();
    assert_eq!(reload(&server).await[0].state(), pb::CollectorState::Active);
    let request = pb::TestCollectorRequest {
        source: "door".into(),
        org_id: "acme".into(),
        records: vec![report("r1", "locked"), report("r2", "report")],
    };
    let operator = server.client("*", Role::Operator);
    let results = operator.collectors().test_collector(request).await.unwrap().into_inner().results;
    assert_eq!((results[0].outcome(), results[0].reason.as_str()), (pb::Outcome::Rejected, "KIND_NOT_DECLARED"));
    assert!(
        results[0].message.contains("does not declare \"role_changed\" in the log system"),
        "{}",
        results[0].message
    );
    assert_eq!((results[1].outcome(), results[1].events.len()), (pb::Outcome::Stored, 1));
    assert!(
        server
            .admin_of("acme")
            .list(pb::ListEventsRequest { filter: Some(reports()), ..Default::default() })
            .await
            .unwrap()
            .events
            .is_empty()
    );
}

#[tokio::test]
async fn a_plugin_that_keeps_failing_is_switched_off_everywhere_one_looks_and_comes_back() {
    let (server, plugins) = start().await;
    let panics = build(
        "1.0.3",
        "src/lib.rs",
        "\"heartbeat\" =>",
        "\"crash\" => panic!(\"on purpose\"),\n        \"heartbeat\" =>",
    );
    fs::write(plugins.path().join("door.wasm"), panics).unwrap();
    reload(&server).await;
    let send = async |event: &str| {
        let results = server.sender().send("door", "acme", vec![report("r1", event)]).await.unwrap();
        results[0].reason.clone()
    };
    for _ in 0..5 {
        assert_eq!(send("crash").await, "COLLECTOR_TRAPPED");
    }
    assert_eq!(send("report").await, "COLLECTOR_QUARANTINED");
    let operator = server.client("*", Role::Operator);
    let all =
        operator.collectors().list_collectors(pb::ListCollectorsRequest {}).await.unwrap().into_inner().collectors;
    let door = all.iter().find(|collector| collector.name == "door").unwrap();
    assert_eq!(door.state(), pb::CollectorState::Quarantined);
    assert!(door.error.contains("switched off until 2026-11-22T10:00:10"), "{}", door.error);
    let page = metrics(&server).await;
    for line in [
        "system_log_collector_calls_total{collector=\"door\",version=\"1.0.3\",result=\"COLLECTOR_TRAPPED\"} 5",
        "system_log_collector_calls_total{collector=\"door\",version=\"1.0.3\",result=\"ok\"} 0",
        "system_log_collector_records_total{collector=\"door\",version=\"1.0.3\",outcome=\"failed\"} 6",
        "system_log_collector_quarantines_total{collector=\"door\",version=\"1.0.3\"} 1",
        "system_log_collector_state{collector=\"door\",version=\"1.0.3\",state=\"quarantined\"} 1",
        "system_log_collector_call_seconds_count{collector=\"door\",version=\"1.0.3\"} 5",
    ] {
        assert!(page.lines().any(|known| known == line), "{line} is not in\n{page}");
    }
    assert_eq!(health(&server, 2).await, 2, "NOT_SERVING");

    server.advance(std::time::Duration::from_secs(10));
    assert_eq!(send("report").await, "", "the probe succeeds");
    let all =
        operator.collectors().list_collectors(pb::ListCollectorsRequest {}).await.unwrap().into_inner().collectors;
    assert_eq!(all.iter().find(|collector| collector.name == "door").unwrap().state(), pb::CollectorState::Active);
    assert_eq!(health(&server, 1).await, 1, "SERVING");
    let request = pb::ReplayDeadLettersRequest { source: "door".into(), ..Default::default() };
    let replayed = operator.collectors().replay_dead_letters(request).await.unwrap().into_inner().results;
    assert_eq!(replayed.len(), 6);
}

/// What health says of the collector, once it says so, or after a while.
async fn health(server: &TestServer, wanted: i32) -> i32 {
    let mut client = HealthClient::new(server.channel());
    let mut last = 0;
    for _ in 0..100 {
        let request = tonic_health::pb::HealthCheckRequest { service: "collector/door".into() };
        last = client.check(request).await.map_or(0, |answer| answer.into_inner().status);
        if last == wanted {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    last
}

async fn metrics(server: &TestServer) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(server.admin).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}

#[test]
fn the_kit_checks_tests_measures_and_inspects() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("door.wasm");
    fs::write(&file, door()).unwrap();
    let kit = |command: &str| run(&["plugin", command, file.to_str().unwrap()]);
    let (code, out, err) = kit("check");
    assert_eq!(
        (code, out.as_str()),
        (0, "door 1.0.0: fits the contract, imports nothing it must not, starts\n"),
        "{err}"
    );
    let (code, out, _) = kit("test");
    assert!(code == 0 && out.ends_with("2 cases, 0 failed; 7 laws, 0 broken\n"), "{out}");
    let (code, out, _) = kit("bench");
    assert!(code == 0 && out.lines().count() == 6, "{out}");
    let (code, out, _) = kit("inspect");
    assert!(
        code == 0 && out.contains("kind           system/door_reported (info, process): door reported something."),
        "{out}"
    );

    let bad = build("1.0.4", "cases/unknown.out", "surprise", "something else");
    fs::write(&file, bad).unwrap();
    let (code, out, _) = kit("test");
    assert!(
        code == 1 && out.contains("it says {\"unknown\":\"surprise\"}, not {\"unknown\":\"something else\"}"),
        "{out}"
    );
    fs::write(&file, "no plugin").unwrap();
    for command in ["check", "test", "bench", "inspect"] {
        let (code, _, err) = kit(command);
        let begins = format!("{} would be refused: not a valid WebAssembly component: ", file.display());
        assert!(code == 1 && err.starts_with(&begins) && err.lines().count() == 1, "{command}: {err}");
    }
}

#[test]
fn a_plugin_that_would_be_refused_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("door.wasm");
    fs::write(&out, "the one that serves").unwrap();
    let built = try_build(&out, "1.0.5", "plugin.toml", "log = \"system\"", "log = \"cellar\"");
    let said = String::from_utf8_lossy(&built.stderr);
    assert_eq!(built.status.code(), Some(1), "{said}");
    assert!(
        said.contains("door.wasm would be refused: the manifest is wrong: ") && said.contains("nothing was written"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&out).unwrap(), "the one that serves");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "and nothing beside it");
}
