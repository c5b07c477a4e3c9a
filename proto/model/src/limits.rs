//! How much of anything there may be. Every number has a name, a unit and a reason; one that an operator may change is a
//! default in the configuration that points here.

use std::time::Duration;

/// Largest gRPC message, before and after decompression. From the contract; also tonic's own default.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Records of one ingest request. From the contract.
pub const MAX_BATCH_RECORDS: usize = 1_000;
/// One record's payload. From the contract.
pub const MAX_PAYLOAD_BYTES: usize = 256 * 1024;
/// An idempotency key: a UUID or a provider's id fits many times over.
pub const MAX_IDEMPOTENCY_KEY_BYTES: usize = 256;
/// Headers of one record and their total size: what proxies commonly allow.
pub const MAX_RECORD_HEADERS: usize = 64;
/// See [`MAX_RECORD_HEADERS`].
pub const MAX_RECORD_HEADER_BYTES: usize = 16 * 1024;
/// Events one record may become: a page of a provider holds at most a few hundred.
pub const MAX_EVENTS_PER_RECORD: usize = 1_000;

/// One text of an event, in bytes, cut at a character. From the rule for rows.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;
/// All attributes of an event as JSON.
pub const MAX_ATTRIBUTE_BYTES: usize = 16 * 1024;
/// Nesting of attributes: deeper is nobody's fact about an event.
pub const MAX_ATTRIBUTE_DEPTH: usize = 16;
/// A source's own spelling of a time that is not believed.
pub const MAX_SOURCE_TIME_BYTES: usize = 128;

/// A needle of *contains*, in characters. From the contract.
pub const MAX_NEEDLE_CHARS: usize = 256;
/// A global search text, in characters. From the contract.
pub const MAX_QUERY_CHARS: usize = 1_000;
/// Values of one repeated filter field; the largest picker a page has is far smaller.
pub const MAX_FILTER_VALUES: usize = 200;
/// Characters of a message that take part in sorting. From the contract.
pub const SORT_PREFIX_CHARS: usize = 64;
/// A client's name for one open page, in characters. From the contract.
pub const MAX_VIEW_ID_CHARS: usize = 64;

/// Rows of a page when nothing is said. From the contract.
pub const DEFAULT_PAGE_SIZE: usize = 50;
/// Rows of one page in encoded bytes: a client's default limit of a message is 4 MiB, and totals and tokens need some of it.
pub const MAX_PAGE_BYTES: usize = MAX_MESSAGE_BYTES - 64 * 1024;
/// Rows of the largest page; more becomes this. From the contract.
pub const MAX_PAGE_SIZE: usize = 200;
/// The sizes a page offers. From the help page.
pub const PAGE_SIZES: [usize; 4] = [25, 50, 100, 200];

/// Events a tail may begin with. From the contract.
pub const MAX_TAIL_HISTORY: usize = 1_000;
/// Buckets of a histogram. From the contract.
pub const MAX_BUCKETS: usize = 500;
/// Values of a facet, at most: as many as a page can show.
pub const MAX_FACET_VALUES: usize = 1_000;

/// Requests refused with RetryInfo should come back after about this long: a few group commits.
pub const RETRY_AFTER: Duration = Duration::from_millis(250);
/// How far a source's clock may be ahead before it is not believed. From the contract.
pub const MAX_CLOCK_AHEAD: Duration = Duration::from_secs(600);
/// A resume token of an export is honoured so long. From the contract.
pub const EXPORT_RESUME: Duration = Duration::from_secs(3_600);
/// Two views with the same `view_id` within this time are one. From the contract.
pub const VIEW_REPEAT: Duration = Duration::from_secs(3_600);
