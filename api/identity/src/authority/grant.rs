//! What the cluster CA writes into a certificate, and whether it may.

use std::time::Duration;

use holdfast_types::{Span, Time};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PublicKey, SanType,
};
use zeroize::Zeroizing;

use super::error::{AuthorityError, MAX_REQUEST};
use crate::names::{ClusterId, Serial};
use crate::principal::{IssuerId, MAX_ROLES, Principal};

/// How long a certificate of a node is valid where nothing else is asked for.
pub const NODE_VALIDITY: Span = Span::from_secs(24 * 3_600);
/// How long a certificate of a controller is valid where nothing else is asked for.
pub const CONTROLLER_VALIDITY: Span = Span::from_secs(24 * 3_600);
/// How long a certificate of an operator is valid where nothing else is asked for.
pub const OPERATOR_VALIDITY: Span = Span::from_secs(8 * 3_600);
/// The longest validity of a node or a controller: both renew by themselves.
pub const MAX_SERVICE_VALIDITY: Span = Span::from_secs(30 * 24 * 3_600);
/// The longest validity of an operator: a service account on a machine that is rarely reached.
pub const MAX_OPERATOR_VALIDITY: Span = Span::from_secs(365 * 24 * 3_600);

/// How far a validity begins in the past, for peers whose clock is behind.
const BACKDATE: Span = Span::from_secs(5 * 60);
/// The last instant X.509 can write, 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

/// The issuing CA of a principal, where it may have a certificate of this validity.
pub(super) fn check_grant(principal: &Principal, validity: Span) -> Result<IssuerId, AuthorityError> {
    let refused = |reason| AuthorityError::Principal { principal: principal.to_string(), reason };
    let limit = match principal {
        Principal::Anonymous => return Err(refused("it is nobody")),
        Principal::Operator { roles, .. } if roles.len() > MAX_ROLES => {
            return Err(refused("an operator has at most 16 roles"));
        }
        Principal::Operator { .. } => MAX_OPERATOR_VALIDITY,
        Principal::Controller { .. } | Principal::Node { .. } => MAX_SERVICE_VALIDITY,
    };
    // A second is the smallest step of X.509.
    if validity < Span::from_secs(1) || validity > limit {
        return Err(AuthorityError::Validity { principal: principal.to_string(), asked: validity, limit });
    }
    principal.issuer().ok_or(refused("it is nobody"))
}

/// The public key of a request whose signature holds. Every other wish in the request is dropped.
pub(super) fn read_request(text: &str, principal: &Principal) -> Result<PublicKey, AuthorityError> {
    let principal = principal.to_string();
    if text.len() > MAX_REQUEST {
        return Err(AuthorityError::Key { principal });
    }
    match CertificateSigningRequestParams::from_pem(text) {
        Ok(request) if request.public_key.algorithm() == &rcgen::PKCS_ECDSA_P256_SHA256 => {
            Ok(request.public_key)
        }
        Ok(_) => Err(AuthorityError::Key { principal }),
        Err(source) => Err(AuthorityError::Request { principal, source }),
    }
}

/// A new ECDSA P-256 key.
pub(super) fn new_key(name: &str) -> Result<Zeroizing<KeyPair>, AuthorityError> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
        .map(Zeroizing::new)
        .map_err(|source| AuthorityError::Make { name: name.to_owned(), source })
}

/// The parameters of a CA with at most `path` CAs below it.
pub(super) fn ca_params(
    name: &str,
    cluster: &ClusterId,
    uri: String,
    path: u8,
) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = subject(&format!("holdfast {name} ca"), cluster);
    params.subject_alt_names =
        uri_names([uri]).map_err(|source| AuthorityError::Make { name: name.to_owned(), source })?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// The parameters of a leaf. Operators only dial; controllers and nodes also answer.
pub(super) fn leaf_params(
    principal: &Principal,
    cluster: &ClusterId,
) -> Result<CertificateParams, rcgen::Error> {
    let (name, usages) = match principal {
        Principal::Operator { name, .. } => (name.as_str(), vec![ExtendedKeyUsagePurpose::ClientAuth]),
        Principal::Controller { name } | Principal::Node { name, .. } => {
            (name.as_str(), vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth])
        }
        Principal::Anonymous => ("anonymous", Vec::new()),
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = subject(name, cluster);
    params.subject_alt_names = uri_names(principal.uris(cluster))?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = usages;
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Sets the validity from five minutes before `now`, and a random serial number.
pub(super) fn set_validity(
    params: &mut CertificateParams,
    now: Time,
    not_after: Time,
) -> Result<(Time, Serial), AuthorityError> {
    let serial = Serial::random()?;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let seconds = |time: Time| (time.0 / 1_000).min(LAST_SECOND);
    let (from, to) = (seconds(now - BACKDATE), seconds(not_after));
    params.not_before = epoch + Duration::from_secs(from);
    params.not_after = epoch + Duration::from_secs(to);
    params.serial_number = Some(rcgen::SerialNumber::from_slice(&serial.0));
    Ok((Time(to * 1_000), serial))
}

fn subject(name: &str, cluster: &ClusterId) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, cluster.as_str());
    subject.push(DnType::CommonName, name);
    subject
}

fn uri_names(uris: impl IntoIterator<Item = String>) -> Result<Vec<SanType>, rcgen::Error> {
    uris.into_iter().map(|uri| Ok(SanType::URI(uri.try_into()?))).collect()
}
