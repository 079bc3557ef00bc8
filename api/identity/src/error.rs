//! The errors of this crate under one name, for callers that pass them on.

use holdfast_types::{AsProblem, Problem, ProblemKind};

use crate::authority::AuthorityError;
use crate::chain::ChainError;
use crate::config::ConfigError;
use crate::context::ContextError;
use crate::files::FileError;
use crate::identity::CredentialError;
use crate::names::NameFault;
use crate::peer::PeerError;
use crate::stream::StreamError;
use crate::token::TokenError;
use crate::trust::TrustError;

/// Any error of this crate.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum IdentityError {
    /// Of the cluster CA.
    Authority(#[from] AuthorityError),
    /// Of a chain of certificates.
    Chain(#[from] ChainError),
    /// Of a TLS configuration.
    Config(#[from] ConfigError),
    /// Of a context file.
    Context(#[from] ContextError),
    /// Of an identity.
    Credential(#[from] CredentialError),
    /// Of a file.
    File(#[from] FileError),
    /// Of a word.
    Name(#[from] NameFault),
    /// Of the peer of a connection.
    Peer(#[from] PeerError),
    /// Of a handshake.
    Stream(#[from] StreamError),
    /// Of a join token.
    Token(#[from] TokenError),
    /// Of the roots.
    Trust(#[from] TrustError),
}

impl AsProblem for IdentityError {
    fn problem(&self) -> Problem {
        match self {
            Self::Authority(error) => error.problem(),
            Self::Chain(error) => error.problem(),
            Self::Config(error) => error.problem(),
            Self::Context(error) => error.problem(),
            Self::Credential(error) => error.problem(),
            Self::File(error) => error.problem(),
            Self::Name(error) => Problem::new(5020, ProblemKind::Invalid, error.to_string()),
            Self::Peer(error) => error.problem(),
            Self::Stream(error) => error.problem(),
            Self::Token(error) => error.problem(),
            Self::Trust(error) => error.problem(),
        }
    }
}
