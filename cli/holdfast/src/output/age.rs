//! How long ago something was, as `3m12s`.

use std::time::{SystemTime, UNIX_EPOCH};

use holdfast_types::{Span, Time};
use prost_types::Timestamp;

/// The present by this machine's clock.
pub(crate) fn now() -> Time {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// The time from `then` to `now`, in whole seconds; `-` where `then` is absent.
fn age(then: Option<&Timestamp>, now: Time) -> String {
    let Some(then) = then else { return "-".to_owned() };
    let span = now.since(holdfast_api::millis(Some(then)));
    Span::from_secs(span.0 / 1_000).to_string()
}

/// As [`age`], from now.
pub(crate) fn since(then: Option<&Timestamp>) -> String {
    age(then, now())
}

/// For how much longer, as `12m40s more`; `-` where it is absent.
pub(crate) fn left(until: Option<&Timestamp>) -> String {
    let Some(until) = until else { return "-".to_owned() };
    let span = holdfast_api::millis(Some(until)).since(now());
    format!("{} more", Span::from_secs(span.0 / 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_two_units_and_no_milliseconds() {
        let at = |millis| holdfast_api::timestamp(Time(millis));
        for (then, text) in [(1_000, "3m12s"), (193_000, "0s"), (192_100, "0s"), (500_000, "0s")] {
            assert_eq!(age(Some(&at(then)), Time(193_000)), text);
        }
        assert_eq!(age(None, Time(5)), "-");
    }
}
