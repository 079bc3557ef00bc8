//! Signatures over what a TPM measures of a kernel image, with the site's key for that: a machine whose volumes were sealed for one
//! release opens them for every later one that the same key signed.

use holdfast_seal::{PublicKey, SealError, Signatures, measurement_policy};

use crate::der::take;
use crate::keys::{KeyError, SigningKey};

/// Where the root keeps the public key.
pub(crate) const PLACE: &str = "usr/lib/holdfast/measured.pem";

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeasureError {
    /// The certificate of the key is damaged.
    #[error("the certificate of the key cannot be read")]
    Certificate,
    /// The key cannot.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It is no key that a TPM takes.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// The public key as text.
pub(crate) fn public(key: &SigningKey) -> Result<String, MeasureError> {
    let info = public_key_info(key.certificate()).ok_or(MeasureError::Certificate)?;
    let pem = PublicKey::pem(info);
    PublicKey::parse(&pem)?;
    Ok(pem)
}

/// The signature over what the register will hold.
pub(crate) fn signed(key: &SigningKey, register: &[u8; 32]) -> Result<String, MeasureError> {
    let public = PublicKey::parse(&public(key)?)?;
    let signature = key.sign(&measurement_policy(register))?;
    Ok(Signatures::new(&public, register, &signature).text()?)
}

/// The public key in a certificate (RFC 5280, 4.1): behind version, number, algorithm, issuer, time and subject.
fn public_key_info(certificate: &[u8]) -> Option<&[u8]> {
    let (_, certificate, ..) = take(certificate)?;
    let (_, body, ..) = take(certificate)?;
    let mut rest = match take(body)? {
        (0xa0, _, _, rest) => rest,
        _ => body,
    };
    for _ in 0..5 {
        (.., rest) = take(rest)?;
    }
    let (tag, _, whole, _) = take(rest)?;
    (tag == 0x30).then_some(whole)
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;
    use crate::keys::init;

    #[test]
    fn the_key_of_measurements_is_taken_out_of_its_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        init(dir, "Test").unwrap();
        let key = SigningKey::load(dir, "pcr").unwrap();
        let said = std::process::Command::new("openssl")
            .args(["x509", "-noout", "-pubkey", "-in", dir.join("pcr.crt").as_str()])
            .output()
            .expect("openssl");
        assert_eq!(public(&key).unwrap(), String::from_utf8(said.stdout).unwrap());
        let signed = signed(&key, &[7; 32]).unwrap();
        assert!(Signatures::parse(&signed).is_ok() && signed.contains("\"pcrs\":[11]"), "{signed}");
    }
}
