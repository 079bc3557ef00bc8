//! Quantities with their units in the type: bytes, processor shares.

use std::fmt;

use crate::text::serde_by_text;

/// An amount of memory or storage in bytes. Text form: a whole number with an optional unit, binary (`KiB`, `MiB`,
/// `GiB`, `TiB`) or decimal (`kB`, `MB`, `GB`, `TB`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub u64);

const BYTE_UNITS: [(&str, u64); 10] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
    ("", 1),
];

/// Why a text is not an amount of bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an amount of bytes: write a whole number with a unit, such as `512MiB` or `80GiB`")]
pub struct BytesError {
    text: String,
}

impl std::str::FromStr for Bytes {
    type Err = BytesError;

    fn from_str(text: &str) -> Result<Self, BytesError> {
        let error = || BytesError { text: text.to_owned() };
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let (_, factor) = BYTE_UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(error)?;
        let number: u64 = number.parse().map_err(|_| error())?;
        number.checked_mul(*factor).map(Bytes).ok_or_else(error)
    }
}

/// One decimal in the largest binary unit that fits: `1.5 TiB`.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, size) in [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if self.0 >= size {
                let (whole, tenth) = (self.0 / size, u128::from(self.0 % size) * 10 / u128::from(size));
                return if tenth == 0 {
                    write!(f, "{whole} {unit}")
                } else {
                    write!(f, "{whole}.{tenth} {unit}")
                };
            }
        }
        write!(f, "{} B", self.0)
    }
}

/// Processor share in thousandths of a core. Text form: whole cores (`4`), or thousandths with `m` (`250m`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millicores(pub u64);

/// Why a text is not a processor share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a processor share: write whole cores such as `4`, or thousandths such as `250m`")]
pub struct MillicoresError {
    text: String,
}

impl std::str::FromStr for Millicores {
    type Err = MillicoresError;

    fn from_str(text: &str) -> Result<Self, MillicoresError> {
        let trimmed = text.trim();
        let value = match trimmed.strip_suffix('m') {
            Some(thousandths) => thousandths.parse::<u64>().ok(),
            None => trimmed.parse::<u64>().ok().and_then(|cores| cores.checked_mul(1_000)),
        };
        value.map(Millicores).ok_or_else(|| MillicoresError { text: text.to_owned() })
    }
}

impl fmt::Display for Millicores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1_000) { write!(f, "{}", self.0 / 1_000) } else { write!(f, "{}m", self.0) }
    }
}

/// An electric power. Text form: a whole number of `W`, `kW` or `MW`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Watts(pub u64);

/// What one core draws at most: server processors of today draw 3 to 4.5 W for each of their cores (EPYC 9654: 360 W for 96).
const WATTS_PER_CORE: u64 = 4;

const WATT_UNITS: [(&str, u64); 3] = [("MW", 1_000_000), ("kW", 1_000), ("W", 1)];

/// Why a text is not a power.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a power: write a whole number with a unit, such as `800W` or `12kW`")]
pub struct WattsError {
    text: String,
}

impl std::str::FromStr for Watts {
    type Err = WattsError;

    fn from_str(text: &str) -> Result<Self, WattsError> {
        let error = || WattsError { text: text.to_owned() };
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let (number, unit) = trimmed.split_at(digits);
        let (_, factor) = WATT_UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(error)?;
        let number: u64 = number.parse().map_err(|_| error())?;
        number.checked_mul(*factor).map(Watts).ok_or_else(error)
    }
}

/// In the largest unit in which it is whole: `12kW`, `12500W`.
impl fmt::Display for Watts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = WATT_UNITS.iter().find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size));
        let (unit, size) = fits.unwrap_or(&("W", 1));
        write!(f, "{}{unit}", self.0 / size)
    }
}

impl Watts {
    /// The most that a task draws: with so many thousandths of a core, and of accelerators that draw so much each.
    #[must_use]
    pub fn of_task(cores: Millicores, devices: MilliDevices, each: u64) -> Self {
        let part = |thousandths: u64, watts: u64| thousandths.saturating_mul(watts).div_ceil(1_000);
        Self(part(cores.0, WATTS_PER_CORE).saturating_add(part(devices.0, each)))
    }
}

/// An amount of accelerators in thousandths of one, for people to read: `2`, `0.25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MilliDevices(pub u64);

impl MilliDevices {
    /// So many whole ones.
    #[must_use]
    pub const fn whole(count: u64) -> Self {
        Self(count.saturating_mul(1_000))
    }
}

impl fmt::Display for MilliDevices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000, self.0 % 1_000);
        if part == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{part:03}").trim_end_matches('0'))
    }
}

impl Bytes {
    /// The amount as text that reads back as the same amount, unlike the rounded one for people.
    fn exact(self) -> String {
        let units = [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        let fits = units.iter().find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size));
        fits.map_or_else(|| self.0.to_string(), |(unit, size)| format!("{}{unit}", self.0 / size))
    }
}

serde_by_text!(Bytes => Bytes::exact, Millicores, Watts);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_both_kinds_of_units() {
        for (text, bytes, printed) in [
            ("0", 0, "0 B"),
            ("1023", 1_023, "1023 B"),
            ("80GiB", 80 << 30, "80 GiB"),
            ("1 GB", 1_000_000_000, "953.6 MiB"),
            ("1536 GiB", 1_536 << 30, "1.5 TiB"),
        ] {
            let parsed: Bytes = text.parse().unwrap();
            assert_eq!((parsed.0, parsed.to_string().as_str()), (bytes, printed));
        }
        for bad in ["", "GiB", "-1", "1.5GiB", "1 gib", "99999999TiB"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_stored_amount_reads_back_exactly() {
        for bytes in
            [Bytes(0), Bytes(1_000_000_000), Bytes(1_536 << 30), Bytes((80 << 30) + 1), Bytes(u64::MAX)]
        {
            let stored = serde_json::to_string(&bytes).unwrap();
            assert_eq!(serde_json::from_str::<Bytes>(&stored).unwrap(), bytes, "{stored}");
        }
    }

    #[test]
    fn accelerators_are_written_as_a_decimal() {
        for (thousandths, printed) in
            [(0, "0"), (2_000, "2"), (250, "0.25"), (1_005, "1.005"), (3_900, "3.9"), (1, "0.001")]
        {
            assert_eq!(MilliDevices(thousandths).to_string(), printed);
        }
        assert_eq!(MilliDevices::whole(7).to_string(), "7");
    }

    #[test]
    fn watts_are_read_and_written_whole() {
        for (text, watts) in [("0W", 0), ("12kW", 12_000), ("12500 W", 12_500), ("3MW", 3_000_000)] {
            let read: Watts = text.parse().unwrap();
            assert_eq!((read, read.to_string().parse()), (Watts(watts), Ok(read)));
        }
        for bad in ["", "12", "1.5kW", "kW", "-1W", "99999999999999999MW"] {
            assert!(bad.parse::<Watts>().is_err(), "{bad}");
        }
        assert_eq!(Watts::of_task(Millicores(2_500), MilliDevices(1_500), 700), Watts(10 + 1_050));
    }

    #[test]
    fn millicores_read_cores_and_thousandths() {
        assert_eq!("4".parse(), Ok(Millicores(4_000)));
        assert_eq!("250m".parse(), Ok(Millicores(250)));
        assert!("0.5".parse::<Millicores>().is_err());
        assert_eq!(Millicores(1_500).to_string(), "1500m");
    }
}
