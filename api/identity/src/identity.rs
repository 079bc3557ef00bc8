//! What a process is: a private key and the certificate chain that names it.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::{AsProblem, Problem, ProblemKind, Time};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use crate::chain::{ChainError, Leaf};
use crate::files::{self, FileError, PRIVATE, PUBLIC, Privacy};
use crate::names::{ClusterId, Serial};
use crate::pem;
use crate::principal::Principal;
use crate::report::with_causes;
use crate::secret::Secret;

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// No key or certificate request could be made.
    #[error("make key and certificate request")]
    Request(#[source] rcgen::Error),
    /// The text is not one private key in PKCS #8 PEM.
    #[error("read private key: expected one PEM section `PRIVATE KEY`")]
    KeyText,
    /// The text is not a chain of certificates in PEM.
    #[error("read certificate chain: expected PEM sections `CERTIFICATE`")]
    ChainText,
    /// The chain does not name a principal.
    #[error("use certificate chain as an identity")]
    Chain(#[from] ChainError),
    /// The private key is not the one of the certificate.
    #[error("private key does not belong to the certificate of `{principal}`")]
    Mismatch {
        /// Whom the certificate names.
        principal: String,
        /// The cause.
        #[source]
        source: rustls::Error,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl AsProblem for CredentialError {
    fn problem(&self) -> Problem {
        let problem = |code, kind| with_causes(Problem::new(code, kind, self.to_string()), self);
        match self {
            Self::Request(_) => problem(5010, ProblemKind::Failed),
            Self::KeyText | Self::ChainText | Self::Mismatch { .. } => problem(5005, ProblemKind::Invalid),
            Self::Chain(_) => problem(5004, ProblemKind::Invalid),
            Self::File(error) => error.problem(),
        }
    }
}

/// A private key in PKCS #8. It has no `Debug` and is erased when dropped.
#[expect(missing_debug_implementations, reason = "a private key must not be printable by accident")]
#[derive(Clone)]
pub struct PrivateKey(Secret);

impl PrivateKey {
    /// Reads PEM.
    pub fn from_pem(text: &str) -> Result<Self, CredentialError> {
        if text.len() > pem::MAX_PEM {
            return Err(CredentialError::KeyText);
        }
        let key =
            PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| CredentialError::KeyText)?;
        Ok(Self(Secret::new(key.secret_pkcs8_der().to_vec())))
    }

    /// As PEM; erased when dropped.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        pem::encode("PRIVATE KEY", self.0.expose())
    }

    fn der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.0.expose().to_vec()).into()
    }
}

/// A private key and the chain leaf, issuing CA, root that certifies it.
#[expect(missing_debug_implementations, reason = "it holds a private key")]
pub struct Identity {
    key: PrivateKey,
    leaf: Leaf,
    certified: Arc<CertifiedKey>,
}

impl Identity {
    /// Makes a private key and a certificate request in PEM. The request names nobody: the CA decides the name.
    pub fn generate_csr() -> Result<(PrivateKey, String), CredentialError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(CredentialError::Request)?;
        let key = Zeroizing::new(key);
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&*key).and_then(|request| request.pem());
        let private = PrivateKey(Secret::new(key.serialize_der()));
        Ok((private, request.map_err(CredentialError::Request)?))
    }

    /// Joins a key with the chain that was issued for it.
    pub fn from_pem(chain_pem: &str, key: PrivateKey) -> Result<Self, CredentialError> {
        let chain = pem::certificates(chain_pem).ok_or(CredentialError::ChainText)?;
        if chain.len() != 3 {
            return Err(ChainError::Length { found: chain.len() }.into());
        }
        let leaf = Leaf::of_chain(&chain)?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let certified = CertifiedKey::from_der(chain, key.der(), &provider)
            .map_err(|source| CredentialError::Mismatch { principal: leaf.principal.to_string(), source })?;
        Ok(Self { key, leaf, certified: Arc::new(certified) })
    }

    /// Reads what [`Identity::save`] wrote. A key others than its owner can reach is refused.
    pub fn load(chain: &Utf8Path, key: &Utf8Path) -> Result<Self, CredentialError> {
        let text = files::read(chain, pem::MAX_FILE, Privacy::Public)?;
        let found = Self::from_pem(&text, read_key(key)?);
        if !matches!(found, Err(CredentialError::Mismatch { .. })) {
            return found;
        }
        // A crash in the middle of `save` leaves the new chain beside the old key, and the new key under this name.
        match read_key(&next_to(key)) {
            Ok(next) => Self::from_pem(&text, next),
            Err(_) => found,
        }
    }

    /// Writes the chain, and the key with mode 0600. After a crash at any point, [`Identity::load`] finds either the old
    /// pair or the new one: a machine without any identity would have to enrol again.
    pub fn save(&self, chain: &Utf8Path, key: &Utf8Path) -> Result<(), CredentialError> {
        let next = next_to(key);
        files::write(&next, self.key.to_pem().as_bytes(), PRIVATE)?;
        files::write(chain, self.chain_pem().as_bytes(), PUBLIC)?;
        files::rename(&next, key)?;
        Ok(())
    }

    /// Leaf, issuing CA and root in PEM.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        pem::encode_chain(&self.certified.cert)
    }

    /// The private key, for a file that carries the whole identity.
    #[must_use]
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Whom the certificate names.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.leaf.principal
    }

    /// The cluster it belongs to.
    #[must_use]
    pub fn cluster(&self) -> &ClusterId {
        &self.leaf.cluster
    }

    /// The serial number of the certificate.
    #[must_use]
    pub fn serial(&self) -> Serial {
        self.leaf.serial
    }

    /// When the certificate ends.
    #[must_use]
    pub fn not_after(&self) -> Time {
        self.leaf.not_after
    }

    /// Whether two thirds of the lifetime have passed: the last third is for retries.
    #[must_use]
    pub fn needs_rotation(&self, now: Time) -> bool {
        let lifetime = self.leaf.not_after.since(self.leaf.not_before).0;
        let age = now.since(self.leaf.not_before).0;
        age.saturating_mul(3) >= lifetime.saturating_mul(2)
    }

    /// What rustls presents.
    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }
}

fn read_key(path: &Utf8Path) -> Result<PrivateKey, CredentialError> {
    PrivateKey::from_pem(&files::read(path, pem::MAX_FILE, Privacy::Private)?)
}

/// Where a new key lies until its chain is written.
fn next_to(key: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{key}.next"))
}
