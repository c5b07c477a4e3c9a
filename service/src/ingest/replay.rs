//! Dead letters once more down the road. What succeeds leaves the list; what fails again stays, with the new reason.

use system_log_index::Change;
use system_log_model::DeadLetter;

use super::{IncomingRecord, IngestRequest, Purpose, RecordResult, ResultOutcome, Road};
use crate::auth::Caller;
use crate::status::Refusal;

/// Letters of one call: each answer may hold a whole page of results.
const MAX_LETTERS: usize = 1_000;
/// Letters read at once: each may hold a quarter of a MiB.
const READ_AT_ONCE: usize = 64;

/// What to replay.
pub struct ReplayRequest {
    /// By id; unknown ones are a mistake.
    pub ids: Vec<String>,
    /// All of this source, the oldest first, at most a thousand in one call; empty for none.
    pub source: String,
    /// Only shows what would happen.
    pub dry_run: bool,
}

impl Road {
    /// Replays dead letters, each on its own.
    ///
    /// # Errors
    /// `MISSING_FIELD` without ids and source, `BATCH_TOO_LARGE`, `DEAD_LETTER_NOT_FOUND`; else as [`Road::ingest`], and
    /// then those before are replayed already.
    pub async fn replay(
        &self,
        caller: &Caller,
        request: ReplayRequest,
    ) -> Result<Vec<(String, RecordResult)>, Refusal> {
        if request.ids.is_empty() && request.source.is_empty() {
            return Err(Refusal::invalid("MISSING_FIELD", "ids", "ids or a source"));
        }
        if request.ids.len() > MAX_LETTERS {
            return Err(Refusal::invalid("BATCH_TOO_LARGE", "ids", format!("at most {MAX_LETTERS}")));
        }
        let ids = if request.ids.is_empty() { self.letters_of(caller, &request.source)? } else { request.ids };
        let mut results = Vec::with_capacity(ids.len());
        for id in ids {
            let letter = self.store.dead_letter(&id)?.filter(|letter| {
                let is_wanted = request.source.is_empty() || letter.source == request.source;
                is_wanted && letter.org.as_ref().is_none_or(|org| caller.scope.allows(org))
            });
            let letter = letter.ok_or_else(|| {
                let id = system_log_model::text::cut(&id, 64);
                let message = format!("ids: no dead letter {id:?}");
                Refusal::new(tonic::Code::NotFound, "DEAD_LETTER_NOT_FOUND", message)
            })?;
            let result = self.replay_one(caller, letter, request.dry_run).await?;
            results.push((id, result));
        }
        Ok(results)
    }

    fn letters_of(&self, caller: &Caller, source: &str) -> Result<Vec<String>, Refusal> {
        let mut ids = Vec::new();
        let mut after: Option<String> = None;
        while ids.len() < MAX_LETTERS {
            let letters = self.store.dead_letters(after.as_deref(), READ_AT_ONCE)?;
            let Some(last) = letters.last() else { break };
            after = Some(last.id.clone());
            let reaches = |letter: &DeadLetter| letter.org.as_ref().is_none_or(|org| caller.scope.allows(org));
            ids.extend(letters.into_iter().filter(|l| l.source == source && reaches(l)).map(|l| l.id));
        }
        ids.truncate(MAX_LETTERS);
        Ok(ids)
    }

    async fn replay_one(&self, caller: &Caller, letter: DeadLetter, dry_run: bool) -> Result<RecordResult, Refusal> {
        let record = IncomingRecord {
            payload: letter.payload.clone(),
            content_type: letter.content_type.clone(),
            org_id: letter.org.as_ref().map_or_else(String::new, ToString::to_string),
            headers: letter.headers.clone(),
            idempotency_key: letter.idempotency_key.clone(),
        };
        let request =
            IngestRequest { source: letter.source.clone(), org_id: String::new(), records: vec![record], dry_run };
        let mut judged = self.judge_as(Purpose::Trial, caller, request).await?;
        if dry_run {
            return Ok(self.keep(judged).await?.pop().unwrap_or_else(RecordResult::lost));
        }
        // The letter's own fate stands in the same frame as its events: it is never both stored and waiting, nor neither.
        let fate = judged.results.pop().unwrap_or_else(RecordResult::lost);
        let is_done = |result: &RecordResult| {
            use ResultOutcome::{Dropped, Duplicate, Stored};
            matches!(result.outcome, Stored | Duplicate | Dropped)
        };
        let is_whole = is_done(&fate) && fate.items.iter().all(is_done);
        let change = if is_whole {
            Change::DeleteDeadLetter { id: letter.id }
        } else {
            // A page that was taken over waits for the first of its items that was not.
            let why = fate.items.iter().find(|item| is_done(&fate) && !is_done(item)).unwrap_or(&fate);
            let (reason, message) = (why.reason.to_owned(), why.message.clone());
            Change::PutDeadLetter(DeadLetter { attempts: letter.attempts.saturating_add(1), reason, message, ..letter })
        };
        judged.results.push(fate);
        judged.plan.replace_letters(change);
        Ok(self.keep(judged).await?.pop().unwrap_or_else(RecordResult::lost))
    }
}
