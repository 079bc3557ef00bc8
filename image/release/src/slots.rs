//! Which slot is booted: the second layer under the counters of the boot loader. It counts every boot of a slot until the
//! system in it has shown that it works, blessed before or not, so that a slot that rots later is left as well.

use std::fmt;

use crate::meta::{Meta, MetaError};

/// So many boots of a slot in a row may end without a healthy system.
pub const MOST_ATTEMPTS: u64 = 3;
const GOOD: &str = "slot.good";
const REASON: &str = "boot.reason";

/// One of two places for a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

impl Slot {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    const fn attempts(self) -> &'static str {
        match self {
            Self::A => "slot.a.attempts",
            Self::B => "slot.b.attempts",
        }
    }

    const fn version(self) -> &'static str {
        match self {
            Self::A => "slot.a.version",
            Self::B => "slot.b.version",
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}

/// What a boot is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on with this slot.
    Go(Attempt),
    /// Boot the other one: this one has had its attempts.
    Switch(Slot),
    /// Neither works: boot the recovery system.
    Recover,
}

/// How often this slot was booted since it last worked, this time included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The number of this boot.
    pub number: u64,
    /// The last one that is allowed.
    pub most: u64,
}

/// What META knows of the slots.
#[derive(Debug)]
pub struct Boot<'a> {
    meta: &'a mut Meta,
}

impl<'a> Boot<'a> {
    /// Reads and changes `meta`, which the caller then writes.
    pub fn new(meta: &'a mut Meta) -> Self {
        Self { meta }
    }

    /// The slot that worked last.
    #[must_use]
    pub fn good(&self) -> Option<Slot> {
        match self.meta.get(GOOD)? {
            "A" => Some(Slot::A),
            "B" => Some(Slot::B),
            _ => None,
        }
    }

    /// The version in a slot; none where nothing was written to it.
    #[must_use]
    pub fn version(&self, slot: Slot) -> Option<&str> {
        self.meta.get(slot.version())
    }

    /// How often a slot was booted since it last worked.
    #[must_use]
    pub fn attempts(&self, slot: Slot) -> u64 {
        self.meta.number(slot.attempts())
    }

    /// Why the last boot that failed did.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.meta.get(REASON)
    }

    /// A system was written to `slot`: its attempts begin anew.
    ///
    /// # Errors
    ///
    /// The version cannot be written.
    pub fn written(&mut self, slot: Slot, version: &str) -> Result<(), MetaError> {
        self.meta.set(slot.version(), version)?;
        self.meta.set(slot.attempts(), "0")
    }

    /// `slot` is about to be written: until [`Boot::written`] nothing is in it that could be booted.
    pub fn emptied(&mut self, slot: Slot) {
        self.meta.remove(slot.version());
    }

    /// The system in `slot` works.
    ///
    /// # Errors
    ///
    /// Never in practice: the values are fixed.
    pub fn healthy(&mut self, slot: Slot) -> Result<(), MetaError> {
        self.meta.remove(REASON);
        self.meta.set(slot.attempts(), "0")?;
        self.meta.set(GOOD, &slot.to_string())
    }

    /// This boot of `slot` is not to be counted: it failed for another reason than what is in it.
    ///
    /// # Errors
    ///
    /// Never in practice: the value is a number.
    pub fn pardoned(&mut self, slot: Slot) -> Result<(), MetaError> {
        let less = self.attempts(slot).saturating_sub(1);
        self.meta.set(slot.attempts(), &less.to_string())
    }

    /// This boot failed, and why. Its attempt stays counted.
    ///
    /// # Errors
    ///
    /// Never in practice: line breaks are taken out.
    pub fn failed(&mut self, reason: &str) -> Result<(), MetaError> {
        self.meta.set(REASON, &reason.replace('\n', " "))
    }
}

/// Counts this boot of `slot` and says how to go on. The caller writes META before it does.
///
/// # Errors
///
/// Never in practice: the values are numbers.
pub fn decide(meta: &mut Meta, slot: Slot) -> Result<Verdict, MetaError> {
    let number = meta.number(slot.attempts()).saturating_add(1);
    if number <= MOST_ATTEMPTS {
        meta.set(slot.attempts(), &number.to_string())?;
        return Ok(Verdict::Go(Attempt { number, most: MOST_ATTEMPTS }));
    }
    let other = slot.other();
    let usable = meta.get(other.version()).is_some() && meta.number(other.attempts()) < MOST_ATTEMPTS;
    Ok(if usable { Verdict::Switch(other) } else { Verdict::Recover })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> Meta {
        let mut meta = Meta::default();
        let mut boot = Boot::new(&mut meta);
        boot.written(Slot::A, "1.0").unwrap();
        boot.written(Slot::B, "2.0").unwrap();
        boot.healthy(Slot::A).unwrap();
        meta
    }

    fn numbers(meta: &mut Meta, slot: Slot) -> Vec<u64> {
        let mut numbers = Vec::new();
        while let Verdict::Go(attempt) = decide(meta, slot).unwrap() {
            numbers.push(attempt.number);
        }
        numbers
    }

    #[test]
    fn a_slot_that_never_works_is_left_after_three_boots_and_the_other_stays() {
        let mut meta = both();
        assert_eq!(numbers(&mut meta, Slot::B), [1, 2, 3]);
        assert_eq!(decide(&mut meta, Slot::B).unwrap(), Verdict::Switch(Slot::A));
        assert_eq!(numbers(&mut meta, Slot::A), [1, 2, 3]);
        assert_eq!(decide(&mut meta, Slot::A).unwrap(), Verdict::Recover, "neither works");
        assert_eq!(decide(&mut meta, Slot::B).unwrap(), Verdict::Recover);
    }

    #[test]
    fn a_slot_that_was_good_and_rots_is_left_as_well() {
        let mut meta = both();
        Boot::new(&mut meta).healthy(Slot::B).unwrap();
        assert_eq!(numbers(&mut meta, Slot::B), [1, 2, 3]);
        assert_eq!(decide(&mut meta, Slot::B).unwrap(), Verdict::Switch(Slot::A));
        let mut boot = Boot::new(&mut meta);
        boot.failed("data block 48 is\ncorrupted").unwrap();
        assert_eq!(boot.reason(), Some("data block 48 is corrupted"));
        // Written again it has its attempts again.
        boot.emptied(Slot::B);
        boot.written(Slot::B, "2.1").unwrap();
        assert_eq!((boot.version(Slot::B), boot.good()), (Some("2.1"), Some(Slot::B)));
        assert_eq!(numbers(&mut meta, Slot::B), [1, 2, 3]);
    }

    #[test]
    fn a_healthy_boot_ends_the_count_and_a_slot_being_written_is_no_way_out() {
        let mut meta = both();
        decide(&mut meta, Slot::B).unwrap();
        decide(&mut meta, Slot::B).unwrap();
        Boot::new(&mut meta).healthy(Slot::B).unwrap();
        Boot::new(&mut meta).emptied(Slot::A);
        assert_eq!(numbers(&mut meta, Slot::B), [1, 2, 3]);
        assert_eq!(decide(&mut meta, Slot::B).unwrap(), Verdict::Recover);
    }
}
