//! `system-log key`: makes, lists and revokes API keys of a running server, over its own `KeyService`.

use std::process::ExitCode;

use system_log_index::error::chain;
use system_log_model::{Clock, Timestamp};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Endpoint;
use tonic::{Request, Status};

use super::{EXIT_USAGE, KeyArgs, KeyCommand};
use crate::auth::Role;
use crate::auth::token::{MintError, Subject, dev_key, mint};
use crate::clock::SystemClock;
use crate::wire::pb::key_service_client::KeyServiceClient;
use crate::wire::{pb, to_proto};

/// Where the operator's token is looked for: a command line can be read by others on the machine.
const TOKEN_VARIABLE: &str = "SYSTEM_LOG_TOKEN";

/// Runs one of the three.
#[must_use]
pub fn run(args: &KeyArgs) -> ExitCode {
    let token = match token(args) {
        Ok(token) => token,
        Err(mistake) => {
            eprintln!("{mistake}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(call(args, token)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn token(args: &KeyArgs) -> Result<MetadataValue<Ascii>, String> {
    let token = match (&args.data, std::env::var(TOKEN_VARIABLE)) {
        (Some(data), _) => {
            let subject = Subject { org: "*", role: Role::Operator, user: "cli", name: "", email: "" };
            let key = dev_key(data).map_err(MintError::from);
            key.and_then(|key| mint(&key, &subject, SystemClock.now())).map_err(|error| chain(&error))?
        }
        (None, Ok(token)) => token,
        (None, Err(_)) => {
            return Err(format!(
                "an operator's token in {TOKEN_VARIABLE}, or --data with a development server's folder"
            ));
        }
    };
    format!("Bearer {}", token.trim()).parse().map_err(|_| format!("{TOKEN_VARIABLE}: not a token"))
}

async fn call(args: &KeyArgs, token: MetadataValue<Ascii>) -> Result<(), String> {
    let endpoint = Endpoint::from_shared(args.server.clone()).map_err(|error| format!("--server: {error}"))?;
    let channel = endpoint.connect().await.map_err(|error| format!("{}: {}", args.server, chain(&error)))?;
    let mut keys = KeyServiceClient::with_interceptor(channel, move |mut request: Request<()>| {
        request.metadata_mut().insert("authorization", token.clone());
        Ok(request)
    });
    let refused = |status: Status| status.message().to_owned();
    match &args.command {
        KeyCommand::Create { name, scopes, orgs, expires } => {
            let expire_time = expires.as_deref().map(|text| {
                let rule = "--expires: a time as in RFC 3339, for example 2027-01-01T00:00:00Z";
                Timestamp::parse(text).map(to_proto::time).ok_or(rule)
            });
            let request = pb::CreateKeyRequest {
                name: name.clone(),
                scopes: scopes.clone(),
                org_ids: orgs.clone(),
                expire_time: expire_time.transpose()?,
            };
            let made = keys.create_key(request).await.map_err(refused)?.into_inner();
            let id = made.key.map(|key| key.id).unwrap_or_default();
            eprintln!("key {id}; its secret is shown this once:");
            println!("{}", made.secret);
        }
        KeyCommand::List => {
            let mut request = pb::ListKeysRequest::default();
            loop {
                let page = keys.list_keys(request.clone()).await.map_err(refused)?.into_inner();
                page.keys.iter().for_each(|key| println!("{}", line(key)));
                if page.next_page_token.is_empty() {
                    break;
                }
                request.page_token = page.next_page_token;
            }
        }
        KeyCommand::Revoke { id } => {
            let revoked = keys.revoke_key(pb::RevokeKeyRequest { id: id.clone() }).await.map_err(refused)?;
            revoked.into_inner().key.iter().for_each(|key| println!("{}", line(key)));
        }
    }
    Ok(())
}

/// A key as a line of JSON: for people short enough, for scripts exact.
fn line(key: &pb::Key) -> String {
    serde_json::to_string(key).unwrap_or_default()
}
