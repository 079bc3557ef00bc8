//! Sizes and times as people read them.

/// `1.5 GiB`: at most one digit after the point, and none where it is 0.
#[must_use]
pub fn amount(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut whole, mut unit, mut rest) = (bytes, 0, 0);
    while whole >= 1024 && unit + 1 < UNITS.len() {
        rest = whole % 1024;
        whole /= 1024;
        unit += 1;
    }
    let tenth = rest * 10 / 1024;
    let unit = UNITS.get(unit).copied().unwrap_or("B");
    if tenth == 0 { format!("{whole} {unit}") } else { format!("{whole}.{tenth} {unit}") }
}

/// `2026-11-21 14:30 UTC`, from seconds since 1970.
#[must_use]
pub fn clock(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", rest / 3_600, rest % 3_600 / 60)
}

/// The civil date of a day since 1970: eras of 400 years that begin in March, so that the leap day is the last of its year.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_short() {
        let shown = [0, 1023, 1024, 1536, 1_610_612_736, 480_103_981_056, u64::MAX].map(amount);
        assert_eq!(shown, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "1.5 GiB", "447.1 GiB", "16383.9 PiB"]);
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_795_271_400, "2026-11-21 14:30 UTC"),
        ] {
            assert_eq!(clock(seconds), text);
        }
    }
}
