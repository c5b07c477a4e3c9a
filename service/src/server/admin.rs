//! The admin listener: metrics and probes, in plain text, without tokens. It is for the operator's network only.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use system_log_index::Store;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

#[derive(Clone)]
struct Admin {
    store: Store,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
}

/// `/metrics`, `/healthz` (the process lives), `/readyz` (it takes requests: not before the stores are open, not after a
/// stop, not while the log cannot be written).
pub fn router(store: Store, metrics: Arc<Metrics>, stop: CancellationToken) -> Router {
    Router::new()
        .route("/metrics", get(metrics_page))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Admin { store, metrics, stop })
}

async fn metrics_page(State(admin): State<Admin>) -> String {
    admin.metrics.render(&admin.store.status())
}

async fn ready(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if admin.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    if admin.store.status().poisoned {
        return (StatusCode::SERVICE_UNAVAILABLE, "the log cannot be written\n");
    }
    (StatusCode::OK, "ready\n")
}
