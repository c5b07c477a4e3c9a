//! What AI costs: exact sums over the requests of a filter, by user, model and day, with latency percentiles.

use std::collections::BTreeMap;

use system_log_model::calendar::Calendar;
use system_log_model::{Event, Log};

use super::summary::calendar;
use super::{Question, Reader};
use crate::audit::Action;
use crate::auth::Caller;
use crate::status::Refusal;
use crate::wire::pb;

impl Reader {
    /// Sums the caller's AI requests.
    ///
    /// # Errors
    /// Field violations, `AUDIT_UNAVAILABLE`.
    pub async fn usage(
        &self,
        caller: &Caller,
        request: &pb::SummarizeAiUsageRequest,
    ) -> Result<pb::SummarizeAiUsageResponse, Refusal> {
        let question = Question {
            filter: request.filter.as_ref(),
            order_by: "",
            view_id: &request.view_id,
            action: Action::Summarize,
        };
        let asked = self.query(caller, &question, None, self.clock.now())?;
        if asked.filter.log != Log::AiUsage {
            return Err(Refusal::invalid("INVALID_FILTER", "filter.log", "LOG_AI_USAGE: only that log has usage"));
        }
        let usage = Usage::new(Dimensions::of(&request.group_by)?, calendar(&request.time_zone)?);
        let opened = self.open(caller, &question).await?;
        let usage = self.each_row(opened, usage, |usage, row| usage.count(&row.event)).await?;
        Ok(usage.into_response())
    }
}

/// What is summed by.
#[derive(Debug, Clone, Copy, Default)]
struct Dimensions {
    actor: bool,
    model: bool,
    day: bool,
}

impl Dimensions {
    fn of(asked: &[i32]) -> Result<Self, Refusal> {
        use pb::AiUsageDimension::{Actor, Day, Model};
        let mut dimensions = Self::default();
        for dimension in asked {
            match pb::AiUsageDimension::try_from(*dimension) {
                Ok(Actor) => dimensions.actor = true,
                Ok(Model) => dimensions.model = true,
                Ok(Day) => dimensions.day = true,
                Ok(pb::AiUsageDimension::Unspecified) | Err(_) => {
                    let rule = "an unspecified or unknown value";
                    return Err(Refusal::invalid("INVALID_FILTER", "group_by", rule));
                }
            }
        }
        Ok(dimensions)
    }

    const fn are_none(self) -> bool {
        !self.actor && !self.model && !self.day
    }
}

/// A combination of values; those not asked for are empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Key {
    actor: String,
    model: String,
    day: String,
}

/// The figures of a group.
#[derive(Debug, Default)]
struct Figures {
    actor_name: String,
    requests: i64,
    failures: i64,
    /// Wider than any sum of 64-bit numbers there can be rows for.
    prompt: i128,
    completion: i128,
    total: i128,
    cost: i128,
    without_cost: i64,
    latencies: Vec<i64>,
}

struct Usage {
    dimensions: Dimensions,
    calendar: Calendar,
    groups: BTreeMap<Key, Figures>,
    total: Figures,
}

impl Usage {
    fn new(dimensions: Dimensions, calendar: Calendar) -> Self {
        Self { dimensions, calendar, groups: BTreeMap::new(), total: Figures::default() }
    }

    fn count(&mut self, event: &Event) {
        self.total.count(event);
        if self.dimensions.are_none() {
            return;
        }
        let Dimensions { actor, model, day } = self.dimensions;
        let key = Key {
            actor: event.actor.as_ref().filter(|_| actor).map_or_else(String::new, |actor| actor.id.clone()),
            model: event.ai.as_ref().filter(|_| model).map_or_else(String::new, |ai| ai.model.clone()),
            day: if day { self.calendar.date(event.occurred_at) } else { String::new() },
        };
        let figures = self.groups.entry(key).or_default();
        figures.count(event);
        // Rows come newest first: the newest name that is known stands for the actor.
        if actor && figures.actor_name.is_empty() {
            figures.actor_name = event.actor.as_ref().map_or("", |actor| actor.label()).to_owned();
        }
    }

    fn into_response(self) -> pb::SummarizeAiUsageResponse {
        pb::SummarizeAiUsageResponse {
            rows: self.groups.into_iter().map(|(key, figures)| figures.into_row(key)).collect(),
            total: Some(self.total.into_row(Key::default())),
        }
    }
}

impl Figures {
    fn count(&mut self, event: &Event) {
        let Some(ai) = &event.ai else { return };
        self.requests += 1;
        self.failures += i64::from(!ai.success);
        self.prompt += i128::from(ai.prompt_tokens);
        self.completion += i128::from(ai.completion_tokens);
        self.total += i128::from(ai.total_tokens);
        match ai.cost_nano_usd {
            Some(cost) => self.cost += i128::from(cost),
            None => self.without_cost += 1,
        }
        self.latencies.extend(ai.latency_ms);
    }

    fn into_row(mut self, key: Key) -> pb::AiUsageRow {
        self.latencies.sort_unstable();
        let sum = |sum: i128| i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX });
        pb::AiUsageRow {
            actor_id: key.actor,
            actor_name: self.actor_name,
            model: key.model,
            day: key.day,
            requests: self.requests,
            failures: self.failures,
            prompt_tokens: sum(self.prompt),
            completion_tokens: sum(self.completion),
            total_tokens: sum(self.total),
            cost_nano_usd: sum(self.cost),
            requests_without_cost: self.without_cost,
            latency_p50_ms: nearest_rank(&self.latencies, 50),
            latency_p95_ms: nearest_rank(&self.latencies, 95),
            latency_p99_ms: nearest_rank(&self.latencies, 99),
        }
    }
}

/// The smallest value that at least so many percent of all do not exceed; 0 of nothing.
fn nearest_rank(ascending: &[i64], percent: usize) -> i64 {
    let rank = (ascending.len() * percent).div_ceil(100);
    rank.checked_sub(1).and_then(|at| ascending.get(at)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use system_log_model::{Actor, AiUsage, OrgId, Severity, Timestamp};

    use super::*;

    fn request(at: &str, actor: &str, name: &str, model: &str, usage: AiUsage) -> Event {
        let at = Timestamp::parse(at).unwrap();
        Event {
            org: OrgId::new("acme").unwrap(),
            log: Log::AiUsage,
            kind: "ai_chat".into(),
            category: None,
            severity: Severity::Info,
            occurred_at: at,
            received_at: at,
            message: String::new(),
            actor: Some(Actor { id: actor.into(), display_name: name.into(), email: String::new(), kind: None }),
            recipient: String::new(),
            subject: String::new(),
            source: "ai".into(),
            pre_auth: false,
            change: None,
            webhook: None,
            ai: Some(AiUsage { model: model.into(), ..usage }),
            attributes: serde_json::Map::new(),
        }
    }

    #[test]
    fn sums_are_exact_and_unknown_costs_are_counted_apart() {
        let by = [pb::AiUsageDimension::Actor.into(), pb::AiUsageDimension::Day.into()];
        let mut usage = Usage::new(Dimensions::of(&by).unwrap(), Calendar::of("America/New_York").unwrap());
        let known = |cost, latency| AiUsage {
            prompt_tokens: 10,
            total_tokens: 12,
            cost_nano_usd: Some(cost),
            latency_ms: latency,
            success: true,
            ..AiUsage::default()
        };
        // 03:00 UTC is still the day before in New York.
        usage.count(&request("2026-11-22T03:00:00Z", "u1", "New name", "opus", known(i64::MAX - 1, Some(40))));
        usage.count(&request("2026-11-21T20:00:00Z", "u1", "Old name", "sonnet", known(1, Some(10))));
        usage.count(&request("2026-11-21T12:00:00Z", "u2", "", "opus", AiUsage::default()));
        let answer = usage.into_response();
        let rows: Vec<_> = answer.rows.iter().map(|r| (r.actor_id.as_str(), r.day.as_str(), r.requests)).collect();
        assert_eq!(rows, [("u1", "2026-11-21", 2), ("u2", "2026-11-21", 1)]);
        assert_eq!(answer.rows[0].actor_name, "New name");
        assert_eq!((answer.rows[0].cost_nano_usd, answer.rows[0].requests_without_cost), (i64::MAX, 0));
        let total = answer.total.unwrap();
        assert_eq!((total.requests, total.failures, total.requests_without_cost), (3, 1, 1));
        assert_eq!((total.prompt_tokens, total.total_tokens), (20, 24));
        assert_eq!((total.latency_p50_ms, total.latency_p95_ms), (10, 40));
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let values: Vec<i64> = (1..=200).collect();
        assert_eq!([50, 95, 99].map(|p| nearest_rank(&values, p)), [100, 190, 198]);
        assert_eq!([50, 95, 99].map(|p| nearest_rank(&[7], p)), [7, 7, 7]);
        assert_eq!(nearest_rank(&[], 50), 0);
    }
}
