//! A listener: accepts connections, speaks HTTP/2 (and HTTP/1 for browsers and probes), and drains within a deadline.
//!
//! Our own loop instead of tonic's, for two reasons: its graceful shutdown waits for open streams without end, and its
//! deadline answers CANCELLED.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Connections at once; more wait in the kernel's queue. Each may hold a few hundred KiB of buffers.
const MAX_CONNECTIONS: usize = 2_048;
/// Streams of one connection.
const MAX_STREAMS: u32 = 256;
/// All headers of a request: h2's own default is 16 MiB.
const MAX_HEADER_BYTES: u32 = 16 * 1024;
/// A silent peer is asked whether it lives.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(60);
/// … and given up without an answer.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// A client that does not finish its headers is not served.
const HEADER_TIMEOUT: Duration = Duration::from_secs(20);
/// Flow-control windows: with the protocol's 64 KiB, a 4 MiB batch waits for the reader 60 times.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// See [`STREAM_WINDOW`].
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// What h2 keeps for a slow reader of one stream.
const SEND_BUFFER: usize = 256 * 1024;
/// After a failed accept (for example no file descriptors left) a moment passes instead of a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop`, then lets open requests end, for at most `drain`.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken, drain: Duration) {
    let builder = Arc::new(builder());
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let force = CancellationToken::new();
    loop {
        let slot = tokio::select! {
            () = stop.cancelled() => break,
            slot = slots.clone().acquire_owned() => slot,
        };
        let Ok(slot) = slot else { break };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Small answers must not wait for a full packet; a socket that refuses works all the same.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        let force = force.clone();
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection ended badly");
                    }
                }
                () = force.cancelled() => {}
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("open connections are cut after the drain time");
    }
    force.cancel();
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES)
        .keep_alive_interval(KEEPALIVE_EVERY)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER);
    builder
}
