//! `DirectoryService`: members and bindings, durable before the answer and in force from then on.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use system_log_index::Change;
use system_log_model::text::fold;
use system_log_model::{Binding as BindingNoun, Member, OrgId};
use tonic::{Request, Response, Status};

use crate::auth::{Caller, caller};
use crate::read::Reader;
use crate::seal::Binding;
use crate::status::Refusal;
use crate::wire::{from_proto, pb, to_proto};

/// Members or bindings of one request: a directory is synchronised in steps of this size at most.
const MAX_CHANGES: usize = 10_000;
/// Members of one answer.
const DEFAULT_PAGE: usize = 100;
/// See [`DEFAULT_PAGE`].
const MAX_PAGE: usize = 1_000;
/// Longest text of a binding's part, in bytes.
const MAX_BINDING_TEXT_BYTES: usize = 256;

/// The service. It shares the reader's store and token seal.
#[derive(Clone)]
pub struct Directory {
    /// Store and seal.
    pub reader: Arc<Reader>,
}

#[tonic::async_trait]
impl pb::directory_service_server::DirectoryService for Directory {
    async fn upsert_members(
        &self,
        request: Request<pb::UpsertMembersRequest>,
    ) -> Result<Response<pb::UpsertMembersResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let org = required_org(&caller, &request.org_id)?;
        check_count("members", request.members.len())?;
        let members: Vec<Member> = request.members.into_iter().map(from_proto::member).collect::<Result<_, _>>()?;
        let upserted = count(members.len());
        let upsert = |member| Change::UpsertMember { org: org.clone(), member };
        self.reader.store.change(members.into_iter().map(upsert).collect()).await.map_err(Refusal::from)?;
        Ok(Response::new(pb::UpsertMembersResponse { upserted }))
    }

    async fn delete_members(
        &self,
        request: Request<pb::DeleteMembersRequest>,
    ) -> Result<Response<pb::DeleteMembersResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let org = required_org(&caller, &request.org_id)?;
        check_count("ids", request.ids.len())?;
        let deleted = self.reader.store.delete_members(&org, request.ids).await.map_err(Refusal::from)?;
        Ok(Response::new(pb::DeleteMembersResponse { deleted: count(deleted) }))
    }

    async fn list_members(
        &self,
        request: Request<pb::ListMembersRequest>,
    ) -> Result<Response<pb::ListMembersResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let org = required_org(&caller, &request.org_id)?;
        let found =
            page_of_members(&self.reader, &caller, &org, "members", "", request.page_size, &request.page_token)?;
        Ok(Response::new(pb::ListMembersResponse { members: found.members, next_page_token: found.next_page_token }))
    }

    async fn upsert_bindings(
        &self,
        request: Request<pb::UpsertBindingsRequest>,
    ) -> Result<Response<pb::UpsertBindingsResponse>, Status> {
        let caller = caller(&request)?;
        let bindings = bindings(&caller, request.into_inner().bindings)?;
        let mut changes = Vec::with_capacity(bindings.len());
        for binding in bindings {
            // A binding belongs to one organisation at a time: taking it over needs reach over its present owner too.
            let owner = self.reader.store.binding(&binding.source, &binding.kind, &binding.value);
            if owner.is_some_and(|owner| !caller.scope.allows(&owner)) {
                return Err(Refusal::org_not_allowed("bindings").into());
            }
            changes.push(Change::UpsertBinding(binding));
        }
        let upserted = count(changes.len());
        self.reader.store.change(changes).await.map_err(Refusal::from)?;
        Ok(Response::new(pb::UpsertBindingsResponse { upserted }))
    }

    async fn delete_bindings(
        &self,
        request: Request<pb::DeleteBindingsRequest>,
    ) -> Result<Response<pb::DeleteBindingsResponse>, Status> {
        let caller = caller(&request)?;
        let bindings = bindings(&caller, request.into_inner().bindings)?;
        let deleted = self.reader.store.delete_bindings(bindings).await.map_err(Refusal::from)?;
        Ok(Response::new(pb::DeleteBindingsResponse { deleted: count(deleted) }))
    }

    async fn list_bindings(
        &self,
        request: Request<pb::ListBindingsRequest>,
    ) -> Result<Response<pb::ListBindingsResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let org = required_org(&caller, &request.org_id)?;
        let page =
            Page::open(&self.reader, &caller, org.as_str(), "bindings", "", request.page_size, &request.page_token)?;
        let mut bindings = self.reader.store.bindings(&org, None, usize::MAX);
        let place = |b: &BindingNoun| format!("{}\u{0}{}\u{0}{}", b.source, b.kind, b.value);
        bindings.sort_by_key(place);
        bindings.retain(|binding| page.after.as_ref().is_none_or(|after| place(binding) > *after));
        let next_page_token = page.close(&self.reader, &mut bindings, place)?;
        let bindings = bindings.into_iter().map(to_proto::binding).collect();
        Ok(Response::new(pb::ListBindingsResponse { bindings, next_page_token }))
    }
}

fn required_org(caller: &Caller, org: &str) -> Result<OrgId, Refusal> {
    if org.is_empty() {
        return Err(Refusal::invalid("MISSING_FIELD", "org_id", "required"));
    }
    caller.reach("org_id", org)
}

fn check_count(field: &str, count: usize) -> Result<(), Refusal> {
    if count > MAX_CHANGES {
        return Err(Refusal::invalid("BATCH_TOO_LARGE", field, format!("at most {MAX_CHANGES}")));
    }
    Ok(())
}

fn count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn bindings(caller: &Caller, bindings: Vec<pb::Binding>) -> Result<Vec<BindingNoun>, Refusal> {
    check_count("bindings", bindings.len())?;
    let check = |binding: pb::Binding| {
        let org = required_org(caller, &binding.org_id)?;
        for (field, text) in [("source", &binding.source), ("kind", &binding.kind), ("value", &binding.value)] {
            if text.is_empty() || text.len() > MAX_BINDING_TEXT_BYTES || text.chars().any(char::is_control) {
                let rule = format!("1 to {MAX_BINDING_TEXT_BYTES} bytes, no control characters");
                return Err(Refusal::invalid("INVALID_BINDING", &format!("bindings.{field}"), rule));
            }
        }
        Ok(BindingNoun { org, source: binding.source, kind: binding.kind, value: binding.value })
    };
    bindings.into_iter().map(check).collect()
}

/// Where a page of the directory begins and how long it is.
pub(super) struct Page {
    pub(super) after: Option<String>,
    pub(super) limit: usize,
    seal: Binding,
}

#[derive(Serialize, Deserialize)]
struct After(String);

impl Page {
    pub(super) fn open(
        reader: &Reader,
        caller: &Caller,
        org: &str,
        what: &str,
        query: &str,
        size: i32,
        token: &str,
    ) -> Result<Self, Refusal> {
        let limit = match usize::try_from(size) {
            Ok(0) => DEFAULT_PAGE,
            Ok(size) => size.min(MAX_PAGE),
            Err(_) => {
                return Err(Refusal::invalid("INVALID_PAGE_SIZE", "page_size", "not negative"));
            }
        };
        let seal = Binding::new(what, caller, None::<&pb::EventFilter>, &[org, query]);
        let after = match token {
            "" => None,
            token => {
                let rule = "not a token of this service for this list";
                let open = || Refusal::invalid("INVALID_PAGE_TOKEN", "page_token", rule);
                Some(reader.sealer.open::<After>(&seal, token).ok_or_else(open)?.0)
            }
        };
        Ok(Self { after, limit, seal })
    }

    /// Cuts a list to the page and seals where the next one begins.
    pub(super) fn close<T>(
        &self,
        reader: &Reader,
        rows: &mut Vec<T>,
        place: impl Fn(&T) -> String,
    ) -> Result<String, Refusal> {
        if rows.len() <= self.limit {
            return Ok(String::new());
        }
        rows.truncate(self.limit);
        let last = rows.last().map(place).unwrap_or_default();
        let sealed = reader.sealer.seal(&self.seal, &After(last));
        sealed.ok_or_else(|| Refusal::internal(&"a token cannot be sealed"))
    }
}

/// Members of one answer.
pub struct MembersPage {
    /// By id.
    pub members: Vec<pb::Member>,
    /// Empty at the end.
    pub next_page_token: String,
}

/// A page of members by id, those only whose name or e-mail contains the text, whatever its case.
///
/// # Errors
/// `INVALID_PAGE_TOKEN`, `INVALID_PAGE_SIZE`.
pub fn page_of_members(
    reader: &Reader,
    caller: &Caller,
    org: &OrgId,
    what: &str,
    query: &str,
    size: i32,
    token: &str,
) -> Result<MembersPage, Refusal> {
    let page = Page::open(reader, caller, org.as_str(), what, query, size, token)?;
    let needle = fold(query);
    let wanted = |member: &Member| {
        needle.is_empty() || fold(&member.display_name).contains(&*needle) || fold(&member.email).contains(&*needle)
    };
    let mut members = Vec::new();
    let mut after = page.after.clone();
    loop {
        let batch = reader.store.members(org, after.as_deref(), MAX_PAGE);
        let full = batch.len() == MAX_PAGE;
        after = batch.last().map(|member| member.id.clone());
        members.extend(batch.into_iter().filter(wanted));
        if !full || members.len() > page.limit {
            break;
        }
    }
    let next_page_token = page.close(reader, &mut members, |member| member.id.clone())?;
    Ok(MembersPage { members: members.into_iter().map(to_proto::member).collect(), next_page_token })
}
