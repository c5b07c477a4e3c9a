//! Health and reflection, as standard clients ask for them.

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

use system_log_tests::server::TestServer;

const SERVICES: [&str; 6] = [
    "grpc.health.v1.Health",
    "systemlog.v1.CollectorService",
    "systemlog.v1.DirectoryService",
    "systemlog.v1.IngestService",
    "systemlog.v1.KeyService",
    "systemlog.v1.LogService",
];

#[tokio::test(flavor = "multi_thread")]
async fn anyone_may_ask_whether_it_serves() {
    let server = TestServer::start().await;
    let request = HealthCheckRequest { service: String::new() };
    let answer = HealthClient::new(server.channel()).check(request).await.unwrap().into_inner();
    assert_eq!(answer.status(), tonic_health::pb::health_check_response::ServingStatus::Serving);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_reflection_list_every_service() {
    let server = TestServer::start().await;
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(server.channel());
    let mut answers = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(list)) = answer else {
        panic!("{answer:?}")
    };
    let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    for service in SERVICES {
        assert!(names.iter().any(|name| name == service), "{service} is not in {names:?}");
    }

    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
            "systemlog.v1.LogService".into(),
        )),
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel());
    let mut answers = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    assert!(
        matches!(answer, Some(v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_))),
        "{answer:?}"
    );
}
