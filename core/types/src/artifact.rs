//! Artifacts: datasets, models, checkpoints and images are one thing with one life: immutable versions that carry the
//! label they were born with.

use std::collections::BTreeSet;
use std::fmt;

use crate::id::{ArtifactName, Jurisdiction, LabelName, NameError, PurposeName};
use crate::text::serde_by_text;

/// What an artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactKind {
    /// Data to learn from.
    Dataset,
    /// What a job learned.
    Model,
    /// The state of a job at a step, from which its gang can start again.
    Checkpoint,
    /// A program with the files it needs, as an OCI image.
    Image,
}

impl ArtifactKind {
    /// Every kind, in the order of the design.
    pub const ALL: [ArtifactKind; 4] = [Self::Dataset, Self::Model, Self::Checkpoint, Self::Image];

    /// The kind as a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Model => "model",
            Self::Checkpoint => "checkpoint",
            Self::Image => "image",
        }
    }
}

impl fmt::Display for ArtifactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a kind of artifact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of artifact: use dataset, model, checkpoint or image")]
pub struct ArtifactKindError(String);

impl std::str::FromStr for ArtifactKind {
    type Err = ArtifactKindError;

    fn from_str(text: &str) -> Result<Self, ArtifactKindError> {
        Self::ALL.into_iter().find(|k| k.as_str() == text).ok_or_else(|| ArtifactKindError(text.to_owned()))
    }
}

/// An artifact as a person names it: `demo-corpus@1`, or `demo-corpus` for the newest version at admission.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactRef {
    /// The artifact.
    pub name: ArtifactName,
    /// The version; `None` means the newest when the request is admitted.
    pub version: Option<u64>,
}

/// Why a text does not name an artifact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactRefError {
    /// The part before `@` is not a name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The part after `@` is not a version.
    #[error("`{0}` is not a version: write a whole number from 1, as in `corpus@1`")]
    Version(String),
}

impl std::str::FromStr for ArtifactRef {
    type Err = ArtifactRefError;

    fn from_str(text: &str) -> Result<Self, ArtifactRefError> {
        let (name, version) = match text.split_once('@') {
            None => (text, None),
            Some((name, version)) => {
                let number = version.parse::<u64>().ok().filter(|n| *n > 0);
                (name, Some(number.ok_or_else(|| ArtifactRefError::Version(version.to_owned()))?))
            }
        };
        Ok(Self { name: name.parse()?, version })
    }
}

impl fmt::Display for ArtifactRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{}@{version}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

serde_by_text!(ArtifactRef);

/// One version of one artifact, in full: `dataset/demo-corpus@1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactKey {
    /// What it is.
    pub kind: ArtifactKind,
    /// Its name.
    pub name: ArtifactName,
    /// Its version, from 1.
    pub version: u64,
}

impl fmt::Display for ArtifactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.kind, self.name, self.version)
    }
}

/// Why a text is not the key of a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the key of an artifact's version: expected `<kind>/<name>@<version>`")]
pub struct ArtifactKeyError(String);

impl std::str::FromStr for ArtifactKey {
    type Err = ArtifactKeyError;

    fn from_str(text: &str) -> Result<Self, ArtifactKeyError> {
        let error = || ArtifactKeyError(text.chars().take(120).collect());
        let (kind, rest) = text.split_once('/').ok_or_else(error)?;
        let reference: ArtifactRef = rest.parse().map_err(|_| error())?;
        let kind = kind.parse().map_err(|_| error())?;
        Ok(Self { kind, name: reference.name, version: reference.version.ok_or_else(error)? })
    }
}

/// What the law says of an artifact's version. Immutable from the commit of the version; what is derived from several
/// inputs carries the join of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LegalLabel {
    /// Classification, such as `personal`.
    pub labels: BTreeSet<LabelName>,
    /// Where the bytes may be kept and used. Never empty in a committed version.
    pub residency: BTreeSet<Jurisdiction>,
    /// What the data may be used for. Never empty in a committed version.
    pub purposes: BTreeSet<PurposeName>,
    /// The clearance needed, 0 for none.
    pub level: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_keys_read_what_they_print() {
        for text in ["corpus", "corpus@1", "a.b-c@12"] {
            assert_eq!(text.parse::<ArtifactRef>().unwrap().to_string(), text);
        }
        for bad in ["", "@1", "corpus@0", "corpus@-1", "corpus@x", "Corpus", "a@1@2"] {
            assert!(bad.parse::<ArtifactRef>().is_err(), "{bad}");
        }
        let key: ArtifactKey = "dataset/corpus@3".parse().unwrap();
        assert_eq!(
            (key.kind, key.version, key.to_string().as_str()),
            (ArtifactKind::Dataset, 3, "dataset/corpus@3")
        );
        for bad in ["corpus@3", "dataset/corpus", "thing/corpus@3"] {
            assert!(bad.parse::<ArtifactKey>().is_err(), "{bad}");
        }
    }
}
