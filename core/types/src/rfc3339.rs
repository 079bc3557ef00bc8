//! Instants as text: RFC 3339. Printed in UTC, read with any offset; leap seconds are not instants here.

use std::fmt;

use crate::time::Time;

/// RFC 3339 in UTC with milliseconds.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, of_day) = (self.0 / 86_400_000, self.0 % 86_400_000);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
        let (second, milli) = (of_day / 1_000 % 60, of_day % 1_000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

/// Days since 1970-01-01 to a date of the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`), for instants after the epoch.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The number of days from 1970-01-01 to a date, the way back of [`civil_from_days`] (`days_from_civil` there); `None` before.
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

crate::text::serde_by_text!(Time);

/// Why a text is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time: write it as `2026-11-23T18:00:00Z` or `2026-11-23T19:00:00+01:00`")]
pub struct TimeError {
    text: String,
}

impl std::str::FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        const SHOWN: usize = 40;
        parse(text).ok_or_else(|| TimeError { text: text.chars().take(SHOWN).collect() })
    }
}

fn parse(text: &str) -> Option<Time> {
    let (date, clock) = text.split_once(['T', 't'])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let days =
        days_from_civil(year, month, day).filter(|days| civil_from_days(*days) == (year, month, day))?;
    let zone = clock.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = clock.split_at(zone);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let local = ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1_000 + millis_of(fraction)?;
    match zone.split_at_checked(1)? {
        ("Z" | "z", "") => Some(Time(local)),
        ("+", offset) => local.checked_sub(offset_of(offset)?).map(Time),
        ("-", offset) => local.checked_add(offset_of(offset)?).map(Time),
        _ => None,
    }
}

/// Numbers of exactly so many digits.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[u64; N]> {
    let mut found = [0; N];
    let mut parts = text.split(between);
    for (number, digits) in found.iter_mut().zip(digits) {
        let part = parts.next()?;
        let plain = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        *number = plain.then(|| part.parse().ok()).flatten()?;
    }
    parts.next().is_none().then_some(found)
}

/// What comes behind the point of a second; what is finer than a millisecond is cut off.
fn millis_of(fraction: &str) -> Option<u64> {
    let plain = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    let padded: String = plain.then(|| fraction.chars().chain("00".chars()).take(3).collect())?;
    padded.parse().ok()
}

fn offset_of(text: &str) -> Option<u64> {
    let [hours, minutes] = numbers(text, ':', [2, 2])?;
    (hours <= 23 && minutes <= 59).then_some((hours * 60 + minutes) * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_prints_as_rfc_3339() {
        assert_eq!(Time(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Time(951_782_400_000).to_string(), "2000-02-29T00:00:00.000Z");
        assert_eq!(Time(1_795_219_199_999).to_string(), "2026-11-20T23:59:59.999Z");
    }

    #[test]
    fn an_instant_is_read_with_any_offset() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29t01:00:00.5+01:00", 951_782_400_500),
            ("2026-11-20T18:29:59.999999-05:30", 1_795_219_199_999),
        ] {
            assert_eq!(text.parse(), Ok(Time(millis)), "{text}");
        }
        for bad in [
            "",
            "now",
            "2026-11-20",
            "2026-11-20T23:59:59",
            "2026-02-29T00:00:00Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T23:59:60Z",
            "2026-13-01T00:00:00Z",
            "2026-00-10T00:00:00Z",
            "2026-11-20T23:59:59.Z",
            "2026-11-20T23:59:59+1:00",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "+026-11-20T23:59:59Z",
            "2026-11-20T23:59:59Z ",
            "2026-11-20T23:59Z",
            "2026-11-20T23:59:59ZZ",
        ] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_instant_reads_what_it_prints() {
        // Every day to the year 9999, at another time of the day each.
        for day in 0..2_932_896_u64 {
            let time = Time(day * 86_400_000 + day * 7_919 % 86_400_000);
            if day % 97 == 0 || day < 1_500 {
                assert_eq!(time.to_string().parse(), Ok(time));
            }
        }
    }
}
