//! Directory and dead letters last like events: durable and visible when the call returns, through applies and restarts.

use std::time::Duration;

use system_log_model::retention::RETENTION_MICROS;
use system_log_model::{ActorKind, Binding, DeadLetter, Member};

use super::{Rig, event, lazy, noon, org, wait};
use crate::{Change, StoreLimits};

fn member(id: &str, email: &str) -> Change {
    Change::UpsertMember {
        org: org("acme"),
        member: Member { id: id.into(), email: email.into(), display_name: String::new(), kind: ActorKind::User },
    }
}

fn binding(at: &str, value: &str) -> Binding {
    Binding { org: org(at), source: "recurly".into(), kind: "account_code".into(), value: value.into() }
}

fn letter(id: &str) -> DeadLetter {
    DeadLetter {
        id: id.into(),
        source: "recurly".into(),
        org: None,
        received_at: noon(),
        reason: "ORG_UNRESOLVED".into(),
        message: String::new(),
        collector: "recurly".into(),
        collector_version: "1".into(),
        attempts: 1,
        content_type: "application/json".into(),
        headers: vec![("a".into(), "b".into())],
        idempotency_key: String::new(),
        payload: vec![0, 159],
    }
}

fn look(rig: &Rig) {
    let emails = rig.store.members_by_email("ANN@X.ORG");
    assert_eq!(emails.len(), 1);
    assert_eq!(emails[0].1.id, "u2");
    let ids: Vec<String> = rig.store.members(&org("acme"), None, 9).into_iter().map(|m| m.id).collect();
    assert_eq!(ids, ["u2", "u3"]);
    let bound = rig.store.binding("recurly", "account_code", "1");
    assert_eq!(bound, Some(org("b")));
    assert_eq!(rig.store.bindings(&org("b"), None, 9).len(), 1);
    let letters = |after| {
        let letters = rig.store.dead_letters(after, 9).unwrap();
        letters.into_iter().map(|l| l.id).collect::<Vec<_>>()
    };
    assert_eq!(letters(None), ["d1", "d3"]);
    assert_eq!(letters(Some("d1")), ["d3"]);
    assert_eq!(rig.store.dead_letter("d1").unwrap(), Some(letter("d1")));
    assert_eq!(rig.store.dead_letter("d2").unwrap(), None);
}

// proves: S2
#[test]
fn changes_are_visible_at_once_and_survive_applies_and_restarts() {
    let rig = Rig::new(lazy());
    wait(rig.store.change(vec![
        member("u1", "ann@x.org"),
        member("u2", "Ann@x.org"),
        Change::UpsertBinding(binding("acme", "1")),
        Change::PutDeadLetter(letter("d1")),
        Change::PutDeadLetter(letter("d2")),
    ]))
    .unwrap();
    rig.store.flush().unwrap();
    let gone = wait(rig.store.delete_members(&org("acme"), vec!["u1".into(), "u9".into()]));
    assert_eq!(gone.unwrap(), 1);
    let foreign = wait(rig.store.delete_bindings(vec![binding("b", "1")]));
    assert_eq!(foreign.unwrap(), 0);
    wait(rig.store.change(vec![
        member("u3", ""),
        Change::UpsertBinding(binding("b", "1")),
        Change::DeleteBinding(binding("acme", "1")),
        Change::DeleteDeadLetter { id: "d2".into() },
        Change::PutDeadLetter(letter("d3")),
    ]))
    .unwrap();
    look(&rig);
    let rig = rig.reopen();
    look(&rig);
    rig.store.flush().unwrap();
    look(&rig);
    rig.store.close();
    let rig = rig.reopen();
    look(&rig);
    rig.clock.set(noon().plus_micros(RETENTION_MICROS + 1));
    assert_eq!(rig.store.sweep().unwrap().dead_letters, 2);
    assert!(rig.store.dead_letters(None, 9).unwrap().is_empty());
}

#[test]
fn a_change_reaches_the_days_without_any_event() {
    let rig = Rig::new(StoreLimits { apply_interval: Duration::from_millis(1), ..lazy() });
    wait(rig.store.change(vec![member("u1", "")])).unwrap();
    rig.put(vec![event("acme", noon(), "x")]);
    rig.store.flush().unwrap();
    let status = rig.store.status();
    assert_eq!((status.applied_sequence, status.last_sequence), (2, 2));
}
