//! What is believed of a verdict: whose event it is, when it happened, who did it.
//!
//! The plugin only hints. Organisation, time and identity are decided here (S7), and nothing leaves towards the store
//! except as an event still to be guarded.

use std::sync::Arc;

use serde_json::Value;
use system_log_index::{Claim, DedupeKey, Store};
use system_log_model::retention::{self, Admission};
use system_log_model::text::{cut, fold};
use system_log_model::{
    Actor, ActorKind, DeadLettered, Draft, Dropped, Event, OrgHint, OrgId, Rejected, Timestamp, Verdict, limits,
};

use super::record::RecordResult;
use crate::auth::Caller;

/// What is known about a record besides its payload.
pub(super) struct Setting<'a> {
    pub(super) caller: &'a Caller,
    pub(super) collector: &'a str,
    pub(super) source: &'a Arc<str>,
    pub(super) received_at: Timestamp,
    pub(super) org: Option<&'a OrgId>,
    pub(super) idempotency_key: &'a str,
    /// Position within a page.
    pub(super) item: Option<usize>,
    pub(super) dry_run: bool,
}

/// What comes of a verdict.
pub(super) enum Admitted {
    /// Answered; nothing is kept.
    Answer(RecordResult),
    /// To be guarded and stored, one group for each organisation, all under one claim.
    Store { groups: Vec<OrgGroup>, claim: Option<Claim> },
    /// A dry run shows the events of a refused record too, so that an old sample can be looked at.
    DryRefusal { result: RecordResult, events: Vec<Event> },
    /// To be kept aside.
    DeadLetter { reason: DeadLettered, message: String },
}

/// Events of one organisation that are stored together or not at all.
pub(super) struct OrgGroup {
    pub(super) key: Option<DedupeKey>,
    pub(super) events: Vec<Event>,
}

/// The organisations of a draft, or why it has none.
enum Resolved {
    Orgs(Vec<OrgId>, PreAuth),
    Refused(RecordResult),
    Unresolved(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct PreAuth(bool);

/// Judges one verdict.
pub(super) fn admit(store: &Store, setting: &Setting<'_>, verdict: Verdict) -> Admitted {
    match verdict {
        Verdict::Emit(drafts) => emit(store, setting, drafts),
        Verdict::Drop(reason, message) => Admitted::Answer(RecordResult::dropped(reason, message)),
        Verdict::Reject(reason, message) => Admitted::Answer(RecordResult::rejected(reason, message)),
        Verdict::Unknown(name) => Admitted::DeadLetter {
            reason: DeadLettered::UnknownEvent,
            message: format!("the collector does not know events of the type {:?}", cut(&name, 128)),
        },
        Verdict::Failed(reason, message) => Admitted::DeadLetter { reason, message },
    }
}

fn emit(store: &Store, setting: &Setting<'_>, drafts: Vec<Draft>) -> Admitted {
    let key = key(setting, &drafts);
    let claim = claim(setting, key.as_deref(), &drafts);
    // Whoever joined or left since: what was acknowledged once is not resolved a second time. A dry run asks no keys.
    if let Some(ids) = claim.as_ref().filter(|_| !setting.dry_run).and_then(|claim| store.claimed(claim)) {
        return Admitted::Answer(RecordResult::duplicate(ids));
    }
    let mut groups: Vec<OrgGroup> = Vec::new();
    let mut refusal: Option<RecordResult> = None;
    let mut shown = Vec::new();
    for draft in drafts {
        if let Some(result) = too_old(&draft, setting) {
            refusal.get_or_insert(result);
        }
        match resolve(store, setting, &draft) {
            Resolved::Unresolved(message) if !setting.dry_run => {
                return Admitted::DeadLetter { reason: DeadLettered::OrgUnresolved, message };
            }
            Resolved::Unresolved(message) => {
                refusal.get_or_insert(RecordResult::dead_lettered(DeadLettered::OrgUnresolved, message));
                shown.push(event(store, setting, draft, None, PreAuth(false)));
            }
            Resolved::Refused(result) => {
                refusal.get_or_insert(result);
                shown.push(event(store, setting, draft, None, PreAuth(false)));
            }
            Resolved::Orgs(orgs, pre_auth) => {
                for org in orgs {
                    let event = event(store, setting, draft.clone(), Some(&org), pre_auth);
                    shown.push(event.clone());
                    match groups.iter_mut().find(|group| group.events.first().is_some_and(|first| first.org == org)) {
                        Some(group) => group.events.push(event),
                        None => {
                            let collector: Arc<str> = setting.collector.into();
                            let key = key.clone().map(|key| DedupeKey { org, collector, key });
                            groups.push(OrgGroup { key, events: vec![event] });
                        }
                    }
                }
            }
        }
    }
    match refusal {
        None => Admitted::Store { groups, claim },
        Some(result) if setting.dry_run => Admitted::DryRefusal { result, events: shown },
        Some(result) => Admitted::Answer(result),
    }
}

/// The sender's key, else the payload's natural id. Items of a page share the sender's key, so each adds its place.
fn key(setting: &Setting<'_>, drafts: &[Draft]) -> Option<String> {
    if !setting.idempotency_key.is_empty() {
        return Some(match setting.item {
            None => setting.idempotency_key.to_owned(),
            Some(item) => format!("{}#{item}", setting.idempotency_key),
        });
    }
    drafts.iter().map(|draft| &draft.dedupe_key).find(|key| !key.is_empty()).cloned()
}

/// Known by this, a record from before sign-in is the same one whoever is a member by then. A record with an organisation
/// of its own needs none: its key leads to the same organisation every time.
fn claim(setting: &Setting<'_>, key: Option<&str>, drafts: &[Draft]) -> Option<Claim> {
    let key = key.filter(|_| setting.org.is_none())?;
    let entered = drafts.iter().filter(|draft| draft.kind.pre_auth).map(|draft| fold(&draft.attempted_email));
    let addresses: Vec<_> = entered.collect();
    let claim = || Claim {
        reach: setting.caller.scope.reach(),
        collector: setting.collector.into(),
        key: key.to_owned(),
        address: addresses.join("\n"),
    };
    (!addresses.is_empty()).then(claim)
}

fn too_old(draft: &Draft, setting: &Setting<'_>) -> Option<RecordResult> {
    let at = draft.occurred_at.as_ref()?.at?;
    (retention::admit(at, setting.received_at) == Admission::TooOld).then(|| {
        let since = retention::cutoff(setting.received_at);
        let rule = format!("occurred_at: {at} is before the retention window, which begins at {since}");
        RecordResult::rejected(Rejected::TooOld, rule)
    })
}

/// Whose event it is: the request's word, else for a pre-auth kind the address, else the first hint that leads somewhere.
fn resolve(store: &Store, setting: &Setting<'_>, draft: &Draft) -> Resolved {
    if let Some(org) = setting.org {
        if !setting.caller.scope.allows(org) {
            let message = "org_id: the token may not write to this organisation";
            return Resolved::Refused(RecordResult::rejected(Rejected::OrgNotAllowed, message));
        }
        return Resolved::Orgs(vec![org.clone()], PreAuth(false));
    }
    if draft.kind.pre_auth {
        return resolve_by_email(store, setting, draft);
    }
    let mut not_allowed = None;
    let mut unbound = None;
    for hint in &draft.org_hints {
        match hint {
            OrgHint::Org(text) => match OrgId::new(text) {
                Ok(org) if setting.caller.scope.allows(&org) => {
                    return Resolved::Orgs(vec![org], PreAuth(false));
                }
                _ => {
                    not_allowed.get_or_insert("the organisation the payload names is not one this token may write to");
                }
            },
            OrgHint::Binding { kind, value } => match store.binding(setting.collector, kind, value) {
                Some(org) if setting.caller.scope.allows(&org) => {
                    return Resolved::Orgs(vec![org], PreAuth(false));
                }
                Some(_) => {
                    not_allowed
                        .get_or_insert("the organisation the payload is bound to is not one this token may write to");
                }
                None => {
                    let (kind, value) = (cut(kind, 64), cut(value, 128));
                    let source = setting.collector;
                    unbound.get_or_insert(format!("no organisation is bound to {source}/{kind} {value:?} yet"));
                }
            },
        }
    }
    match (unbound, not_allowed) {
        (Some(message), _) => Resolved::Unresolved(message),
        (None, Some(message)) => Resolved::Refused(RecordResult::rejected(Rejected::OrgNotAllowed, message)),
        (None, None) => Resolved::Refused(RecordResult::rejected(
            Rejected::OrgMissing,
            "org_id: required, because nothing in the payload names an organisation",
        )),
    }
}

fn resolve_by_email(store: &Store, setting: &Setting<'_>, draft: &Draft) -> Resolved {
    if draft.attempted_email.is_empty() {
        let message = "email: without org_id, an event before sign-in needs the address that was entered";
        return Resolved::Refused(RecordResult::dropped(Dropped::NoAttemptedEmail, message));
    }
    let members = store.members_by_email(&draft.attempted_email);
    let mut orgs: Vec<OrgId> = members.into_iter().map(|(org, _)| org).collect();
    orgs.retain(|org| setting.caller.scope.allows(org));
    orgs.sort();
    orgs.dedup();
    if orgs.is_empty() {
        let message = "email: the address is no member's; the event is not kept";
        return Resolved::Refused(RecordResult::dropped(Dropped::NoMatchingMember, message));
    }
    Resolved::Orgs(orgs, PreAuth(true))
}

/// The event itself. Without an organisation (in a dry run only) it stands under one that no token can name.
fn event(store: &Store, setting: &Setting<'_>, draft: Draft, org: Option<&OrgId>, pre_auth: PreAuth) -> Event {
    let mut attributes = draft.attributes;
    let occurred_at = match believed(&draft.occurred_at, setting.received_at) {
        Some(at) => at,
        None => {
            attributes.insert("clock".into(), Value::from("suspect"));
            if let Some(time) = draft.occurred_at.filter(|time| !time.text.is_empty()) {
                let text = cut(&time.text, limits::MAX_SOURCE_TIME_BYTES);
                attributes.insert("source_time".into(), Value::from(text));
            }
            setting.received_at
        }
    };
    let actor = draft.actor.map(|actor| identify(store, org, actor));
    Event {
        org: org.cloned().unwrap_or_else(nobody),
        log: draft.kind.log,
        kind: draft.kind.name.clone(),
        category: draft.kind.category,
        severity: draft.severity,
        occurred_at,
        received_at: setting.received_at,
        message: draft.message,
        actor,
        recipient: draft.recipient,
        subject: draft.subject,
        source: setting.source.clone(),
        pre_auth: pre_auth.0,
        change: draft.change,
        webhook: draft.webhook,
        ai: draft.ai,
        attributes,
    }
}

/// The organisation of an event that has none; only ever shown by a dry run, as an empty id.
pub fn nobody() -> OrgId {
    OrgId::new("-").expect("a dash is a well-formed id")
}

fn believed(time: &Option<system_log_model::SourceTime>, now: Timestamp) -> Option<Timestamp> {
    let at = time.as_ref()?.at?;
    (retention::admit(at, now) != Admission::Suspect).then_some(at)
}

/// Fills in what the directory knows of an actor given by id alone, and marks the automation account.
fn identify(store: &Store, org: Option<&OrgId>, mut actor: Actor) -> Actor {
    let member = org.filter(|_| !actor.id.is_empty()).and_then(|org| store.member(org, &actor.id));
    let Some(member) = member else { return actor };
    if actor.display_name.is_empty() && actor.email.is_empty() {
        actor.display_name = member.display_name;
        actor.email = member.email;
    }
    if actor.kind.is_none() || member.kind == ActorKind::Bot {
        actor.kind = Some(member.kind);
    }
    actor
}
