//! Plugins of the directory: they come, change and go while records are collected, and a bad file never takes a good one's
//! place.

use std::fs;

use super::*;
use crate::cases;
use crate::directory::DirectoryOptions;
use crate::hostile::guest::with_section;
use crate::signature::tests::sign;

/// A guest that answers `unknown(its version)` to everything that begins with `!`.
fn version(version: &str) -> Vec<u8> {
    versioned(version, MANIFEST)
}

fn versioned(version: &str, manifest: &str) -> Vec<u8> {
    let items = format!(r#"(data (i32.const 64) "{version}")"#);
    let guilty = format!(
        "(i32.store8 offset=4 (local.get $answer) (i32.const 3))
         (i32.store offset=8 (local.get $answer) (i32.const 64))
         (i32.store offset=12 (local.get $answer) (i32.const {}))",
        version.len()
    );
    let guest = Guest { items: &items, guilty: &guilty, ..HONEST };
    guest.with(&manifest.replace("1.0.0", version))
}

fn with_case(component: Vec<u8>, outcome: &Value) -> Vec<u8> {
    let case = json!([{"name": "loud", "content_type": "application/json", "payload": "IQ==", "outcome": outcome}]);
    with_section(component, cases::SECTION, case.to_string().as_bytes())
}

struct Rig {
    folder: tempfile::TempDir,
    host: Host,
}

impl Rig {
    fn options(folder: &Path, keys: Vec<crate::SigningKey>) -> HostOptions {
        HostOptions {
            threads: 1,
            directory: Some(DirectoryOptions { path: folder.join("plugins"), keys }),
            cache: Some(folder.join("cache")),
            // Only where a test waits for it.
            look_every: Duration::from_secs(3_600),
            ..HostOptions::default()
        }
    }

    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("plugins")).unwrap();
        for (name, content) in files {
            fs::write(folder.path().join("plugins").join(name), content).unwrap();
        }
        let host = Host::new(Self::options(folder.path(), vec![])).unwrap();
        Self { folder, host }
    }

    fn put(&self, name: &str, content: &[u8]) {
        fs::write(self.folder.path().join("plugins").join(name), content).unwrap();
    }

    /// Name, version, state and error of the collectors that are not ours.
    fn found(&self) -> Vec<(String, String, CollectorState, String)> {
        let found = self.host.collectors().into_iter().filter(|info| info.origin.starts_with("directory"));
        found.map(|info| (info.name, info.version, info.state, info.error.unwrap_or_default())).collect()
    }

    fn reload(&self) -> Vec<(String, String, CollectorState, String)> {
        self.host.reload().unwrap();
        self.found()
    }

    async fn ask(&self, source: &str) -> String {
        said(&self.host.collect(source, NOW, vec![record("!")]).await.unwrap()[0])
    }
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::One(Verdict::Unknown(version)) => version.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn plugins_come_change_and_go() {
    let rig = Rig::new(&[]);
    assert!(rig.found().is_empty() && rig.host.collector_of("hostile").is_none());
    rig.put("a.wasm", &version("1.1.0"));
    let active =
        |version: &str| vec![("hostile".to_owned(), version.to_owned(), CollectorState::Active, String::new())];
    assert_eq!(rig.reload(), active("1.1.0"));
    assert_eq!(rig.ask("hostile").await, "1.1.0");
    rig.put("a.wasm", &version("1.2.0"));
    assert_eq!((rig.reload(), rig.ask("hostile").await), (active("1.2.0"), "1.2.0".to_owned()));
    fs::remove_file(rig.folder.path().join("plugins/a.wasm")).unwrap();
    assert!(rig.reload().is_empty());
    assert_eq!(rig.host.collect("hostile", NOW, vec![]).await, Err(CollectError::UnknownSource));
}

#[tokio::test]
async fn a_bad_file_leaves_the_last_good_version_serving_also_after_a_restart() {
    let good = version("1.1.0");
    let rig = Rig::new(&[("a.wasm", &good)]);
    let undeclared = with_case(version("1.2.0"), &json!({"unknown": "9.9.9"}));
    let wasi = HONEST.component();
    let bad: [(&[u8], &str); 5] = [
        (&good[..good.len() / 2], "not a valid WebAssembly component"),
        (b"hello", "not a valid WebAssembly component"),
        (&wasi, "has no section \"system-log:manifest\""),
        (&Guest { start: "unreachable", ..HONEST }.with(MANIFEST), "does not start"),
        (&undeclared, "its own case \"loud\" fails: it says {\"unknown\":\"1.2.0\"}, not {\"unknown\":\"9.9.9\"}"),
    ];
    for (content, why) in bad {
        rig.put("a.wasm", content);
        let found = rig.reload();
        assert_eq!((found[0].1.as_str(), found[0].2), ("1.1.0", CollectorState::Active), "{why}");
        assert!(found[0].3.starts_with("still serving; the file as it is now is refused: "), "{}", found[0].3);
        assert_eq!((found.len(), found[1].2), (2, CollectorState::Failed));
        assert!(found[1].3.starts_with(why), "{} is not {why}", found[1].3);
        assert_eq!(rig.ask("hostile").await, "1.1.0");
    }
    let Rig { folder, host } = rig;
    drop(host);
    let host = Host::new(Rig::options(folder.path(), vec![])).unwrap();
    let rig = Rig { folder, host };
    assert_eq!((rig.found().len(), rig.ask("hostile").await.as_str()), (2, "1.1.0"), "remembered");
    rig.put("a.wasm", &with_case(version("1.3.0"), &json!({"unknown": "1.3.0"})));
    assert_eq!(rig.reload(), [("hostile".into(), "1.3.0".into(), CollectorState::Active, String::new())]);
}

#[tokio::test]
async fn a_plugin_takes_the_place_of_ours_with_the_same_name_and_gives_it_back() {
    let manifest = MANIFEST.replace("\"hostile\"", "\"webhook\"");
    let rig = Rig::new(&[("mine.wasm", &versioned("7.0.0", &manifest))]);
    let names = |host: &Host| host.collectors().into_iter().map(|info| info.name).collect::<Vec<_>>();
    assert_eq!(names(&rig.host), names(&built_in()), "in its place");
    assert_eq!(rig.ask("webhook").await, "7.0.0");
    rig.put("mine.wasm", &versioned("7.1.0", &manifest.replace("sources = [\"webhook\"]", "sources = [\"mailgun\"]")));
    assert!(rig.reload()[1].3.contains("built-in mailgun has the source \"mailgun\""), "{:?}", rig.found());
    assert_eq!(rig.ask("webhook").await, "7.0.0");
    fs::remove_file(rig.folder.path().join("plugins/mine.wasm")).unwrap();
    rig.reload();
    assert_eq!(key(&rig.host.collect("webhook", NOW, vec![delivery(1)]).await.unwrap()[0]), "d1");
}

/// proves: S8
#[test]
fn two_files_must_not_contradict_each_other_and_kinds_come_and_go_with_them() {
    let own = "[[kinds]]\nlog = \"system\"\nname = \"badge_printed\"\ncategory = \"process\"\nseverity = \"info\"\n\
        description = \"A badge was printed.\"\n";
    let rig = Rig::new(&[("a.wasm", &HONEST.with(&format!("{MANIFEST}{own}")))]);
    assert!(rig.host.catalogue().get(Log::System, "badge_printed").is_some());
    let other = MANIFEST.replace("\"hostile\"", "\"other\"");
    rig.put("b.wasm", &HONEST.with(&format!("{other}{}", own.replace("info", "error"))));
    let found = rig.reload();
    assert!(found[1].3.contains("\"badge_printed\" is already declared"), "{found:?}");
    fs::remove_file(rig.folder.path().join("plugins/a.wasm")).unwrap();
    assert_eq!(rig.reload()[0].0, "other");
    fs::remove_file(rig.folder.path().join("plugins/b.wasm")).unwrap();
    rig.reload();
    assert!(rig.host.catalogue().get(Log::System, "badge_printed").is_none());
}

#[test]
fn with_keys_only_what_they_signed_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    fs::create_dir(&plugins).unwrap();
    let (first, second) = (version("1.1.0"), version("1.2.0"));
    let (key, signature) = sign(1, &first);
    fs::write(plugins.join("a.wasm"), &first).unwrap();
    let host = Host::new(Rig::options(folder.path(), vec![key])).unwrap();
    let rig = Rig { folder, host };
    assert!(rig.found()[0].3.starts_with("is not signed"), "{:?}", rig.found());
    rig.put("a.wasm.sig", &signature);
    assert_eq!(rig.reload()[0].2, CollectorState::Active);
    rig.put("a.wasm", &second);
    assert!(rig.reload()[1].3.contains("holds for none"), "another file under the old signature");
    rig.put("a.wasm.sig", &sign(2, &second).1);
    assert!(rig.reload()[1].3.contains("holds for none"), "a key nobody configured");
    rig.put("a.wasm.sig", &sign(1, &second).1);
    assert_eq!(rig.reload(), [("hostile".into(), "1.2.0".into(), CollectorState::Active, String::new())]);
}

/// A request that runs ends on the version it began with; those that follow have the new one; none is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_swap_harms_no_request() {
    let rig = Rig::new(&[("a.wasm", &version("1.0.1"))]);
    let asking: Vec<_> = (0..2)
        .map(|_| {
            let host = rig.host.clone();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while seen.last().is_none_or(|version| version != "1.0.8") {
                    let outcomes = host.collect("hostile", NOW, vec![record("!"); 50]).await.unwrap();
                    let versions: Vec<String> = outcomes.iter().map(said).collect();
                    assert!(versions.iter().all(|version| *version == versions[0]), "two versions in one answer");
                    seen.push(versions[0].clone());
                }
                seen
            })
        })
        .collect();
    for patch in 2..=8 {
        rig.put("a.wasm", &version(&format!("1.0.{patch}")));
        let host = rig.host.clone();
        tokio::task::spawn_blocking(move || host.reload().unwrap()).await.unwrap();
    }
    for asked in asking {
        let seen = asked.await.unwrap();
        assert!(seen.is_sorted() && seen.len() > 7, "{seen:?}");
    }
}

#[tokio::test]
async fn the_directory_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("plugins")).unwrap();
    let options = HostOptions { look_every: Duration::from_millis(10), ..Rig::options(folder.path(), vec![]) };
    let rig = Rig { host: Host::new(options).unwrap(), folder };
    for next in ["1.1.0", "1.2.0"] {
        rig.put("a.wasm", &version(next));
        let begun = std::time::Instant::now();
        while rig.found().iter().all(|(_, version, ..)| version != next) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", rig.found());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[test]
fn a_directory_that_is_not_there_keeps_a_host_from_starting_and_one_that_is_gone_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let error = Host::new(Rig::options(folder.path(), vec![])).unwrap_err();
    assert_eq!(error.to_string(), "the plugin directory cannot be read");
    let rig = Rig::new(&[("a.wasm", &version("1.1.0"))]);
    fs::rename(rig.folder.path().join("plugins"), rig.folder.path().join("elsewhere")).unwrap();
    assert!(rig.host.reload().is_err());
    assert_eq!(rig.found()[0].1, "1.1.0");
}

/// Records of two groups never meet in one memory of a plugin that is not ours, and keep their order.
///
/// proves: S7
#[tokio::test]
async fn groups_do_not_meet_in_a_plugin_that_is_not_ours() {
    // Counts its inputs into the text that it answers with.
    let guilty = "(i32.store8 (i32.const 64) (i32.add (i32.const 48) (local.get $count)))
         (i32.store8 offset=4 (local.get $answer) (i32.const 3))
         (i32.store offset=8 (local.get $answer) (i32.const 64))
         (i32.store offset=12 (local.get $answer) (i32.const 1))";
    let plugin = Guest { items: "(data (i32.const 64) \"?\")", guilty, ..HONEST };
    let rig = Rig::new(&[("a.wasm", &plugin.with(MANIFEST))]);
    let groups = [7, 3, 7, 3, 3, 1];
    let records = groups.iter().map(|group| Submission { group: *group, ..record("!") }).collect();
    let outcomes = rig.host.collect("hostile", NOW, records).await.unwrap();
    assert_eq!(outcomes.iter().map(said).collect::<Vec<_>>(), ["2", "3", "2", "3", "3", "1"]);
}
