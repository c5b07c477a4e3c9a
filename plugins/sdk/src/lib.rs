//! For authors of collectors: write one function from a record to an outcome and export it.
//!
//! ```ignore
//! use system_log_plugin::{Call, Event, Outcome, Record, Verdict, export_collector};
//!
//! fn collect(call: &Call, record: &Record) -> Outcome {
//!     let json = match record.json() {
//!         Ok(json) => json,
//!         Err(reject) => return Outcome::One(reject),
//!     };
//!     let mut event = Event::new("system", "webhook_sent");
//!     event.message = json.text("message");
//!     Outcome::One(Verdict::Emit(vec![event]))
//! }
//!
//! export_collector!(collect);
//! ```
//!
//! A collector is pure: it has no clock (see [`Call::received_at`]), no network and no files, and forgets everything
//! between calls. The host decides about organisation, time and secrets; a collector only says what the source said.
//!
//! | | |
//! |---|---|
//! | [`Record`], [`Call`] | what comes in |
//! | [`Event`], [`Verdict`], [`Outcome`] | what goes out |
//! | [`Json`] | reading payloads without ever failing halfway |
//! | [`time`], [`text`] | times and texts as providers write them |
//! | [`cases`] | case files: payload in, outcome out |

mod attributes;
#[cfg(not(target_arch = "wasm32"))]
pub mod cases;
#[cfg(any(target_arch = "wasm32", test))]
mod compare;
mod deep;
mod event;
#[cfg(any(target_arch = "wasm32", test))]
mod heap;
mod json;
mod names;
mod only;
pub mod text;
pub mod time;

#[doc(hidden)]
pub mod contract;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static HEAP: heap::Heap = heap::Heap::new();

pub use attributes::Attributes;
pub use event::{Actor, AiUsage, Change, Event, OrgHint, Outcome, SourceTime, Verdict, Webhook};
pub use json::{Json, integer, scalar, under};
#[doc(hidden)]
pub use names::mix;

/// What is the same for every record of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The name the records came in under: one of the manifest's sources.
    pub source: String,
    /// The operator's configuration for this plugin, a JSON object.
    pub config: String,
    /// The host's clock, in microseconds since 1970 UTC: the only clock there is.
    pub received_at: i64,
}

/// One untrusted record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The bytes as the source sent them.
    pub payload: Vec<u8>,
    /// Media type, lower case.
    pub content_type: String,
    /// Headers of the provider's request, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Record {
    /// The payload as JSON.
    ///
    /// # Errors
    /// A rejection that says where the JSON breaks.
    pub fn json(&self) -> Result<Json<'static>, Verdict> {
        Json::parse(&self.payload)
    }

    /// A header by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The test of a plugin's `cases/`: every case, and the laws on all of them. `test_cases!(collect, "mailgun")`; the second is
/// the source that they come in under.
#[macro_export]
macro_rules! test_cases {
    ($collect:path, $source:literal) => {
        #[cfg(test)]
        #[test]
        fn cases() {
            let folder = ::std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
            $crate::cases::check(&folder, $source, $collect);
            $crate::cases::check_laws(&folder, $source, $collect);
        }
    };
}

/// Exports a `fn(&Call, &Record) -> Outcome` as the plugin's collector. Natively it exports nothing, so that the function
/// can be tested like any other.
#[macro_export]
macro_rules! export_collector {
    ($collect:path) => {
        #[cfg(target_arch = "wasm32")]
        struct Collector;

        #[cfg(target_arch = "wasm32")]
        impl $crate::contract::Collector for Collector {
            fn collect(call: &$crate::Call, record: &$crate::Record) -> $crate::Outcome {
                $collect(call, record)
            }
        }

        #[cfg(target_arch = "wasm32")]
        type Adapted = $crate::contract::Adapter<Collector>;

        #[cfg(target_arch = "wasm32")]
        system_log_plugin::contract::export_raw!(Adapted with_types_in system_log_plugin::contract);
    };
}
