//! Signatures that firmware checks: Authenticode for programs, and the authenticated variables that carry the keys
//! (UEFI 2.10 sections 8.2.2 and 32.4). Both are PKCS #7 with SHA-256 and RSA, which is what firmware has.

use camino::Utf8Path;
use holdfast_release::Guid;
use sha2::{Digest as _, Sha256};

use crate::der::{algorithm, explicit, integer, octets, oid, sequence, set, tagged, take};
use crate::keys::{KeyError, SigningKey};
use crate::pe::{Pe, PeError};

const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const SPC_INDIRECT_DATA: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x04];
const SPC_PE_IMAGE: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0f];

/// Kept in flash, written at boot and run time, only with a signature by time.
const ATTRIBUTES: u32 = 0x27;
/// The type of a list of certificates.
const X509: Guid = Guid::from_number(0xA5C0_59A1_94E4_4AA7_87B5_AB15_5C2B_F072);
/// The type of the signature of a variable.
const PKCS7: Guid = Guid::from_number(0x4AAF_D29D_68DF_49EE_8AA9_347D_3756_65A7);

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// What is to be signed cannot be.
    #[error(transparent)]
    Program(#[from] PeError),
    /// The key cannot.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The certificate of the key is damaged.
    #[error("the certificate of the key cannot be read")]
    Certificate,
}

/// A program with a signature of `key`.
///
/// # Errors
///
/// It is no program, or the key does not sign.
pub fn program(bytes: Vec<u8>, key: &SigningKey) -> Result<Vec<u8>, SignError> {
    let pe = Pe::parse(bytes)?;
    // Signed are programs that end at a multiple of eight, which is where the signature begins.
    let digest = pe.digest()?;
    let no_name = explicit(0, &explicit(2, &[0x80, 0x00]));
    let image = sequence(&[&oid(SPC_PE_IMAGE), &sequence(&[&[0x03, 0x01, 0x00], &no_name])]);
    let digest = sequence(&[&algorithm(SHA256), &octets(&digest)]);
    let content = [image, digest].concat();
    let info = sequence(&[&oid(SPC_INDIRECT_DATA), &explicit(0, &tagged(0x30, &content))]);
    let attributes = [attribute(CONTENT_TYPE, &oid(SPC_INDIRECT_DATA)), digest_attribute(&content)];
    let signed = signed_data(&info, Some(&attributes), &content, key)?;
    Ok(pe.signed(&sequence(&[&oid(SIGNED_DATA), &explicit(0, &signed)]))?)
}

/// What stands behind the signature of a module.
const MODULE_MAGIC: &[u8] = b"~Module signature appended~\n";

/// A kernel module with a signature of `key` behind it (Documentation/admin-guide/module-signing.rst of Linux), in place of any
/// that it has.
///
/// # Errors
///
/// The key does not sign.
pub fn module(mut bytes: Vec<u8>, key: &SigningKey) -> Result<Vec<u8>, SignError> {
    while let Some(length) = module_signature(&bytes) {
        bytes.truncate(bytes.len() - length);
    }
    let signed = signed_data(&sequence(&[&oid(DATA)]), None, &bytes, key)?;
    let message = sequence(&[&oid(SIGNED_DATA), &explicit(0, &signed)]);
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    bytes.extend(message);
    // Only the kind has a meaning for PKCS #7, and the length.
    bytes.extend([0, 0, 2, 0, 0, 0, 0, 0]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(MODULE_MAGIC);
    Ok(bytes)
}

/// How many bytes at the end of a module are a signature.
fn module_signature(bytes: &[u8]) -> Option<usize> {
    let before = bytes.strip_suffix(MODULE_MAGIC)?;
    let length = u32::from_be_bytes(*before.last_chunk()?);
    let whole = usize::try_from(length).ok()?.checked_add(12)?.checked_add(MODULE_MAGIC.len())?;
    (whole <= bytes.len()).then_some(whole)
}

/// The namespace of the variables of UEFI itself.
const GLOBAL: Guid = Guid::from_number(0x8BE4_DF61_93CA_11D2_AA0D_00E0_9803_2B8C);
/// The namespace of the keys of programs.
const SECURITY_DATABASE: Guid = Guid::from_number(0xD719_B2CB_3D3A_4596_A3BC_DAD0_0E67_656F);

/// What makes the firmware of a machine trust the keys in `dir` and no others: the content of `PK.auth`, `KEK.auth` and `db.auth`,
/// each signed by the key above it.
///
/// # Errors
///
/// A key is not there or does not sign.
pub fn enrolment(dir: &Utf8Path, signer: Option<&Utf8Path>) -> Result<Vec<(String, Vec<u8>)>, SignError> {
    let load = |name: &str| match signer {
        None => SigningKey::load(dir, name),
        Some(program) => SigningKey::with_program(dir, name, program),
    };
    let rows = [("PK", "PK", GLOBAL), ("KEK", "PK", GLOBAL), ("db", "KEK", SECURITY_DATABASE)];
    let made = rows.into_iter().map(|(name, by, namespace)| {
        let (key, by) = (load(name)?, load(by)?);
        let digest = hex::encode(Sha256::digest(key.certificate()));
        let owner = Guid::named("holdfast.key", &digest);
        Ok((format!("{name}.auth"), variable(name, namespace, owner, key.certificate(), &by)?))
    });
    made.collect()
}

/// What sets a variable of the firmware to a list with one certificate, signed by `key`.
///
/// # Errors
///
/// The key does not sign.
pub fn variable(
    name: &str,
    namespace: Guid,
    owner: Guid,
    certificate: &[u8],
    key: &SigningKey,
) -> Result<Vec<u8>, SignError> {
    let list = signature_list(owner, certificate);
    // The first second of the year 2000: a variable is replaced only by a later one, and a build knows no time.
    let time: [u8; 16] = [0xd0, 0x07, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut signed: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    signed.extend(namespace.bytes());
    signed.extend(ATTRIBUTES.to_le_bytes());
    signed.extend(time);
    signed.extend_from_slice(&list);
    let pkcs7 = signed_data(&sequence(&[&oid(DATA)]), None, &signed, key)?;
    let length = u32::try_from(24 + pkcs7.len()).unwrap_or(u32::MAX);
    let mut update = time.to_vec();
    update.extend(length.to_le_bytes());
    // Revision 2, a signature named by its type.
    update.extend([0x00, 0x02, 0xf1, 0x0e]);
    update.extend(PKCS7.bytes());
    update.extend(pkcs7);
    update.extend(list);
    Ok(update)
}

fn signature_list(owner: Guid, certificate: &[u8]) -> Vec<u8> {
    let entry = u32::try_from(16 + certificate.len()).unwrap_or(u32::MAX);
    let mut list = X509.bytes().to_vec();
    list.extend(entry.saturating_add(28).to_le_bytes());
    list.extend(0_u32.to_le_bytes());
    list.extend(entry.to_le_bytes());
    list.extend(owner.bytes());
    list.extend_from_slice(certificate);
    list
}

fn attribute(kind: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[&oid(kind), &set(&[value])])
}

fn digest_attribute(content: &[u8]) -> Vec<u8> {
    attribute(MESSAGE_DIGEST, &octets(&Sha256::digest(content)))
}

/// The signed data of PKCS #7 version 1.5 with one signer: over `attributes` where there are some, over `content` elsewhere.
fn signed_data(
    info: &[u8],
    attributes: Option<&[Vec<u8>]>,
    content: &[u8],
    key: &SigningKey,
) -> Result<Vec<u8>, SignError> {
    let certificate = key.certificate();
    let who = issuer_and_serial(certificate).ok_or(SignError::Certificate)?;
    let set_of = attributes.map(|all| set(&all.iter().map(Vec::as_slice).collect::<Vec<_>>()));
    let signature = key.sign(set_of.as_deref().unwrap_or(content))?;
    let mut signer = vec![integer(1), who, algorithm(SHA256)];
    if let Some(set) = set_of {
        // In the message they carry the tag of their place instead of that of a set.
        let body = take(&set).map(|(_, body, ..)| body.to_vec()).unwrap_or_default();
        signer.push(tagged(0xa0, &body));
    }
    signer.extend([algorithm(RSA), octets(&signature)]);
    let signer = tagged(0x30, &signer.concat());
    let certificates = tagged(0xa0, certificate);
    Ok(sequence(&[&integer(1), &set(&[&algorithm(SHA256)]), info, &certificates, &set(&[&signer])]))
}

/// The issuer and the serial number, as they stand in the certificate.
fn issuer_and_serial(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate, ..) = take(certificate)?;
    let (_, body, ..) = take(certificate)?;
    let (tag, _, first, rest) = take(body)?;
    // The version stands in front where it is not 1.
    let (serial, rest) =
        if tag == 0xa0 { take(rest).map(|(_, _, whole, rest)| (whole, rest))? } else { (first, rest) };
    let (_, _, _, rest) = take(rest)?;
    let (_, _, issuer, _) = take(rest)?;
    Some(sequence(&[issuer, serial]))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::keys::init;

    const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

    fn verified(dir: &Utf8Path, bytes: &[u8]) -> bool {
        let path = dir.join("program.efi");
        std::fs::write(&path, bytes).unwrap();
        let said = Command::new("sbverify").arg("--cert").arg(dir.join("db.crt")).arg(&path).output();
        let said = said.expect("sbverify of sbsigntool");
        said.status.success()
    }

    #[test]
    fn sbverify_takes_what_is_signed_and_nothing_that_was_changed() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        init(dir, "test site").unwrap();
        assert!(init(dir, "test site").is_err(), "keys are never overwritten");
        let key = SigningKey::load(dir, "db").unwrap();
        let stub = std::fs::read(STUB).expect("the stub of systemd-boot-efi");
        let mut pe = Pe::parse(stub).unwrap();
        pe.add(".cmdline", b"quiet").unwrap();
        pe.add(".linux", &vec![5; 70_001]).unwrap();
        assert_eq!(pe.section(".cmdline"), Some(&b"quiet"[..]));
        assert!(matches!(pe.add(".toolongname", b""), Err(PeError::Name(_))));
        let unsigned = pe.finished().unwrap();
        let signed = program(unsigned.clone(), &key).unwrap();
        assert_eq!(signed, program(unsigned.clone(), &key).unwrap(), "the same to the bit");
        assert_eq!(
            signed,
            program(signed.clone(), &key).unwrap(),
            "a signature takes the place of the one before"
        );
        assert!(verified(dir, &signed) && !verified(dir, &unsigned));
        for at in [0x1000, unsigned.len() - 3, unsigned.len() / 2] {
            let mut changed = signed.clone();
            changed[at] ^= 1;
            assert!(!verified(dir, &changed), "byte {at}");
        }
        assert!(matches!(Pe::parse(signed).unwrap().add(".late", b""), Err(PeError::Signed)));
    }

    /// What the kernel does, done by openssl: the signature is over all that stands before it, and by this certificate.
    #[test]
    fn openssl_takes_the_signature_behind_a_module() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        init(dir, "test site").unwrap();
        let key = SigningKey::load(dir, "db").unwrap();
        let signed = module(b"a module".to_vec(), &key).unwrap();
        assert_eq!(signed, module(signed.clone(), &key).unwrap(), "signed once, however often");
        let length = module_signature(&signed).unwrap();
        let message = &signed[signed.len() - length..signed.len() - 12 - MODULE_MAGIC.len()];
        std::fs::write(dir.join("message"), message).unwrap();
        for (content, holds) in [(b"a module", true), (b"b module", false)] {
            std::fs::write(dir.join("content"), content).unwrap();
            let files = ["-in", "message", "-content", "content", "-certfile", "db.crt"];
            let said = Command::new("openssl")
                .args(["smime", "-verify", "-inform", "DER", "-noverify", "-binary"])
                .args(files)
                .current_dir(dir)
                .output()
                .unwrap();
            assert_eq!(said.status.success(), holds, "{}", String::from_utf8_lossy(&said.stderr));
        }
        assert_eq!(module_signature(MODULE_MAGIC), None);
    }

    #[test]
    fn a_program_may_keep_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        init(dir, "test site").unwrap();
        let signer = dir.join("signer");
        let script =
            format!("#!/bin/sh\n[ \"$1\" = sign ] && exec openssl dgst -sha256 -sign {dir}/$2.key\n");
        std::fs::write(&signer, script).unwrap();
        std::fs::set_permissions(&signer, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let (inside, outside) = (SigningKey::load(dir, "db"), SigningKey::with_program(dir, "db", &signer));
        assert_eq!(inside.unwrap().sign(b"a message").unwrap(), outside.unwrap().sign(b"a message").unwrap());
        let missing = SigningKey::with_program(dir, "db", Utf8Path::new("/no/such/signer")).unwrap();
        assert!(missing.sign(b"").unwrap_err().to_string().contains("cannot be started"));
    }
}
