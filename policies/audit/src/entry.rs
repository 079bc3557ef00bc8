//! An entry of the log: one line of canonical JSON, so one entry has one form and one hash on every replica.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use holdfast_types::{AsProblem, Problem, ProblemKind, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hash::Hash;

/// The longest entry in bytes: tlog-tiles states the length of an entry in 16 bits.
pub const MAX_ENTRY: usize = 65_535;
/// How deep the details of an entry may nest.
pub const MAX_DEPTH: usize = 16;
/// The version of the format of entries.
pub const FORMAT: u32 = 1;
/// The longest kind.
const MAX_KIND: usize = 32;

/// What an entry records, such as `decision` or `mutation`. Open, so that an older verifier reads a newer log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Kind(Cow<'static, str>);

/// Why a text is not a kind of entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of entry: use 1 to {MAX_KIND} lowercase letters and `-`")]
pub struct KindError(String);

impl Kind {
    /// The law was asked.
    pub const DECISION: Kind = Kind(Cow::Borrowed("decision"));
    /// A resource was changed through the API.
    pub const MUTATION: Kind = Kind(Cow::Borrowed("mutation"));
    /// A node became part of the cluster, or ceased to be.
    pub const ENROLMENT: Kind = Kind(Cow::Borrowed("enrolment"));
    /// A node changed its phase.
    pub const NODE: Kind = Kind(Cow::Borrowed("node"));
    /// A job changed its phase.
    pub const JOB: Kind = Kind(Cow::Borrowed("job"));
    /// An artifact was committed, copied or erased.
    pub const ARTIFACT: Kind = Kind(Cow::Borrowed("artifact"));
    /// A bundle came into force.
    pub const POLICY: Kind = Kind(Cow::Borrowed("policy"));

    /// The kind as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Kind {
    type Error = KindError;

    fn try_from(text: String) -> Result<Self, KindError> {
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        if plain && (1..=MAX_KIND).contains(&text.len()) {
            Ok(Self(Cow::Owned(text)))
        } else {
            Err(KindError(text.chars().take(MAX_KIND).collect()))
        }
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> String {
        kind.0.into_owned()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A rule that determined a decision, in the form the engine writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryReason {
    /// Its id in the bundle.
    pub rule: String,
    /// What it says.
    pub text: String,
}

/// What an entry records, before it has its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// When, as the leader that proposed it read its clock.
    pub time: Time,
    /// What it records.
    pub kind: Kind,
    /// Who: the name in a certificate.
    pub actor: String,
    /// Which act, such as `place`.
    pub act: String,
    /// On what, such as `job/llama-ft`.
    pub object: String,
    /// `allow` or `deny`, where the law was asked.
    pub verdict: Option<String>,
    /// The rules that determined the verdict.
    pub reasons: Vec<EntryReason>,
    /// The hash of the bundle that was asked.
    pub bundle: Option<String>,
    /// What else belongs to it: the request for a replay, the outcome. Whole numbers only.
    pub details: BTreeMap<String, Value>,
}

impl Draft {
    /// An entry that records an act, without a verdict and details.
    #[must_use]
    pub fn new(
        time: Time,
        kind: Kind,
        actor: impl Into<String>,
        act: impl Into<String>,
        object: impl Into<String>,
    ) -> Self {
        Self {
            time,
            kind,
            actor: actor.into(),
            act: act.into(),
            object: object.into(),
            verdict: None,
            reasons: Vec::new(),
            bundle: None,
            details: BTreeMap::new(),
        }
    }
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its index in the log, from 0.
    pub seq: u64,
    /// The leaf hash of the entry before it; all zeros for the first.
    pub prev: Hash,
    /// What it records.
    pub draft: Draft,
}

/// Why an entry cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Too long.
    #[error("audit entry has {0} bytes: at most {MAX_ENTRY} are allowed")]
    Size(usize),
    /// Too deeply nested.
    #[error("details of the audit entry nest deeper than {MAX_DEPTH}")]
    Depth,
    /// A number that has no single text form.
    #[error("details of the audit entry have the number {0}: only whole numbers have one form")]
    Number(String),
    /// Not JSON of this shape.
    #[error("read audit entry: {0}")]
    Form(String),
    /// Written in a later format.
    #[error("audit entry has format {0}; this program reads format {FORMAT}")]
    Format(u32),
    /// The same content in other bytes.
    #[error("audit entry is not in its canonical form")]
    NotCanonical,
}

impl AsProblem for EntryError {
    fn problem(&self) -> Problem {
        Problem::new(3100, ProblemKind::Invalid, self.to_string())
    }
}

/// The form on disk. The order of the fields is that of the canonical form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    act: Cow<'a, str>,
    actor: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bundle: Option<Cow<'a, str>>,
    details: Cow<'a, BTreeMap<String, Value>>,
    kind: Cow<'a, Kind>,
    object: Cow<'a, str>,
    prev: Hash,
    reasons: Cow<'a, [EntryReason]>,
    seq: u64,
    time: u64,
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verdict: Option<Cow<'a, str>>,
}

impl Entry {
    /// The canonical bytes: JSON without spaces, fields and keys sorted, whole numbers.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        let draft = &self.draft;
        let details =
            draft.details.iter().map(|(key, value)| Ok((key.clone(), canonical(value, MAX_DEPTH)?)));
        let details: BTreeMap<String, Value> = details.collect::<Result<_, EntryError>>()?;
        let line = Line {
            act: Cow::Borrowed(&draft.act),
            actor: Cow::Borrowed(&draft.actor),
            bundle: draft.bundle.as_deref().map(Cow::Borrowed),
            details: Cow::Owned(details),
            kind: Cow::Borrowed(&draft.kind),
            object: Cow::Borrowed(&draft.object),
            prev: self.prev,
            reasons: Cow::Borrowed(&draft.reasons),
            seq: self.seq,
            time: draft.time.0,
            v: FORMAT,
            verdict: draft.verdict.as_deref().map(Cow::Borrowed),
        };
        let bytes = serde_json::to_vec(&line).map_err(|error| EntryError::Form(error.to_string()))?;
        if bytes.len() > MAX_ENTRY { Err(EntryError::Size(bytes.len())) } else { Ok(bytes) }
    }

    /// Reads canonical bytes and refuses any other form of the same content.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY {
            return Err(EntryError::Size(bytes.len()));
        }
        let line: Line<'_> =
            serde_json::from_slice(bytes).map_err(|error| EntryError::Form(error.to_string()))?;
        if line.v != FORMAT {
            return Err(EntryError::Format(line.v));
        }
        let draft = Draft {
            time: Time(line.time),
            kind: line.kind.into_owned(),
            actor: line.actor.into_owned(),
            act: line.act.into_owned(),
            object: line.object.into_owned(),
            verdict: line.verdict.map(Cow::into_owned),
            reasons: line.reasons.into_owned(),
            bundle: line.bundle.map(Cow::into_owned),
            details: line.details.into_owned(),
        };
        let entry = Self { seq: line.seq, prev: line.prev, draft };
        if entry.to_bytes()? == bytes { Ok(entry) } else { Err(EntryError::NotCanonical) }
    }
}

/// A value with its keys sorted, whatever order the JSON library keeps in this build.
fn canonical(value: &Value, depth: usize) -> Result<Value, EntryError> {
    let deeper = depth.checked_sub(1).ok_or(EntryError::Depth)?;
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(value.clone()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Ok(value.clone()),
        Value::Number(number) => Err(EntryError::Number(number.to_string())),
        Value::Array(items) => items.iter().map(|item| canonical(item, deeper)).collect(),
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            let pairs = sorted.into_iter().map(|(key, value)| Ok((key.clone(), canonical(value, deeper)?)));
            Ok(Value::Object(pairs.collect::<Result<_, EntryError>>()?))
        }
    }
}

#[cfg(test)]
mod tests;
