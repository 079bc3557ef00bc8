//! PEM in and out, with bounds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

/// The longest PEM text that is read: a chain of three certificates is below 4 KiB.
pub(crate) const MAX_PEM: usize = 64 * 1024;

/// As [`MAX_PEM`], for a file.
pub(crate) const MAX_FILE: u64 = 64 * 1024;

/// The most certificates in one PEM text: a trust file holds roots during a change of root, a chain holds three.
const MAX_CERTIFICATES: usize = 8;

/// Characters of base64 on a line (RFC 7468 section 2).
const LINE: usize = 64;

/// The certificates of a PEM text, or nothing where it is too long, malformed, empty or holds too many.
pub(crate) fn certificates(text: &str) -> Option<Vec<CertificateDer<'static>>> {
    if text.len() > MAX_PEM {
        return None;
    }
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(text.as_bytes()).take(MAX_CERTIFICATES + 1).collect();
    found.ok().filter(|list| (1..=MAX_CERTIFICATES).contains(&list.len()))
}

/// One PEM section. The text may hold a private key, so it is erased when dropped.
pub(crate) fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    // Sized beforehand: growing would leave a copy of a key in freed memory.
    let capacity = body.len() + body.len() / LINE + 2 * label.len() + 40;
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// A chain of certificates as one PEM text.
pub(crate) fn encode_chain(chain: &[CertificateDer<'_>]) -> String {
    chain.iter().map(|certificate| encode("CERTIFICATE", certificate).to_string()).collect()
}
