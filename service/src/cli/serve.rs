//! `system-log serve`: logging → configuration → build → `ready` → run → drain.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use system_log_index::error::chain;
use system_log_model::Clock;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::{EXIT_USAGE, ServeArgs, first_steps};
use crate::auth::Role;
use crate::auth::token::{MintError, Subject, dev_key, mint};
use crate::clock::SystemClock;
use crate::config::{Config, Flags};
use crate::demo;
use crate::server::{self, BuildError};

/// Runs until a signal.
#[must_use]
pub fn run(args: &ServeArgs) -> ExitCode {
    start_logging();
    let flags = Flags {
        data: args.data.clone(),
        listen: args.listen.clone(),
        admin_listen: args.admin_listen.clone(),
        dev: args.dev,
        config: args.config.clone(),
    };
    let mut config = match Config::load(flags) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    if args.demo {
        demo::add_prices(&mut config.collectors);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let served = runtime.block_on(serve(&config, args.demo));
    // Walks of readers that left may still be busy; they hold nothing that matters.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: &Config, with_demo: bool) -> Result<(), BuildError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let server = server::build(config, clock.clone()).await?;
    let stop = server.stopper();
    let (listen, admin) = (server.listen, server.admin_listen);
    let road = server.road.clone();
    // Before `ready` is said, so that a stop that comes at once is an orderly one.
    let signals =
        tokio::spawn(wait_for_signal(signal(SignalKind::terminate()), signal(SignalKind::interrupt()), stop.clone()));
    let running = tokio::spawn(server.run());
    println!("ready: gRPC on {listen}, metrics and probes on {admin}");
    if config.dev {
        print_first_steps(config, listen);
    }
    if with_demo {
        tokio::spawn(load_demo(road, clock, stop));
    }
    if let Err(error) = running.await {
        tracing::error!(%error, "the server failed");
    }
    signals.abort();
    Ok(())
}

async fn load_demo(road: Arc<crate::ingest::Road>, clock: Arc<dyn Clock>, stop: CancellationToken) {
    match stop.run_until_cancelled(demo::load(&road, clock.now())).await {
        Some(Ok(summary)) => println!("demo loaded: {summary}"),
        Some(Err(refusal)) => eprintln!("the demo cannot be loaded: {}", tonic::Status::from(refusal).message()),
        None => {}
    }
}

async fn wait_for_signal(terminate: io::Result<Signal>, interrupt: io::Result<Signal>, stop: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) else {
        tracing::error!("signals cannot be received; only a kill will stop this process");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    stop.cancel();
}

/// Structured lines to standard error: for people on a terminal, JSON otherwise. `RUST_LOG` chooses the level.
fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,system_log=info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() { builder.init() } else { builder.json().init() }
}

/// What a newcomer needs: a token, and lines to paste.
fn print_first_steps(config: &Config, listen: SocketAddr) {
    let subject =
        Subject { org: demo::ORG, role: Role::Admin, user: "u-ada", name: "Ada Lovelace", email: "ada@example.com" };
    let key = dev_key(&config.data).map_err(MintError::from);
    let now = SystemClock.now();
    match key.and_then(|key| mint(&key, &subject, now)) {
        Ok(token) => println!("{}", first_steps::text(&token, listen, now)),
        Err(error) => eprintln!("no token: {}", chain(&error)),
    }
}
