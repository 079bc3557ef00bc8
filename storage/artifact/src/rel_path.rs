//! The path of a file inside an artifact.

use std::borrow::Borrow;
use std::fmt;

/// The longest path, as the kernel's.
pub const MAX_PATH_BYTES: usize = 4096;
/// The longest component, as that of every file system we meet.
const MAX_COMPONENT_BYTES: usize = 255;
/// The deepest path; it bounds every walk over a foreign tree.
const MAX_COMPONENTS: usize = 128;

/// A path below the root of an artifact: relative, of plain components, the same on every machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelPath(String);

/// Why a text is not a path inside an artifact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not a path inside an artifact: {why}")]
pub struct RelPathError {
    path: String,
    why: &'static str,
}

impl RelPath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The components from the root down.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The directories above, from the root down, without the root itself.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').filter_map(|(at, _)| self.0.get(..at))
    }

    /// The directory above and the last component; the directory is `None` for a file in the root.
    #[must_use]
    pub fn split(&self) -> (Option<&str>, &str) {
        self.0.rsplit_once('/').map_or((None, self.0.as_str()), |(dir, name)| (Some(dir), name))
    }
}

impl std::str::FromStr for RelPath {
    type Err = RelPathError;

    fn from_str(text: &str) -> Result<Self, RelPathError> {
        let why = if text.is_empty() {
            "it is empty"
        } else if text.len() > MAX_PATH_BYTES {
            "it is longer than 4096 bytes"
        } else if text.starts_with('/') {
            "it is absolute"
        } else if text.contains('\0') {
            "it contains a NUL byte"
        } else if text.split('/').any(|c| matches!(c, "" | "." | "..")) {
            "it has an empty, `.` or `..` component"
        } else if text.split('/').any(|c| c.len() > MAX_COMPONENT_BYTES) {
            "it has a component longer than 255 bytes"
        } else if text.split('/').count() > MAX_COMPONENTS {
            "it is deeper than 128 directories"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(RelPathError { path: text.chars().take(120).collect(), why })
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for RelPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_root() {
        for good in ["a", "a/b.txt", "..a/b..", "ä/ ", "a\nb", "x/".repeat(127).trim_end_matches('/')] {
            assert_eq!(good.parse::<RelPath>().unwrap().as_str(), good);
        }
        let long = "a".repeat(256);
        let deep = vec!["d"; 129].join("/");
        let total = vec!["d".repeat(200); 21].join("/");
        for bad in ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "a\0b", &long, &deep, &total] {
            assert!(bad.parse::<RelPath>().is_err(), "{bad:?}");
        }
        let path: RelPath = "a/b/c".parse().unwrap();
        assert_eq!(path.ancestors().collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(path.split(), (Some("a/b"), "c"));
    }
}
