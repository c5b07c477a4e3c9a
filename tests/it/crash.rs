//! A killed server loses nothing that it acknowledged, and stops in time when asked to. proves: S2

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use system_log_tests::client::Client;
use system_log_tests::process::{Process, run, token};
use system_log_wire::systemlog::v1 as pb;
use tonic::transport::{Channel, Endpoint};

/// Senders at once, and kills in a row: the short form of a rig that runs for long by command.
const SENDERS: usize = 4;
const KILLS: usize = 5;

async fn connect(listen: &str) -> Channel {
    Endpoint::from_shared(format!("http://{listen}")).unwrap().connect().await.unwrap()
}

fn last_day() -> pb::EventFilter {
    pb::EventFilter { log: pb::Log::System.into(), types: vec!["webhook_failed".into()], ..Default::default() }
}

/// What was answered as stored: id and the word only that event has.
type Acked = Arc<Mutex<Vec<(String, String)>>>;

/// Sends until the server is gone.
async fn send_until_gone(client: Client, name: String, acked: Acked) {
    for batch in 0.. {
        let word = |n: usize| format!("w{name}x{batch}x{n}q");
        let record = |n: usize| {
            let now = jiff::Timestamp::now().to_string();
            system_log_tests::event::webhook(&word(n), &now, 503, &word(n))
        };
        let Ok(results) = client.send("webhook", "acme", (0..25).map(record).collect()).await else { return };
        let mut acked = acked.lock();
        for (n, result) in results.iter().enumerate() {
            assert_eq!(result.outcome(), pb::Outcome::Stored, "{}", result.message);
            acked.push((result.event_ids[0].clone(), word(n)));
        }
    }
}

/// Every acknowledged event by list, get, search, contains and export.
async fn check(admin: &Client, acked: &[(String, String)]) {
    let rows = admin.list_all(&last_day(), "", 200).await.unwrap();
    let listed: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(listed.len(), rows.len(), "no row twice");
    for (id, word) in acked {
        assert!(listed.contains(id.as_str()), "{id} ({word}) was acknowledged and is not listed");
    }
    let request = pb::ExportCsvRequest { filter: Some(last_day()), ..Default::default() };
    let export = String::from_utf8(admin.export(request).await.unwrap().data).unwrap();
    let exported: BTreeSet<&str> = export.split("\r\n").skip(1).filter_map(|line| line.split(',').next()).collect();
    assert!(acked.iter().all(|(id, _)| exported.contains(id.as_str())), "the export lacks an event");
    let step = (acked.len() / 25).max(1);
    for (id, word) in acked.iter().step_by(step) {
        let event = admin.log().get_event(pb::GetEventRequest { id: id.clone() }).await.unwrap().into_inner();
        assert!(event.event.unwrap().message.contains(word));
        let contains = pb::ContainsFilter { message: word[1..].to_owned(), ..Default::default() };
        for filter in [
            pb::EventFilter { query: word.clone(), ..last_day() },
            pb::EventFilter { contains: Some(contains), ..last_day() },
        ] {
            let found = admin.list_all(&filter, "", 50).await.unwrap();
            assert_eq!(found.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), [id.as_str()], "{word}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (sender, admin) = (token(folder.path(), "*", "ingest"), token(folder.path(), "acme", "admin"));
    let acked: Acked = Arc::default();
    for kill in 0..KILLS {
        let server = Process::serve(folder.path(), &[]);
        let channel = connect(&server.listen).await;
        let before = acked.lock().clone();
        check(&Client::new(channel.clone(), &admin), &before).await;
        let sending: Vec<_> = (0..SENDERS)
            .map(|n| send_until_gone(Client::new(channel.clone(), &sender), format!("{kill}x{n}"), acked.clone()))
            .map(tokio::spawn)
            .collect();
        // Not a moment in time but an amount of work, another one each round.
        let enough = before.len() + 300 * (kill + 1);
        let begun = Instant::now();
        while acked.lock().len() < enough {
            assert!(begun.elapsed() < Duration::from_secs(60), "the server does not get on");
            tokio::task::yield_now().await;
        }
        server.kill();
        for task in sending {
            task.await.unwrap();
        }
    }
    let server = Process::serve(folder.path(), &[]);
    let acked = acked.lock().clone();
    check(&Client::new(connect(&server.listen).await, &admin), &acked).await;
    assert!(server.terminate().success());
    verify(folder.path());
}

fn verify(data: &Path) {
    let (code, out, err) = run(&["verify", "--data", data.to_str().unwrap()]);
    assert_eq!(code, 0, "{out}{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_orderly_in_spite_of_open_streams() {
    let folder = tempfile::tempdir().unwrap();
    let sender = token(folder.path(), "*", "ingest");
    let server = Process::serve(folder.path(), &[]);
    let channel = connect(&server.listen).await;
    let mut open = Vec::new();
    for _ in 0..20 {
        let (requests, stream) = tokio::sync::mpsc::channel::<pb::IngestStreamRequest>(1);
        let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
        let client = Client::new(channel.clone(), &sender);
        open.push((requests, client.ingest().ingest_stream(stream).await.unwrap().into_inner()));
    }
    let begun = Instant::now();
    let ended = tokio::task::spawn_blocking(|| server.terminate()).await.unwrap();
    assert!(ended.success(), "{ended}");
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    for (_, mut answers) in open {
        let error = answers.message().await.unwrap_err();
        assert_eq!(error.code(), tonic::Code::Unavailable, "{error:?}");
    }
    verify(folder.path());
}
