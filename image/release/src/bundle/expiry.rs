//! When metadata ends, as The Update Framework writes it: `2027-01-31T00:00:00Z`.

use holdfast_types::Time;

const DAY_MS: u64 = 86_400_000;

/// The instant that a text of that form names.
#[must_use]
pub fn parse(text: &str) -> Option<Time> {
    let bytes = text.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
    if bytes.len() != 20 || marks.iter().any(|(at, mark)| bytes.get(*at) != Some(mark)) {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())?
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let fits = (1970..=9999).contains(&year) && hour < 24 && minute < 60 && second < 60;
    if !fits || day == 0 || day > days_in(year, month)? {
        return None;
    }
    let before: u64 = (1..month).filter_map(|each| days_in(year, each)).sum();
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let days = (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + before + day - 1;
    Some(Time(days * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1_000))
}

/// The text of an instant, cut to the second.
pub(super) fn format(time: Time) -> String {
    let text = Time(time.0 / 1_000 * 1_000).to_string();
    text.replace(".000Z", "Z")
}

fn days_in(year: u64, month: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "2027-02-29T00:00:00Z",
            "2027-13-01T00:00:00Z",
            "2027-01-00T00:00:00Z",
            "1969-01-01T00:00:00Z",
            "2027-01-01T24:00:00Z",
            "2027-01-01 00:00:00Z",
            "2027-01-01T00:00:00.5Z",
            "+027-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(Time(0)));
        assert_eq!(parse("2028-02-29T12:30:01Z"), Some(Time(1_835_440_201_000)));
    }

    proptest! {
        #[test]
        fn every_instant_reads_back(seconds in 0..250_000_000_000_u64) {
            let time = Time(seconds * 1_000);
            prop_assert_eq!(parse(&format(time)), Some(time));
        }
    }
}
