//! What can go wrong in a gang, and whether starting it again can help.

use std::fmt;
use std::io;
use std::time::Duration;

/// Why a gang cannot form or go on.
#[derive(Debug)]
pub(crate) enum GangError {
    /// Rank 0 cannot listen.
    Listen {
        /// Where.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// Not every rank came in time.
    Join {
        /// What was waited for.
        what: String,
        /// For how long.
        waited: Duration,
    },
    /// A peer went away or fell silent.
    Lost {
        /// The peer.
        peer: u32,
        /// In which step.
        step: u64,
        /// What the connection said.
        source: io::Error,
    },
    /// A peer sent something else than must come next.
    Protocol {
        /// The peer.
        peer: u32,
        /// What was wrong.
        what: String,
    },
    /// A rank runs with other flags or reads another corpus, so its gradients would be of another run.
    Mismatch {
        /// The rank.
        peer: u32,
    },
    /// Parameters are no longer equal.
    Diverged {
        /// The rank that differs from rank 0.
        peer: u32,
        /// Found after this step.
        step: u64,
    },
}

impl GangError {
    /// Whether starting the whole gang again can help.
    pub(crate) fn is_restartable(&self) -> bool {
        match self {
            Self::Join { .. } | Self::Lost { .. } | Self::Protocol { .. } => true,
            Self::Listen { .. } | Self::Mismatch { .. } | Self::Diverged { .. } => false,
        }
    }
}

impl fmt::Display for GangError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, source } => write!(f, "listen for the gang on {address}: {source}"),
            Self::Join { what, waited } => write!(f, "{what} within {} s", waited.as_secs()),
            Self::Lost { peer, step, source } => {
                write!(f, "lost rank {peer} in step {step}: ")?;
                match source.kind() {
                    io::ErrorKind::UnexpectedEof => f.write_str("it closed the connection"),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => f.write_str("it fell silent"),
                    _ => source.fmt(f),
                }
            }
            Self::Protocol { peer, what } => write!(f, "rank {peer} is out of step: {what}"),
            Self::Mismatch { peer } => {
                write!(f, "rank {peer} runs with other flags or another dataset than rank 0")
            }
            Self::Diverged { peer, step } => {
                write!(f, "parameters of rank {peer} differ from those of rank 0 after step {step}")
            }
        }
    }
}
