//! Where nodes stand, and how near each other the tasks of a group have to be. It must not know which nodes there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{DomainName, NameError};
use crate::text::serde_by_text;

/// A level of the tree that nodes stand in, the widest first. A domain of one lies within one domain of each level before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopologyLevel {
    /// A data centre.
    Site,
    /// A room of it.
    Hall,
    /// A row of racks.
    Row,
    /// A rack.
    Rack,
    /// The nodes below one leaf switch.
    Leaf,
    /// The nodes whose accelerators reach each other's memory: one `NVLink` or `NVSwitch` domain, or its like.
    Nvlink,
    /// One node.
    Node,
}

impl TopologyLevel {
    /// Every level, the widest first.
    pub const ALL: [TopologyLevel; 7] =
        [Self::Site, Self::Hall, Self::Row, Self::Rack, Self::Leaf, Self::Nvlink, Self::Node];

    /// The level as a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Hall => "hall",
            Self::Row => "row",
            Self::Rack => "rack",
            Self::Leaf => "leaf",
            Self::Nvlink => "nvlink",
            Self::Node => "node",
        }
    }
}

impl fmt::Display for TopologyLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a level of the topology: use site, hall, row, rack, leaf, nvlink or node")]
pub struct TopologyLevelError(String);

impl std::str::FromStr for TopologyLevel {
    type Err = TopologyLevelError;

    fn from_str(text: &str) -> Result<Self, TopologyLevelError> {
        let level = Self::ALL.into_iter().find(|level| level.as_str() == text);
        level.ok_or_else(|| TopologyLevelError(text.chars().take(80).collect()))
    }
}

serde_by_text!(TopologyLevel);

/// The domains that a node stands in, from site to `NVLink` domain. A name need only be unique within the domains around it: two rows may
/// each have a rack `r1`. A level that is not in it is not known of the node.
pub type Place = BTreeMap<TopologyLevel, DomainName>;

/// Why a node cannot stand there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text says what it means")]
pub enum PlaceError {
    #[error("place: {0}")]
    Level(#[from] TopologyLevelError),
    #[error("place.{level}: {error}")]
    Name { level: TopologyLevel, error: NameError },
    #[error("place.site: a node stands in the site of its join token: name hall, row, rack, leaf or nvlink")]
    Site,
    #[error("place.node: a node is a domain of itself: name hall, row, rack, leaf or nvlink")]
    Node,
}

/// The place of a node within its site, from words.
///
/// # Errors
///
/// Names the first level that does not exist, or that nobody chooses, or whose domain has no valid name.
pub fn place_in_site(words: &BTreeMap<String, String>) -> Result<Place, PlaceError> {
    let domain = |(level, name): (&String, &String)| {
        let level = level.parse()?;
        match level {
            TopologyLevel::Site => Err(PlaceError::Site),
            TopologyLevel::Node => Err(PlaceError::Node),
            _ => Ok((level, name.parse().map_err(|error| PlaceError::Name { level, error })?)),
        }
    };
    words.iter().map(domain).collect()
}

/// So many tasks with consecutive ranks stay within one domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Slice {
    /// How many tasks.
    pub size: u32,
    /// In one domain of which level.
    pub level: TopologyLevel,
}

/// How near each other the tasks of a group have to be. The words are those of Kueue (KEP-2724, topology-aware scheduling).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TopologyRequest {
    /// All of them are in one domain of this level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<TopologyLevel>,
    /// They are in one domain of this level if one has room, else of the next wider one, up to the one required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred: Option<TopologyLevel>,
    /// Parts of the group that stay together, the widest level first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<Slice>,
    /// As few domains as possible share the tasks evenly, instead of being filled one after the other.
    #[serde(default, skip_serializing_if = "is_false")]
    pub balanced: bool,
}

/// The signature is serde's.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Why tasks cannot be as near each other as is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text says what it means")]
pub enum TopologyError {
    #[error(
        "topology: says nothing: name a level as `required` or `preferred`, or `slices`, or leave it out"
    )]
    Empty,
    #[error(
        "topology: `preferred: {preferred}` is not narrower than `required: {required}`: leave one of them out"
    )]
    Preferred { preferred: TopologyLevel, required: TopologyLevel },
    #[error("topology.slices: {count} slices, at most {MAX_SLICES} are allowed")]
    TooManySlices { count: usize },
    #[error("topology.slices: a slice of {size} does not divide {of} tasks")]
    Size { size: u32, of: u32 },
    #[error(
        "topology.slices: slices in one {inner} do not lie within one {outer}: name the wider level first"
    )]
    Order { inner: TopologyLevel, outer: TopologyLevel },
    #[error(
        "topology.balanced: nothing is shared evenly on one {required}: leave `balanced` out, or require a wider level"
    )]
    Balanced { required: TopologyLevel },
}

/// The most kinds of slices within each other.
const MAX_SLICES: usize = 3;

impl TopologyRequest {
    /// Whether so many tasks can be so near each other.
    pub(crate) fn check(&self, tasks: u32) -> Result<(), TopologyError> {
        if *self == Self::default() {
            return Err(TopologyError::Empty);
        }
        if let (Some(required), Some(preferred)) = (self.required, self.preferred)
            && preferred <= required
        {
            return Err(TopologyError::Preferred { preferred, required });
        }
        if self.slices.len() > MAX_SLICES {
            return Err(TopologyError::TooManySlices { count: self.slices.len() });
        }
        let (mut of, mut outer) = (tasks, self.preferred.or(self.required));
        for slice in &self.slices {
            if slice.size == 0 || of % slice.size != 0 {
                return Err(TopologyError::Size { size: slice.size, of });
            }
            // The whole group may be in one domain of the level of its widest slices; slices of one level within each other say nothing.
            let is_first = of == tasks && outer == self.preferred.or(self.required);
            if let Some(outer) =
                outer.filter(|outer| slice.level < *outer || (!is_first && slice.level == *outer))
            {
                return Err(TopologyError::Order { inner: slice.level, outer });
            }
            (of, outer) = (slice.size, Some(slice.level));
        }
        match self.required {
            Some(required) if self.balanced && required == TopologyLevel::Node => {
                Err(TopologyError::Balanced { required })
            }
            _ => Ok(()),
        }
    }

    /// The levels that it names.
    pub fn levels(&self) -> impl Iterator<Item = TopologyLevel> {
        let slices = self.slices.iter().map(|slice| slice.level);
        self.required.into_iter().chain(self.preferred).chain(slices).collect::<BTreeSet<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(), &str>) {
        let request: TopologyRequest = serde_json::from_str(text).unwrap();
        let found = request.check(64).map_err(|error| error.to_string());
        match expected {
            Ok(()) => assert_eq!(found, Ok(()), "{text}"),
            Err(reason) => assert!(found.as_ref().unwrap_err().contains(reason), "{text}: {found:?}"),
        }
    }

    #[test]
    fn tasks_are_asked_to_be_near_each_other_in_a_way_that_is_possible() {
        check(r#"{"required":"rack"}"#, Ok(()));
        check(r#"{"preferred":"nvlink"}"#, Ok(()));
        check(r#"{"required":"row","preferred":"rack","balanced":true}"#, Ok(()));
        check(r#"{"slices":[{"size":8,"level":"nvlink"}]}"#, Ok(()));
        check(r#"{"required":"rack","slices":[{"size":8,"level":"rack"}]}"#, Ok(()));
        check(r#"{"slices":[{"size":32,"level":"rack"},{"size":8,"level":"node"}]}"#, Ok(()));
        check("{}", Err("says nothing"));
        check(r#"{"required":"rack","preferred":"rack"}"#, Err("not narrower"));
        check(
            r#"{"required":"rack","preferred":"row"}"#,
            Err("`preferred: row` is not narrower than `required: rack`"),
        );
        check(r#"{"slices":[{"size":0,"level":"node"}]}"#, Err("a slice of 0 does not divide 64 tasks"));
        check(r#"{"slices":[{"size":7,"level":"node"}]}"#, Err("a slice of 7 does not divide 64 tasks"));
        check(
            r#"{"slices":[{"size":32,"level":"rack"},{"size":5,"level":"node"}]}"#,
            Err("a slice of 5 does not divide 32 tasks"),
        );
        check(
            r#"{"required":"rack","slices":[{"size":8,"level":"row"}]}"#,
            Err("slices in one row do not lie within one rack"),
        );
        check(
            r#"{"slices":[{"size":8,"level":"rack"},{"size":4,"level":"rack"}]}"#,
            Err("name the wider level first"),
        );
        check(r#"{"required":"node","balanced":true}"#, Err("nothing is shared evenly on one node"));
    }

    #[test]
    fn a_place_names_domains_within_the_site() {
        let place = |level: &str, name: &str| place_in_site(&[(level.to_owned(), name.to_owned())].into());
        assert_eq!(place("rack", "r1"), Ok([(TopologyLevel::Rack, "r1".parse().unwrap())].into()));
        for (level, name, reason) in [
            ("shelf", "s1", "`shelf` is not a level"),
            ("rack", "R 1", "place.rack: domain name `R 1` is not a name"),
            ("site", "berlin", "the site of its join token"),
            ("node", "n1", "a domain of itself"),
        ] {
            let error = place(level, name).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn what_is_no_level_is_refused_with_those_there_are() {
        let error = serde_json::from_str::<TopologyRequest>(r#"{"required":"shelf"}"#).unwrap_err();
        assert!(
            error.to_string().contains("`shelf` is not a level of the topology: use site, hall"),
            "{error}"
        );
    }
}
