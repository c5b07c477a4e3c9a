//! What was acknowledged is there, whatever happens next; what cannot be kept is refused.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::Rng as _;

use super::rebuild::copy;
use super::{Rig, event, everything, first_page, group, lazy, messages, noon, open, put, wait};
use crate::log::segment::Sink;
use crate::store::open_failing;
use crate::{AppendError, OpenError, Snapshot, Store, StoreLimits, StoreOptions, Unavailable};

// proves: S2
#[test]
fn what_is_acknowledged_is_in_a_copy_of_the_folder_taken_right_then() {
    let rig = Rig::new(lazy());
    for round in 0..12_usize {
        let text = format!("event {round}");
        rig.put(vec![event("acme", noon(), &text)]);
        if round == 5 {
            rig.store.flush().unwrap();
        }
        let other = tempfile::tempdir().unwrap();
        copy(rig.folder.path(), other.path());
        let store = open(other.path(), &rig.clock, &rig.limits);
        let page = first_page(&store, &everything("acme"), 99);
        assert_eq!(page.rows.len(), round + 1);
        assert_eq!(page.rows[0].event.message, text);
        assert_eq!(store.snapshot(), rig.store.snapshot());
    }
}

// proves: S2
#[test]
fn a_write_that_was_cut_off_is_gone_and_everything_before_it_stays() {
    let rig = Rig::new(lazy());
    rig.put(vec![event("acme", noon(), "whole")]);
    rig.put(vec![event("acme", noon(), "torn")]);
    let rig = rig.reopen_after(|folder| {
        let log = fs::read_dir(folder.join("log")).unwrap();
        let path = log.map(|entry| entry.unwrap().path()).max().unwrap();
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    });
    let page = first_page(&rig.store, &everything("acme"), 9);
    assert_eq!(messages(&page.rows), ["whole"]);
    assert!(rig.store.status().torn_bytes > 0);
    let stored = rig.put(vec![event("acme", noon(), "next")]);
    assert_eq!(stored[0].id.sequence.0, 2, "its sequence was never acknowledged");
    let rig = rig.reopen();
    let page = first_page(&rig.store, &everything("acme"), 9);
    assert_eq!(messages(&page.rows), ["next", "whole"]);
}

#[test]
fn damage_in_the_middle_of_the_log_is_reported_and_costs_only_itself() {
    let rig = Rig::new(lazy());
    for text in ["one", "two", "three"] {
        rig.put(vec![event("acme", noon(), text)]);
    }
    let rig = rig.reopen_after(|folder| {
        let log = fs::read_dir(folder.join("log")).unwrap();
        let path = log.map(|entry| entry.unwrap().path()).max().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
    });
    let page = first_page(&rig.store, &everything("acme"), 9);
    assert_eq!(messages(&page.rows), ["three", "one"]);
    let damage = rig.store.status().log_damage;
    assert!(damage[0].contains("1 sequences are missing"), "{damage:?}");
    rig.store.flush().unwrap();
    let stored = rig.put(vec![event("acme", noon(), "four")]);
    assert_eq!(stored[0].id.sequence.0, 4, "a lost sequence is not given out again");
}

// proves: S10
#[test]
fn a_full_store_answers_overloaded_and_takes_more_when_it_has_room() {
    let limits = StoreLimits { pending_records: 10, ..lazy() };
    // Half of the bound would wake the applier, so the records come in one request each time.
    let rig = Rig::new(StoreLimits { apply_events: usize::MAX, ..limits });
    let batch = |n| vec![event("acme", noon(), "x"); n];
    assert_eq!(put(&rig.store, batch(4)).unwrap().len(), 4);
    assert!(matches!(put(&rig.store, batch(7)), Err(AppendError::Overloaded)));
    assert_eq!(rig.store.snapshot(), Snapshot(4), "nothing of it is stored");
    rig.store.flush().unwrap();
    assert_eq!(put(&rig.store, batch(7)).unwrap().len(), 7);
    assert!(rig.store.status().pending_records >= 7);
}

#[test]
fn one_request_over_the_bound_passes_alone() {
    let rig = Rig::new(StoreLimits { pending_records: 3, ..lazy() });
    assert_eq!(rig.put(vec![event("acme", noon(), "x"); 5]).len(), 5);
}

struct FailingSink {
    calls: Arc<AtomicUsize>,
}

impl Sink for FailingSink {
    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Err(io::Error::other("the disk is gone"))
    }
}

#[test]
fn a_failed_sync_poisons_the_store_and_is_never_tried_again() {
    let rig = Rig::new(lazy());
    let folder = tempfile::tempdir().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let options = StoreOptions { directory: folder.path().to_owned(), clock: rig.clock.clone(), limits: lazy() };
    let counted = calls.clone();
    let sink = move || Box::new(FailingSink { calls: counted.clone() }) as Box<dyn Sink>;
    let store = open_failing(options, sink).unwrap();
    for _ in 0..3 {
        let refused = put(&store, vec![event("acme", noon(), "x")]);
        assert!(matches!(refused, Err(AppendError::Unavailable(Unavailable::Poisoned(_)))), "{refused:?}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert!(store.status().poisoned);
    assert_eq!(store.status().pending_records, 0);
    assert!(first_page(&store, &everything("acme"), 9).rows.is_empty());
}

#[test]
fn a_folder_has_one_holder() {
    let rig = Rig::new(lazy());
    let again =
        Store::open(StoreOptions { directory: rig.folder.path().to_owned(), clock: rig.clock.clone(), limits: lazy() });
    assert!(matches!(again.err(), Some(OpenError::Locked(_))));
    let clone = rig.store.clone();
    rig.store.close();
    let closed = wait(clone.append(vec![group("acme", None, "x")]));
    assert!(matches!(closed, Err(AppendError::Unavailable(Unavailable::Closed))));
    assert!(clone.page(&everything("acme"), &request()).is_err());
    drop(open(rig.folder.path(), &rig.clock, &rig.limits));
}

fn request() -> crate::PageRequest {
    crate::PageRequest { snapshot: Snapshot(9), cursor: None, direction: crate::Direction::Next, limit: 1 }
}

#[test]
fn a_group_that_makes_no_sense_is_refused() {
    let rig = Rig::new(lazy());
    let two = vec![super::clean(event("acme", noon(), "x")), super::clean(event("other", noon(), "x"))];
    for events in [Vec::new(), two] {
        let refused = wait(rig.store.append(vec![crate::Group { key: None, claim: None, events }]));
        assert!(matches!(refused, Err(AppendError::Invalid(_))));
    }
    let foreign = crate::Group { key: Some(super::key("other", "k")), ..group("acme", None, "x") };
    let refused = wait(rig.store.append(vec![foreign]));
    assert!(matches!(refused, Err(AppendError::Invalid(_))));
}

#[test]
fn files_of_the_log_go_when_the_days_have_everything() {
    let rig = Rig::new(StoreLimits { segment_bytes: 1, ..lazy() });
    for _ in 0..5 {
        rig.put(vec![event("acme", noon(), "x")]);
    }
    let files = || fs::read_dir(rig.folder.path().join("log")).unwrap().count();
    assert_eq!(files(), 5);
    rig.store.flush().unwrap();
    assert_eq!(files(), 1);
    let rig = rig.reopen();
    assert_eq!(rig.store.count(&everything("acme"), rig.store.snapshot()).unwrap(), 5);
    assert_eq!(rig.put(vec![event("acme", noon(), "x")])[0].id.sequence.0, 6);
}

// proves: S2
#[test]
fn the_log_keeps_what_is_late_when_it_leaves_a_large_file() {
    let rig = Rig::new(lazy());
    let old = noon().plus_micros(-5 * 86_400_000_000);
    // Too few rows to be worth a part yet, and what the log cannot compress away.
    let mut rng = super::random::rng(5);
    let mut text = || (0..2_000).map(|_| format!("{:08x}", rng.random::<u32>())).collect::<String>();
    rig.put((0..200).map(|_| event("acme", old, &text())).collect());
    rig.store.flush().unwrap();
    assert_eq!(rig.store.status().late_events, 200);
    let newest = || {
        let files = fs::read_dir(rig.folder.path().join("log")).unwrap();
        files.map(|entry| entry.unwrap().file_name()).max().unwrap()
    };
    let before = newest();
    while newest() == before {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // The old file goes right behind, if it goes.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let other = tempfile::tempdir().unwrap();
    copy(rig.folder.path(), other.path());
    let store = open(other.path(), &rig.clock, &rig.limits);
    assert_eq!(store.count(&everything("acme"), store.snapshot()).unwrap(), 200);
    // Once they are in a part of their day nothing of it is needed.
    rig.store.settle().unwrap();
    rig.store.sweep().unwrap();
    assert!(rig.store.status().log_bytes < 1_000);
}

/// With neither checkpoint nor frames, the file's name still says which sequences were given out.
#[test]
fn a_sequence_is_not_given_out_again_when_the_checkpoint_is_lost() {
    let rig = Rig::new(lazy());
    rig.put(vec![event("acme", noon(), "one"), event("acme", noon(), "two")]);
    rig.store.close();
    // Opening begins a new file; closing again leaves it empty.
    let rig = rig.reopen();
    rig.store.close();
    let rig = rig.reopen_after(|folder| {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("checkpoint") {
                fs::remove_file(path).unwrap();
            }
        }
    });
    let stored = rig.put(vec![event("acme", noon(), "three")]);
    assert_eq!(stored[0].id.sequence.0, 3);
}
