//! What this crate reads of an X.509 certificate. A leaf: it knows the encoding and not what the names mean.

use holdfast_types::Time;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::names::Serial;

/// The longest certificate that is read.
const MAX_DER: usize = 16 * 1024;

/// The fields of a certificate that decide who it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    /// The URI names; a certificate with a name of another kind is not read at all.
    pub(crate) uris: Vec<String>,
    pub(crate) serial: Serial,
    pub(crate) not_before: Time,
    pub(crate) not_after: Time,
    pub(crate) subject: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) is_ca: bool,
}

impl Fields {
    /// Reads a certificate; nothing where it is malformed or not of the shape this crate issues. Signatures are not
    /// checked here.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let parsed = parse(der)?;
        let mut uris = Vec::new();
        if let Some(names) = parsed.subject_alternative_name().ok()? {
            for name in &names.value.general_names {
                let GeneralName::URI(uri) = name else { return None };
                uris.push((*uri).to_owned());
            }
        }
        let validity = parsed.validity();
        let time = |seconds: i64| u64::try_from(seconds).ok()?.checked_mul(1_000).map(Time);
        Some(Self {
            uris,
            serial: Serial::from_integer(parsed.raw_serial())?,
            not_before: time(validity.not_before.timestamp())?,
            not_after: time(validity.not_after.timestamp())?,
            subject: parsed.subject().as_raw().to_vec(),
            issuer: parsed.issuer().as_raw().to_vec(),
            is_ca: parsed.is_ca(),
        })
    }

    /// The URI names as the functions of `principal` take them.
    pub(crate) fn uris(&self) -> Vec<&str> {
        self.uris.iter().map(String::as_str).collect()
    }
}

/// Whether a certificate is signed by the key it carries.
pub(crate) fn is_self_signed(der: &[u8]) -> bool {
    parse(der)
        .is_some_and(|c| c.subject().as_raw() == c.issuer().as_raw() && c.verify_signature(None).is_ok())
}

/// The public key of a certificate, as the bits of the key alone.
pub(crate) fn public_key(der: &[u8]) -> Option<Vec<u8>> {
    Some(parse(der)?.public_key().subject_public_key.data.to_vec())
}

fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    if der.len() > MAX_DER {
        return None;
    }
    let (rest, parsed) = X509Certificate::from_der(der).ok()?;
    rest.is_empty().then_some(parsed)
}
