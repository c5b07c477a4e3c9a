//! Pages: first, next, previous, with the exact total of the moment the first page was drawn.

use prost::Message;
use serde::{Deserialize, Serialize};
use system_log_index::{Cursor, Direction, Page, PageRequest, Snapshot, Stored};
use system_log_model::query::{Range, page_size};
use system_log_model::{Query, limits};

use super::{Question, Reader};
use crate::audit::Action;
use crate::auth::Caller;
use crate::seal::Binding;
use crate::status::Refusal;
use crate::wire::{pb, to_proto};

/// A row's tag and length in the message, at most.
const ROW_OVERHEAD_BYTES: usize = 6;

/// What a page token holds.
#[derive(Debug, Serialize, Deserialize)]
struct PageToken {
    range: Range,
    snapshot: Snapshot,
    cursor: Cursor,
    forward: bool,
    total: Option<u64>,
}

impl Reader {
    /// One page of the caller's log.
    ///
    /// # Errors
    /// Field violations, `INVALID_PAGE_TOKEN`, `AUDIT_UNAVAILABLE`.
    pub async fn list(
        &self,
        caller: &Caller,
        request: &pb::ListEventsRequest,
    ) -> Result<pb::ListEventsResponse, Refusal> {
        let limit = page_size(request.page_size)?;
        let question = Question {
            filter: request.filter.as_ref(),
            order_by: &request.order_by,
            view_id: &request.view_id,
            action: Action::List,
        };
        let binding = Binding::new("list", caller, request.filter.as_ref(), &[&request.order_by]);
        let token: Option<PageToken> = match request.page_token.as_str() {
            "" => None,
            token => Some(self.open_token(&binding, token, "page_token")?),
        };
        let (query, snapshot, known_total, from) = match token {
            None => {
                let opened = self.open(caller, &question).await?;
                (opened.query, opened.snapshot, None, None)
            }
            Some(token) => {
                let query = self.query(caller, &question, Some(token.range), self.clock.now())?;
                (query, token.snapshot, token.total, Some((token.cursor, token.forward)))
            }
        };
        let came_forward = from.as_ref().map(|(_, forward)| *forward);
        let is_forward = came_forward.unwrap_or(true);
        let page_request = PageRequest {
            snapshot,
            cursor: from.map(|(cursor, _)| cursor),
            direction: if is_forward { Direction::Next } else { Direction::Previous },
            limit,
        };
        let count = !request.skip_total && known_total.is_none();
        let (query, mut page, counted) = self
            .blocking(move |store| {
                let page = store.page(&query, &page_request)?;
                let total = if count { Some(store.count(&query, snapshot)?) } else { None };
                Ok((query, page, total))
            })
            .await?;
        let events = fit(&mut page, is_forward);
        let total = counted.or(known_total);
        let ends = Ends::of(&page, came_forward);
        let edge = Edge { binding: &binding, query: &query, snapshot, total };
        let next = page.rows.last().filter(|_| ends.next);
        let previous = page.rows.first().filter(|_| ends.previous);
        Ok(pb::ListEventsResponse {
            next_page_token: self.page_token(&edge, next, true)?,
            previous_page_token: self.page_token(&edge, previous, false)?,
            total_size: match total {
                Some(total) if !request.skip_total => i64::try_from(total).unwrap_or(i64::MAX),
                _ => -1,
            },
            events,
        })
    }

    /// A token for the page beyond a row; empty without one.
    fn page_token(&self, edge: &Edge<'_>, row: Option<&Stored>, forward: bool) -> Result<String, Refusal> {
        let Some(row) = row else { return Ok(String::new()) };
        let Edge { binding, query, snapshot, total } = *edge;
        let cursor = Cursor { key: query.order.column.key(&row.event), sequence: row.id.sequence };
        self.seal(binding, &PageToken { range: query.range, snapshot, cursor, forward, total })
    }
}

/// The rows of a page as they are sent. A page that would be too large for a client is cut at its far end, and the token
/// there goes on exactly behind the cut; one row always fits.
fn fit(page: &mut Page, is_forward: bool) -> Vec<pb::Event> {
    let mut events: Vec<pb::Event> = page.rows.iter().map(to_proto::stored).collect();
    let size = |event: &pb::Event| event.encoded_len() + ROW_OVERHEAD_BYTES;
    let mut room = limits::MAX_PAGE_BYTES;
    let mut fits = |event: &pb::Event| {
        let size = size(event);
        let is_first = room == limits::MAX_PAGE_BYTES;
        let has_room = size <= room || is_first;
        room = room.saturating_sub(size);
        has_room
    };
    let kept = if is_forward {
        events.iter().take_while(|event| fits(event)).count()
    } else {
        events.iter().rev().take_while(|event| fits(event)).count()
    };
    if kept < events.len() {
        page.has_more = true;
        let cut = events.len() - kept;
        if is_forward {
            events.truncate(kept);
            page.rows.truncate(kept);
        } else {
            events.drain(..cut);
            page.rows.drain(..cut);
        }
    }
    events
}

/// What the tokens of one answer share.
#[derive(Clone, Copy)]
struct Edge<'a> {
    binding: &'a Binding,
    query: &'a Query,
    snapshot: Snapshot,
    total: Option<u64>,
}

/// Whether there are rows beyond either end of a page.
struct Ends {
    next: bool,
    previous: bool,
}

impl Ends {
    /// A page reached by a token has the rows it came from at its back.
    const fn of(page: &Page, came_forward: Option<bool>) -> Self {
        match came_forward {
            None => Self { next: page.has_more, previous: false },
            Some(true) => Self { next: page.has_more, previous: true },
            Some(false) => Self { next: true, previous: page.has_more },
        }
    }
}
