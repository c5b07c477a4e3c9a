//! The built-in collectors through the real sandbox, and requests as a whole: order, neighbours, refusals.

use std::future::Future;
use std::path::Path;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::json;
use system_log_model::draft::Verdict;
use system_log_model::{DeadLettered, Dropped, Log, Rejected};

use super::*;
use crate::hostile::guest::{Guest, HONEST, MANIFEST};
use crate::plugin::CollectorState;

mod breaker;
mod cases;
mod directory;

const NOW: Timestamp = Timestamp::from_micros(1_795_341_600_000_000);

fn built_in() -> Host {
    Host::new(HostOptions { threads: 1, ..HostOptions::default() }).unwrap()
}

fn record(payload: impl Into<Vec<u8>>) -> Submission {
    Submission { payload: payload.into(), content_type: "application/json".into(), headers: vec![], group: 0 }
}

fn delivery(id: usize) -> Submission {
    let delivery = json!({"id": format!("d{id}"), "url": "https://a.example/", "method": "POST", "http_status": 204});
    record(delivery.to_string())
}

/// The key of the one event that a record became.
fn key(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::One(Verdict::Emit(drafts)) if drafts.len() == 1 => &drafts[0].dedupe_key,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_outcome_for_each_record_in_order() {
    let host = built_in();
    for count in [0, 1, 256, 257, 600] {
        let outcomes = host.collect("webhook", NOW, (0..count).map(delivery).collect()).await.unwrap();
        let keys: Vec<&str> = outcomes.iter().map(key).collect();
        assert_eq!(keys, (0..count).map(|id| format!("d{id}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_malformed_record_does_not_harm_its_neighbours() {
    let records = vec![delivery(0), record("{\"url\": "), delivery(2), record([0xff, 0xfe]), record(""), delivery(5)];
    let outcomes = built_in().collect("webhook", NOW, records).await.unwrap();
    assert_eq!([0, 2, 5].map(|index| key(&outcomes[index])), ["d0", "d2", "d5"]);
    for index in [1, 3, 4] {
        let rejected = matches!(&outcomes[index], Outcome::One(Verdict::Reject(Rejected::MalformedPayload, _)));
        assert!(rejected, "{:?}", outcomes[index]);
    }
}

#[tokio::test]
async fn a_content_type_nobody_reads_is_rejected_beside_good_neighbours() {
    let typed = |content_type: &str| Submission { content_type: content_type.into(), ..delivery(1) };
    let records = vec![typed("application/json"), typed("text/csv"), typed(""), typed(&"x".repeat(9_999))];
    let outcomes = built_in().collect("webhook", NOW, records).await.unwrap();
    assert_eq!([key(&outcomes[0]), key(&outcomes[2])], ["d1", "d1"], "and none said means JSON");
    let message = "content_type: \"text/csv\", but this collector reads application/json";
    assert_eq!(outcomes[1], Outcome::One(Verdict::Reject(Rejected::UnsupportedContentType, message.into())));
    let Outcome::One(Verdict::Reject(_, message)) = &outcomes[3] else { panic!("{:?}", outcomes[3]) };
    assert!(message.len() < 300, "{message}");
}

#[tokio::test]
async fn a_source_nobody_answers_for_is_unknown() {
    let host = built_in();
    for source in ["", "Webhook", "webhook ", "system-log", "nobody"] {
        assert_eq!(host.collect(source, NOW, vec![delivery(1)]).await, Err(CollectError::UnknownSource), "{source:?}");
        assert!(host.collector_of(source).is_none());
    }
}

#[tokio::test]
async fn a_collector_answers_under_each_of_its_names() {
    let host = built_in();
    for source in ["platform", "security", "process", "mail"] {
        let records =
            vec![record(r#"{"id": "e1", "event": "task_auto_completed"}"#), record(r#"{"event": "uptime_probe"}"#)];
        let outcomes = host.collect(source, NOW, records).await.unwrap();
        assert_eq!(key(&outcomes[0]), "e1");
        assert!(matches!(&outcomes[1], Outcome::One(Verdict::Drop(Dropped::MonitoringNoise, _))), "{:?}", outcomes[1]);
    }
}

/// proves: S8
#[test]
fn every_declared_kind_is_in_the_catalogue() {
    let host = built_in();
    let collectors = host.collectors();
    assert_eq!(
        collectors.iter().map(|info| info.name.as_str()).collect::<Vec<_>>(),
        ["webhook", "mailgun", "platform", "recurly", "ai"]
    );
    for info in collectors {
        assert_eq!((info.state, info.error.as_ref(), info.digest.len()), (CollectorState::Active, None, 64));
        assert_eq!(info.origin, format!("built-in {}", info.name));
        for (log, kind) in &info.kinds {
            assert!(host.catalogue().get(*log, kind).is_some(), "{log} {kind}");
        }
        assert_eq!(*host.collector_of(&info.sources[0]).unwrap(), info);
    }
}

/// proves: S8
#[test]
fn a_plugins_own_kind_joins_the_catalogue() {
    let own = "[[kinds]]\nlog = \"system\"\nname = \"badge_printed\"\ncategory = \"process\"\nseverity = \"info\"\n\
        description = \"A badge was printed.\"\n";
    let host = Host::with_plugins(HostOptions::default(), vec![("a".into(), HONEST.with(&format!("{MANIFEST}{own}")))]);
    assert_eq!(
        &*host.unwrap().catalogue().get(Log::System, "badge_printed").unwrap().description,
        "A badge was printed."
    );
    assert!(built_in().catalogue().get(Log::System, "badge_printed").is_none());
}

#[test]
fn two_plugins_must_not_contradict_each_other() {
    let renamed = MANIFEST.replace("name = \"hostile\"", "name = \"other\"");
    let elsewhere = renamed.replace("sources = [\"hostile\"]", "sources = [\"elsewhere\"]");
    let load = |second: &str| {
        let plugins = vec![("a".into(), HONEST.with(MANIFEST)), ("b".into(), HONEST.with(second))];
        Host::with_plugins(HostOptions::default(), plugins)
    };
    assert_eq!(load(&elsewhere).unwrap().collectors().len(), 2);
    assert_eq!(load(&renamed).unwrap_err().to_string(), "b: a has the source \"hostile\"");
    let all = "b: a has the same name \"hostile\"; b: a has the source \"hostile\"";
    assert_eq!(load(MANIFEST).unwrap_err().to_string(), all);
}

/// A guest that answers `unknown(its configuration)`.
const TELLS_ITS_CONFIG: &str = "(i32.store8 offset=4 (local.get $answer) (i32.const 3))
    (i32.store offset=8 (local.get $answer) (local.get $config))
    (i32.store offset=12 (local.get $answer) (local.get $config_len))";

#[tokio::test]
async fn configuration_reaches_its_plugin_as_an_object() {
    let load = |config: Option<Value>| {
        let config = config.into_iter().map(|value| ("hostile".to_owned(), value)).collect();
        let plugin = Guest { guilty: TELLS_ITS_CONFIG, ..HONEST }.with(MANIFEST);
        Host::with_plugins(HostOptions { config, ..HostOptions::default() }, vec![("a".into(), plugin)])
    };
    for (config, told) in [(None, "{}"), (Some(json!({"price": 3})), "{\"price\":3}")] {
        let outcomes = load(config).unwrap().collect("hostile", NOW, vec![record("!")]).await.unwrap();
        assert_eq!(outcomes, [Outcome::One(Verdict::Unknown(told.into()))]);
    }
    let error = load(Some(json!([1]))).unwrap_err();
    assert_eq!(error.to_string(), "the configuration of the collector \"hostile\" must be a table");
}

/// A host with one thread whose `!` records keep that thread busy until they are cut.
fn busy(limits: HostLimits) -> Host {
    let limits = HostLimits { call_base: Duration::from_millis(300), retry_factor: 2, ..limits };
    let plugin = Guest { guilty: "(loop $ever (br $ever))", ..HONEST }.with(MANIFEST);
    let options = HostOptions { threads: 1, limits, ..HostOptions::default() };
    Host::with_plugins(options, vec![("a".into(), plugin)]).unwrap()
}

fn poll<F: Future>(future: &mut Pin<&mut F>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// proves: S10
#[tokio::test]
async fn a_full_queue_is_overloaded_and_takes_records_again_later() {
    let host = busy(HostLimits { queue_requests: 1, ..HostLimits::default() });
    let mut requests = [(); 3].map(|()| Box::pin(host.collect("hostile", NOW, vec![record("!")])));
    // One runs, one waits, so the third is refused, unless the thread had not yet taken the first: then the second is, too.
    let refused = requests.each_mut().map(|request| {
        let answer = request.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        answer == Poll::Ready(Err(CollectError::Overloaded))
    });
    assert!(!refused[0] && refused[2], "{refused:?}");
    let [first, second, _] = requests;
    let outcomes = first.await.unwrap();
    assert!(matches!(outcomes[..], [Outcome::One(Verdict::Failed(DeadLettered::CollectorTimeout, _))]), "{outcomes:?}");
    if !refused[1] {
        // It waits until a thread has taken it: only then is there room.
        assert!(second.await.is_ok());
    }
    assert!(host.collect("hostile", NOW, vec![record("a")]).await.is_ok());
}

/// proves: S10
#[tokio::test]
async fn records_that_weigh_too_much_together_are_overloaded() {
    let host = busy(HostLimits { queue_bytes: 10, ..HostLimits::default() });
    let mut running = pin!(host.collect("hostile", NOW, vec![record("!234567")]));
    assert_eq!(poll(&mut running), Poll::Pending);
    assert_eq!(host.collect("hostile", NOW, vec![record("a234")]).await, Err(CollectError::Overloaded), "7 + 4");
    let mut waiting = pin!(host.collect("hostile", NOW, vec![record("a23")]));
    assert_eq!(poll(&mut waiting), Poll::Pending, "7 + 3");
    assert!(waiting.await.is_ok());
}

#[tokio::test]
async fn a_stopped_host_answers_whoever_waits_and_takes_nothing_more() {
    let host = busy(HostLimits::default());
    let mut running = pin!(host.collect("hostile", NOW, vec![record("!")]));
    assert_eq!(poll(&mut running), Poll::Pending);
    let mut waiting = pin!(host.collect("hostile", NOW, vec![record("a")]));
    assert_eq!(poll(&mut waiting), Poll::Pending);
    host.clone().stop();
    assert_eq!(host.collect("hostile", NOW, vec![record("a")]).await, Err(CollectError::Stopped));
    assert_eq!(waiting.await, Err(CollectError::Stopped));
    assert_eq!(running.await, Err(CollectError::Stopped), "its next call is not made");
}
