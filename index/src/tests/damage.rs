//! Bits flip: in every file of a folder, one at a time. The store opens, no row that comes back is another one than was stored,
//! what is missing is named, and the next start is no worse.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rand::Rng;
use system_log_model::clock::MICROS_PER_DAY;
use system_log_model::{Event, EventId};

use super::random::{random_event, rng};
use super::rebuild::copy;
use super::{Rig, event, everything, first_page, lazy, messages, noon, open, wait};
use crate::{Change, OpenError, Store, StoreLimits, StoreOptions, Stored};

/// A folder with all there is: closed days, a live one, late rows, keys, members, and something in the log.
fn folder_with_everything() -> (Rig, Vec<Stored>) {
    let mut rng = rng(21);
    let rig = Rig::new(lazy());
    let mut old = |count: usize| -> Vec<Event> {
        let at = |n: usize| noon().plus_micros(-(3 + n as i64 % 4) * MICROS_PER_DAY);
        (0..count).map(|n| Event { occurred_at: at(n), ..random_event(&mut rng) }).collect()
    };
    let mut all = rig.put(old(300));
    all.extend(rig.put((0..60).map(|n| event("acme", noon(), &format!("live {n}"))).collect()));
    rig.append(vec![super::group("acme", Some("k"), "with a key")]);
    let member = member();
    wait(rig.store.change(vec![Change::UpsertMember { org: super::org("acme"), member }])).unwrap();
    rig.store.flush().unwrap();
    rig.store.settle().unwrap();
    all.extend(rig.put(old(60)));
    rig.store.flush().unwrap();
    // Days of two parts, and late rows beside them.
    rig.store.fold();
    all.extend(rig.put(old(40)));
    rig.store.flush().unwrap();
    all.extend(rig.put(vec![event("acme", noon(), "only in the log")]));
    (rig, all)
}

fn member() -> system_log_model::Member {
    let kind = system_log_model::ActorKind::User;
    system_log_model::Member { id: "m".into(), email: String::new(), display_name: String::new(), kind }
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_of(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Everything that can be read; each row must be the one that was stored under its id.
fn read_all(store: &Store, known: &HashMap<EventId, &Event>) -> (usize, bool) {
    let (mut rows, mut has_failed) = (0, false);
    for at in super::random::ORGS {
        for batch in store.scan(everything(at), store.snapshot(), None) {
            match batch {
                Ok(batch) => {
                    for stored in batch {
                        // Rows of other kinds than those of the list are the keyed one.
                        let own = known.get(&stored.id).is_none_or(|event| **event == stored.event);
                        assert!(own && stored.event.org.as_str() == at, "a wrong row: {stored:?}");
                        rows += 1;
                    }
                }
                Err(_) => has_failed = true,
            }
        }
    }
    (rows, has_failed)
}

fn try_open(folder: &Path, rig: &Rig) -> Result<Store, OpenError> {
    let limits = StoreLimits { apply_interval: std::time::Duration::from_millis(1), ..lazy() };
    Store::open(StoreOptions { directory: folder.to_owned(), clock: rig.clock.clone(), limits })
}

fn flip(rounds: usize, seed: u64) {
    let (rig, all) = folder_with_everything();
    let known: HashMap<EventId, &Event> = all.iter().map(|stored| (stored.id, &stored.event)).collect();
    let whole = read_all(&rig.store, &known).0;
    let picture = tempfile::tempdir().unwrap();
    copy(rig.folder.path(), picture.path());
    let files = files_of(picture.path());
    let mut rng = rng(seed);
    for round in 0..rounds {
        let folder = tempfile::tempdir().unwrap();
        copy(picture.path(), folder.path());
        let name = files[round % files.len()].strip_prefix(picture.path()).unwrap();
        let path = folder.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        if bytes.is_empty() {
            continue;
        }
        let at = rng.random_range(0..bytes.len());
        bytes[at] ^= 1 << rng.random_range(0..8);
        fs::write(&path, bytes).unwrap();
        let what = format!("{} byte {at}", name.display());
        let mut rows = 0;
        // The first start may find damage while it reads; the second one must be able to read what is left.
        for start in 0..2 {
            let store = try_open(folder.path(), &rig).unwrap_or_else(|error| panic!("{what}: {error}"));
            let (found, has_failed) = read_all(&store, &known);
            if has_failed {
                store.settle_suspects();
            }
            let (again, still_fails) = read_all(&store, &known);
            assert!(!still_fails, "{what}: start {start} cannot read everything that is left");
            assert!(again >= found, "{what}");
            rows = again;
            let status = store.status();
            let is_named = !status.losses.is_empty() || !status.log_damage.is_empty() || status.torn_bytes > 0;
            assert!(start > 0 || rows == whole || is_named, "{what}: {rows} of {whole} rows and nothing said");
            store.close();
        }
        assert!(rows + 80 >= whole, "{what}: one bit costs {} rows", whole - rows);
    }
}

#[test]
fn a_flipped_bit_never_makes_a_wrong_row_or_a_store_that_does_not_open() {
    flip(120, 31);
}

#[test]
#[ignore = "minutes"]
fn a_flipped_bit_never_makes_a_wrong_row_or_a_store_that_does_not_open_for_long() {
    flip(5_000, 32);
}

#[test]
fn members_come_back_from_the_copy_when_their_store_is_rubbish() {
    let rig = Rig::new(lazy());
    let member = member();
    wait(rig.store.change(vec![Change::UpsertMember { org: super::org("acme"), member }])).unwrap();
    rig.store.close();
    let rig = rig.reopen_after(|folder| fs::write(folder.join("meta").join("conf"), "not a configuration").unwrap());
    assert!(rig.store.member(&super::org("acme"), "m").is_some());
    assert!(rig.store.status().losses[0].starts_with("meta: "), "{:?}", rig.store.status().losses);
}

#[test]
fn a_live_day_is_read_from_its_files_when_the_engine_and_the_log_are_of_no_help() {
    let rig = Rig::new(lazy());
    rig.put((0..200).map(|n| event("acme", noon(), &format!("row {n}"))).collect());
    rig.store.flush().unwrap();
    rig.put(vec![event("acme", noon(), "in a filled chunk")]);
    rig.store.close();
    let rig = rig.reopen_after(|folder| {
        fs::remove_dir_all(folder.join("log")).unwrap();
        let day = fs::read_dir(folder.join("days")).unwrap().next().unwrap().unwrap().path();
        fs::write(day.join("store").join("conf"), "not a configuration").unwrap();
    });
    let page = first_page(&rig.store, &everything("acme"), 500);
    assert_eq!(page.rows.len(), 201);
    assert!(messages(&page.rows).contains(&"in a filled chunk"));
    assert!(rig.store.status().losses[0].contains("201 events are back"), "{:?}", rig.store.status().losses);
}

#[test]
fn a_checkpoint_that_is_rubbish_costs_nothing() {
    let rig = Rig::new(lazy());
    rig.put(vec![event("acme", noon(), "applied")]);
    rig.store.flush().unwrap();
    rig.put(vec![event("acme", noon(), "waiting")]);
    let rig = rig.reopen_after(|folder| fs::write(folder.join("checkpoint"), "rubbish").unwrap());
    let page = first_page(&rig.store, &everything("acme"), 9);
    assert_eq!(messages(&page.rows), ["waiting", "applied"]);
    rig.store.close();
    drop(open(rig.folder.path(), &rig.clock, &rig.limits));
}
