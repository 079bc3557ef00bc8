//! Certificates for both sides of a race, in files: those of our members are issued by the product's own cluster CA, those
//! of etcd by a small CA with the names that Go looks for. A leaf.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use camino::{Utf8Path, Utf8PathBuf};
use holdfast_identity::{
    Alpn, ClusterCa, Expect, Identity, IdentityHandle, MAX_SERVICE_VALIDITY, Principal, Trust, client_config,
};
use holdfast_types::Time;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The name of the client among the controllers of our side: a controller may call every service of another.
const CLIENT: &str = "member-0";

/// A directory of certificates.
#[derive(Debug, Clone)]
pub(crate) struct Certs {
    directory: Utf8PathBuf,
}

impl Certs {
    /// The certificates that [`Certs::create`] wrote.
    pub(crate) fn at(directory: &Utf8Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Makes the certificates of this many members and of one client, for both sides.
    pub(crate) fn create(directory: &Utf8Path, members: usize) -> Result<Self> {
        let certs = Self::at(directory);
        std::fs::create_dir_all(directory).with_context(|| format!("create {directory}"))?;
        certs.create_ours(members).context("certificates of our members")?;
        certs.create_theirs().context("certificates of etcd")?;
        Ok(certs)
    }

    fn create_ours(&self, members: usize) -> Result<()> {
        let now = now();
        let cluster = "bench".parse().map_err(|fault| anyhow!("{fault}"))?;
        let ca = ClusterCa::create(cluster, &[], now)?;
        std::fs::write(self.path("ours.crt"), ca.root_pem())?;
        for id in 0..=members {
            let name = format!("member-{id}");
            let (key, request) = Identity::generate_csr()?;
            let principal = Principal::Controller { name: name.parse()? };
            let issued = ca.issue(&request, &principal, MAX_SERVICE_VALIDITY, now)?;
            let identity = Identity::from_pem(&issued.chain_pem, key)?;
            identity.save(&self.path(&format!("{name}.crt")), &self.path(&format!("{name}.key")))?;
        }
        Ok(())
    }

    fn create_theirs(&self) -> Result<()> {
        let (mut params, key) = (CertificateParams::new(Vec::new())?, KeyPair::generate()?);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "bench");
        std::fs::write(self.path("etcd-ca.crt"), params.self_signed(&key)?.pem())?;
        let issuer = Issuer::new(params, key);
        for name in ["etcd", "etcd-client"] {
            let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?;
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages =
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
            let key = KeyPair::generate()?;
            std::fs::write(self.path(&format!("{name}.crt")), params.signed_by(&key, &issuer)?.pem())?;
            std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem())?;
        }
        Ok(())
    }

    /// A file of the directory.
    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        self.directory.join(name)
    }

    /// Whom our side trusts.
    pub(crate) fn trust(&self) -> Result<Trust> {
        Ok(Trust::new(&std::fs::read_to_string(self.path("ours.crt"))?)?)
    }

    /// Who one of our members is.
    pub(crate) fn identity(&self, name: &str) -> Result<IdentityHandle> {
        let files = (self.path(&format!("{name}.crt")), self.path(&format!("{name}.key")));
        Ok(IdentityHandle::new(Identity::load(&files.0, &files.1)?))
    }

    /// How the client speaks to our members: the product's own configuration.
    pub(crate) fn client_of_ours(&self) -> Result<Arc<ClientConfig>> {
        Ok(client_config(Some(&self.identity(CLIENT)?), &self.trust()?, Expect::Controller, Alpn::H2)?)
    }

    /// How the client speaks to etcd: the same cipher suites, and a certificate of its own as well.
    pub(crate) fn client_of_theirs(&self) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("etcd-ca.crt"))?)?;
        let chain = vec![CertificateDer::from_pem_file(self.path("etcd-client.crt"))?];
        let key = PrivateKeyDer::from_pem_file(self.path("etcd-client.key"))?;
        let config = ClientConfig::builder().with_root_certificates(roots);
        let mut config = config.with_client_auth_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }
}

/// The time as certificates see it.
fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
