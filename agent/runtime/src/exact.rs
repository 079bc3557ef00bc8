//! Quantities as plain numbers in stored files: their text forms round for people.

use holdfast_types::{Bytes, Millicores, Span, Time};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! exact {
    ($module:ident, $stored:ty, $type:ty, $from:expr, $to:expr) => {
        pub(crate) mod $module {
            use super::*;

            pub(crate) fn serialize<S: Serializer>(value: &$type, to: S) -> Result<S::Ok, S::Error> {
                let convert: fn(&$type) -> $stored = $to;
                convert(value).serialize(to)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                let convert: fn($stored) -> $type = $from;
                <$stored>::deserialize(from).map(convert)
            }
        }
    };
}

exact!(bytes, u64, Bytes, Bytes, |value| value.0);
exact!(span, u64, Span, Span, |value| value.0);
exact!(time, u64, Time, Time, |value| value.0);
exact!(bytes_option, Option<u64>, Option<Bytes>, |stored| stored.map(Bytes), |value| value.map(|v| v.0));
exact!(millicores_option, Option<u64>, Option<Millicores>, |stored| stored.map(Millicores), |value| value
    .map(|v| v.0));
