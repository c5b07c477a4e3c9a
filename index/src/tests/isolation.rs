//! Nobody sees another organisation's rows, not even by id, and names that begin alike are still two.

use rand::Rng;

use super::random::{ORGS, random_event, random_query, rng};
use super::{Rig, event, lazy, noon, org};

// proves: S4
#[test]
fn a_foreign_id_is_not_found_in_memory_or_in_the_days() {
    let rig = Rig::new(lazy());
    let stored = rig.put(vec![event("acme", noon(), "ours"), event("acme-2", noon(), "theirs")]);
    for _ in 0..2 {
        let get = |at: &str, id| rig.store.get(&org(at), id).unwrap();
        assert_eq!(get("acme", stored[0].id), Some(stored[0].clone()));
        for stranger in ["acme-2", "acm", "b", "nobody"] {
            assert_eq!(get(stranger, stored[0].id), None, "{stranger}");
        }
        let mut wrong = stored[0].id;
        wrong.day.0 += 1;
        assert_eq!(get("acme", wrong), None, "the day is part of the id");
        wrong = stored[0].id;
        wrong.sequence.0 += 100;
        assert_eq!(get("acme", wrong), None, "unknown");
        rig.store.flush().unwrap();
    }
}

// proves: S4
#[test]
fn no_answer_holds_another_organisations_row() {
    let mut rng = rng(21);
    let rig = Rig::new(lazy());
    rig.put((0..400).map(|_| random_event(&mut rng)).collect());
    rig.store.flush().unwrap();
    rig.put((0..100).map(|_| random_event(&mut rng)).collect());
    for _ in 0..40 {
        let mut query = random_query(&mut rng);
        query.org = org(ORGS[rng.random_range(0..ORGS.len())]);
        let rows = rig.store.scan(query.clone(), rig.store.snapshot(), None);
        for row in rows.flat_map(Result::unwrap) {
            assert_eq!(row.event.org, query.org);
        }
    }
    let mut query = super::everything("acme");
    query.org = org("nobody");
    assert_eq!(rig.store.count(&query, rig.store.snapshot()).unwrap(), 0);
}
