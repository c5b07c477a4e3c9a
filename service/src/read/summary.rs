//! A histogram and facet counts over the rows of a filter: exact, from one snapshot, counted row by row.

use std::collections::HashMap;

use system_log_index::Stored;
use system_log_model::calendar::{Calendar, Step};
use system_log_model::query::Range;
use system_log_model::{Event, Log, Severity, Timestamp, limits};

use super::{Question, Reader};
use crate::audit::Action;
use crate::auth::Caller;
use crate::status::Refusal;
use crate::wire::{pb, to_proto};

/// Buckets when a caller asks for no resolution: about what a page is wide enough for.
const DEFAULT_BUCKETS: usize = 60;
/// Values of a facet when a caller names no limit. From the contract.
const DEFAULT_FACET_VALUES: usize = 10;

impl Reader {
    /// Counts the caller's rows by time and by value.
    ///
    /// # Errors
    /// Field violations, `AUDIT_UNAVAILABLE`.
    pub async fn summarize(
        &self,
        caller: &Caller,
        request: &pb::SummarizeEventsRequest,
    ) -> Result<pb::SummarizeEventsResponse, Refusal> {
        let question = Question {
            filter: request.filter.as_ref(),
            order_by: "",
            view_id: &request.view_id,
            action: Action::Summarize,
        };
        // Everything is judged before it is recorded: a refused request is no view.
        let asked = self.query(caller, &question, None, self.clock.now())?;
        let calendar = calendar(&request.time_zone)?;
        let starts = buckets(&calendar, asked.range, request.resolution.as_ref())?;
        let facets = Facet::asked(asked.filter.log, request)?;
        let opened = self.open(caller, &question).await?;
        let summary = self.each_row(opened, Summary::new(starts, facets), Summary::count).await?;
        Ok(summary.into_response())
    }
}

/// The calendar of a request.
///
/// # Errors
/// `INVALID_FILTER` naming `time_zone`.
pub fn calendar(name: &str) -> Result<Calendar, Refusal> {
    Calendar::of(name).map_err(|rule| Refusal::invalid("INVALID_FILTER", "time_zone", rule))
}

fn buckets(
    calendar: &Calendar,
    range: Range,
    resolution: Option<&pb::summarize_events_request::Resolution>,
) -> Result<Vec<Timestamp>, Refusal> {
    use pb::summarize_events_request::Resolution::{BucketCount, Step as Width};
    match resolution {
        None => Ok(calendar.divide(range, DEFAULT_BUCKETS)),
        Some(BucketCount(count)) => {
            let legal = usize::try_from(*count).ok().filter(|count| (1..=limits::MAX_BUCKETS).contains(count));
            let rule = || Refusal::invalid("INVALID_FILTER", "bucket_count", format!("1 to {}", limits::MAX_BUCKETS));
            Ok(calendar.divide(range, legal.ok_or_else(rule)?))
        }
        Some(Width(step)) => {
            let invalid = |rule: String| Refusal::invalid("INVALID_FILTER", "step", rule);
            // A part of a second is no step of any calendar either.
            let seconds = if step.nanos == 0 { step.seconds } else { 0 };
            let step = Step::new(seconds).map_err(invalid)?;
            calendar.buckets(range, step).map_err(invalid)
        }
    }
}

/// A column whose values are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Type,
    Category,
    Severity,
    Recipient,
    Actor,
    Model,
    Source,
}

impl Field {
    const ALL: [(&'static str, Self); 7] = [
        ("type", Self::Type),
        ("category", Self::Category),
        ("severity", Self::Severity),
        ("recipient", Self::Recipient),
        ("actor", Self::Actor),
        ("model", Self::Model),
        ("source", Self::Source),
    ];

    const fn is_of(self, log: Log) -> bool {
        match self {
            Self::Category => matches!(log, Log::System),
            Self::Model => matches!(log, Log::AiUsage),
            _ => true,
        }
    }

    /// Empty when the event has none.
    fn value(self, event: &Event) -> &str {
        match self {
            Self::Type => &event.kind,
            Self::Category => event.category.map_or("", system_log_model::Category::name),
            Self::Severity => event.severity.name(),
            Self::Recipient => &event.recipient,
            Self::Actor => event.actor.as_ref().map_or("", |actor| &actor.id),
            Self::Model => event.ai.as_ref().map_or("", |ai| &ai.model),
            Self::Source => &event.source,
        }
    }
}

struct Facet {
    name: &'static str,
    field: Field,
    limit: usize,
    counts: HashMap<String, i64>,
}

impl Facet {
    fn asked(log: Log, request: &pb::SummarizeEventsRequest) -> Result<Vec<Self>, Refusal> {
        let limit = match usize::try_from(request.facet_limit) {
            Ok(0) => DEFAULT_FACET_VALUES,
            Ok(limit) => limit.min(limits::MAX_FACET_VALUES),
            Err(_) => return Err(Refusal::invalid("INVALID_FILTER", "facet_limit", "not negative")),
        };
        let known = || Field::ALL.into_iter().filter(|(_, field)| field.is_of(log));
        let mut facets: Vec<Self> = Vec::new();
        for name in &request.facets {
            let Some((name, field)) = known().find(|(known, _)| known == name) else {
                let names = known().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
                let rule = format!("{name:?} is none of the {log} log: {names}");
                return Err(Refusal::invalid("INVALID_FILTER", "facets", rule));
            };
            if facets.iter().any(|facet| facet.field == field) {
                return Err(Refusal::invalid("INVALID_FILTER", "facets", "each column at most once"));
            }
            facets.push(Self { name, field, limit, counts: HashMap::new() });
        }
        Ok(facets)
    }

    fn count(&mut self, event: &Event) {
        let value = self.field.value(event);
        if value.is_empty() {
            return;
        }
        // Most values are known already: only a new one is copied.
        match self.counts.get_mut(value) {
            Some(count) => *count += 1,
            None => drop(self.counts.insert(value.to_owned(), 1)),
        }
    }

    fn into_proto(self) -> pb::Facet {
        let mut values: Vec<(String, i64)> = self.counts.into_iter().collect();
        values.sort_unstable_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
        let other_count = values.iter().skip(self.limit).map(|(_, count)| count).sum();
        values.truncate(self.limit);
        let values = values.into_iter().map(|(value, count)| pb::FacetValue { value, count }).collect();
        pb::Facet { field: self.name.to_owned(), values, other_count }
    }
}

/// What was counted so far.
struct Summary {
    total: i64,
    starts: Vec<Timestamp>,
    /// By severity rank of info, warning, error.
    buckets: Vec<[i64; 3]>,
    facets: Vec<Facet>,
}

impl Summary {
    fn new(starts: Vec<Timestamp>, facets: Vec<Facet>) -> Self {
        Self { total: 0, buckets: vec![[0; 3]; starts.len()], starts, facets }
    }

    fn count(&mut self, row: &Stored) {
        self.total += 1;
        let behind = self.starts.partition_point(|start| *start <= row.event.occurred_at);
        if let Some(bucket) = behind.checked_sub(1).and_then(|at| self.buckets.get_mut(at)) {
            let severity = match row.event.severity {
                Severity::Info => 0,
                Severity::Warning => 1,
                Severity::Error => 2,
            };
            bucket[severity] += 1;
        }
        self.facets.iter_mut().for_each(|facet| facet.count(&row.event));
    }

    fn into_response(self) -> pb::SummarizeEventsResponse {
        let bucket = |(start, [info, warning, error]): (Timestamp, [i64; 3])| pb::Bucket {
            start_time: Some(to_proto::time(start)),
            total: info + warning + error,
            info,
            warning,
            error,
        };
        pb::SummarizeEventsResponse {
            total_size: self.total,
            buckets: self.starts.into_iter().zip(self.buckets).map(bucket).collect(),
            facets: self.facets.into_iter().map(Facet::into_proto).collect(),
        }
    }
}
