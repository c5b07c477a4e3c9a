//! Guests that answer what is no answer.

use system_log_model::DeadLettered::CollectorBadOutput;
use system_log_model::draft::Verdict;
use system_log_model::{Log, Rejected};

use super::guest::{Guest, HONEST, MANIFEST};
use super::{collect, failed, good, host, limits, load, only_the_guilty_one_fails};
use crate::limits::MAX_TYPE_NAME_BYTES;

/// An event that says nothing but its log (at 1024) and its kind (at 1032): all other fields are 0, which means absent or
/// empty. 352 bytes.
pub(crate) fn event(kind: &str) -> (String, &'static str) {
    let items = format!(
        r#"(data (i32.const 900) "system{kind}")
           (data (i32.const 1024) "\84\03\00\00\06\00\00\00\8a\03\00\00\{:02x}\00\00\00")"#,
        kind.len()
    );
    // one(emit([that]))
    let emit = "(i32.store8 offset=4 (local.get $answer) (i32.const 0))
        (i32.store offset=8 (local.get $answer) (i32.const 1024))
        (i32.store offset=12 (local.get $answer) (i32.const 1))";
    (items, emit)
}

/// proves: S8
#[tokio::test]
async fn a_declared_kind_is_stored_as_the_catalogue_has_it() {
    let (items, guilty) = event("webhook_sent");
    let host = host(&Guest { items: &items, guilty, ..HONEST });
    let verdicts = collect(&host, "a!").await;
    let Verdict::Emit(drafts) = &verdicts[1] else { panic!("{:?}", verdicts[1]) };
    let known = host.catalogue().get(Log::System, "webhook_sent").unwrap().clone();
    assert_eq!(drafts.iter().map(|draft| &draft.kind).collect::<Vec<_>>(), [&known]);
}

/// proves: S8
#[tokio::test]
async fn an_undeclared_kind_is_rejected_though_the_catalogue_knows_it() {
    let (items, guilty) = event("role_changed");
    let host = host(&Guest { items: &items, guilty, ..HONEST });
    assert!(host.catalogue().get(Log::System, "role_changed").is_some());
    let verdicts = collect(&host, "a!a").await;
    let Verdict::Reject(Rejected::KindNotDeclared, message) = &verdicts[1] else { panic!("{:?}", verdicts[1]) };
    assert!(message.contains("\"role_changed\" in the log system"), "{message}");
    assert_eq!((&verdicts[0], &verdicts[2]), (&good(), &good()));
}

#[tokio::test]
async fn a_wrong_number_of_outcomes_is_bad_output() {
    for (count, said) in [(0, "0 outcomes for 1 records"), (2, "2 outcomes for 1 records")] {
        let guilty = format!("(i32.store offset=4 (local.get $out) (i32.const {count}))");
        let message = only_the_guilty_one_fails(&Guest { guilty: &guilty, ..HONEST }, CollectorBadOutput).await;
        assert_eq!(message, said);
    }
}

/// proves: S7
#[tokio::test]
async fn lists_larger_than_the_memory_are_bad_output() {
    let lists = [
        "(i32.store offset=4 (local.get $out) (i32.const 0x7fffffff))", // of outcomes
        "(i32.store offset=4 (local.get $out) (i32.const -1))",
        "(i32.store (local.get $out) (i32.const -8))", // from nowhere
        "(i32.store8 offset=4 (local.get $answer) (i32.const 0)) (i32.store offset=12 (local.get $answer) (i32.const 0x1000000))",
        "(i32.store offset=12 (local.get $answer) (i32.const 0x7fffffff))", // a reason for dropping
    ];
    for guilty in lists {
        only_the_guilty_one_fails(&Guest { guilty, ..HONEST }, CollectorBadOutput).await;
    }
}

/// A list that fits and whose items all point to the same large text: small in the guest, gigantic in the host.
///
/// proves: S7
#[tokio::test]
async fn an_answer_that_unfolds_in_the_host_is_cut_by_its_size() {
    let unknown_of = |bytes: u32| {
        format!(
            "(i32.store8 offset=4 (local.get $answer) (i32.const 3))
             (i32.store offset=8 (local.get $answer) (i32.const 0x180000))
             (i32.store offset=12 (local.get $answer) (i32.const {bytes}))"
        )
    };
    let manifest = format!("{MANIFEST}[limits]\noutput_mib = 1");
    let load = |bytes| load(Guest { guilty: &unknown_of(bytes), ..HONEST }.with(&manifest), limits()).unwrap();
    let verdicts = collect(&load(2_000_000), "a!a").await;
    assert_eq!(failed(&verdicts[1]).0, CollectorBadOutput);
    assert_eq!((&verdicts[0], &verdicts[2]), (&good(), &good()));
    // Sixteen times 500,000 bytes are too much for one call, and none of them is to blame.
    for verdict in collect(&load(500_000), &"!".repeat(16)).await {
        assert!(matches!(&verdict, Verdict::Unknown(name) if name.len() <= MAX_TYPE_NAME_BYTES), "{verdict:?}");
    }
}

#[tokio::test]
async fn what_is_no_value_of_the_contract_is_bad_output() {
    let values = [
        "(i32.store8 (local.get $answer) (i32.const 9))", // neither one nor page
        "(i32.store8 offset=4 (local.get $answer) (i32.const 9))", // no verdict
        "(i32.store (local.get $out) (i32.add (i32.load (local.get $out)) (i32.const 1)))", // not aligned
        "(local.set $out (i32.const -4)) (return (local.get $out))", // from nowhere
        "(i32.store8 (i32.const 64) (i32.const 255)) (i32.store offset=16 (local.get $answer) (i32.const 64))", // no UTF-8
    ];
    for guilty in values {
        only_the_guilty_one_fails(&Guest { guilty, ..HONEST }, CollectorBadOutput).await;
    }
}

#[tokio::test]
async fn a_reason_that_is_the_hosts_to_give_is_bad_output() {
    let items = r#"(data (i32.const 64) "NO_MATCHING_MEMBER")"#;
    let guilty = "(i32.store offset=8 (local.get $answer) (i32.const 64))
        (i32.store offset=12 (local.get $answer) (i32.const 18))";
    let message = only_the_guilty_one_fails(&Guest { items, guilty, ..HONEST }, CollectorBadOutput).await;
    assert_eq!(message, "drop: \"NO_MATCHING_MEMBER\" is no reason of the contract");
}
