//! What clients did and were told: one operation on one register each, with the times between which it took effect.
//!
//! A history is kept as text, one operation a line, so that one which should not be can be looked at and checked again.

use anyhow::{Context as _, Result, bail};

/// What a register holds: the value, and the revision of the cluster at which it was put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Held {
    /// The value; no two writes of a history carry the same.
    pub value: u32,
    /// The revision; 0 where nobody was told.
    pub revision: u64,
}

/// What a client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// What is there?
    Read,
    /// Put this value there, whatever is there now.
    Write(u32),
    /// Put this value there if the revision is still this one.
    Exchange {
        /// The revision that was read.
        expected: u64,
        /// The value.
        value: u32,
    },
}

/// What the client was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The register holds this, or does not exist.
    Is(Option<Held>),
    /// The value was put there at this revision.
    Done(u64),
    /// The revision was another one; nothing was changed.
    Conflict,
    /// Nothing: it may have happened, may still happen, or never.
    Unknown,
}

/// One operation of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Who did it.
    pub client: u32,
    /// The register.
    pub key: String,
    /// What was asked.
    pub call: Call,
    /// What was answered.
    pub answer: Answer,
    /// When it was asked, in nanoseconds of one clock for all clients.
    pub begun: u64,
    /// When the answer came; the end of time where none came.
    pub ended: u64,
}

/// When an operation without an answer ends.
pub const NEVER: u64 = u64::MAX;

impl Operation {
    /// The revision that the operation shows to have been reached.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        match self.answer {
            Answer::Done(revision) => Some(revision),
            Answer::Is(held) => held.map(|held| held.revision),
            Answer::Conflict | Answer::Unknown => None,
        }
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { client, key, begun, .. } = self;
        write!(f, "{client} {key} {begun} ")?;
        if self.ended == NEVER {
            write!(f, "- ")?
        } else {
            write!(f, "{} ", self.ended)?
        }
        match self.call {
            Call::Read => write!(f, "read ")?,
            Call::Write(value) => write!(f, "write:{value} ")?,
            Call::Exchange { expected, value } => write!(f, "exchange:{expected}:{value} ")?,
        }
        match self.answer {
            Answer::Is(None) => write!(f, "none"),
            Answer::Is(Some(Held { value, revision })) => write!(f, "is:{value}:{revision}"),
            Answer::Done(revision) => write!(f, "done:{revision}"),
            Answer::Conflict => write!(f, "conflict"),
            Answer::Unknown => write!(f, "unknown"),
        }
    }
}

impl std::str::FromStr for Operation {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> Result<Self> {
        let fields: Vec<&str> = line.split(' ').collect();
        let &[client, key, begun, ended, call, answer] = fields.as_slice() else {
            bail!("an operation has six fields, not {}", fields.len());
        };
        let call = match call.split(':').collect::<Vec<_>>().as_slice() {
            ["read"] => Call::Read,
            ["write", value] => Call::Write(value.parse()?),
            ["exchange", expected, value] => {
                Call::Exchange { expected: expected.parse()?, value: value.parse()? }
            }
            _ => bail!("`{call}` is no call"),
        };
        let answer = match answer.split(':').collect::<Vec<_>>().as_slice() {
            ["none"] => Answer::Is(None),
            ["is", value, revision] => {
                Answer::Is(Some(Held { value: value.parse()?, revision: revision.parse()? }))
            }
            ["done", revision] => Answer::Done(revision.parse()?),
            ["conflict"] => Answer::Conflict,
            ["unknown"] => Answer::Unknown,
            _ => bail!("`{answer}` is no answer"),
        };
        let ended = if ended == "-" { NEVER } else { ended.parse()? };
        Ok(Self { client: client.parse()?, key: key.to_owned(), call, answer, begun: begun.parse()?, ended })
    }
}

/// The text of a history.
#[must_use]
pub fn to_text(history: &[Operation]) -> String {
    history.iter().map(|operation| format!("{operation}\n")).collect()
}

/// The history of a text.
///
/// # Errors
///
/// The first line that is no operation.
pub fn from_text(text: &str) -> Result<Vec<Operation>> {
    let lines = (1..).zip(text.lines());
    lines.map(|(number, line)| line.parse().with_context(|| format!("line {number}: `{line}`"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_comes_back_from_its_text() {
        let text = "1 k 5 9 read none\n2 k 5 9 read is:7:10\n3 k 6 - write:8 unknown\n4 k 6 7 write:9 done:11\n\
                    5 k 6 7 exchange:11:10 conflict\n";
        assert_eq!(to_text(&from_text(text).unwrap()), text);
        for bad in ["1 k 5 9 read", "1 k 5 9 reed none", "1 k 5 9 read is:7", "x k 5 9 read none"] {
            assert!(from_text(bad).is_err(), "{bad}");
        }
    }
}
