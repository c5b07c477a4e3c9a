//! Ninety days: exactly, for every answer; and on disk, by whole days, a little later.

use std::fs;

use system_log_model::clock::MICROS_PER_DAY;
use system_log_model::retention::{RETENTION_MICROS, cutoff};

use super::{Rig, event, everything, lazy, messages, noon, org};

// proves: S5
#[test]
fn a_row_beyond_the_cutoff_is_in_no_answer_although_its_bytes_are_there() {
    let rig = Rig::new(lazy());
    let edge = cutoff(noon());
    let stored = rig.put(vec![
        event("acme", edge.plus_micros(-1), "too old"),
        event("acme", edge, "just kept"),
        event("acme", noon(), "new"),
    ]);
    for _ in 0..2 {
        let get = |n: usize| rig.store.get(&org("acme"), stored[n].id).unwrap();
        assert!(get(0).is_none() && get(1).is_some());
        let page = super::first_page(&rig.store, &everything("acme"), 9);
        assert_eq!(messages(&page.rows), ["new", "just kept"]);
        let count = rig.store.count(&everything("acme"), rig.store.snapshot());
        assert_eq!(count.unwrap(), 2);
        rig.store.flush().unwrap();
    }
}

// proves: S5
#[test]
fn a_sweep_gives_back_whole_days_and_nothing_that_is_kept() {
    let rig = Rig::new(lazy());
    let stored =
        rig.put(vec![event("acme", noon().plus_micros(-MICROS_PER_DAY), "yesterday"), event("acme", noon(), "today")]);
    rig.store.flush().unwrap();
    assert!(rig.store.sweep().unwrap().days.is_empty());
    // The instant its last row expires: an export that began before may still be resumed.
    rig.clock.set(noon().plus_micros(RETENTION_MICROS - MICROS_PER_DAY / 2));
    assert!(rig.store.sweep().unwrap().days.is_empty());
    rig.clock.set(noon().plus_micros(RETENTION_MICROS - 1));
    let report = rig.store.sweep().unwrap();
    assert_eq!(report.days, ["2026-11-21"]);
    let days = fs::read_dir(rig.folder.path().join("days")).unwrap();
    assert_eq!(days.count(), 1);
    let kept = rig.store.get(&org("acme"), stored[1].id).unwrap();
    assert_eq!(kept.map(|row| row.event.message), Some("today".into()));
    let rig = rig.reopen();
    assert_eq!(rig.store.status().days, 1);
}

// proves: S5
#[test]
fn bytes_of_the_log_go_although_nothing_more_is_written() {
    let rig = Rig::new(lazy());
    rig.put(vec![event("acme", noon(), "an old secret of the log")]);
    rig.store.flush().unwrap();
    let log = || {
        let files = fs::read_dir(rig.folder.path().join("log")).unwrap();
        files.map(|file| fs::metadata(file.unwrap().path()).unwrap().len()).collect::<Vec<_>>()
    };
    rig.store.sweep().unwrap();
    assert!(log().iter().any(|bytes| *bytes > 100), "a young file stays");
    rig.clock.set(noon().plus_micros(MICROS_PER_DAY));
    // The writer begins the new file after it was asked; the sweep that follows finds the old one idle.
    while log().iter().any(|bytes| *bytes > 100) {
        rig.store.sweep().unwrap();
    }
    let later = rig.put(vec![event("acme", noon(), "later")]);
    assert_eq!(later[0].id.sequence.0, 2);
    let rig = rig.reopen();
    assert_eq!(rig.store.count(&everything("acme"), rig.store.snapshot()).unwrap(), 2);
}
