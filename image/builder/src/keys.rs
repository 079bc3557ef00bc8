//! The site's own keys for what boots: platform key, key exchange key and the key of programs. Nobody else can sign, and nobody
//! else's signature boots. A key may lie in a file, or with a program that never lets it out.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use camino::{Utf8Path, Utf8PathBuf};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256};

use crate::signer;

/// The names of the keys that firmware knows, and what they are for.
pub const FIRMWARE_KEYS: [(&str, &str); 3] =
    [("PK", "platform key"), ("KEK", "key exchange key"), ("db", "key of programs and modules")];

/// The name of the key that signs what a TPM measures of a kernel, and what it is for.
pub const MEASURED_KEY: (&str, &str) = ("pcr", "key of measurements");

/// Why a key cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file.
    #[error("{act} `{path}`: {source}")]
    File {
        /// What was tried.
        act: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// What is in a file is no key or certificate.
    #[error("`{0}` holds no {1}")]
    Content(Utf8PathBuf, &'static str),
    /// Keys are never overwritten.
    #[error("`{0}` is there already, and keys are not overwritten")]
    Exists(Utf8PathBuf),
    /// The library refuses.
    #[error("{0}")]
    Crypto(&'static str),
    /// The program that signs.
    #[error("the signing program `{program}` {why}")]
    Signer {
        /// Its path.
        program: Utf8PathBuf,
        /// What it did.
        why: String,
    },
}

/// A key that signs, with its certificate.
#[derive(Debug)]
pub struct SigningKey {
    certificate: Vec<u8>,
    by: By,
}

enum By {
    File(Box<RsaKeyPair>),
    /// Gets `sign NAME` as arguments and the message on its input, answers the signature (RSA PKCS #1 v1.5 over SHA-256).
    Program {
        program: Utf8PathBuf,
        name: String,
    },
}

impl std::fmt::Debug for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File(_) => "a key in a file",
            Self::Program { .. } => "a key with a program",
        })
    }
}

impl SigningKey {
    /// The key `name` in `dir`: `NAME.key` and `NAME.crt`.
    ///
    /// # Errors
    ///
    /// One of them is not there or not what it should be.
    pub fn load(dir: &Utf8Path, name: &str) -> Result<Self, KeyError> {
        let certificate = pem(&dir.join(format!("{name}.crt")), "CERTIFICATE", "certificate")?;
        let path = dir.join(format!("{name}.key"));
        let key = pem(&path, "PRIVATE KEY", "private key")?;
        let key = RsaKeyPair::from_pkcs8(&key).map_err(|_| KeyError::Content(path, "RSA key"))?;
        Ok(Self { certificate, by: By::File(Box::new(key)) })
    }

    /// The key `name` that `program` keeps; its certificate lies in `dir`.
    ///
    /// # Errors
    ///
    /// The certificate cannot be read.
    pub fn with_program(dir: &Utf8Path, name: &str, program: &Utf8Path) -> Result<Self, KeyError> {
        let certificate = pem(&dir.join(format!("{name}.crt")), "CERTIFICATE", "certificate")?;
        Ok(Self { certificate, by: By::Program { program: program.to_owned(), name: name.to_owned() } })
    }

    /// The certificate, in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The signature over a message. The same message has the same one always.
    ///
    /// # Errors
    ///
    /// The program that keeps the key does not answer one.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.by {
            By::File(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| KeyError::Crypto("the key does not sign"))?;
                Ok(signature)
            }
            By::Program { program, name } => asked(program, name, message),
        }
    }
}

fn asked(program: &Utf8Path, name: &str, message: &[u8]) -> Result<Vec<u8>, KeyError> {
    let failed = |why: String| KeyError::Signer { program: program.to_owned(), why };
    let answer = signer::asked(program, name, message).map_err(failed)?;
    if !matches!(answer.len(), 256 | 384 | 512) {
        return Err(failed(format!("answered {} bytes, which is no RSA signature", answer.len())));
    }
    Ok(answer)
}

fn pem(path: &Utf8Path, label: &str, what: &'static str) -> Result<Vec<u8>, KeyError> {
    let text = fs::read_to_string(path).map_err(|source| KeyError::File {
        act: "read",
        path: path.to_owned(),
        source,
    })?;
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let inner = text.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end)).map(|(inner, _)| inner);
    let inner: String = inner.unwrap_or_default().split_whitespace().collect();
    let decoded = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, inner);
    decoded.ok().filter(|bytes| !bytes.is_empty()).ok_or_else(|| KeyError::Content(path.to_owned(), what))
}

/// Makes the keys that firmware knows and that of measurements in `dir`, each with a certificate for `site`. What enrols those
/// of the firmware is [`enrolment`](crate::enrolment).
///
/// # Errors
///
/// One is there already, or cannot be written.
pub fn init(dir: &Utf8Path, site: &str) -> Result<(), KeyError> {
    let [platform, exchange, programs] = FIRMWARE_KEYS;
    made(dir, site, &[platform, exchange, programs, MEASURED_KEY])
}

/// Makes the key of measurements alone, where the others were made without it.
///
/// # Errors
///
/// It is there already, or cannot be written.
pub fn init_measured(dir: &Utf8Path, site: &str) -> Result<(), KeyError> {
    made(dir, site, &[MEASURED_KEY])
}

fn made(dir: &Utf8Path, site: &str, keys: &[(&str, &str)]) -> Result<(), KeyError> {
    let file = |act| move |path: &Utf8Path, source| KeyError::File { act, path: path.to_owned(), source };
    fs::create_dir_all(dir).map_err(|source| file("create")(dir, source))?;
    for (name, _) in keys {
        for ending in ["key", "crt"] {
            let path = dir.join(format!("{name}.{ending}"));
            if path.exists() {
                return Err(KeyError::Exists(path));
            }
        }
    }
    for (name, what) in keys {
        let (key, certificate) = generate(site, what)?;
        let path = dir.join(format!("{name}.key"));
        let mut options = fs::OpenOptions::new();
        let mut out = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| file("create")(&path, source))?;
        out.write_all(key.as_bytes()).map_err(|source| file("write")(&path, source))?;
        let path = dir.join(format!("{name}.crt"));
        fs::write(&path, certificate).map_err(|source| file("write")(&path, source))?;
    }
    Ok(())
}

/// A key of RSA with 2,048 bits, which all firmware takes, and a certificate that outlives the machines.
fn generate(site: &str, what: &str) -> Result<(String, String), KeyError> {
    let refused = |_| KeyError::Crypto("no key can be made");
    let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Crypto("no key can be made"))?;
    let pkcs8 = key.as_der().map_err(|_| KeyError::Crypto("no key can be made"))?;
    let der = rustls_pki_types::PrivatePkcs8KeyDer::from(pkcs8.as_ref().to_vec());
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_RSA_SHA256).map_err(refused)?;
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, format!("{site} {what}"));
    params.distinguished_name = name;
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2060, 1, 1);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.public_key().as_ref());
    params.serial_number =
        Some(rcgen::SerialNumber::from_slice(digest.as_ref().get(..16).unwrap_or_default()));
    let certificate = params.self_signed(&pair).map_err(refused)?;
    Ok((pair.serialize_pem(), certificate.pem()))
}
