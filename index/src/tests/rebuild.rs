//! The index is a copy: without it, or with a wrong one, the answers are the same.

use std::fs;
use std::path::Path;

use rand::Rng;
use system_log_model::Timestamp;

use super::random::{random_event, random_query, rng};
use super::{Rig, brute, event, everything, first_page, lazy, messages, noon};
use crate::Store;

fn days(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder.join("days")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

pub(super) fn lose_indexes(folder: &Path) {
    for day in days(folder) {
        let _never_made = fs::remove_dir_all(day.join("index"));
        for part in fs::read_dir(&day).unwrap() {
            let _never_made = fs::remove_dir_all(part.unwrap().path().join("index"));
        }
    }
}

/// As if no day's index were whole, and nobody there to make it again.
pub(super) fn forget_indexes(store: &Store) {
    let days = &store.shared().days;
    for day in days.all() {
        if let Ok(Some(parts)) = days.get(day, store.snapshot().0) {
            parts.all().iter().for_each(|part| part.forget_index());
        }
    }
}

// proves: S3
#[test]
fn an_index_that_is_deleted_is_made_again_with_the_same_answers() {
    let mut rng = rng(3);
    let rig = Rig::new(lazy());
    let all = rig.put((0..500).map(|_| random_event(&mut rng)).collect());
    rig.store.flush().unwrap();
    rig.store.settle().unwrap();
    rig.store.close();
    let rig = rig.reopen_after(lose_indexes);
    for round in 0..60 {
        // First with those that are made again at once, then as long as a day has none.
        if round >= 30 {
            forget_indexes(&rig.store);
        }
        let query = random_query(&mut rng);
        let snapshot = rig.store.snapshot();
        let rows: Vec<_> = rig.store.scan(query.clone(), snapshot, None).flat_map(Result::unwrap).collect();
        assert_eq!(rows, brute(&all, &query, snapshot));
        assert_eq!(rig.store.count(&query, snapshot).unwrap(), rows.len() as u64);
        let newest = rig.store.newest(&query, snapshot, 20).unwrap();
        let mut expected = rows;
        expected.sort_by_key(|row| row.id.sequence);
        assert_eq!(newest, expected[expected.len().saturating_sub(20)..]);
    }
    rig.store.settle_suspects();
    assert_eq!(rig.store.status().unindexed_days, [""; 0]);
    assert!(!rig.store.status().rebuilt_days.is_empty());
}

// proves: S3
#[test]
fn an_index_that_is_rubbish_or_behind_is_made_again() {
    let rig = Rig::new(lazy());
    rig.put(vec![event("acme", noon(), "first")]);
    rig.store.flush().unwrap();
    let old = tempfile::tempdir().unwrap();
    let index = days(rig.folder.path())[0].join("index");
    copy(&index, old.path());
    rig.put(vec![event("acme", noon(), "second")]);
    rig.store.close();
    let rig = rig.reopen_after(|_| {
        fs::remove_dir_all(&index).unwrap();
        copy(old.path(), &index);
    });
    let page = first_page(&rig.store, &everything("acme"), 9);
    assert_eq!(messages(&page.rows), ["second", "first"], "behind");
    rig.store.close();
    let rig = rig.reopen_after(|_| {
        for file in fs::read_dir(&index).unwrap() {
            fs::write(file.unwrap().path(), "rubbish").unwrap();
        }
    });
    // Without one the day answers all the same, and what comes meanwhile is there too.
    rig.put(vec![event("acme", noon(), "third")]);
    rig.store.flush().unwrap();
    for _ in 0..2 {
        let page = first_page(&rig.store, &everything("acme"), 9);
        assert_eq!(messages(&page.rows), ["third", "second", "first"], "rubbish");
        rig.store.settle_suspects();
    }
    assert_eq!(rig.store.status().rebuilt_days, ["2026-11-22"]);
    assert_eq!(rig.store.status().unindexed_days, [""; 0]);
    rig.put(vec![event("acme", noon(), "fourth")]);
    rig.store.flush().unwrap();
    let page = first_page(&rig.store, &everything("acme"), 9);
    assert_eq!(messages(&page.rows), ["fourth", "third", "second", "first"], "afterwards");
}

fn old() -> Timestamp {
    noon().plus_micros(-5 * 86_400_000_000)
}

/// 300 rows in the one part of an old day.
fn with_a_closed_day() -> Rig {
    let rig = Rig::new(lazy());
    rig.put((0..300).map(|n| event("acme", old(), &format!("old {n}"))).collect());
    rig.store.flush().unwrap();
    rig.store.settle().unwrap();
    rig
}

// proves: S3
#[test]
fn whatever_stands_in_the_place_of_an_index_is_replaced() {
    let rig = with_a_closed_day();
    rig.store.close();
    let index = days(rig.folder.path())[0].join("sealed-1-1").join("index");
    let rig = rig.reopen_after(|_| {
        fs::remove_dir_all(&index).unwrap();
        fs::write(&index, "a file").unwrap();
    });
    rig.store.settle_suspects();
    assert_eq!(rig.store.status().unindexed_days, [""; 0]);
    assert!(index.is_dir());
    assert_eq!(rig.store.count(&everything("acme"), rig.store.snapshot()).unwrap(), 300);
}

// proves: S3
#[test]
fn an_index_that_could_not_be_made_again_is_still_missing() {
    let rig = with_a_closed_day();
    let part = days(rig.folder.path())[0].join("sealed-1-1");
    assert_eq!(rig.store.count(&everything("acme"), rig.store.snapshot()).unwrap(), 300);
    forget_indexes(&rig.store);
    // Its rows are mapped, but there is no place for an index.
    fs::rename(&part, part.with_extension("aside")).unwrap();
    fs::write(&part, "in the way").unwrap();
    rig.store.shared().days.note_unindexed(old().day());
    rig.store.settle_suspects();
    assert_eq!(rig.store.status().unindexed_days, ["2026-11-17"]);
    assert_eq!(rig.store.count(&everything("acme"), rig.store.snapshot()).unwrap(), 300);
}

#[test]
fn a_store_that_cannot_be_opened_is_set_aside_and_comes_back_from_the_log() {
    let rig = Rig::new(lazy());
    rig.put(vec![event("acme", noon(), "kept")]);
    rig.store.flush().unwrap();
    let rig = rig.reopen_after(|folder| {
        let store = days(folder)[0].join("store");
        fs::write(store.join("conf"), "not a configuration").unwrap();
    });
    let page = first_page(&rig.store, &everything("acme"), 9);
    assert_eq!(messages(&page.rows), ["kept"]);
    assert_eq!(rig.store.status().quarantined, ["2026-11-22.1"]);
}

#[test]
fn verify_names_a_damaged_chunk_and_an_index_that_does_not_agree() {
    let mut rng = rng(9);
    let rig = Rig::new(lazy());
    rig.put((0..300).map(|_| random_event(&mut rng)).collect());
    assert!(matches!(Store::verify(rig.folder.path()), Err(crate::OpenError::Locked(_))));
    rig.store.close();
    let sound = Store::verify(rig.folder.path()).unwrap();
    assert!(sound.problems.is_empty() && sound.events + sound.late == 300 && sound.pending == 0);

    let day = days(rig.folder.path()).into_iter().find(|day| day.join("store").is_dir()).unwrap();
    {
        let db = sled::open(day.join("store")).unwrap();
        let chunks: Vec<_> = db.iter().map(Result::unwrap).collect();
        let (key, value) = &chunks[rng.random_range(1..chunks.len())];
        let mut bad = value.to_vec();
        bad[60] ^= 1;
        db.insert(key, bad).unwrap();
        db.flush().unwrap();
    }
    let report = Store::verify(rig.folder.path()).unwrap();
    let text = report.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(text.contains("is damaged") && text.contains("the checksum is wrong"), "{text}");
    assert!(text.contains("do not agree"), "{text}");
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &name);
        } else {
            // What a background thread removes meanwhile is not part of the picture.
            let _gone = fs::copy(&path, name);
        }
    }
}
