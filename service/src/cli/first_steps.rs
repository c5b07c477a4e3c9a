//! What `serve --dev` prints: a token, and a line to paste for each question that the log is there to answer.

use std::net::SocketAddr;

use serde_json::{Value, json};
use system_log_model::Timestamp;
use system_log_model::clock::MICROS_PER_DAY;

use crate::demo;

/// A question of an administrator, and the call that answers it.
struct Question {
    asked: &'static str,
    rpc: &'static str,
    body: Value,
}

/// All of it, as printed.
pub(super) fn text(token: &str, listen: SocketAddr, now: Timestamp) -> String {
    let org = demo::ORG;
    let mut text = format!(
        "\nadministrator of {org:?} (valid 24 hours):\n\nexport TOKEN={token}\n\nhttp://{listen}/ answers browsers; \
         gRPC with reflection on the same address:\n"
    );
    for Question { asked, rpc, body } in questions(now) {
        text += &format!(
            "\n# {asked}\ngrpcurl -plaintext -H \"authorization: Bearer $TOKEN\" -d '{body}' {listen} systemlog.v1.LogService/{rpc}\n"
        );
    }
    text
}

/// The questions of the help page, then those that its tables suggest.
fn questions(now: Timestamp) -> Vec<Question> {
    // To the second, as a person would write it.
    let written = |at: Timestamp| at.to_string().split('.').next().map(|whole| format!("{whole}Z")).unwrap_or_default();
    let days_ago = |days: i64| written(now.plus_micros(-days * MICROS_PER_DAY));
    let list =
        |asked, filter: Value| Question { asked, rpc: "ListEvents", body: json!({"filter": filter, "pageSize": 5}) };
    let today = now.day().start();
    vec![
        list(
            "Did our webhook to the CRM fail yesterday?",
            json!({"log": "LOG_SYSTEM", "types": ["webhook_failed"], "contains": {"recipient": "crm."},
                "startTime": written(today.plus_micros(-MICROS_PER_DAY)), "endTime": written(today)}),
        ),
        list(
            "Did the welcome e-mail to alice@example.com get delivered or did it bounce?",
            json!({"log": "LOG_EMAIL", "contains": {"recipient": "alice@example.com", "subject": "welcome"},
                "startTime": days_ago(30)}),
        ),
        Question {
            asked: "How much did our team spend on the AI assistant in the last 30 days, and who on which model?",
            rpc: "SummarizeAiUsage",
            body: json!({"filter": {"log": "LOG_AI_USAGE", "startTime": days_ago(30)},
                "groupBy": ["AI_USAGE_DIMENSION_ACTOR", "AI_USAGE_DIMENSION_MODEL"]}),
        },
        list(
            "Who tried to log in with a wrong password in the last week?",
            json!({"log": "LOG_SYSTEM", "types": ["login_failed"], "query": "\"wrong password\"",
                "startTime": days_ago(7)}),
        ),
        list(
            "Which payments failed, and why?",
            json!({"log": "LOG_SYSTEM", "types": ["billing_payment_failed"], "startTime": days_ago(89)}),
        ),
        list(
            "Whose role changed, from what to what?",
            json!({"log": "LOG_SYSTEM", "types": ["role_changed"], "startTime": days_ago(89)}),
        ),
        list(
            "What was made public?",
            json!({"log": "LOG_SYSTEM", "types": ["blueprint_made_public", "kickoff_form_made_public"],
                "startTime": days_ago(89)}),
        ),
        list("What did the bot do this week?", json!({"log": "LOG_SYSTEM", "botOnly": true, "startTime": days_ago(7)})),
        list(
            "Who has looked at this log?",
            json!({"log": "LOG_SYSTEM", "types": ["system_log_viewed"], "startTime": days_ago(89)}),
        ),
        Question {
            asked: "Everything of the last day as CSV",
            rpc: "ExportCsv",
            body: json!({"filter": {"log": "LOG_SYSTEM"}}),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pb;

    #[test]
    fn every_line_is_a_request_of_the_contract_that_a_shell_can_quote() {
        let now = Timestamp::parse("2026-11-22T10:00:00Z").unwrap();
        for Question { asked, rpc, body } in questions(now) {
            assert!(!body.to_string().contains('\''), "{asked}");
            let read = match rpc {
                "ListEvents" => serde_json::from_value::<pb::ListEventsRequest>(body).map(drop),
                "SummarizeAiUsage" => serde_json::from_value::<pb::SummarizeAiUsageRequest>(body).map(drop),
                _ => serde_json::from_value::<pb::ExportCsvRequest>(body).map(drop),
            };
            read.expect(asked);
        }
        let text = text("t", "127.0.0.1:8080".parse().unwrap(), now);
        assert!(text.contains("\"startTime\":\"2026-11-21T00:00:00Z\""), "yesterday is a whole day: {text}");
    }
}
