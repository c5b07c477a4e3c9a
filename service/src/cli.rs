//! The command line. Its flags are a contract: tests and scripts outside use them.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod first_steps;
pub mod key;
pub mod plugin;
pub mod serve;
pub mod token;
pub mod verify;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Bad configuration or usage, as in sysexits.h.
pub const EXIT_USAGE: u8 = 64;

/// The event log of a SaaS, for its customers' administrators.
#[derive(Debug, Parser)]
#[command(name = "system-log", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the service.
    Serve(ServeArgs),
    /// Make, build, check and test a collector plugin.
    Plugin(PluginArgs),
    /// Print a bearer token made with a data folder's dev key, valid for 24 hours.
    Token(TokenArgs),
    /// Make, list and revoke API keys of a running server.
    Key(KeyArgs),
    /// Check that store and index of a data folder are sound and agree: exit 0 when they are, 1 when not, 2 when it cannot
    /// be checked.
    Verify(VerifyArgs),
}

/// `system-log serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Development: accept tokens of the folder's dev key and print one; loopback only.
    #[arg(long)]
    pub dev: bool,
    /// A TOML file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where everything is kept.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The public listener.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub listen: String,
    /// The admin listener: /metrics, /healthz, /readyz.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8081")]
    pub admin_listen: String,
    /// Load a demo organisation with 90 days of events through the real road.
    #[arg(long)]
    pub demo: bool,
}

/// `system-log plugin`
#[derive(Debug, Args)]
pub struct PluginArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: plugin::PluginCommand,
}

/// `system-log token`
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// One organisation's id, or '*' for ingest, directory and operator tokens.
    #[arg(long)]
    pub org: String,
    /// admin, operator, ingest, directory or member.
    #[arg(long)]
    pub role: String,
    /// A user's id or a service's name.
    #[arg(long, default_value = "dev")]
    pub user: String,
    /// For people to read.
    #[arg(long, default_value = "")]
    pub name: String,
    /// E-mail address.
    #[arg(long, default_value = "")]
    pub email: String,
}

/// `system-log key`
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// Where the server is.
    #[arg(long, global = true, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub server: String,
    /// The data folder of a development server, whose key then makes the operator's token; otherwise it is taken from
    /// SYSTEM_LOG_TOKEN.
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: KeyCommand,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key and print its secret.
    Create {
        /// For people to read.
        #[arg(long, default_value = "")]
        name: String,
        /// ingest:SOURCE or directory; may be repeated.
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<String>,
        /// An organisation it may act for; may be repeated. Without one: all.
        #[arg(long = "org", value_name = "ORG")]
        orgs: Vec<String>,
        /// From when it is refused, as in RFC 3339.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Print all keys, one a line in JSON, without their secrets.
    List,
    /// Revoke a key for good.
    Revoke {
        /// The key's id.
        id: String,
    },
}

/// `system-log verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
}
