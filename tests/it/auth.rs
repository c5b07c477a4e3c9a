//! Who may call what: generated from the descriptor set, denied by default.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message;
use system_log_service::auth::Role;
use system_log_tests::client::{Client, reason};
use system_log_tests::event::everything;
use system_log_tests::server::TestServer;
use system_log_wire::FILE_DESCRIPTOR_SET;
use system_log_wire::systemlog::v1 as pb;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

/// The contract's table of services, again: not the server's own.
fn role_of(service: &str) -> Role {
    match service {
        "IngestService" => Role::Ingest,
        "LogService" => Role::Admin,
        "DirectoryService" => Role::Directory,
        "CollectorService" | "KeyService" => Role::Operator,
        other => panic!("who may call {other}? Add it here and to the contract's table"),
    }
}

/// Every method of the contract: service, path.
fn methods() -> Vec<(String, String)> {
    let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut methods = Vec::new();
    for file in set.file.iter().filter(|file| file.package() == "systemlog.v1") {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/systemlog.v1.{}/{}", service.name(), method.name());
                methods.push((service.name().to_owned(), path));
            }
        }
    }
    methods
}

/// Calls a method with an empty message. Streaming or not, the first thing answered is whether one may.
async fn call(client: &Client, path: &str) -> Result<(), Status> {
    let mut grpc = tonic::client::Grpc::new(client.raw());
    grpc.ready().await.expect("the server is there");
    let path = path.parse().expect("a path");
    let answer = grpc.server_streaming(Request::new(()), path, ProstCodec::<(), ()>::default()).await?;
    let mut answers = answer.into_inner();
    while answers.message().await?.is_some() {}
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_method_is_answered_to_its_role_and_to_no_other() {
    let server = TestServer::start().await;
    let methods = methods();
    assert!(methods.len() >= 24, "{}", methods.len());
    for (service, path) in &methods {
        let error = call(&server.client_with(""), path).await.unwrap_err();
        assert_eq!((error.code(), reason(&error).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"), "{path}");
        for role in Role::ALL {
            let answer = call(&server.client("acme", role), path).await;
            let refused = answer.as_ref().is_err_and(|error| reason(error) == "ROLE_REQUIRED");
            assert_eq!(refused, role != role_of(service), "{path} to {}: {answer:?}", role.name());
            if let Err(error) = answer {
                assert!(!reason(&error).is_empty(), "{path} to {}: every error has a reason: {error:?}", role.name());
                assert_eq!(refused, error.code() == Code::PermissionDenied, "{path}: {error:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_contract_is_answered_to_nobody() {
    let server = TestServer::start().await;
    for path in ["/systemlog.v1.LogService/DeleteEvents", "/systemlog.v1.Nothing/At", "/x/y"] {
        let error = call(&server.client_with(""), path).await.unwrap_err();
        assert_eq!(error.code(), Code::Unauthenticated, "{path}");
        let error = call(&server.admin_of("acme"), path).await.unwrap_err();
        assert_eq!((error.code(), reason(&error).as_str()), (Code::Unimplemented, "UNIMPLEMENTED"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_does_not_hold_is_refused_with_one_constant_text() {
    let server = TestServer::start().await;
    let key = system_log_service::auth::token::dev_key(server.data()).unwrap();
    let subject =
        system_log_service::auth::token::Subject { org: "acme", role: Role::Admin, user: "u", name: "", email: "" };
    let now = system_log_model::Clock::now(&*server.clock);
    let good = system_log_service::auth::token::mint(&key, &subject, now).unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let none = format!("{}.{}.", encode(r#"{"alg":"none","typ":"JWT"}"#), parts[1]);
    let none_signed = format!("{}.{}.{}", encode(r#"{"alg":"none","typ":"JWT"}"#), parts[1], parts[2]);
    let promoted = format!("{}.{}.{}", parts[0], encode(&claims.replace("admin", "operator")), parts[2]);
    let foreign = system_log_service::auth::token::mint(&[7; 32], &subject, now).unwrap();
    let too_early = system_log_model::Timestamp::parse("2026-11-20T09:00:00Z").unwrap();
    let expired = system_log_service::auth::token::mint(&key, &subject, too_early).unwrap();
    let unsigned = format!("{}.{}.", parts[0], parts[1]);
    let ask = || pb::ListEventsRequest { filter: Some(everything(pb::Log::System)), ..Default::default() };
    assert!(server.client_with(&good).list(ask()).await.is_ok());
    let long = "a".repeat(12_000);
    let mut texts = std::collections::BTreeSet::new();
    for bad in [&none, &none_signed, &promoted, &foreign, &expired, &unsigned, "nonsense", "a.b.c", &long] {
        let error = server.client_with(bad).list(ask()).await.unwrap_err();
        assert_eq!((error.code(), reason(&error).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"), "{bad}");
        texts.insert(error.message().to_owned());
    }
    assert_eq!(texts.len(), 1, "{texts:?}");
}
