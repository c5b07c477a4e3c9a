//! One stored group for each key: across requests, inside one, after a restart, and until the retention is over.

use std::time::Duration;

use system_log_model::retention::RETENTION_MICROS;

use super::{Rig, everything, group, lazy, noon};
use crate::{Appended, Claim, Group, StoreLimits};

fn stored(appended: &Appended) -> bool {
    matches!(appended, Appended::Stored(_))
}

fn ids(appended: &Appended) -> &[system_log_model::EventId] {
    match appended {
        Appended::Stored(ids) | Appended::Duplicate(ids) => ids,
    }
}

// proves: S11
#[test]
fn a_key_is_stored_once_across_requests_and_inside_one() {
    let rig = Rig::new(lazy());
    let first = rig.append(vec![
        group("acme", Some("k"), "first"),
        group("acme", Some("k"), "twin"),
        group("acme", None, "no key"),
        group("other", Some("k"), "another organisation's key"),
    ]);
    let outcome: Vec<bool> = first.iter().map(stored).collect();
    assert_eq!(outcome, [true, false, true, true]);
    assert_eq!(ids(&first[0]), ids(&first[1]));
    let again = rig.append(vec![group("acme", Some("k"), "again")]);
    assert_eq!(again, [first[1].clone()], "the first one's ids");
    rig.store.flush().unwrap();
    let again = rig.append(vec![group("acme", Some("k"), "after the apply")]);
    assert_eq!(again, [first[1].clone()]);
    let all = everything("acme");
    assert_eq!(rig.store.count(&all, rig.store.snapshot()).unwrap(), 2);
    assert_eq!(rig.store.status().pending_records, 0, "duplicates hold no room");
}

// proves: S11
#[test]
fn a_key_survives_restarts_with_and_without_an_apply() {
    let mut rig = Rig::new(lazy());
    let first = rig.append(vec![group("acme", Some("k"), "first")]);
    rig = rig.reopen();
    let again = rig.append(vec![group("acme", Some("k"), "again")]);
    assert_eq!((stored(&again[0]), ids(&again[0])), (false, ids(&first[0])));
    rig.store.close();
    rig = rig.reopen();
    let again = rig.append(vec![group("acme", Some("k"), "again")]);
    assert_eq!((stored(&again[0]), ids(&again[0])), (false, ids(&first[0])));
}

// proves: S11
#[test]
fn a_key_is_free_again_after_the_retention_and_not_before() {
    let rig = Rig::new(lazy());
    rig.append(vec![group("acme", Some("k"), "first")]);
    rig.store.flush().unwrap();
    rig.clock.set(noon().plus_micros(RETENTION_MICROS));
    let again = rig.append(vec![group("acme", Some("k"), "on the last instant")]);
    assert!(!stored(&again[0]));
    assert_eq!(rig.store.sweep().unwrap().keys, 0);
    rig.clock.set(noon().plus_micros(RETENTION_MICROS + 1));
    let again = rig.append(vec![group("acme", Some("k"), "later")]);
    assert!(stored(&again[0]));
    rig.store.flush().unwrap();
    assert_eq!(rig.store.sweep().unwrap().keys, 1, "the first use is forgotten");
    let again = rig.append(vec![group("acme", Some("k"), "once more")]);
    assert!(!stored(&again[0]), "the second one is not");
    rig.clock.set(noon().plus_micros(2 * RETENTION_MICROS + 2));
    assert_eq!(rig.store.sweep().unwrap().keys, 1);
}

// proves: S11
#[test]
fn many_senders_of_one_key_store_it_once() {
    let rig = Rig::new(StoreLimits { apply_interval: Duration::from_millis(1), ..lazy() });
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let store = rig.store.clone();
            std::thread::spawn(move || {
                let send = |n: usize| {
                    let key = format!("k{n}");
                    super::wait(store.append(vec![group("acme", Some(&key), "x")])).unwrap()
                };
                (0..40).flat_map(send).filter(stored).count()
            })
        })
        .collect();
    let sum: usize = threads.into_iter().map(|t| t.join().unwrap()).sum();
    assert_eq!(sum, 40);
}

fn claim(key: &str) -> Claim {
    Claim { reach: String::new(), collector: "security".into(), key: key.into(), address: "a@example.com".into() }
}

// proves: S11
#[test]
fn a_claim_names_the_events_of_every_organisation_for_the_whole_retention() {
    let mut rig = Rig::new(lazy());
    let claimed = |at: &str| Group { claim: Some(claim("c")), ..group(at, Some("k"), "x") };
    assert_eq!(rig.store.claimed(&claim("c")), None);
    rig.append(vec![group("acme", None, "before")]);
    let stored = rig.append(vec![claimed("acme"), claimed("other"), group("third", Some("k"), "no claim")]);
    let all: Vec<_> = stored[..2].iter().flat_map(ids).copied().collect();
    assert_eq!(rig.store.claimed(&claim("c")), Some(all.clone()), "only the log has it");
    rig = rig.reopen();
    assert_eq!(rig.store.claimed(&claim("c")), Some(all.clone()), "read from the log");
    rig.store.flush().unwrap();
    assert_eq!(rig.store.claimed(&claim("c")), Some(all.clone()), "the files have it");
    rig.store.close();
    rig = rig.reopen();
    assert_eq!(rig.store.claimed(&claim("c")), Some(all));
    assert_eq!(rig.store.claimed(&claim("other")), None);
    rig.clock.set(noon().plus_micros(RETENTION_MICROS + 1));
    assert_eq!(rig.store.claimed(&claim("c")), None, "free again");
}
