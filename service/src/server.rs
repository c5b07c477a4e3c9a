//! One server, built in one place: the binary and the tests use the same function.
//!
//! `build` opens everything and binds both ports; `run` serves until told to stop, then drains: health first, streams with
//! a final status, the store last, all within a hard deadline.

pub mod admin;
pub mod listener;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use system_log_collectors::{CollectorState, DirectoryOptions, Host, HostError, HostOptions};
use system_log_index::{OpenError, Store, StoreLimits, StoreOptions};
use system_log_model::{Clock, Guard, limits};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::audit::Auditor;
use crate::auth::layer::{Gate, gate};
use crate::auth::rate::Rates;
use crate::auth::token::{AUDIENCE, DEV_ISSUER, Verifier, dev_key, secret_file};
use crate::config::Config;
use crate::grpc::{collector, directory, ingest, key, log};
use crate::hooks;
use crate::ingest::Road;
use crate::metrics::Metrics;
use crate::read::Reader;
use crate::seal::Sealer;
use crate::web;
use crate::wire::pb;

/// From the signal to the end, whatever clients do. From the reliability promises.
pub const SHUTDOWN: Duration = Duration::from_secs(10);
/// The part of [`SHUTDOWN`] that open connections get; the rest is the store's.
const DRAIN: Duration = Duration::from_secs(6);
/// How often bytes that are past the retention are looked for: within a day, with room for failures.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// What health is asked about: the server as a whole, and each service by its name.
const SERVICES: [&str; 6] = [
    "",
    "systemlog.v1.IngestService",
    "systemlog.v1.LogService",
    "systemlog.v1.DirectoryService",
    "systemlog.v1.CollectorService",
    "systemlog.v1.KeyService",
];
/// How often health is told which collectors are switched off.
const COLLECTOR_HEALTH_EVERY: Duration = Duration::from_secs(1);
/// Folder of compiled plugins, and of the last good version of each.
const COLLECTOR_CACHE: &str = "collectors";
const SEAL_KEY_FILE: &str = "seal.key";

/// Why a server cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The data folder cannot be opened.
    #[error("the data folder cannot be opened")]
    Store(#[from] OpenError),
    /// A built-in collector does not load, or the plugin directory cannot be read.
    #[error("the collectors cannot be loaded")]
    Host(#[from] HostError),
    /// A key file or a listener.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The descriptor set does not load.
    #[error("reflection cannot be built")]
    Reflection(#[from] tonic_reflection::server::Error),
}

fn io(what: &'static str) -> impl FnOnce(io::Error) -> BuildError {
    move |source| BuildError::Io { what, source }
}

/// A server that is bound and ready to serve.
pub struct Server {
    /// Where clients reach it.
    pub listen: SocketAddr,
    /// Where probes and metrics are.
    pub admin_listen: SocketAddr,
    /// For the demo and for tests: the road itself.
    pub road: Arc<Road>,
    public: TcpListener,
    admin: TcpListener,
    router: Router,
    admin_router: Router,
    store: Store,
    host: Host,
    health: HealthReporter,
    stop: CancellationToken,
}

/// Opens the store, loads the collectors, wires everything, binds both ports.
///
/// # Errors
/// [`BuildError`]; nothing is left running.
pub async fn build(config: &Config, clock: Arc<dyn Clock>) -> Result<Server, BuildError> {
    let store = open_store(config, clock.clone()).await?;
    let host = open_host(config).await?;
    let guard = Arc::new(Guard::with_literals(config.literals()));
    let metrics = Arc::new(Metrics::new(host.clone()));
    let stop = CancellationToken::new();
    let seal = secret_file(&config.data.join(SEAL_KEY_FILE)).map_err(io("the key of page tokens"))?;

    let road = Arc::new(Road {
        host: host.clone(),
        guard: guard.clone(),
        store: store.clone(),
        clock: clock.clone(),
        metrics: metrics.clone(),
    });
    let reader = Arc::new(Reader {
        store: store.clone(),
        auditor: Auditor::new(store.clone(), guard, clock.clone(), host.catalogue()),
        sealer: Arc::new(Sealer::new(&seal)),
        clock: clock.clone(),
        host: host.clone(),
    });
    let (health, health_service) = tonic_health::server::health_reporter();
    // Until it serves, it says so: the reporter's own default is SERVING.
    health.set_service_status("", ServingStatus::NotServing).await;
    let routes = services(&road, &reader, &stop, health_service)?;
    let gate_state = Arc::new(Gate {
        verifiers: verifiers(config)?,
        dev: config.dev,
        clock,
        metrics: metrics.clone(),
        keys: Some(store.clone()),
        rates: config.requests_per_second.map(Rates::new),
    });
    let router = routes
        .prepare()
        .into_axum_router()
        .route("/", axum::routing::get(welcome))
        .merge(hooks::receive::router(config.hooks.clone(), road.clone(), config.requests_per_second.map(Rates::new)))
        .merge(web::export::router(reader.clone(), gate_state.clone(), stop.clone()))
        .layer(from_fn_with_state(gate_state, gate));

    let public = TcpListener::bind(config.listen).await.map_err(io("binding --listen"))?;
    let admin = TcpListener::bind(config.admin_listen).await.map_err(io("binding --admin-listen"))?;
    Ok(Server {
        listen: public.local_addr().map_err(io("the address of --listen"))?,
        admin_listen: admin.local_addr().map_err(io("the address of --admin-listen"))?,
        admin_router: admin::router(store.clone(), metrics, stop.clone()),
        road,
        public,
        admin,
        router,
        store,
        host,
        health,
        stop,
    })
}

async fn open_store(config: &Config, clock: Arc<dyn Clock>) -> Result<Store, BuildError> {
    let options = StoreOptions { directory: config.data.clone(), clock, limits: StoreLimits::default() };
    let opened = tokio::task::spawn_blocking(move || Store::open(options)).await;
    Ok(opened
        .map_err(|error| BuildError::Io { what: "opening the data folder", source: io::Error::other(error) })??)
}

/// Compiles what the cache does not have: seconds, so not on a thread of the runtime.
async fn open_host(config: &Config) -> Result<Host, BuildError> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let directory = config.collector_directory.clone();
    let options = HostOptions {
        threads,
        config: config.collectors.clone(),
        cache: directory.is_some().then(|| config.data.join(COLLECTOR_CACHE)),
        directory: directory.map(|path| DirectoryOptions { path, keys: config.collector_keys.clone() }),
        ..HostOptions::default()
    };
    let opened = tokio::task::spawn_blocking(move || Host::new(options)).await;
    Ok(opened.map_err(|error| BuildError::Io { what: "loading the collectors", source: io::Error::other(error) })??)
}

fn verifiers(config: &Config) -> Result<Vec<Verifier>, BuildError> {
    let mut verifiers = Vec::new();
    if config.dev {
        let key = dev_key(&config.data).map_err(io("the dev key"))?;
        verifiers.push(Verifier::new(&key, DEV_ISSUER, AUDIENCE));
    }
    if let Some(issuer) = &config.issuer {
        verifiers.push(Verifier::new(&issuer.secret, &issuer.issuer, &issuer.audience));
    }
    Ok(verifiers)
}

/// All gRPC services, with the limits of the contract.
fn services(
    road: &Arc<Road>,
    reader: &Arc<Reader>,
    stop: &CancellationToken,
    health: impl tower::Service<
        http::Request<tonic::body::Body>,
        Response = http::Response<tonic::body::Body>,
        Error = std::convert::Infallible,
        Future: Send + 'static,
    > + tonic::server::NamedService
    + Clone
    + Send
    + Sync
    + 'static,
) -> Result<Routes, BuildError> {
    /// What every service of ours shares.
    macro_rules! limited {
        ($server:expr) => {
            $server
                .max_decoding_message_size(limits::MAX_MESSAGE_BYTES)
                .accept_compressed(Gzip)
                .accept_compressed(Zstd)
                .send_compressed(Gzip)
                .send_compressed(Zstd)
        };
    }
    use pb::collector_service_server::CollectorServiceServer;
    use pb::directory_service_server::DirectoryServiceServer;
    use pb::ingest_service_server::IngestServiceServer;
    use pb::key_service_server::KeyServiceServer;
    use pb::log_service_server::LogServiceServer;
    let ingest = ingest::Ingest { road: road.clone(), stop: stop.clone() };
    let logs = log::Logs { reader: reader.clone(), stop: stop.clone() };
    let directory = directory::Directory { reader: reader.clone() };
    let collectors = collector::Collectors { road: road.clone(), sealer: reader.sealer.clone() };
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(system_log_wire::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let mut routes = Routes::builder();
    routes
        .add_service(limited!(IngestServiceServer::new(ingest)))
        .add_service(limited!(LogServiceServer::new(logs)))
        .add_service(limited!(DirectoryServiceServer::new(directory)))
        .add_service(limited!(CollectorServiceServer::new(collectors)))
        .add_service(limited!(KeyServiceServer::new(key::Keys { reader: reader.clone() })))
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    Ok(routes.routes())
}

/// What a browser sees until the administrators' page exists.
async fn welcome() -> &'static str {
    "system-log speaks gRPC here; the administrators' page comes with a later version.\n\
     With reflection on, list what can be called with: grpcurl -plaintext <this address> list\n"
}

impl Server {
    /// Stops the server from outside, as a signal would.
    #[must_use]
    pub fn stopper(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Serves until [`Self::stopper`] is cancelled, then drains. Returns within [`SHUTDOWN`] of the stop.
    pub async fn run(self) {
        tell_health(&self.health, ServingStatus::Serving).await;
        let halt = CancellationToken::new();
        let public = tokio::spawn(listener::serve(self.public, self.router, self.stop.clone(), DRAIN));
        let admin = tokio::spawn(listener::serve(self.admin, self.admin_router, halt.clone(), Duration::from_secs(1)));
        let sweep = tokio::spawn(sweep(self.store.clone(), self.stop.clone()));
        let collectors = tokio::spawn(tell_collectors(self.health.clone(), self.host.clone(), self.stop.clone()));
        self.stop.cancelled().await;
        tracing::info!("stopping");
        tell_health(&self.health, ServingStatus::NotServing).await;
        for task in [public, sweep, collectors] {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the server failed");
            }
        }
        self.host.stop();
        let store = self.store.clone();
        let closed = tokio::task::spawn_blocking(move || store.close());
        if tokio::time::timeout(SHUTDOWN.saturating_sub(DRAIN), closed).await.is_err() {
            tracing::warn!("the store did not close in time; the log has everything and is read at the next start");
        }
        halt.cancel();
        admin.abort();
        tracing::info!("stopped");
    }
}

/// Says the same of the server and of each of its services.
async fn tell_health(health: &HealthReporter, status: ServingStatus) {
    for service in SERVICES {
        health.set_service_status(service, status).await;
    }
}

/// Says of each collector, as `collector/NAME`, whether it takes records.
async fn tell_collectors(mut health: HealthReporter, host: Host, stop: CancellationToken) {
    let mut told: HashMap<String, bool> = HashMap::new();
    loop {
        let mut gone: Vec<String> = told.keys().cloned().collect();
        for info in host.collectors().into_iter().filter(|info| info.state != CollectorState::Failed) {
            let (name, serves) = (format!("collector/{}", info.name), info.state == CollectorState::Active);
            gone.retain(|known| *known != name);
            if told.insert(name.clone(), serves) != Some(serves) {
                let status = if serves { ServingStatus::Serving } else { ServingStatus::NotServing };
                health.set_service_status(name, status).await;
            }
        }
        for name in gone {
            health.clear_service_status(&name).await;
            told.remove(&name);
        }
        if stop.run_until_cancelled(tokio::time::sleep(COLLECTOR_HEALTH_EVERY)).await.is_none() {
            for name in told.into_keys() {
                health.set_service_status(name, ServingStatus::NotServing).await;
            }
            return;
        }
    }
}

/// Removes what is past the retention, now and then.
async fn sweep(store: Store, stop: CancellationToken) {
    loop {
        let store = store.clone();
        match tokio::task::spawn_blocking(move || store.sweep()).await {
            Ok(Ok(report)) => tracing::debug!(?report, "swept"),
            Ok(Err(error)) => tracing::error!(error = system_log_index::error::chain(&error), "the sweep failed"),
            Err(error) => tracing::error!(%error, "the sweep failed"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
    }
}
