//! Why the cluster CA did not do what was asked.

use camino::Utf8PathBuf;
use holdfast_types::{AsProblem, Problem, ProblemKind, Span, Time};

use crate::chain::ChainError;
use crate::files::FileError;
use crate::report::with_causes;
use crate::secret::RandomError;

/// The longest certificate request that is read.
pub(super) const MAX_REQUEST: usize = 16 * 1024;

/// Why the cluster CA did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The request is malformed, or not signed by the key it carries.
    #[error("read certificate request of `{principal}`")]
    Request {
        /// For whom the certificate is.
        principal: String,
        /// The cause.
        #[source]
        source: rcgen::Error,
    },
    /// The request is too long, or its key is not of the one kind a cluster uses.
    #[error(
        "certificate request of `{principal}` must be at most {MAX_REQUEST} bytes with an ECDSA P-256 key"
    )]
    Key {
        /// For whom the certificate is.
        principal: String,
    },
    /// The validity is zero or too long.
    #[error("certificate of `{principal}` cannot be valid for {asked}: the limit is {limit}")]
    Validity {
        /// For whom the certificate is.
        principal: String,
        /// What was asked.
        asked: Span,
        /// The limit.
        limit: Span,
    },
    /// The principal cannot have a certificate.
    #[error("`{principal}` cannot be given a certificate: {reason}")]
    Principal {
        /// For whom the certificate would be.
        principal: String,
        /// Why not.
        reason: &'static str,
    },
    /// There is no such CA here, or its private key is kept elsewhere.
    #[error("no private key of the CA `{name}` is here")]
    NoKey {
        /// The CA.
        name: String,
    },
    /// The issuing CA is past its end.
    #[error("CA `{name}` expired at {not_after}")]
    Expired {
        /// The CA.
        name: String,
        /// When it ended.
        not_after: Time,
    },
    /// A key or a certificate could not be made.
    #[error("make certificate of `{name}`")]
    Make {
        /// The subject.
        name: String,
        /// The cause.
        #[source]
        source: rcgen::Error,
    },
    /// A stored CA does not fit its cluster or its file name.
    #[error("`{path}` does not belong to this cluster CA")]
    Stored {
        /// The file.
        path: Utf8PathBuf,
        /// The cause, where it is the certificate.
        #[source]
        source: Option<ChainError>,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The system gave no random serial number.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl AsProblem for AuthorityError {
    fn problem(&self) -> Problem {
        let problem = |code, kind| with_causes(Problem::new(code, kind, self.to_string()), self);
        match self {
            Self::Request { .. } | Self::Key { .. } => problem(5006, ProblemKind::Invalid),
            Self::Validity { .. } | Self::Principal { .. } => problem(5007, ProblemKind::Invalid),
            Self::NoKey { .. } => problem(5008, ProblemKind::NotFound),
            Self::Expired { .. } => problem(5009, ProblemKind::Refused),
            Self::Make { .. } => problem(5010, ProblemKind::Failed),
            Self::Stored { .. } => problem(5011, ProblemKind::Invalid),
            Self::File(error) => error.problem(),
            Self::Random(_) => problem(5016, ProblemKind::Failed),
        }
    }
}
