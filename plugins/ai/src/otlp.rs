//! OTLP in JSON: pages of spans and of log records. Each is one item; most have nothing to do with AI.

use serde_json::Value;
use system_log_plugin::{Json, Outcome, Verdict};

use crate::attrs::Attrs;
use crate::otel::{self, Signal};
use crate::prices::Prices;

/// What the signals of a kind stand in: page, scope, list.
const SPANS: Nest = Nest { scopes: &["scopeSpans", "scope_spans", "instrumentationLibrarySpans"], items: &["spans"] };
const LOGS: Nest =
    Nest { scopes: &["scopeLogs", "scope_logs", "instrumentationLibraryLogs"], items: &["logRecords", "log_records"] };

struct Nest {
    scopes: &'static [&'static str],
    items: &'static [&'static str],
}

/// Reads a page; `None` when the payload is none.
pub(crate) fn read(json: &Json, prices: &Prices) -> Option<Outcome> {
    let mut verdicts = Vec::new();
    let mut found = false;
    for (names, nest) in [(["resourceSpans", "resource_spans"], SPANS), (["resourceLogs", "resource_logs"], LOGS)] {
        let page = json.first(&names);
        if page.is_null() {
            continue;
        }
        let Some(resources) = page.as_array() else {
            return Some(Outcome::One(Verdict::malformed(format!("{}: a list", names[0]))));
        };
        found = true;
        for resource in resources {
            read_resource(&Json::over(resource), &nest, prices, &mut verdicts);
        }
    }
    if !found && !json.first(&["resourceMetrics", "resource_metrics"]).is_null() {
        return Some(Outcome::One(Verdict::not_logged("resourceMetrics: sums over many requests are no events")));
    }
    if found && verdicts.is_empty() {
        return Some(Outcome::One(Verdict::not_logged("an empty page")));
    }
    found.then_some(Outcome::Page(verdicts))
}

fn read_resource(resource: &Json, nest: &Nest, prices: &Prices, verdicts: &mut Vec<Verdict>) {
    let attributes = Attrs::read(resource.at("resource.attributes"));
    for scope in lists(resource, nest.scopes) {
        for item in lists(&Json::over(scope), nest.items) {
            let item = Json::over(item);
            verdicts.push(if item.fields().is_none() {
                Verdict::malformed("a span or log record: a JSON object")
            } else {
                let attrs = Attrs::read(item.at("attributes"));
                otel::signal(&Signal { json: &item, attrs, resource: attributes.clone() }, prices)
            });
        }
    }
}

fn lists<'a>(json: &'a Json, names: &'a [&str]) -> impl Iterator<Item = &'a Value> {
    json.first(names).as_array().into_iter().flatten()
}
