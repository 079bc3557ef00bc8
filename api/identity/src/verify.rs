//! The checks of a handshake: chain, validity, SPIFFE id and revocation. DNS names mean nothing here.

use std::fmt;
use std::sync::Arc;

use holdfast_types::{Jurisdiction, NodeName};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerIncompatible,
    RootCertStore, SignatureScheme,
};

use crate::chain::{ChainError, Leaf};
use crate::principal::Principal;
use crate::trust::Trust;

/// Whom a client dials. Anybody else is refused, even with a good certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Any controller of the cluster.
    Controller,
    /// The controller of this name.
    ControllerNamed(NodeName),
    /// Any node of the cluster.
    AnyNode,
    /// The node of this name. The jurisdiction belongs to the name: the CA of another one could issue the same name.
    Node {
        /// Its name.
        name: NodeName,
        /// Its jurisdiction.
        jurisdiction: Jurisdiction,
    },
}

impl Expect {
    fn admits(&self, principal: &Principal) -> bool {
        match (self, principal) {
            (Self::Controller, Principal::Controller { .. }) | (Self::AnyNode, Principal::Node { .. }) => {
                true
            }
            (Self::ControllerNamed(expected), Principal::Controller { name }) => expected == name,
            (Self::Node { name: expected, jurisdiction: place }, Principal::Node { name, jurisdiction }) => {
                expected == name && place == jurisdiction
            }
            (Self::Controller | Self::ControllerNamed(_) | Self::AnyNode | Self::Node { .. }, _) => false,
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller => f.write_str("a controller"),
            Self::ControllerNamed(name) => write!(f, "`controller/{name}`"),
            Self::AnyNode => f.write_str("a node"),
            Self::Node { name, jurisdiction } => write!(f, "`j/{jurisdiction}/node/{name}`"),
        }
    }
}

/// Whether a client must present a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// A client without one is refused.
    Required,
    /// A client without one is `Principal::Anonymous`; one that presents a bad one is refused all the same.
    Optional,
}

/// A fault of a chain as rustls carries it.
pub(crate) fn refuse(fault: ChainError) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(fault))))
}

/// The issuing CA that a peer presented. Only this one is given to the path builder, so that the CA whose signature is
/// checked is the CA whose jurisdiction counts.
pub(crate) fn issuing_of<'a, 'b>(
    intermediates: &'a [CertificateDer<'b>],
) -> Result<&'a CertificateDer<'b>, Error> {
    match intermediates {
        [issuing] | [issuing, _] => Ok(issuing),
        _ => Err(refuse(ChainError::Length { found: intermediates.len().saturating_add(1) })),
    }
}

/// The signature and validity check of a server's chain below given roots.
pub(crate) fn verify_server_path(
    roots: &RootCertStore,
    leaf: &CertificateDer<'_>,
    issuing: &CertificateDer<'_>,
    now: UnixTime,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<(), Error> {
    let parsed = ParsedCertificate::try_from(leaf)?;
    let intermediates = std::slice::from_ref(issuing);
    verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms.all)
}

/// What is checked of a chain whose signatures hold: its names, its cluster, and that it is not revoked.
fn check_names(trust: &Trust, leaf: &[u8], issuing: &[u8]) -> Result<Leaf, Error> {
    let leaf = Leaf::read(leaf, issuing).and_then(|leaf| leaf.of_cluster(trust.cluster())).map_err(refuse)?;
    if trust.is_revoked(leaf.serial) || trust.is_revoked(leaf.issuer_serial) {
        return Err(CertificateError::Revoked.into());
    }
    Ok(leaf)
}

/// TLS 1.2 is not spoken: the configurations of this crate cannot negotiate it.
pub(crate) fn refuse_tls12() -> Error {
    Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered)
}

/// Checks clients on behalf of a server.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    pub(crate) trust: Trust,
    pub(crate) auth: ClientAuth,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.auth == ClientAuth::Required
    }

    /// No hints: a peer has one identity, and the names of the CAs are nobody's business.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let issuing = issuing_of(intermediates)?;
        let verified =
            self.trust.clients().verify_client_cert(end_entity, std::slice::from_ref(issuing), now)?;
        check_names(&self.trust, end_entity, issuing)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(refuse_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Checks a server on behalf of a client.
#[derive(Debug)]
pub(crate) struct ServerVerifier {
    pub(crate) trust: Trust,
    pub(crate) expect: Expect,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let issuing = issuing_of(intermediates)?;
        verify_server_path(self.trust.store(), end_entity, issuing, now, &self.algorithms)?;
        let leaf = check_names(&self.trust, end_entity, issuing)?;
        if self.expect.admits(&leaf.principal) {
            return Ok(ServerCertVerified::assertion());
        }
        let (found, expected) = (leaf.principal.to_string(), self.expect.to_string());
        Err(refuse(ChainError::Peer { found, expected }))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(refuse_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
