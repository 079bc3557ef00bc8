//! Time as a parameter: logical instants and spans in milliseconds. Nothing here reads a clock.

use std::fmt;
use std::ops::{Add, Sub};

/// An instant: milliseconds since the Unix epoch, as the daemon that proposed a command read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub u64);

/// A span of time in milliseconds. Text form: a sum of `w`, `d`, `h`, `m`, `s`, `ms`, such as `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub u64);

impl Time {
    /// The span since an earlier instant; zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Time {
    type Output = Time;

    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Time {
    type Output = Time;

    fn sub(self, span: Span) -> Time {
        Time(self.0.saturating_sub(span.0))
    }
}

const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Span {
    /// A span of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Span {
        Span(seconds.saturating_mul(1_000))
    }

    /// As a [`std::time::Duration`].
    #[must_use]
    pub const fn as_duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }
}

impl Span {
    /// The span as text that reads back as the same span, unlike the rounded one for people.
    fn exact(self) -> String {
        let mut rest = self.0;
        let mut out = String::new();
        for (unit, millis) in UNITS {
            if rest / millis > 0 {
                out.push_str(&format!("{}{unit}", rest / millis));
            }
            rest %= millis;
        }
        if out.is_empty() { "0s".to_owned() } else { out }
    }
}

crate::text::serde_by_text!(Span => Span::exact);

/// At most two units, so a table stays readable: `3m12s`, `2d4h`, `850ms`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut written = 0;
        for (unit, millis) in UNITS {
            let count = rest / millis;
            // Milliseconds beside seconds or more are noise in a table.
            if count > 0 && written < 2 && !(unit == "ms" && written > 0) {
                write!(f, "{count}{unit}")?;
                written += 1;
            }
            rest %= millis;
        }
        if written == 0 { f.write_str("0s") } else { Ok(()) }
    }
}

/// Why a text is not a span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a span of time: write a number with a unit, such as `90s`, `1h30m` or `250ms`")]
pub struct SpanError {
    text: String,
}

impl std::str::FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        parse_span(text).ok_or_else(|| SpanError { text: text.to_owned() })
    }
}

fn parse_span(text: &str) -> Option<Span> {
    let mut total: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, tail) = after.split_at(letters);
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*millis)?)?;
        rest = tail;
    }
    Some(Span(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_reads_what_it_prints() {
        for (text, millis, printed) in [
            ("90s", 90_000, "1m30s"),
            ("1h30m", 5_400_000, "1h30m"),
            ("250ms", 250, "250ms"),
            ("0s", 0, "0s"),
            ("1d1h1m", 90_060_000, "1d1h"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.0, span.to_string().as_str()), (millis, printed));
        }
        for millis in [0, 1, 90_061_001, u64::MAX] {
            let stored = serde_json::to_string(&Span(millis)).unwrap();
            assert_eq!(serde_json::from_str::<Span>(&stored).unwrap(), Span(millis), "{stored}");
        }
        for bad in ["", "5", "s", "5 s", "5y", "-1s", "99999999999999999999s"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }
}
