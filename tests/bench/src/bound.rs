//! The bound of a promise, read from the words of the page: `>= 1.5x`, `<= 4,000 s`, `>= 500k`.

use std::str::FromStr;

/// What a figure is held against.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    comparison: Comparison,
    value: f64,
    unit: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Below,
    AtMost,
    AtLeast,
}

/// A promise that is no bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundError(String);

impl std::fmt::Display for BoundError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` is no bound such as `>= 1.5x` or `<= 4,000 s`", self.0)
    }
}

impl std::error::Error for BoundError {}

impl FromStr for Bound {
    type Err = BoundError;

    fn from_str(text: &str) -> Result<Self, BoundError> {
        let refused = || BoundError(text.to_owned());
        let (comparison, rest) = if let Some(rest) = text.strip_prefix("<=") {
            (Comparison::AtMost, rest)
        } else if let Some(rest) = text.strip_prefix(">=") {
            (Comparison::AtLeast, rest)
        } else if let Some(rest) = text.strip_prefix('<') {
            (Comparison::Below, rest)
        } else {
            return Err(refused());
        };
        let rest = rest.trim();
        let digits = rest.find(|c: char| !matches!(c, '0'..='9' | '.' | ',')).unwrap_or(rest.len());
        let (number, unit) = rest.split_at(digits);
        let number: f64 = number.replace(',', "").parse().map_err(|_| refused())?;
        let (value, unit) = match unit.strip_prefix('k') {
            Some(unit) => (number * 1000.0, unit),
            None => (number, unit),
        };
        Ok(Self { comparison, value, unit: unit.trim().to_owned() })
    }
}

impl Bound {
    /// Whether the ratio to the peer is bounded, not the figure.
    #[must_use]
    pub fn is_ratio(&self) -> bool {
        self.unit == "x"
    }

    /// The unit of the figure; empty for a bare number.
    #[must_use]
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// Whether `value` keeps the bound. What is no number keeps none.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Below => value < self.value,
            Comparison::AtMost => value <= self.value,
            Comparison::AtLeast => value >= self.value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_page_are_bounds() {
        let holds = |text: &str, value| text.parse::<Bound>().unwrap().holds(value);
        assert!(holds(">= 1.5x", 1.5) && !holds(">= 1.5x", 1.49));
        assert!(holds("<= 4,000 s", 4000.0) && !holds("<= 4,000 s", 4000.1));
        assert!(holds(">= 500k", 500_000.0) && !holds(">= 500k", 499_999.0));
        assert!(holds("< 120 s", 119.9) && !holds("< 120 s", 120.0));
        assert!(!holds("<= 0", f64::NAN) && !holds(">= 1x", f64::NAN));
        let bound: Bound = "<= 15 CPU-s".parse().unwrap();
        assert_eq!((bound.unit(), bound.is_ratio()), ("CPU-s", false));
        assert!(">= 2x".parse::<Bound>().unwrap().is_ratio());
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "fast", "1.5x", "<= x", "> 3", ">= 1.2.3"] {
            assert!(text.parse::<Bound>().is_err(), "{text}");
        }
    }
}
