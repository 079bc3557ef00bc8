//! Who is at the other end of a connection.

use holdfast_types::{AsProblem, Problem, ProblemKind, Time};
use rustls::{CommonState, NamedGroup};

use crate::chain::{ChainError, Leaf};
use crate::names::Serial;
use crate::principal::Principal;
use crate::report::with_causes;

/// Why a connection names no peer.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The handshake is not complete.
    #[error("ask who the peer is before the handshake is complete")]
    Handshake,
    /// The chain names nobody.
    #[error("read the certificate of the peer")]
    Chain(#[from] ChainError),
    /// A controller or node came over a key exchange that a recorded connection does not survive.
    #[error("`{principal}` connected over the classical key exchange {group:?}: X25519MLKEM768 is required")]
    Classical {
        /// Who connected.
        principal: String,
        /// The key exchange.
        group: NamedGroup,
    },
}

impl AsProblem for PeerError {
    fn problem(&self) -> Problem {
        let problem =
            |code| with_causes(Problem::new(code, ProblemKind::Unauthorised, self.to_string()), self);
        match self {
            Self::Handshake => problem(5013),
            Self::Chain(error) => error.problem(),
            Self::Classical { .. } => problem(5012),
        }
    }
}

/// The peer of a connection, as the handshake proved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// Who it is.
    pub principal: Principal,
    /// The serial number of its certificate; none for an anonymous peer.
    pub serial: Option<Serial>,
    /// The serial number of the CA that issued the certificate.
    pub issuer_serial: Option<Serial>,
    /// When its certificate ends. A connection that may live longer is to be closed then.
    pub not_after: Option<Time>,
    /// Whether the key exchange was X25519MLKEM768.
    pub hybrid: bool,
}

/// The peer of a connection whose handshake is complete and was made with a configuration of this crate.
///
/// A controller or a node over a classical key exchange is refused here, whatever the listener allows to people.
pub fn peer_of(state: &CommonState) -> Result<PeerInfo, PeerError> {
    let group = state.negotiated_key_exchange_group().ok_or(PeerError::Handshake)?.name();
    let hybrid = group == NamedGroup::X25519MLKEM768;
    let chain = state.peer_certificates().unwrap_or_default();
    if chain.is_empty() {
        let principal = Principal::Anonymous;
        return Ok(PeerInfo { principal, serial: None, issuer_serial: None, not_after: None, hybrid });
    }
    let leaf = Leaf::of_chain(chain)?;
    match &leaf.principal {
        Principal::Controller { .. } | Principal::Node { .. } if !hybrid => {
            Err(PeerError::Classical { principal: leaf.principal.to_string(), group })
        }
        Principal::Controller { .. }
        | Principal::Node { .. }
        | Principal::Operator { .. }
        | Principal::Anonymous => Ok(PeerInfo {
            principal: leaf.principal,
            serial: Some(leaf.serial),
            issuer_serial: Some(leaf.issuer_serial),
            not_after: Some(leaf.not_after),
            hybrid,
        }),
    }
}
