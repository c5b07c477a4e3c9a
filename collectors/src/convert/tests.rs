//! One record's outcome: each verdict is believed or replaced on its own.

use super::*;
use crate::event::tests::{kinds, plain};
use crate::fault::Stage;
use crate::limits::{MAX_REASON_BYTES, MAX_TYPE_NAME_BYTES};

fn one(verdict: claimed::Verdict) -> Verdict {
    match outcome(Ok(claimed::Outcome::One(verdict)), &kinds()) {
        Outcome::One(verdict) => verdict,
        page @ Outcome::Page(_) => panic!("{page:?}"),
    }
}

fn emit(events: usize) -> claimed::Verdict {
    claimed::Verdict::Emit(vec![plain(); events])
}

fn undeclared() -> claimed::Event {
    claimed::Event { kind: "role_changed".into(), ..plain() }
}

fn bad_output(verdict: Verdict) -> String {
    match verdict {
        Verdict::Failed(DeadLettered::CollectorBadOutput, message) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn events_of_one_record_stand_or_fall_together() {
    assert!(matches!(one(emit(3)), Verdict::Emit(drafts) if drafts.len() == 3));
    let mixed = claimed::Verdict::Emit(vec![plain(), undeclared(), plain()]);
    assert!(matches!(one(mixed), Verdict::Reject(Rejected::KindNotDeclared, _)));
}

#[test]
fn an_emission_of_nothing_is_bad_output() {
    assert_eq!(bad_output(one(emit(0))), "emit: no events");
}

/// proves: S8
#[test]
fn a_page_keeps_its_good_items() {
    let items = vec![
        emit(1),
        claimed::Verdict::Emit(vec![undeclared()]),
        claimed::Verdict::Drop(("NOT_LOGGED".into(), "opened".into())),
        claimed::Verdict::Drop(("BECAUSE".into(), String::new())),
        emit(2),
    ];
    let Outcome::Page(verdicts) = outcome(Ok(claimed::Outcome::Page(items)), &kinds()) else { panic!("no page") };
    assert_eq!(verdicts.len(), 5, "one for each item, in order");
    assert!(matches!(&verdicts[0], Verdict::Emit(drafts) if drafts.len() == 1));
    assert!(matches!(&verdicts[1], Verdict::Reject(Rejected::KindNotDeclared, _)));
    assert_eq!(verdicts[2], Verdict::Drop(Dropped::NotLogged, "opened".into()));
    assert_eq!(bad_output(verdicts[3].clone()), "drop: \"BECAUSE\" is no reason of the contract");
    assert!(matches!(&verdicts[4], Verdict::Emit(drafts) if drafts.len() == 2));
}

#[test]
fn a_record_has_a_thousand_events_and_not_one_more() {
    const MAX: usize = limits::MAX_EVENTS_PER_RECORD;
    assert!(matches!(one(emit(MAX)), Verdict::Emit(drafts) if drafts.len() == MAX));
    assert_eq!(bad_output(one(emit(MAX + 1))), "1001 events of one record, at most 1000");
    let page = |items: Vec<claimed::Verdict>| outcome(Ok(claimed::Outcome::Page(items)), &kinds());
    assert!(matches!(page(vec![emit(MAX / 2); 2]), Outcome::Page(verdicts) if verdicts.len() == 2));
    let dropped = claimed::Verdict::Drop(("NOT_LOGGED".into(), String::new()));
    for items in [vec![emit(MAX), dropped.clone()], vec![dropped; MAX + 1]] {
        let Outcome::One(verdict) = page(items) else { panic!("a page too large is one failure") };
        assert_eq!(bad_output(verdict), "1001 events of one record, at most 1000");
    }
}

#[test]
fn a_plugin_gives_only_the_reasons_that_are_its_own() {
    for reason in Dropped::ALL {
        let verdict = one(claimed::Verdict::Drop((reason.name().into(), "why".into())));
        if *reason == Dropped::NoMatchingMember {
            assert!(bad_output(verdict).contains("NO_MATCHING_MEMBER"), "who is a member is the host's to say");
        } else {
            assert_eq!(verdict, Verdict::Drop(*reason, "why".into()));
        }
    }
    for reason in Rejected::ALL {
        let rejection = claimed::Rejection { code: reason.name().into(), message: "why".into() };
        let verdict = one(claimed::Verdict::Reject(rejection));
        if [Rejected::MalformedPayload, Rejected::MissingField].contains(reason) {
            assert_eq!(verdict, Verdict::Reject(*reason, "why".into()));
        } else {
            assert_eq!(bad_output(verdict), format!("reject: {:?} is no reason of the contract", reason.name()));
        }
    }
}

#[test]
fn sentences_and_names_are_tidied() {
    let long = format!("a\u{1b}{}", "b".repeat(9_999));
    let Verdict::Drop(_, reason) = one(claimed::Verdict::Drop(("NOT_LOGGED".into(), long.clone()))) else { panic!() };
    assert!(reason.starts_with("ab") && reason.len() == MAX_REASON_BYTES, "{reason}");
    let Verdict::Unknown(name) = one(claimed::Verdict::Unknown(long.clone())) else { panic!() };
    assert!(name.starts_with("ab") && name.len() == MAX_TYPE_NAME_BYTES, "{name}");
    assert!(bad_output(one(claimed::Verdict::Drop((long, String::new())))).len() < 300);
}

#[test]
fn a_fault_becomes_a_failure_of_the_record() {
    let fault = Fault { reason: DeadLettered::CollectorTimeout, message: "cut\u{0}".into(), stage: Stage::Call };
    let failed = Verdict::Failed(DeadLettered::CollectorTimeout, "cut".into());
    assert_eq!(outcome(Err(fault), &kinds()), Outcome::One(failed));
}
