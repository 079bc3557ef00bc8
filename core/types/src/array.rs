//! Job arrays: so many equal gangs of one job, told apart by a number. It must not know how an array is scheduled.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::JobName;

/// The most elements of an array.
pub const MAX_ARRAY: u32 = 100_000;
/// The most ranges in which the elements of an array are said: each costs a few bytes in the state.
const MAX_RANGES: usize = 4_096;

/// Of a job that is an array: it is that many equal gangs, its elements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ArraySpec {
    /// The elements are numbered from 0 to one less than this.
    pub size: u32,
    /// The most of them that are started and have not ended at once; `None` for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// Only these of them; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indexes: Option<Indexes>,
}

/// Why a job cannot be an array so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text says what it means")]
pub enum ArrayError {
    #[error("array.size: {size} elements, 1 to {MAX_ARRAY} are allowed")]
    Size { size: u32 },
    #[error("array.maxParallel: must be 1 or more")]
    MaxParallel,
    #[error("array.indexes: element {index} is past the last one, {last}")]
    Past { index: u32, last: u32 },
    #[error(
        "array: a service runs until it is cancelled, so the elements of an array never end; use kind batch"
    )]
    Service,
    #[error(
        "array: each element would leave a version of the same model `output`; write results to /checkpoint or to the log"
    )]
    Output,
}

impl ArraySpec {
    /// Whether it can be.
    pub(crate) fn check(&self) -> Result<(), ArrayError> {
        if !(1..=MAX_ARRAY).contains(&self.size) {
            return Err(ArrayError::Size { size: self.size });
        }
        if self.max_parallel == Some(0) {
            return Err(ArrayError::MaxParallel);
        }
        match self.indexes.as_ref().map(Indexes::last) {
            Some(index) if index >= self.size => Err(ArrayError::Past { index, last: self.size - 1 }),
            Some(_) | None => Ok(()),
        }
    }

    /// The numbers of its elements.
    #[must_use]
    pub fn elements(&self) -> Indexes {
        self.indexes.clone().unwrap_or_else(|| Indexes::below(self.size))
    }
}

/// Numbers of elements, such as `3,17,40-44`: at least one, ascending.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Indexes(Vec<(u32, u32)>);

/// Why a text says no numbers of elements.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text says what it means")]
pub enum IndexesError {
    #[error("indexes `{text}`: `{part}` is neither a number nor a range; write for example `3,17,40-44`")]
    Part { text: String, part: String },
    #[error("indexes `{text}`: `{part}` comes after a number that is as great; write them ascending")]
    Order { text: String, part: String },
    #[error("indexes: {ranges} ranges, at most {MAX_RANGES} are allowed")]
    TooMany { ranges: usize },
}

impl Indexes {
    /// All that are less than `size`, which is at least 1.
    fn below(size: u32) -> Self {
        Self(vec![(0, size.saturating_sub(1))])
    }

    /// Ascending numbers, put together; `None` where there are none.
    pub fn of(numbers: impl Iterator<Item = u32>) -> Option<Self> {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
                _ => ranges.push((number, number)),
            }
        }
        (!ranges.is_empty()).then_some(Self(ranges))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.iter().fold(0, |sum, range| sum.saturating_add(size(*range)))
    }

    /// The one at a place, from 0; `None` past the last one.
    #[must_use]
    pub fn nth(&self, place: u32) -> Option<u32> {
        let mut left = place;
        for range in &self.0 {
            match left.checked_sub(size(*range)) {
                None => return range.0.checked_add(left),
                Some(rest) => left = rest,
            }
        }
        None
    }

    /// The place of a number among them.
    #[must_use]
    pub fn place_of(&self, number: u32) -> Option<u32> {
        let mut before = 0_u32;
        for (first, last) in &self.0 {
            if (*first..=*last).contains(&number) {
                return before.checked_add(number - first);
            }
            before = before.saturating_add(size((*first, *last)));
        }
        None
    }

    /// Each from a place on.
    pub fn from(&self, place: u32) -> impl Iterator<Item = u32> + '_ {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        self.0.iter().flat_map(|(first, last)| *first..=*last).skip(place)
    }

    fn last(&self) -> u32 {
        self.0.last().map_or(0, |(_, last)| *last)
    }
}

fn size((first, last): (u32, u32)) -> u32 {
    last.saturating_sub(first).saturating_add(1)
}

impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (first, last)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Indexes {
    type Err = IndexesError;

    fn from_str(text: &str) -> Result<Self, IndexesError> {
        let shown = || text.chars().take(80).collect::<String>();
        let ranges = text.split(',').count();
        if ranges > MAX_RANGES {
            return Err(IndexesError::TooMany { ranges });
        }
        let mut found: Vec<(u32, u32)> = Vec::with_capacity(ranges);
        for part in text.split(',').map(str::trim) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range = first.trim().parse().ok().zip(last.trim().parse().ok());
            let range = range.filter(|(first, last): &(u32, u32)| first <= last);
            let named = || part.chars().take(80).collect();
            let Some((first, last)) = range else {
                return Err(IndexesError::Part { text: shown(), part: named() });
            };
            match found.last_mut() {
                Some((_, before)) if *before >= first => {
                    return Err(IndexesError::Order { text: shown(), part: named() });
                }
                // One way to say the same numbers.
                Some((_, before)) if *before + 1 == first => *before = last,
                Some(_) | None => found.push((first, last)),
            }
        }
        Ok(Self(found))
    }
}

impl Serialize for Indexes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Indexes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The name of an element: that of the array and the number, such as `sweep.17`.
#[must_use]
pub fn element_name(array: &str, index: u32) -> String {
    format!("{array}.{index}")
}

/// What the name of an element is made of; `None` where no element is called so.
#[must_use]
pub fn element_of(name: &str) -> Option<(&str, u32)> {
    let (array, number) = name.rsplit_once('.')?;
    let index: u32 = number.parse().ok()?;
    // Neither `+7` nor `007` is how an element is called.
    (!array.is_empty() && index.to_string() == number).then_some((array, index))
}

impl JobName {
    /// The element of this number of an array of this name; `None` where that is too long to be a name.
    #[must_use]
    pub fn element(&self, index: u32) -> Option<Self> {
        let name = element_name(self.as_str(), index);
        if self.is_part() { Some(Self::made(name)) } else { name.parse().ok() }
    }

    /// The array that an element of this name is of, with its number; `None` where no element is called so.
    #[must_use]
    pub fn array(&self) -> Option<(Self, u32)> {
        let (array, index) = element_of(self.as_str())?;
        let array = if self.is_part() { Self::made(array.to_owned()) } else { array.parse().ok()? };
        Some((array, index))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let indexes: Indexes = "3, 17,40-44,45".parse().unwrap();
        assert_eq!(indexes.to_string(), "3,17,40-45");
        assert_eq!(indexes.count(), 8);
        assert_eq!(indexes.from(1).collect::<Vec<_>>(), [17, 40, 41, 42, 43, 44, 45]);
        for (text, says) in [
            ("", "`` is neither a number nor a range"),
            ("3,,4", "`` is neither"),
            ("5-3", "`5-3` is neither"),
            ("-3", "`-3` is neither"),
            ("4,4", "`4` comes after a number that is as great"),
            ("7,2-9", "`2-9` comes after"),
            ("4294967296", "is neither"),
        ] {
            let error = text.parse::<Indexes>().unwrap_err().to_string();
            assert!(error.contains(says), "`{text}`: {error}");
        }
        let many = vec!["1"; MAX_RANGES + 1].join(",");
        assert!(many.parse::<Indexes>().unwrap_err().to_string().contains("4097 ranges, at most 4096"));
    }

    #[test]
    fn only_what_an_element_is_called_names_one() {
        assert_eq!(element_of("sweep.17"), Some(("sweep", 17)));
        assert_eq!(element_of("a.b.0"), Some(("a.b", 0)));
        for name in ["sweep", "sweep.x", "sweep.007", "sweep.+7", ".7", "sweep.4294967296"] {
            assert_eq!(element_of(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_is_said_of_numbers_is_true_of_them(numbers in prop::collection::btree_set(0..400_u32, 1..80)) {
            let indexes = Indexes::of(numbers.iter().copied()).unwrap();
            prop_assert!(indexes.from(0).eq(numbers.iter().copied()));
            prop_assert_eq!(usize::try_from(indexes.count()).unwrap(), numbers.len());
            for (place, number) in (0..).zip(&numbers) {
                prop_assert_eq!(indexes.nth(place), Some(*number));
                prop_assert_eq!(indexes.place_of(*number), Some(place));
            }
            prop_assert_eq!(indexes.nth(indexes.count()), None);
            prop_assert_eq!(indexes.to_string().parse::<Indexes>().unwrap(), indexes);
        }
    }
}
