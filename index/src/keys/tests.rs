//! What the files of keys promise: no key is forgotten before its time, whatever is merged, cut off or reopened.

use std::collections::HashMap;

use rand::Rng;
use system_log_model::clock::Day;
use system_log_model::retention::RETENTION_MICROS;

use super::*;
use crate::tests::noon;
use crate::tests::random::rng;

fn remembered(first: u64, received: Timestamp, days: usize) -> Remembered {
    Remembered { received, first, days: (0..days).map(|n| Day(20_000 - n as i32)).collect() }
}

fn key(rng: &mut impl Rng) -> KeyHash {
    let mut key = KeyHash::default();
    rng.fill(&mut key[..]);
    key
}

#[test]
fn every_key_is_found_through_merges_and_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = rng(5);
    let mut all: HashMap<KeyHash, Remembered> = HashMap::new();
    let (mut keys, losses) = Keys::open(folder.path()).unwrap();
    assert!(losses.is_empty());
    let mut next = 1;
    for round in 0..150_u64 {
        let mut batch = Vec::new();
        for _ in 0..rng.random_range(0..200) {
            // Groups of none, of one and of several events; a key of before is used again now and then.
            let again = all.keys().next().copied().filter(|_| rng.random_bool(0.05));
            let key = again.unwrap_or_else(|| key(&mut rng));
            let days = [1, 1, 1, 3][rng.random_range(0..4)];
            let received = noon().plus_micros(i64::try_from(round).unwrap() * 60_000_000 + rng.random_range(-5..5));
            let entry = remembered(next, received, days);
            next += days as u64;
            all.insert(key, entry.clone());
            batch.push((key, entry));
        }
        keys.add((next - 1, next), batch.iter(), noon()).unwrap();
        if round % 40 == 7 {
            keys = Keys::open(folder.path()).unwrap().0;
        }
    }
    assert!(all.len() > 10_000);
    assert!(keys.runs.read().len() < 3 * FAN_IN, "files are merged");
    for (key, remembered) in &all {
        assert_eq!(keys.get(key).as_ref(), Some(remembered));
    }
    let strangers = (0..5_000).filter(|_| keys.get(&key(&mut rng)).is_some()).count();
    assert_eq!(strangers, 0);
}

#[test]
fn a_merge_that_was_cut_off_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = rng(6);
    let all: Vec<_> = (1..FAN_IN as u64).map(|n| (key(&mut rng), remembered(n, noon(), 1))).collect();
    let keys = Keys::open(folder.path()).unwrap().0;
    for (n, entry) in (1..).zip(&all) {
        keys.add((n, n), [entry].into_iter(), noon()).unwrap();
    }
    let before: Vec<PathBuf> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let saved: Vec<_> = before.iter().map(|path| (path, fs::read(path).unwrap())).collect();
    let last = (key(&mut rng), remembered(8, noon(), 1));
    keys.add((8, 8), [&last].into_iter(), noon()).unwrap();
    assert_eq!(keys.runs.read().len(), 1);
    // As if the process had died between the new file's name and the removal of the old ones.
    saved.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    fs::write(folder.path().join("x.unfinished"), "half").unwrap();
    let keys = Keys::open(folder.path()).unwrap().0;
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(all.iter().chain([&last]).all(|(key, remembered)| keys.get(key).as_ref() == Some(remembered)));
}

#[test]
fn a_damaged_file_is_named_and_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = rng(7);
    let entries: Vec<_> = (1..3).map(|n| (key(&mut rng), remembered(n, noon(), 1))).collect();
    let keys = Keys::open(folder.path()).unwrap().0;
    keys.add((1, 1), [&entries[0]].into_iter(), noon()).unwrap();
    keys.add((2, 2), [&entries[1]].into_iter(), noon()).unwrap();
    let path = keys.runs.read()[0].path().to_owned();
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 4;
        fs::write(&path, bad).unwrap();
        let (keys, losses) = Keys::open(folder.path()).unwrap();
        assert_eq!(losses.len(), 1, "byte {at}");
        assert_eq!(keys.get(&entries[1].0).as_ref(), Some(&entries[1].1));
        assert_eq!(keys.get(&entries[0].0), None);
    }
}

#[test]
fn a_file_goes_when_its_last_key_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = rng(8);
    let keys = Keys::open(folder.path()).unwrap().0;
    let entries = [(key(&mut rng), remembered(1, noon(), 1)), (key(&mut rng), remembered(2, noon().plus_micros(9), 2))];
    keys.add((1, 2), entries.iter(), noon()).unwrap();
    assert_eq!(keys.sweep(noon().plus_micros(RETENTION_MICROS + 9)).unwrap(), 0);
    assert_eq!(keys.sweep(noon().plus_micros(RETENTION_MICROS + 10)).unwrap(), 2);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Found by the kill rig: a quarter's silence, and nothing was merged any more until the old files were gone.
#[test]
fn files_of_long_ago_do_not_keep_new_ones_from_being_merged() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = rng(9);
    let keys = Keys::open(folder.path()).unwrap().0;
    let later = noon().plus_micros(87 * MICROS_PER_DAY);
    let mut add = |n: u64, now: Timestamp| {
        let entry = (key(&mut rng), remembered(n, now, 1));
        keys.add((n, n), [entry].iter(), now).unwrap();
    };
    (1..4).for_each(|n| add(n, noon()));
    (4..=4 + FAN_IN as u64 * 4).for_each(|n| add(n, later));
    assert!(keys.runs.read().len() < 3 + FAN_IN, "{}", keys.runs.read().len());
}
