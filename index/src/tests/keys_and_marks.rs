//! API keys and marks last like events: durable and visible when the call returns, through applies, restarts and sweeps.

use std::time::Duration;

use system_log_model::{ApiKey, KeyScope};

use super::{Rig, lazy, noon, org, wait};
use crate::{Change, Mark, MarkState, StoreLimits};

const TAKEN: Mark = [7; 16];

fn key(id: &str, digest: u8) -> ApiKey {
    ApiKey {
        id: id.into(),
        name: "shop".into(),
        scopes: vec![KeyScope::Ingest("webhook".into()), KeyScope::Directory],
        orgs: vec![org("acme")],
        created_at: noon(),
        expires_at: None,
        revoked_at: None,
        digest: [digest; 32],
    }
}

fn look(rig: &Rig) {
    let ids = |after| rig.store.api_keys(after, 9).into_iter().map(|key| key.id).collect::<Vec<_>>();
    assert_eq!((ids(None), ids(Some("a"))), (vec!["a".to_owned(), "b".to_owned()], vec!["b".to_owned()]));
    assert_eq!(rig.store.api_key_of(&[2; 32]), Some(key("b", 2)));
    let revoked = rig.store.api_key_of(&[1; 32]).unwrap();
    assert_eq!((revoked.id.as_str(), revoked.revoked_at), ("a", Some(noon())));
    assert_eq!(rig.store.api_key_of(&[3; 32]), None);
    assert_eq!(rig.store.mark_state(&TAKEN), MarkState::Taken);
    assert_eq!(rig.store.mark_state(&[8; 16]), MarkState::Fresh);
}

// proves: S2
#[test]
fn keys_and_marks_survive_restarts_before_and_after_they_are_applied() {
    let rig = Rig::new(lazy());
    let revoked = ApiKey { revoked_at: Some(noon()), ..key("a", 1) };
    let until = noon().plus_micros(60_000_000);
    let changes = vec![
        Change::PutApiKey(key("a", 1)),
        Change::PutApiKey(key("b", 2)),
        Change::PutApiKey(revoked),
        Change::TakeDelivery { mark: TAKEN, until },
    ];
    wait(rig.store.change(changes)).unwrap();
    look(&rig);
    let rig = rig.reopen();
    look(&rig);
    rig.store.flush().unwrap();
    look(&rig);
    let rig = rig.reopen();
    look(&rig);
}

#[test]
fn a_mark_goes_when_its_signature_is_too_old_and_a_key_stays() {
    let rig = Rig::new(StoreLimits { apply_interval: Duration::from_millis(1), ..lazy() });
    let until = noon().plus_micros(60_000_000);
    let changes = vec![Change::PutApiKey(key("a", 1)), Change::TakeDelivery { mark: TAKEN, until }];
    wait(rig.store.change(changes)).unwrap();
    rig.store.flush().unwrap();
    rig.clock.set(until);
    rig.store.sweep().unwrap();
    assert_eq!(rig.store.mark_state(&TAKEN), MarkState::Taken);
    rig.clock.set(until.plus_micros(1));
    rig.store.sweep().unwrap();
    let rig = rig.reopen();
    assert_eq!(rig.store.mark_state(&TAKEN), MarkState::Fresh);
    assert_eq!(rig.store.api_keys(None, 9).len(), 1);
}
