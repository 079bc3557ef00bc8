//! The context file of an operator: which cluster, where it is, and who the operator is there.
//!
//! One TOML file with mode 0600, because it carries the private key.

use std::fmt;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::{AsProblem, PrincipalName, Problem, ProblemKind};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::files::{self, FileError, PRIVATE, Privacy};
use crate::identity::{CredentialError, Identity, PrivateKey};
use crate::names::{ClusterId, NameFault};
use crate::principal::Principal;
use crate::report::with_causes;
use crate::trust::{Trust, TrustError};

/// The longest context file.
const MAX_FILE: u64 = 64 * 1024;
/// The most endpoints: more controllers than a cluster has.
const MAX_ENDPOINTS: usize = 32;
/// The longest host name (RFC 1035 section 2.3.4).
const MAX_HOST: usize = 253;

/// Why there is no usable context.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not a context file.
    #[error("read context `{path}`: {reason}")]
    Text {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong, without the text itself, which holds a private key.
        reason: String,
    },
    /// The private key or the certificate cannot be used.
    #[error("use the identity of a context")]
    Identity(#[from] CredentialError),
    /// The root cannot be used.
    #[error("use the root of a context")]
    Trust(#[from] TrustError),
    /// The parts of the context are of different clusters or people.
    #[error("context of `{name}` in cluster `{cluster}` holds the {part} of `{found}`")]
    Mixed {
        /// The operator the context names.
        name: PrincipalName,
        /// The cluster the context names.
        cluster: ClusterId,
        /// The part that differs.
        part: &'static str,
        /// What it names.
        found: String,
    },
    /// No endpoint, or too many.
    #[error("context has {found} endpoints: 1 to {MAX_ENDPOINTS} are allowed")]
    Endpoints {
        /// How many there are.
        found: usize,
    },
}

impl AsProblem for ContextError {
    fn problem(&self) -> Problem {
        let invalid = |error| with_causes(Problem::new(5019, ProblemKind::Invalid, self.to_string()), error);
        match self {
            Self::File(error) => error.problem(),
            Self::Identity(_) | Self::Trust(_) | Self::Text { .. } => invalid(self),
            Self::Mixed { .. } | Self::Endpoints { .. } => invalid(self),
        }
    }
}

/// Where a controller listens: `host:port`, with an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(String);

impl Endpoint {
    /// The endpoint as text, as `tls_connect` takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Endpoint {
    type Err = NameFault;

    fn from_str(text: &str) -> Result<Self, NameFault> {
        let fault =
            || NameFault::new("endpoint", text, "`host:port`, such as `10.0.0.1:7443` or `[fd00::1]:7443`");
        if text.parse::<std::net::SocketAddr>().is_ok_and(|address| address.port() != 0) {
            return Ok(Self(text.to_owned()));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(fault)?;
        let label = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'.';
        let host_fits = (1..=MAX_HOST).contains(&host.len()) && host.bytes().all(label);
        if host_fits && port.parse::<u16>().is_ok_and(|port| port != 0) {
            Ok(Self(text.to_owned()))
        } else {
            Err(fault())
        }
    }
}

/// The context of an operator.
#[expect(missing_debug_implementations, reason = "it holds a private key")]
pub struct Context {
    /// The cluster.
    pub cluster: ClusterId,
    /// The operator.
    pub name: PrincipalName,
    /// Where the controllers listen.
    pub endpoints: Vec<Endpoint>,
    /// The roots in PEM.
    pub ca_pem: String,
    /// Leaf, issuing CA and root in PEM.
    pub cert_pem: String,
    /// The private key.
    pub key: PrivateKey,
}

/// The file as it is. Unknown fields are refused, so a misspelt one is not silently without effect.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContextFile {
    cluster: String,
    name: PrincipalName,
    endpoints: Vec<String>,
    ca_pem: String,
    cert_pem: String,
    key_pem: String,
}

impl Drop for ContextFile {
    fn drop(&mut self) {
        self.key_pem.zeroize();
    }
}

impl Context {
    /// Reads a context, and refuses one that others can read, or whose parts do not belong together.
    pub fn load(path: &Utf8Path) -> Result<Self, ContextError> {
        let text = files::read(path, MAX_FILE, Privacy::Private)?;
        let fault = |reason: String| ContextError::Text { path: path.to_owned(), reason };
        // Only the message: the full text of the error quotes the file, and the file holds a key.
        let file: ContextFile = toml::from_str(&text).map_err(|error| fault(error.message().to_owned()))?;
        let count = file.endpoints.len();
        if !(1..=MAX_ENDPOINTS).contains(&count) {
            return Err(ContextError::Endpoints { found: count });
        }
        let endpoints: Result<_, NameFault> = file.endpoints.iter().map(|e| e.parse()).collect();
        let context = Self {
            cluster: file.cluster.parse().map_err(|e: NameFault| fault(e.to_string()))?,
            name: file.name.clone(),
            endpoints: endpoints.map_err(|e| fault(e.to_string()))?,
            ca_pem: file.ca_pem.clone(),
            cert_pem: file.cert_pem.clone(),
            key: PrivateKey::from_pem(&file.key_pem)?,
        };
        context.trust()?;
        context.identity()?;
        Ok(context)
    }

    /// Writes the context with mode 0600, whole or not at all.
    pub fn save(&self, path: &Utf8Path) -> Result<(), ContextError> {
        let file = ContextFile {
            cluster: self.cluster.to_string(),
            name: self.name.clone(),
            endpoints: self.endpoints.iter().map(Endpoint::to_string).collect(),
            ca_pem: self.ca_pem.clone(),
            cert_pem: self.cert_pem.clone(),
            key_pem: self.key.to_pem().to_string(),
        };
        let text = toml::to_string(&file)
            .map(Zeroizing::new)
            .map_err(|error| ContextError::Text { path: path.to_owned(), reason: error.to_string() })?;
        Ok(files::write(path, text.as_bytes(), PRIVATE)?)
    }

    /// The identity of the operator.
    pub fn identity(&self) -> Result<Identity, ContextError> {
        let identity = Identity::from_pem(&self.cert_pem, self.key.clone())?;
        let named = matches!(identity.principal(), Principal::Operator { name, .. } if *name == self.name);
        if named && *identity.cluster() == self.cluster {
            return Ok(identity);
        }
        let found = format!("{} in cluster {}", identity.principal(), identity.cluster());
        Err(self.mixed("certificate", found))
    }

    /// The trust in the cluster.
    pub fn trust(&self) -> Result<Trust, ContextError> {
        let trust = Trust::new(&self.ca_pem)?;
        if *trust.cluster() == self.cluster {
            return Ok(trust);
        }
        Err(self.mixed("root", trust.cluster().to_string()))
    }

    fn mixed(&self, part: &'static str, found: String) -> ContextError {
        ContextError::Mixed { name: self.name.clone(), cluster: self.cluster.clone(), part, found }
    }
}
