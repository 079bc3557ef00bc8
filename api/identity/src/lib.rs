//! Who is who in a cluster: the cluster CA, certificates of controllers, nodes and operators, join tokens, and the rustls
//! configurations that check them.
//!
//! Start with [`ClusterCa`] (signs), [`Identity`] (what a process is), [`Trust`] (whom it believes) and
//! [`server_config`] / [`client_config`]. This crate must not know what a principal may do: it says who the peer is, and
//! controller and agent decide.

#![forbid(unsafe_code)]

mod authority;
mod certificate;
mod chain;
mod config;
mod context;
mod error;
mod files;
mod guard;
mod handle;
mod identity;
mod names;
mod peer;
mod pem;
mod pinned;
mod principal;
mod report;
mod sealed;
mod secret;
mod stream;
mod token;
mod trust;
mod verify;

pub use authority::{
    AuthorityError, CONTROLLER_VALIDITY, CanSign, ClusterCa, Issued, MAX_OPERATOR_VALIDITY,
    MAX_SERVICE_VALIDITY, NODE_VALIDITY, OPERATOR_VALIDITY,
};
pub use chain::ChainError;
pub use config::{Alpn, ConfigError, KeyExchange, client_config, client_config_pinned, server_config};
pub use context::{Context, ContextError, Endpoint};
pub use error::IdentityError;
pub use files::FileError;
pub use guard::ConnectionGuard;
pub use handle::IdentityHandle;
pub use identity::{CredentialError, Identity, PrivateKey};
pub use names::{ClusterId, NameFault, Role, RootPin, Serial};
pub use peer::{PeerError, PeerInfo, peer_of};
pub use pinned::CapturedRoot;
pub use principal::{IssuerId, MAX_ROLES, Principal};
pub use sealed::{
    BackupKey, PIECE, Recipient, SealedError, SealedHeader, SealedReader, SealedWriter, check_outside,
};
pub use secret::{RandomError, Secret};
pub use stream::{HANDSHAKE_TIMEOUT, StreamError, tls_accept, tls_connect, tls_connect_over};
pub use token::{JoinToken, TokenError, TokenHash, TokenId};
pub use trust::{Trust, TrustError};
pub use verify::{ClientAuth, Expect};

#[cfg(test)]
mod tests;
