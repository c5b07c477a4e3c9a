//! `google.protobuf.Timestamp` with its canonical JSON: RFC 3339, always `Z`, and 0, 3, 6 or 9 digits of a second.

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant, as the protocol writes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Timestamp {
    /// Seconds since 1970 UTC.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds of the second, 0 to 999,999,999, counting forward.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nanos = u32::try_from(self.nanos).ok();
        let time = nanos.and_then(|nanos| DateTime::from_timestamp(self.seconds, nanos));
        let time = time.ok_or_else(|| serde::ser::Error::custom("not a time"))?;
        serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pbjson_types::Timestamp { seconds, nanos } = pbjson_types::Timestamp::deserialize(deserializer)?;
        Ok(Self { seconds, nanos })
    }
}
