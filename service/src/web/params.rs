//! The parameters of `/export.csv` as the same question that `ExportCsv` asks. Only spelling is judged here; the rules are the
//! model's. All mistakes are told at once.

use system_log_model::Timestamp;

use crate::status::Refusal;
use crate::wire::{pb, to_proto};

/// More are no question of a page; each takes a comparison with all others at most.
const MAX_PARAMETERS: usize = 2_000;

/// The question of a query text or a form, and the token of a form.
///
/// # Errors
/// `INVALID_FILTER` with every mistake.
pub(super) fn read(encoded: &[u8]) -> Result<(pb::ExportCsvRequest, Option<String>), Refusal> {
    let mut reader = Reader::default();
    for (at, (name, value)) in form_urlencoded::parse(encoded).enumerate() {
        if at == MAX_PARAMETERS {
            reader.wrong("parameters", format!("at most {MAX_PARAMETERS}"));
            break;
        }
        reader.take(&name, &value);
    }
    let Reader { filter, mut request, token, wrong, .. } = reader;
    let mut wrong = wrong.into_iter();
    if let Some((field, rule)) = wrong.next() {
        let first = Refusal::invalid("INVALID_FILTER", &field, rule);
        return Err(wrong.fold(first, |refusal, (field, rule)| refusal.and(&field, rule)));
    }
    request.filter = Some(filter);
    Ok((request, token))
}

#[derive(Default)]
struct Reader {
    filter: pb::EventFilter,
    request: pb::ExportCsvRequest,
    token: Option<String>,
    /// Names that may stand once, as far as they came.
    seen: Vec<String>,
    wrong: Vec<(String, String)>,
}

impl Reader {
    fn wrong(&mut self, field: &str, rule: impl Into<String>) {
        self.wrong.push((system_log_model::text::cut(field, 64).to_owned(), rule.into()));
    }

    fn take(&mut self, name: &str, value: &str) {
        match name {
            "category" => return self.category(value),
            "type" => return self.filter.types.push(value.to_owned()),
            "severity" => return self.severity(value),
            "actor" => return self.filter.actor_ids.push(value.to_owned()),
            "model" => return self.filter.models.push(value.to_owned()),
            "columns" => return self.request.columns.extend(value.split(',').map(|c| c.trim().to_owned())),
            _ => {}
        }
        if self.seen.iter().any(|seen| seen == name) {
            return self.wrong(name, "at most once");
        }
        self.seen.push(name.to_owned());
        let contains = |filter: &mut pb::EventFilter, set: fn(&mut pb::ContainsFilter, String)| {
            set(filter.contains.get_or_insert_default(), value.to_owned());
        };
        match name {
            "log" => self.log(value),
            "start" => self.filter.start_time = self.time(name, value),
            "end" => self.filter.end_time = self.time(name, value),
            "q" => value.clone_into(&mut self.filter.query),
            "contains.event_name" => contains(&mut self.filter, |c, text| c.event_name = text),
            "contains.message" => contains(&mut self.filter, |c, text| c.message = text),
            "contains.recipient" => contains(&mut self.filter, |c, text| c.recipient = text),
            "contains.subject" => contains(&mut self.filter, |c, text| c.subject = text),
            "bot" => self.filter.bot_only = self.flag(name, value),
            // The parameter says what is shown, the filter what is left out.
            "pre_auth" => self.filter.exclude_pre_auth = !self.flag(name, value),
            "success" => self.filter.success = self.truth(value),
            "order_by" => value.clone_into(&mut self.request.order_by),
            "raw" => self.request.raw_values = self.flag(name, value),
            "token" => self.token = Some(value.to_owned()),
            _ => self.wrong(name, "no parameter of this name"),
        }
    }

    fn log(&mut self, value: &str) {
        let log = match value {
            "system" => pb::Log::System,
            "email" => pb::Log::Email,
            "ai_usage" => pb::Log::AiUsage,
            _ => return self.wrong("log", "system, email or ai_usage"),
        };
        self.filter.log = log.into();
    }

    fn category(&mut self, value: &str) {
        let named = format!("CATEGORY_{}", value.to_ascii_uppercase());
        match pb::Category::from_str_name(&named).filter(|category| *category != pb::Category::Unspecified) {
            Some(category) => self.filter.categories.push(category.into()),
            None => self.wrong("category", "webhook, email, billing, security or process"),
        }
    }

    fn severity(&mut self, value: &str) {
        let named = format!("SEVERITY_{}", value.to_ascii_uppercase());
        match pb::Severity::from_str_name(&named).filter(|severity| *severity != pb::Severity::Unspecified) {
            Some(severity) => self.filter.severities.push(severity.into()),
            None => self.wrong("severity", "info, warning or error"),
        }
    }

    fn time(&mut self, name: &str, value: &str) -> Option<system_log_wire::Timestamp> {
        let time = Timestamp::parse(value).map(to_proto::time);
        if time.is_none() {
            self.wrong(name, "a time as in RFC 3339, for example 2026-11-22T10:00:00Z; a + in it is written %2B");
        }
        time
    }

    fn flag(&mut self, name: &str, value: &str) -> bool {
        match value {
            "1" | "true" => true,
            "0" | "false" => false,
            _ => {
                self.wrong(name, "1 or 0");
                false
            }
        }
    }

    fn truth(&mut self, value: &str) -> Option<bool> {
        Some(self.flag("success", value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_has_its_place() {
        let text = "log=system&start=2026-11-21T10:00:00%2B01:00&end=2026-11-22T10:00:00Z&category=webhook\
            &category=security&type=webhook_failed&severity=error&q=a+b&contains.event_name=n&contains.message=m\
            &contains.recipient=r&contains.subject=s&actor=u1&actor=u2&bot=1&pre_auth=0&model=x&success=false\
            &order_by=type%20desc&columns=id,type&raw=1&token=t";
        let (request, token) = read(text.as_bytes()).unwrap();
        let filter = request.filter.unwrap();
        assert_eq!(token.as_deref(), Some("t"));
        assert_eq!((filter.log(), filter.categories.len(), filter.query.as_str()), (pb::Log::System, 2, "a b"));
        assert_eq!(filter.start_time, Timestamp::parse("2026-11-21T09:00:00Z").map(to_proto::time));
        assert_eq!((filter.types, filter.actor_ids.len()), (vec!["webhook_failed".to_owned()], 2));
        assert_eq!(filter.severities, [i32::from(pb::Severity::Error)]);
        let contains = filter.contains.unwrap();
        let texts = [&contains.event_name, &contains.message, &contains.recipient, &contains.subject];
        assert_eq!(texts, ["n", "m", "r", "s"]);
        assert!(filter.bot_only && filter.exclude_pre_auth && request.raw_values);
        assert_eq!((filter.success, filter.models.len()), (Some(false), 1));
        assert_eq!((request.order_by.as_str(), request.columns.len()), ("type desc", 2));
        assert!(!read(b"log=email&pre_auth=1").unwrap().0.filter.unwrap().exclude_pre_auth);
    }

    #[test]
    fn every_mistake_is_named() {
        let refusal = read(b"log=sytem&log=email&start=yesterday&category=unspecified&severity=fatal&bot=yes&tpye=x")
            .unwrap_err();
        let status = tonic::Status::from(refusal);
        let details = tonic_types::StatusExt::get_error_details(&status);
        let fields = details.bad_request().unwrap().field_violations.iter().map(|v| v.field.clone());
        assert_eq!(fields.collect::<Vec<_>>(), ["log", "log", "start", "category", "severity", "bot", "tpye"]);
    }
}
