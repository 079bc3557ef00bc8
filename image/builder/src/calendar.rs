//! A second as a date, which the tools of others want to see.

/// A date of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    year: u64,
    month: u64,
    day: u64,
    second: u64,
}

const DAY: u64 = 86_400;
/// Days of 400 years, after which the calendar begins again.
const ERA: u64 = 146_097;

impl Date {
    /// The date of a second since 1970.
    pub(crate) const fn of(epoch: u64) -> Self {
        // Years are counted from March, so that the day that comes and goes is the last one.
        let days = epoch / DAY + 719_468;
        let in_era = days % ERA;
        let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
        let day_of_year = in_era - (365 * year + year / 4 - year / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let after_new_year = month >= 10;
        let month = if after_new_year { month - 9 } else { month + 3 };
        let year = days / ERA * 400 + year + if after_new_year { 1 } else { 0 };
        Self { year, month, day, second: epoch % DAY }
    }

    fn time(self) -> [u64; 3] {
        [self.second / 3_600, self.second / 60 % 60, self.second % 60]
    }

    /// `YYYYMMDDhhmmsscc`, as a disc has it.
    pub(crate) fn digits(self) -> String {
        let [hour, minute, second] = self.time();
        format!("{:04}{:02}{:02}{hour:02}{minute:02}{second:02}00", self.year, self.month, self.day)
    }

    /// `YYYY-MM-DDThh:mm:ssZ`.
    pub(crate) fn stamp(self) -> String {
        let [hour, minute, second] = self.time();
        format!("{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (epoch, stamp) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_793_491_200, "2026-11-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Date::of(epoch).stamp(), stamp);
        }
        assert_eq!(Date::of(951_782_399).digits(), "2000022823595900");
    }
}
