//! The real server inside the test's process, on loopback ports and a folder of its own, with a clock the test moves.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use system_log_model::{Clock, ManualClock, Timestamp};
use system_log_service::auth::Role;
use system_log_service::auth::token::{Subject, dev_key, mint};
use system_log_service::config::{Config, Flags};
use system_log_service::ingest::Road;
use system_log_service::server;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use crate::client::Client;

/// When every test begins.
pub const NOW: &str = "2026-11-22T10:00:00Z";

/// A running server.
pub struct TestServer {
    /// Moves its time.
    pub clock: Arc<ManualClock>,
    /// The public listener.
    pub listen: SocketAddr,
    /// The admin listener.
    pub admin: SocketAddr,
    /// The road in, for tests that break something on it.
    pub road: Arc<Road>,
    channel: Channel,
    stop: CancellationToken,
    running: JoinHandle<()>,
    folder: TempDir,
}

impl TestServer {
    /// An empty server at [`NOW`].
    pub async fn start() -> Self {
        Self::open(tempfile::tempdir().expect("a temporary folder"), Timestamp::parse(NOW).expect("a time")).await
    }

    /// A server over a folder that may hold data.
    pub async fn open(folder: TempDir, now: Timestamp) -> Self {
        Self::configured(folder, now, "").await
    }

    /// A server with a configuration file; without one when it is empty.
    pub async fn configured(folder: TempDir, now: Timestamp, config: &str) -> Self {
        let file = (!config.is_empty()).then(|| folder.path().join("config.toml"));
        file.iter().for_each(|file| std::fs::write(file, config).expect("the folder takes files"));
        // What the server logs stands beside a test that fails.
        let _already = tracing_subscriber::fmt().with_test_writer().with_env_filter("warn").try_init();
        let clock = Arc::new(ManualClock::at(now));
        let flags = Flags {
            data: folder.path().to_owned(),
            listen: "127.0.0.1:0".into(),
            admin_listen: "127.0.0.1:0".into(),
            dev: true,
            config: file,
        };
        let config = Config::load(flags).expect("flags are right");
        let server = server::build(&config, clock.clone()).await.expect("the server builds");
        let (listen, admin, stop) = (server.listen, server.admin_listen, server.stopper());
        let road = server.road.clone();
        let running = tokio::spawn(server.run());
        let endpoint = Endpoint::from_shared(format!("http://{listen}")).expect("an address");
        let channel = endpoint.connect().await.expect("the server listens");
        Self { clock, listen, admin, road, channel, stop, running, folder }
    }

    /// Where the data is.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// A client with a fresh token.
    pub fn client(&self, org: &str, role: Role) -> Client {
        self.client_of(&Subject { org, role, user: "u-test", name: "Tess Ting", email: "tess@example.com" })
    }

    /// A client of that subject.
    pub fn client_of(&self, subject: &Subject<'_>) -> Client {
        Client::new(self.channel.clone(), &self.token_of(subject))
    }

    /// A fresh token of that subject.
    pub fn token_of(&self, subject: &Subject<'_>) -> String {
        let key = dev_key(self.data()).expect("the dev key");
        mint(&key, subject, self.clock.now()).expect("a token")
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).expect("a test's time");
        self.clock.set(self.clock.now().plus_micros(micros));
    }

    /// The connection itself.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A client with that text for a token; none when empty.
    pub fn client_with(&self, token: &str) -> Client {
        Client::new(self.channel.clone(), token)
    }

    /// An administrator of an organisation.
    pub fn admin_of(&self, org: &str) -> Client {
        self.client(org, Role::Admin)
    }

    /// A service that may write everywhere.
    pub fn sender(&self) -> Client {
        self.client("*", Role::Ingest)
    }

    /// Stops cleanly and gives the folder back.
    pub async fn stop(self) -> TempDir {
        self.stop.cancel();
        self.running.await.expect("the server ends without a panic");
        // On a busy machine the store may still be closing when the server's own deadline is over: this waits for it.
        let store = self.road.store.clone();
        tokio::task::spawn_blocking(move || store.close()).await.expect("the store closes");
        self.folder
    }
}
