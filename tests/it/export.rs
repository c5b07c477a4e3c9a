//! The export is the list as a file: same rows, same order, a digest, and resumable byte for byte.

use sha2::{Digest, Sha256};
use system_log_tests::client::{Client, reason};
use system_log_tests::event::{everything, webhook};
use system_log_tests::server::TestServer;
use system_log_wire::systemlog::v1 as pb;

async fn filled(count: usize) -> (TestServer, Client) {
    let server = TestServer::start().await;
    let error = "=HYPERLINK(\"x\"), said \"no\"\nand more";
    let record = |n: usize| {
        let at = format!("2026-11-{:02}T{:02}:00:00Z", 1 + n % 20, n % 24);
        webhook(&format!("w{n}"), &at, if n.is_multiple_of(3) { 503 } else { 204 }, error)
    };
    let records: Vec<_> = (0..count).map(record).collect();
    for batch in records.chunks(1_000) {
        server.sender().send("webhook", "acme", batch.to_vec()).await.unwrap();
    }
    let admin = server.admin_of("acme");
    (server, admin)
}

fn ask(order_by: &str) -> pb::ExportCsvRequest {
    let filter = pb::EventFilter { types: vec!["webhook_failed".into()], ..everything(pb::Log::System) };
    pb::ExportCsvRequest { filter: Some(filter), order_by: order_by.into(), ..Default::default() }
}

/// proves: S9
#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_the_concatenated_pages() {
    let (_server, admin) = filled(300).await;
    for order in ["", "occurred_at asc", "message desc", "recipient"] {
        let request = ask(order);
        let rows = admin.list_all(request.filter.as_ref().unwrap(), order, 25).await.unwrap();
        let export = admin.export(request).await.unwrap();
        let trailer = export.trailer.unwrap();
        let digest: String = Sha256::digest(&export.data).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(trailer.sha256, digest);
        assert_eq!(trailer.total_rows, i64::try_from(rows.len()).unwrap());
        let text = String::from_utf8(export.data).unwrap();
        let ids: Vec<&str> = text.split("\r\n").skip(1).filter_map(|line| line.split(',').next()).collect();
        let expected: Vec<&str> = rows.iter().map(|row| row.id.as_str()).chain([""]).collect();
        assert_eq!(ids, expected, "{order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cells_are_rfc_4180_and_formulas_are_disarmed_unless_raw() {
    let server = TestServer::start().await;
    let mail = serde_json::json!({"id": "m", "occurred_at": "2026-11-22T09:00:00.5Z", "event": "email_send_failed",
        "recipient": "a@example.com", "subject": "=1+1", "reason": "said \"no\", twice\nand left"});
    let record = system_log_tests::event::record(&mail);
    let sent = server.sender().send("mail", "acme", vec![record]).await.unwrap();
    let admin = server.admin_of("acme");
    let columns: Vec<String> = ["occurred_at", "subject", "message"].map(String::from).to_vec();
    let filter = Some(everything(pb::Log::Email));
    let request = pb::ExportCsvRequest { filter, columns, ..Default::default() };
    let guarded = String::from_utf8(admin.export(request.clone()).await.unwrap().data).unwrap();
    let head = "occurred_at,subject,message\r\n2026-11-22T09:00:00.500000Z,";
    let tail = ",\"said \"\"no\"\", twice\nand left\"\r\n";
    assert_eq!(guarded, format!("{head}'=1+1{tail}"));
    let raw = pb::ExportCsvRequest { raw_values: true, ..request };
    let raw = String::from_utf8(admin.export(raw).await.unwrap().data).unwrap();
    assert_eq!(raw, format!("{head}=1+1{tail}"));
    let lines = pb::ExportCsvRequest {
        filter: Some(everything(pb::Log::Email)),
        format: pb::ExportFormat::JsonLines.into(),
        ..Default::default()
    };
    let lines = String::from_utf8(admin.export(lines).await.unwrap().data).unwrap();
    let event: serde_json::Value = serde_json::from_str(lines.trim_end()).unwrap();
    assert!(sent[0].event_ids.iter().any(|id| event["id"] == **id), "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_export_gives_the_same_bytes_for_an_hour() {
    let (server, admin) = filled(9_000).await;
    let request = pb::ExportCsvRequest { filter: Some(everything(pb::Log::System)), ..ask("") };
    let whole = admin.export(request.clone()).await.unwrap();
    assert!(whole.chunks.len() > 2, "{} chunks", whole.chunks.len());
    let at = whole.chunks[0].data.len();
    let later = webhook("later", "2026-11-22T09:59:00Z", 503, "arrived during the export");
    server.sender().send("webhook", "acme", vec![later]).await.unwrap();
    server.advance(std::time::Duration::from_secs(3_599));
    let resume = pb::ExportCsvRequest { resume_token: whole.chunks[0].resume_token.clone(), ..request };
    let rest = admin.export(resume.clone()).await.unwrap();
    assert!(rest.data == whole.data[at..], "byte for byte");
    assert_eq!(rest.trailer, whole.trailer, "rows and digest of the whole file");
    let other = pb::ExportCsvRequest { order_by: "type".into(), ..resume.clone() };
    assert_eq!(reason(&admin.export(other).await.unwrap_err()), "INVALID_RESUME_TOKEN");
    server.advance(std::time::Duration::from_secs(2));
    let error = admin.export(resume).await.unwrap_err();
    assert_eq!((error.code(), reason(&error).as_str()), (tonic::Code::FailedPrecondition, "EXPORT_SNAPSHOT_EXPIRED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_export_is_a_heading_and_a_count_of_nothing() {
    let server = TestServer::start().await;
    let export = server.admin_of("acme").export(ask("")).await.unwrap();
    assert!(String::from_utf8(export.data).unwrap().ends_with("change_after\r\n"));
    assert_eq!(export.trailer.unwrap().total_rows, 0);
}
