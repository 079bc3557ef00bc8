//! The number of an incarnation that is begun: greater than the one before, greater than one that was begun earlier, and
//! nobody else's. A backup that is restored twice, or two disks that are recovered apart, must not come to the same number:
//! their controllers would be members of one cluster that agrees on nothing. A leaf.

use holdfast_types::Time;

/// Bits below the second, drawn at random.
const RANDOM_BITS: u32 = 20;
/// Seconds that are counted in a number: as many as keep it exact in a reader that knows only floating point.
const SECOND_BITS: u32 = 53 - RANDOM_BITS;

/// A number after `before`, for an incarnation that is begun now. A clock that is behind makes it no smaller.
pub(crate) fn fresh(before: u64, now: Time) -> Result<u64, String> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| format!("draw random bytes: {error}"))?;
    let random = u64::from(u32::from_le_bytes(random)) & mask(RANDOM_BITS);
    let second = (now.0 / 1_000) & mask(SECOND_BITS);
    let least = before.checked_add(1).ok_or("there is no greater number")?;
    let first = least.max(second << RANDOM_BITS);
    first.checked_add(random).ok_or_else(|| "there is no greater number".to_owned())
}

fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Time = Time(1_800_000_000_000);

    #[test]
    fn what_is_begun_twice_from_one_state_has_two_numbers_and_the_later_is_greater() {
        let begun: std::collections::BTreeSet<u64> = (0..32).map(|_| fresh(1, TODAY).unwrap()).collect();
        assert!(begun.len() > 30, "{begun:?}");
        let later = fresh(1, Time(TODAY.0 + 1_000)).unwrap();
        assert!(begun.iter().all(|number| *number > 1 && *number < later), "{begun:?} {later}");
    }

    #[test]
    fn a_clock_that_is_behind_makes_no_number_that_was() {
        let before = fresh(1, TODAY).unwrap();
        let numbers: Vec<u64> = (0..32).map(|_| fresh(before, Time(0)).unwrap()).collect();
        assert!(numbers.iter().all(|number| *number > before), "{numbers:?}");
        assert!(numbers.iter().any(|number| *number != numbers[0]), "{numbers:?}");
        assert!(numbers.iter().all(|number| *number < 1 << 53), "exact where only floating point is known");
        fresh(u64::MAX, TODAY).unwrap_err();
    }
}
