//! `KeyService`: makes, lists and revokes API keys; each change is durable before the answer and in force from then on.

use std::sync::Arc;

use system_log_index::Change;
use system_log_model::{ApiKey, KeyScope, OrgId, Timestamp};
use tonic::{Code, Request, Response, Status};

use super::directory::Page;
use crate::auth::{Caller, Scope, api_key, caller};
use crate::read::Reader;
use crate::status::Refusal;
use crate::wire::{pb, to_proto};

/// Keys of one server, revoked ones included: they are all in memory, and none is ever removed.
const MAX_KEYS: usize = 10_000;
/// Scopes, and organisations, of one key.
const MAX_VALUES: usize = 1_000;
/// Longest name, in bytes.
const MAX_NAME_BYTES: usize = 320;
/// Keys read at once.
const BATCH: usize = 1_000;

/// The service. It shares the reader's store, clock and token seal.
#[derive(Clone)]
pub struct Keys {
    /// Store, clock and seal.
    pub reader: Arc<Reader>,
}

#[tonic::async_trait]
impl pb::key_service_server::KeyService for Keys {
    async fn create_key(
        &self,
        request: Request<pb::CreateKeyRequest>,
    ) -> Result<Response<pb::CreateKeyResponse>, Status> {
        let caller = caller(&request)?;
        let now = self.reader.clock.now();
        let draft = check(&caller, request.into_inner(), now)?;
        if self.reader.store.api_keys(None, MAX_KEYS).len() == MAX_KEYS {
            let message = format!("there are {MAX_KEYS} keys, which is the most there may be");
            return Err(Refusal::new(Code::FailedPrecondition, "TOO_MANY_KEYS", message).into());
        }
        let secret = api_key::new_secret().ok_or_else(|| Refusal::internal(&"no random numbers"))?;
        let key = ApiKey { digest: api_key::digest(&secret), ..draft };
        self.put(&key).await?;
        tracing::info!(key = key.id, by = caller.subject, "an API key was made");
        Ok(Response::new(pb::CreateKeyResponse { key: Some(shown(key)), secret }))
    }

    async fn list_keys(&self, request: Request<pb::ListKeysRequest>) -> Result<Response<pb::ListKeysResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let page = Page::open(&self.reader, &caller, "", "keys", "", request.page_size, &request.page_token)?;
        let mut keys: Vec<ApiKey> = Vec::new();
        let mut after = page.after.clone();
        loop {
            let batch = self.reader.store.api_keys(after.as_deref(), BATCH);
            let is_last = batch.len() < BATCH;
            after = batch.last().map(|key| key.id.clone());
            keys.extend(batch.into_iter().filter(|key| reaches(&caller, key)));
            if is_last || keys.len() > page.limit {
                break;
            }
        }
        let next_page_token = page.close(&self.reader, &mut keys, |key| key.id.clone())?;
        Ok(Response::new(pb::ListKeysResponse { keys: keys.into_iter().map(shown).collect(), next_page_token }))
    }

    async fn revoke_key(
        &self,
        request: Request<pb::RevokeKeyRequest>,
    ) -> Result<Response<pb::RevokeKeyResponse>, Status> {
        let caller = caller(&request)?;
        let id = request.into_inner().id;
        if id.is_empty() {
            return Err(Refusal::invalid("MISSING_FIELD", "id", "required").into());
        }
        let found = self.reader.store.api_key(&id).filter(|key| reaches(&caller, key));
        let mut key = found.ok_or_else(|| Refusal::new(Code::NotFound, "KEY_NOT_FOUND", "id: no key of this id"))?;
        if key.revoked_at.is_none() {
            key.revoked_at = Some(self.reader.clock.now());
            self.put(&key).await?;
            tracing::info!(key = key.id, by = caller.subject, "an API key was revoked");
        }
        Ok(Response::new(pb::RevokeKeyResponse { key: Some(shown(key)) }))
    }
}

impl Keys {
    async fn put(&self, key: &ApiKey) -> Result<(), Refusal> {
        Ok(self.reader.store.change(vec![Change::PutApiKey(key.clone())]).await?)
    }
}

/// An operator of one organisation sees and revokes the keys that reach no other.
fn reaches(caller: &Caller, key: &ApiKey) -> bool {
    match &caller.scope {
        Scope::All => true,
        scope => !key.orgs.is_empty() && key.orgs.iter().all(|org| scope.allows(org)),
    }
}

/// The key that is asked for, without a digest yet; every mistake at once.
fn check(caller: &Caller, request: pb::CreateKeyRequest, now: Timestamp) -> Result<ApiKey, Refusal> {
    let mut wrong: Vec<(String, String)> = Vec::new();
    let pb::CreateKeyRequest { name, scopes, org_ids, expire_time } = request;
    if name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        wrong.push(("name".into(), format!("at most {MAX_NAME_BYTES} bytes, no control characters")));
    }
    for (field, count) in [("scopes", scopes.len()), ("org_ids", org_ids.len())] {
        if count > MAX_VALUES {
            wrong.push((field.into(), format!("at most {MAX_VALUES}")));
        }
    }
    if scopes.is_empty() {
        wrong.push(("scopes".into(), "required; ingest:SOURCE or directory".into()));
    }
    let mut known: Vec<KeyScope> = Vec::new();
    for (at, text) in scopes.iter().enumerate().take(MAX_VALUES) {
        match KeyScope::parse(text) {
            Some(scope) => known.push(scope),
            None => wrong.push((format!("scopes[{at}]"), "ingest:SOURCE or directory".into())),
        }
    }
    known.sort();
    known.dedup();
    let mut orgs: Vec<OrgId> = Vec::new();
    for (at, text) in org_ids.iter().enumerate().take(MAX_VALUES) {
        match OrgId::new(text) {
            Ok(org) => orgs.push(org),
            Err(rule) => wrong.push((format!("org_ids[{at}]"), rule.to_string())),
        }
    }
    orgs.sort();
    orgs.dedup();
    let expires_at = expire_time.and_then(|time| Timestamp::from_seconds(time.seconds, time.nanos));
    if expire_time.is_some() && expires_at.is_none_or(|at| at <= now) {
        wrong.push(("expire_time".into(), "a time in the future".into()));
    }
    let mut wrong = wrong.into_iter();
    if let Some((field, rule)) = wrong.next() {
        let first = Refusal::invalid("INVALID_KEY", &field, rule);
        return Err(wrong.fold(first, |refusal, (field, rule)| refusal.and(&field, rule)));
    }
    let id = crate::dead_letter::new_id(now);
    let revoked_at = None;
    let key =
        ApiKey { id, name, scopes: known, orgs, created_at: now, expires_at, revoked_at, digest: Default::default() };
    if reaches(caller, &key) { Ok(key) } else { Err(Refusal::org_not_allowed("org_ids")) }
}

/// A key as clients see it: without its digest.
fn shown(key: ApiKey) -> pb::Key {
    pb::Key {
        id: key.id,
        name: key.name,
        scopes: key.scopes.iter().map(ToString::to_string).collect(),
        org_ids: key.orgs.iter().map(ToString::to_string).collect(),
        create_time: Some(to_proto::time(key.created_at)),
        expire_time: key.expires_at.map(to_proto::time),
        revoked: key.revoked_at.is_some(),
    }
}
