//! The nouns and rules of system-log: what an event is, which kinds exist, what a reader may ask, what is never kept.
//!
//! Every rule lives in exactly one file here and the other crates import it. This crate does no I/O, is not async, and
//! knows neither the wire (tonic, prost), nor the sandbox (wasmtime), nor the store (sled, tantivy).
//!
//! | rule | file |
//! |---|---|
//! | event kinds, their category and severity | [`kind`] |
//! | columns: which log, sortable, *contains*, CSV order | [`mod@column`] |
//! | filter legality, default range, page sizes | [`filter`], [`query`] |
//! | how text is folded, split into words and searched | [`text`], [`search`] |
//! | 90 days | [`retention`] |
//! | what an API key may do, and for how long | [`api_key`] |
//! | sizes and counts | [`limits`] |
//! | secrets are stripped, the webhook URL is kept | [`guard`] |
//! | the promises the tests prove by name | [`invariant`] |

pub mod api_key;
pub mod calendar;
pub mod clean;
pub mod clock;
pub mod column;
pub mod draft;
pub mod event;
pub mod filter;
pub mod guard;
pub mod id;
pub mod invariant;
pub mod kind;
pub mod limits;
pub mod member;
pub mod order;
pub mod outcome;
pub mod query;
pub mod retention;
pub mod search;
pub mod text;
pub mod violation;
pub mod vocabulary;

pub use api_key::{ApiKey, KeyScope};
pub use clean::Clean;
pub use clock::{Clock, ManualClock, Timestamp};
pub use draft::{Draft, OrgHint, Outcome, SourceTime, Submission, Verdict};
pub use event::{Actor, AiUsage, Change, Event, WebhookDelivery};
pub use filter::{Contains, Filter};
pub use guard::Guard;
pub use id::{EventId, OrgId, Sequence};
pub use kind::{Catalogue, Kind};
pub use member::{Binding, DeadLetter, Member};
pub use order::{Direction, OrderBy};
pub use outcome::{DeadLettered, Dropped, Rejected};
pub use query::Query;
pub use violation::Violation;
pub use vocabulary::{ActorKind, Category, Log, Severity};
