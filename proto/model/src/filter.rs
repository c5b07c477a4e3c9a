//! What a reader may filter by, and which filter belongs to which log. All checks happen here, once.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::event::Event;
use crate::kind::Catalogue;
use crate::limits::{MAX_FILTER_VALUES, MAX_NEEDLE_CHARS};
use crate::search::Search;
use crate::text::fold;
use crate::violation::Violation;
use crate::vocabulary::{ActorKind, Category, Log, Severity};

/// A filter as a caller wrote it, with nothing believed but the spelling of enum members (`None` = unknown or unset).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the fields are those of the contract's EventFilter")]
pub struct RawFilter {
    pub log: Option<Log>,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    pub categories: Vec<Option<Category>>,
    pub types: Vec<String>,
    pub severities: Vec<Option<Severity>>,
    pub query: String,
    pub contains: RawContains,
    pub actor_ids: Vec<String>,
    pub bot_only: bool,
    pub exclude_pre_auth: bool,
    pub models: Vec<String>,
    pub success: Option<bool>,
}

/// Needles as a caller wrote them; empty text is no needle.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the fields are those of the contract's ContainsFilter")]
pub struct RawContains {
    pub event_name: String,
    pub message: String,
    pub recipient: String,
    pub subject: String,
}

/// A legal filter, apart from its time range. Empty lists filter nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The log that is read.
    pub log: Log,
    /// Any of these categories; system log only.
    pub categories: Vec<Category>,
    /// Any of these kinds; each stands in the catalogue of the log.
    pub types: Vec<Arc<str>>,
    /// Any of these severities; system log only.
    pub severities: Vec<Severity>,
    /// The global search.
    pub search: Option<Search>,
    /// All of these needles.
    pub contains: Contains,
    /// Any of these actors, by exact id.
    pub actor_ids: Vec<String>,
    /// Only events of automation accounts.
    pub bot_only: bool,
    /// No events that were assigned by e-mail.
    pub exclude_pre_auth: bool,
    /// Any of these models, by exact name; AI log only.
    pub models: Vec<String>,
    /// Only successes or only failures; AI log only.
    pub success: Option<bool>,
}

/// Folded needles, each to be found in its column as a substring.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "one needle for each column that has contains")]
pub struct Contains {
    pub event_name: Option<String>,
    pub message: Option<String>,
    pub recipient: Option<String>,
    pub subject: Option<String>,
}

impl Contains {
    /// Whether there is no needle at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.event_name.is_none() && self.message.is_none() && self.recipient.is_none() && self.subject.is_none()
    }
}

impl Filter {
    /// Checks everything but the time range; every violation is reported, not only the first.
    ///
    /// # Errors
    /// The violations, each with the field and the rule.
    pub fn new(raw: &RawFilter, catalogue: &Catalogue) -> Result<Self, Vec<Violation>> {
        let mut wrong = Vec::new();
        let Some(log) = raw.log else {
            return Err(vec![Violation::filter("filter.log", "required: LOG_SYSTEM, LOG_EMAIL or LOG_AI_USAGE")]);
        };
        check_belonging(raw, log, &mut wrong);
        check_counts(raw, &mut wrong);
        let filter = Self {
            log,
            categories: known(&raw.categories, "filter.categories", &mut wrong),
            types: types(raw, log, catalogue, &mut wrong),
            severities: known(&raw.severities, "filter.severities", &mut wrong),
            search: Search::parse(&raw.query).unwrap_or_else(|rule| {
                wrong.push(Violation::filter("filter.query", rule));
                None
            }),
            contains: Contains {
                event_name: needle(&raw.contains.event_name, "filter.contains.event_name", &mut wrong),
                message: needle(&raw.contains.message, "filter.contains.message", &mut wrong),
                recipient: needle(&raw.contains.recipient, "filter.contains.recipient", &mut wrong),
                subject: needle(&raw.contains.subject, "filter.contains.subject", &mut wrong),
            },
            actor_ids: raw.actor_ids.clone(),
            bot_only: raw.bot_only,
            exclude_pre_auth: raw.exclude_pre_auth,
            models: raw.models.clone(),
            success: raw.success,
        };
        if wrong.is_empty() { Ok(filter) } else { Err(wrong) }
    }

    /// Whether nothing but the log and the texts of message, recipient and subject is asked for.
    #[must_use]
    pub fn is_log_alone(&self) -> bool {
        self.categories.is_empty()
            && self.types.is_empty()
            && self.severities.is_empty()
            && self.search.is_none()
            && self.contains.event_name.is_none()
            && self.actor_ids.is_empty()
            && !self.bot_only
            && !self.exclude_pre_auth
            && self.models.is_empty()
            && self.success.is_none()
    }

    /// Whether an event passes: the plain meaning of every filter, used where there is no index and to verify one.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        self.matches_typed(event) && self.matches_text(event)
    }

    /// The part that compares whole values.
    #[must_use]
    pub fn matches_typed(&self, event: &Event) -> bool {
        let any = |list: &[_], value| list.is_empty() || list.contains(&value);
        let actor_id = event.actor.as_ref().map_or("", |actor| actor.id.as_str());
        let is_bot = event.actor.as_ref().and_then(|actor| actor.kind) == Some(ActorKind::Bot);
        event.log == self.log
            && (self.categories.is_empty() || event.category.is_some_and(|c| self.categories.contains(&c)))
            && (self.types.is_empty() || self.types.contains(&event.kind))
            && any(&self.severities, event.severity)
            && (self.actor_ids.is_empty() || self.actor_ids.iter().any(|id| id == actor_id))
            && (!self.bot_only || is_bot)
            && (!self.exclude_pre_auth || !event.pre_auth)
            && (self.models.is_empty() || event.ai.as_ref().is_some_and(|ai| self.models.contains(&ai.model)))
            && self.success.is_none_or(|want| event.ai.as_ref().is_some_and(|ai| ai.success == want))
    }

    /// The part that looks into text.
    #[must_use]
    pub fn matches_text(&self, event: &Event) -> bool {
        let has = |needle: &Option<String>, text: &str| {
            needle.as_ref().is_none_or(|needle| fold(text).contains(needle.as_str()))
        };
        has(&self.contains.event_name, &event.kind)
            && has(&self.contains.message, &event.message)
            && has(&self.contains.recipient, &event.recipient)
            && has(&self.contains.subject, &event.subject)
            && self.search.as_ref().is_none_or(|search| search.matches(&fold(&event.kind), &fold(&event.message)))
    }
}

/// Filters that one log has and the others do not.
fn check_belonging(raw: &RawFilter, log: Log, wrong: &mut Vec<Violation>) {
    let mut only = |present: bool, owner: Log, field| {
        if present && log != owner {
            wrong.push(Violation::filter(field, format!("belongs to the {owner} log only, not to {log}")));
        }
    };
    only(!raw.categories.is_empty(), Log::System, "filter.categories");
    only(!raw.severities.is_empty(), Log::System, "filter.severities");
    only(!raw.models.is_empty(), Log::AiUsage, "filter.models");
    only(raw.success.is_some(), Log::AiUsage, "filter.success");
}

fn check_counts(raw: &RawFilter, wrong: &mut Vec<Violation>) {
    let lists = [
        (raw.categories.len(), "filter.categories"),
        (raw.types.len(), "filter.types"),
        (raw.severities.len(), "filter.severities"),
        (raw.actor_ids.len(), "filter.actor_ids"),
        (raw.models.len(), "filter.models"),
    ];
    for (count, field) in lists {
        if count > MAX_FILTER_VALUES {
            wrong.push(Violation::filter(field, format!("at most {MAX_FILTER_VALUES} values")));
        }
    }
}

fn known<T: Copy>(values: &[Option<T>], field: &'static str, wrong: &mut Vec<Violation>) -> Vec<T> {
    if values.iter().any(Option::is_none) {
        wrong.push(Violation::filter(field, "an unspecified or unknown value"));
    }
    values.iter().copied().flatten().collect()
}

fn types(raw: &RawFilter, log: Log, catalogue: &Catalogue, wrong: &mut Vec<Violation>) -> Vec<Arc<str>> {
    let mut names = Vec::new();
    for name in &raw.types {
        match catalogue.get(log, name) {
            Some(kind) => names.push(kind.name.clone()),
            None => wrong.push(Violation::filter("filter.types", format!("{name:?} is not a kind of the {log} log"))),
        }
    }
    names
}

fn needle(text: &str, field: &'static str, wrong: &mut Vec<Violation>) -> Option<String> {
    if text.chars().count() > MAX_NEEDLE_CHARS {
        wrong.push(Violation::filter(field, format!("at most {MAX_NEEDLE_CHARS} characters")));
    }
    (!text.is_empty()).then(|| fold(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(raw: &RawFilter) -> Vec<&'static str> {
        Filter::new(raw, &Catalogue::built_in()).unwrap_err().into_iter().map(|v| v.field).collect()
    }

    #[test]
    fn every_mistake_is_named() {
        let raw = RawFilter {
            log: Some(Log::Email),
            categories: vec![Some(Category::Billing)],
            severities: vec![None],
            types: vec!["webhook_sent".into()],
            query: "***".into(),
            contains: RawContains { subject: "x".repeat(257), ..RawContains::default() },
            success: Some(true),
            ..RawFilter::default()
        };
        let expected = [
            "filter.categories",
            "filter.severities",
            "filter.success",
            "filter.types",
            "filter.severities",
            "filter.query",
            "filter.contains.subject",
        ];
        assert_eq!(fields(&raw), expected);
        assert_eq!(fields(&RawFilter::default()), ["filter.log"]);
    }

    #[test]
    fn needles_are_folded_and_never_trimmed() {
        let contains = RawContains { message: " A%* ".into(), ..RawContains::default() };
        let raw = RawFilter { log: Some(Log::System), contains, ..RawFilter::default() };
        let filter = Filter::new(&raw, &Catalogue::built_in()).unwrap();
        assert_eq!(filter.contains.message.as_deref(), Some(" a%* "));
    }
}
