//! The cluster CA: a root, an issuing CA for each jurisdiction, and one for controllers and operators.
//!
//! Of a certificate request only the public key is used; the CA decides everything else. Time is a parameter.

mod error;
mod grant;

use std::collections::BTreeMap;
use std::io;

use camino::Utf8Path;
use holdfast_types::{Jurisdiction, Span, Time};
use rcgen::{Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use crate::certificate;
use crate::chain::{read_issuing_certificate, read_root_certificate};
use crate::files::{self, FileError, PRIVATE, PUBLIC, Privacy};
use crate::names::{ClusterId, RootPin, Serial};
use crate::pem;
use crate::principal::{IssuerId, Principal, issuing_uri, root_uri};
pub use error::AuthorityError;
pub use grant::{
    CONTROLLER_VALIDITY, MAX_OPERATOR_VALIDITY, MAX_SERVICE_VALIDITY, NODE_VALIDITY, OPERATOR_VALIDITY,
};
use grant::{ca_params, check_grant, leaf_params, new_key, read_request, set_validity};

/// Root and issuing CAs outlive the hardware; the root is changed by running two roots side by side.
const CA_VALIDITY: Span = Span::from_secs(15 * 365 * 24 * 3_600);

/// A certificate as it was issued.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Leaf, issuing CA and root, in PEM.
    pub chain_pem: String,
    /// The serial number of the leaf, by which it can be revoked.
    pub serial: Serial,
    /// When the leaf ends.
    pub not_after: Time,
}

/// One CA: its certificate, and its private key where that is kept here.
struct Authority {
    certificate: CertificateDer<'static>,
    not_after: Time,
    key: Option<Zeroizing<KeyPair>>,
}

/// The certificate authority of a cluster.
///
/// The root signs issuing CAs only and can be taken away: everything but [`ClusterCa::establish`] works without it. A
/// controller that holds no key of a jurisdiction cannot make a node of it.
#[expect(missing_debug_implementations, reason = "it holds private keys")]
pub struct ClusterCa {
    cluster: ClusterId,
    root: Authority,
    issuing: BTreeMap<IssuerId, Authority>,
}

impl ClusterCa {
    /// Makes the root, the issuing CA `cluster` and one issuing CA for each jurisdiction.
    pub fn create(
        cluster: ClusterId,
        jurisdictions: &[Jurisdiction],
        now: Time,
    ) -> Result<Self, AuthorityError> {
        let name = "root".to_owned();
        let key = new_key(&name)?;
        let mut params = ca_params(&name, &cluster, root_uri(&cluster), 1)?;
        let (not_after, _) = set_validity(&mut params, now, now + CA_VALIDITY)?;
        let made = params.self_signed(&*key).map_err(|source| AuthorityError::Make { name, source })?;
        let root = Authority { certificate: made.into(), not_after, key: Some(key) };
        let mut ca = Self { cluster, root, issuing: BTreeMap::new() };
        ca.establish(IssuerId::Cluster, now)?;
        for jurisdiction in jurisdictions {
            ca.establish(IssuerId::Jurisdiction(jurisdiction.clone()), now)?;
        }
        Ok(ca)
    }

    /// Makes an issuing CA, or makes it anew with a new key. Needs the private key of the root.
    pub fn establish(&mut self, issuer: IssuerId, now: Time) -> Result<(), AuthorityError> {
        let name = issuer.to_string();
        let root = self.root.issuer("root", now)?;
        let key = new_key(&name)?;
        let mut params = ca_params(&name, &self.cluster, issuing_uri(&self.cluster, &issuer), 0)?;
        let (not_after, _) = set_validity(&mut params, now, (now + CA_VALIDITY).min(self.root.not_after))?;
        let made = params.signed_by(&*key, &root).map_err(|source| AuthorityError::Make { name, source })?;
        drop(root);
        self.issuing.insert(issuer, Authority { certificate: made.into(), not_after, key: Some(key) });
        Ok(())
    }

    /// Certifies the public key of a request for a principal. The issuing CA follows from the principal.
    ///
    /// The certificate begins five minutes before `now` and never outlives its issuing CA.
    pub fn issue(
        &self,
        request_pem: &str,
        principal: &Principal,
        validity: Span,
        now: Time,
    ) -> Result<Issued, AuthorityError> {
        let issuer_id = check_grant(principal, validity)?;
        let public_key = read_request(request_pem, principal)?;
        let name = issuer_id.to_string();
        let authority = self.issuing.get(&issuer_id).ok_or(AuthorityError::NoKey { name: name.clone() })?;
        let issuer = authority.issuer(&name, now)?;
        let make = |source| AuthorityError::Make { name: principal.to_string(), source };

        let mut params = leaf_params(principal, &self.cluster).map_err(make)?;
        let (not_after, serial) = set_validity(&mut params, now, (now + validity).min(authority.not_after))?;
        let leaf = params.signed_by(&public_key, &issuer).map_err(make)?;
        let chain = [leaf.into(), authority.certificate.clone(), self.root.certificate.clone()];
        Ok(Issued { chain_pem: pem::encode_chain(&chain), serial, not_after })
    }

    /// The id of the cluster.
    #[must_use]
    pub fn cluster(&self) -> &ClusterId {
        &self.cluster
    }

    /// The root certificate in PEM, from which a `Trust` is made.
    #[must_use]
    pub fn root_pem(&self) -> String {
        pem::encode_chain(std::slice::from_ref(&self.root.certificate))
    }

    /// What a join token says of the root.
    #[must_use]
    pub fn root_pin(&self) -> RootPin {
        RootPin::of(&self.root.certificate)
    }

    /// The issuing CAs that are known, and whether each can sign here.
    pub fn issuers(&self) -> impl Iterator<Item = (&IssuerId, CanSign)> {
        self.issuing.iter().map(|(id, authority)| {
            (id, if authority.key.is_some() { CanSign::Here } else { CanSign::Elsewhere })
        })
    }

    /// Writes `root.crt`, `root.key`, `issuing/<name>.crt` and `issuing/<name>.key` below a directory; keys with mode
    /// 0600, and only those held here. The key of the root may then be moved away.
    pub fn save(&self, directory: &Utf8Path) -> Result<(), AuthorityError> {
        self.root.save(directory, "root")?;
        for (issuer, authority) in &self.issuing {
            authority.save(&directory.join(ISSUING), &issuer.to_string())?;
        }
        Ok(())
    }

    /// Reads what [`ClusterCa::save`] wrote. Absent keys are no error: their CA can then not sign here.
    pub fn load(directory: &Utf8Path) -> Result<Self, AuthorityError> {
        let path = directory.join("root.crt");
        let certificate = read_certificate(&path)?;
        let (cluster, fields) = read_root_certificate(&certificate)
            .map_err(|source| AuthorityError::Stored { path, source: Some(source) })?;
        let key = read_key(&directory.join("root.key"), &certificate)?;
        let root = Authority { certificate, not_after: fields.not_after, key };
        let issuing = load_issuing(&directory.join(ISSUING), &cluster)?;
        Ok(Self { cluster, root, issuing })
    }
}

/// Whether the private key of an issuing CA is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CanSign {
    /// The key is here.
    Here,
    /// Only the certificate is here.
    Elsewhere,
}

const ISSUING: &str = "issuing";

impl Authority {
    fn issuer(&self, name: &str, now: Time) -> Result<Issuer<'static, &KeyPair>, AuthorityError> {
        if now >= self.not_after {
            return Err(AuthorityError::Expired { name: name.to_owned(), not_after: self.not_after });
        }
        let key = self.key.as_ref().ok_or_else(|| AuthorityError::NoKey { name: name.to_owned() })?;
        Issuer::from_ca_cert_der(&self.certificate, &**key)
            .map_err(|source| AuthorityError::Make { name: name.to_owned(), source })
    }

    fn save(&self, directory: &Utf8Path, name: &str) -> Result<(), FileError> {
        // The key first: a certificate on disk without its key would look like a CA kept elsewhere.
        if let Some(key) = &self.key {
            let text = pem::encode("PRIVATE KEY", key.serialized_der());
            files::write(&directory.join(format!("{name}.key")), text.as_bytes(), PRIVATE)?;
        }
        let text = pem::encode("CERTIFICATE", &self.certificate);
        files::write(&directory.join(format!("{name}.crt")), text.as_bytes(), PUBLIC)
    }
}

fn load_issuing(
    directory: &Utf8Path,
    cluster: &ClusterId,
) -> Result<BTreeMap<IssuerId, Authority>, AuthorityError> {
    let fault = |source| FileError::Read { path: directory.to_owned(), source };
    let mut issuing = BTreeMap::new();
    for entry in directory.read_dir_utf8().map_err(fault)? {
        let path = entry.map_err(fault)?.into_path();
        if path.extension() != Some("crt") {
            continue;
        }
        let certificate = read_certificate(&path)?;
        let key = read_key(&path.with_extension("key"), &certificate)?;
        let stored = |source| AuthorityError::Stored { path: path.clone(), source };
        let (of, issuer, fields) =
            read_issuing_certificate(&certificate).map_err(|source| stored(Some(source)))?;
        if &of != cluster || path.file_stem() != Some(issuer.to_string().as_str()) {
            return Err(stored(None));
        }
        issuing.insert(issuer, Authority { certificate, not_after: fields.not_after, key });
    }
    Ok(issuing)
}

fn read_certificate(path: &Utf8Path) -> Result<CertificateDer<'static>, AuthorityError> {
    let text = files::read(path, pem::MAX_FILE, Privacy::Public)?;
    let stored = AuthorityError::Stored { path: path.to_owned(), source: None };
    pem::certificates(&text).and_then(|mut list| list.pop().filter(|_| list.is_empty())).ok_or(stored)
}

fn read_key(
    path: &Utf8Path,
    certificate: &CertificateDer<'_>,
) -> Result<Option<Zeroizing<KeyPair>>, AuthorityError> {
    let text = match files::read(path, pem::MAX_FILE, Privacy::Private) {
        Ok(text) => text,
        Err(FileError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let name = path.to_string();
    let key = KeyPair::from_pem(&text).map_err(|source| AuthorityError::Make { name, source })?;
    let key = Zeroizing::new(key);
    if certificate::public_key(certificate).as_deref() == Some(key.public_key_raw()) {
        Ok(Some(key))
    } else {
        Err(AuthorityError::Stored { path: path.to_owned(), source: None })
    }
}
