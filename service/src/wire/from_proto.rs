//! Requests into the model's terms. Only spelling is judged here; the rules are the model's.

use system_log_model::filter::{RawContains, RawFilter};
use system_log_model::{ActorKind, Category, Log, Member, Severity, Timestamp, Violation};
use system_log_wire::Timestamp as ProtoTimestamp;

use super::pb;
use crate::status::Refusal;

/// A filter as the caller wrote it.
///
/// # Errors
/// `INVALID_FILTER` for a time that is none.
pub fn filter(filter: Option<&pb::EventFilter>) -> Result<RawFilter, Refusal> {
    let Some(filter) = filter else {
        return Ok(RawFilter::default());
    };
    let contains = filter.contains.as_ref();
    let needle = |part: fn(&pb::ContainsFilter) -> &String| contains.map(part).cloned().unwrap_or_default();
    Ok(RawFilter {
        log: log(filter.log),
        start: time(filter.start_time.as_ref(), "filter.start_time")?,
        end: time(filter.end_time.as_ref(), "filter.end_time")?,
        categories: filter.categories.iter().map(|c| category(*c)).collect(),
        types: filter.types.clone(),
        severities: filter.severities.iter().map(|s| severity(*s)).collect(),
        query: filter.query.clone(),
        contains: RawContains {
            event_name: needle(|c| &c.event_name),
            message: needle(|c| &c.message),
            recipient: needle(|c| &c.recipient),
            subject: needle(|c| &c.subject),
        },
        actor_ids: filter.actor_ids.clone(),
        bot_only: filter.bot_only,
        exclude_pre_auth: filter.exclude_pre_auth,
        models: filter.models.clone(),
        success: filter.success,
    })
}

fn time(time: Option<&ProtoTimestamp>, field: &'static str) -> Result<Option<Timestamp>, Refusal> {
    let Some(time) = time else { return Ok(None) };
    match Timestamp::bound_from_seconds(time.seconds, time.nanos) {
        Some(at) => Ok(Some(at)),
        None => Err(Violation::filter(field, "not a time between the years 1 and 9999").into()),
    }
}

fn log(value: i32) -> Option<Log> {
    match pb::Log::try_from(value) {
        Ok(pb::Log::System) => Some(Log::System),
        Ok(pb::Log::Email) => Some(Log::Email),
        Ok(pb::Log::AiUsage) => Some(Log::AiUsage),
        Ok(pb::Log::Unspecified) | Err(_) => None,
    }
}

fn category(value: i32) -> Option<Category> {
    match pb::Category::try_from(value) {
        Ok(pb::Category::Webhook) => Some(Category::Webhook),
        Ok(pb::Category::Email) => Some(Category::Email),
        Ok(pb::Category::Billing) => Some(Category::Billing),
        Ok(pb::Category::Security) => Some(Category::Security),
        Ok(pb::Category::Process) => Some(Category::Process),
        Ok(pb::Category::Unspecified) | Err(_) => None,
    }
}

fn severity(value: i32) -> Option<Severity> {
    match pb::Severity::try_from(value) {
        Ok(pb::Severity::Info) => Some(Severity::Info),
        Ok(pb::Severity::Warning) => Some(Severity::Warning),
        Ok(pb::Severity::Error) => Some(Severity::Error),
        Ok(pb::Severity::Unspecified) | Err(_) => None,
    }
}

/// Longest id, e-mail address (RFC 5321) and display name of a member, in bytes.
const MAX_MEMBER_TEXT_BYTES: usize = 320;

/// A member as the directory service wrote it; unset kind is a user.
///
/// # Errors
/// `MISSING_FIELD` or `INVALID_MEMBER`, naming the field.
pub fn member(member: pb::Member) -> Result<Member, Refusal> {
    if member.id.is_empty() {
        return Err(Refusal::invalid("MISSING_FIELD", "members.id", "required"));
    }
    let texts = [&member.id, &member.email, &member.display_name];
    if texts.iter().any(|text| text.len() > MAX_MEMBER_TEXT_BYTES || text.chars().any(char::is_control)) {
        let rule = format!("id, email and display_name: at most {MAX_MEMBER_TEXT_BYTES} bytes, no control characters");
        return Err(Refusal::invalid("INVALID_MEMBER", "members", rule));
    }
    let kind = match pb::ActorKind::try_from(member.kind) {
        Ok(pb::ActorKind::User | pb::ActorKind::Unspecified) => ActorKind::User,
        Ok(pb::ActorKind::Bot) => ActorKind::Bot,
        Ok(pb::ActorKind::Service) => ActorKind::Service,
        Ok(pb::ActorKind::Anonymous) => ActorKind::Anonymous,
        Err(_) => {
            return Err(Refusal::invalid("INVALID_MEMBER", "members.kind", "an unknown value"));
        }
    };
    Ok(Member { id: member.id, email: member.email, display_name: member.display_name, kind })
}
