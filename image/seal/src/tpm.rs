//! The few commands of a TPM 2.0 that seal a key and give it out again (TPM 2.0 library, part 3), over the kernel's resource
//! manager, which forgets everything of ours when the device is closed.

use std::fs::File;
use std::io::{self, Read as _, Write as _};

use zeroize::Zeroizing;

use crate::error::SealError;
use crate::key::PublicKey;
use crate::policy::{
    POLICY_AUTHORIZE, POLICY_PCR, REGISTER, SECURE_BOOT, SELECTION, SHA256, measurement_policy, selection,
    signed_policy,
};
use crate::sealed::{SECRET_BYTES, Sealed};
use crate::signature::Signatures;
use crate::wire::{Cut, Reader, Writer};

/// The device.
pub const DEVICE: &str = "/dev/tpmrm0";
/// The largest answer of a TPM, more than any has.
const MOST: usize = 4_096;

const PLAIN: u16 = 0x8001;
const WITH_SESSION: u16 = 0x8002;
const OWNER: u32 = 0x4000_0001;
const NOBODY: u32 = 0x4000_0007;
const PASSWORD: u32 = 0x4000_0009;
const NULL: u16 = 0x10;
/// An answer about the first or second parameter, in the low bits of which the reason stands.
const FORMAT_ONE: u32 = 0x80;
/// `TPM_RC_INTEGRITY`: what was wrapped by another TPM.
const INTEGRITY: u32 = 0x9f;
/// `TPM_RC_SIGNATURE`.
const SIGNATURE: u32 = 0x9b;

/// What commands go over.
pub trait Transport {
    /// Sends a command and returns the answer.
    ///
    /// # Errors
    ///
    /// It cannot be sent, or nothing comes back.
    fn exchange(&mut self, command: &[u8]) -> io::Result<Vec<u8>>;
}

impl Transport for File {
    fn exchange(&mut self, command: &[u8]) -> io::Result<Vec<u8>> {
        self.write_all(command)?;
        let mut answer = vec![0; MOST];
        // The driver gives an answer in one read.
        let count = self.read(&mut answer)?;
        answer.truncate(count);
        Ok(answer)
    }
}

/// A TPM.
pub struct Tpm {
    transport: Box<dyn Transport>,
    /// What was loaded and not yet flushed.
    loaded: Vec<u32>,
}

impl std::fmt::Debug for Tpm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tpm")
    }
}

/// A command: its name for people and its code.
type Command = (&'static str, u32);

const CREATE_PRIMARY: Command = ("CreatePrimary", 0x131);
const CREATE: Command = ("Create", 0x153);
const LOAD: Command = ("Load", 0x157);
const UNSEAL: Command = ("Unseal", 0x15e);
const FLUSH: Command = ("FlushContext", 0x165);
const LOAD_EXTERNAL: Command = ("LoadExternal", 0x167);
const START_SESSION: Command = ("StartAuthSession", 0x176);
const VERIFY_SIGNATURE: Command = ("VerifySignature", 0x177);
const PCR_READ: Command = ("PCR_Read", 0x17e);
const PCR_EXTEND: Command = ("PCR_Extend", 0x182);

impl Tpm {
    /// The TPM of this machine.
    ///
    /// # Errors
    ///
    /// There is none, or it cannot be opened.
    pub fn open() -> Result<Self, SealError> {
        match File::options().read(true).write(true).open(DEVICE) {
            Ok(file) => Ok(Self::over(Box::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(SealError::NoTpm),
            Err(source) => Err(SealError::Device { act: "open", source }),
        }
    }

    /// A TPM that is reached so.
    #[must_use]
    pub fn over(transport: Box<dyn Transport>) -> Self {
        Self { transport, loaded: Vec::new() }
    }

    /// Sends a command: its handles, the session that authorises the first of them, its parameters. Returns what the answer
    /// has behind its code.
    fn send(
        &mut self,
        (command, code): Command,
        handles: &[u32],
        session: Option<u32>,
        parameters: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let mut body = handles.iter().fold(Writer::default(), |body, handle| body.long(*handle));
        if let Some(session) = session {
            // One session without nonce and password: 9 bytes.
            body = body.long(9).long(session).short(0).byte(0).short(0);
        }
        let body = Zeroizing::new(body.raw(parameters).done());
        let size = u32::try_from(body.len() + 10).unwrap_or(u32::MAX);
        let tag = if session.is_some() { WITH_SESSION } else { PLAIN };
        let whole = Zeroizing::new(Writer::default().short(tag).long(size).long(code).raw(&body).done());
        let answer = self.transport.exchange(&whole).map(Zeroizing::new);
        let answer = answer.map_err(|source| SealError::Device { act: "talk to", source })?;
        let (size, code, rest) = header(&answer).map_err(|Cut| SealError::Answer(command))?;
        if usize::try_from(size).ok() != Some(answer.len()) {
            return Err(SealError::Answer(command));
        }
        if code == 0 { Ok(Zeroizing::new(rest.to_vec())) } else { Err(SealError::Refused { command, code }) }
    }

    /// The key of the storage hierarchy that everything of ours is wrapped with: the same one at each call, made of the TPM's
    /// own seed.
    fn parent(&mut self) -> Result<u32, SealError> {
        // A storage key of ECC P-256 with AES-128 in CFB, by the template of the TCG (EK credential profile, annex B).
        let area = Writer::default().short(0x23).short(SHA256).long(0x0003_0472).sized(&[]);
        let area =
            area.short(6).short(128).short(0x43).short(NULL).short(3).short(NULL).sized(&[]).sized(&[]);
        let sensitive = Writer::default().sized(&[]).sized(&[]).done();
        let parameters = Writer::default().sized(&sensitive).sized(&area.done()).sized(&[]).long(0).done();
        let answer = self.send(CREATE_PRIMARY, &[OWNER], Some(PASSWORD), &parameters)?;
        self.handle(&answer, CREATE_PRIMARY)
    }

    /// The handle that an answer begins with.
    fn handle(&mut self, answer: &[u8], (command, _): Command) -> Result<u32, SealError> {
        let handle = Reader::new(answer).long().map_err(|Cut| SealError::Answer(command))?;
        self.loaded.push(handle);
        Ok(handle)
    }

    /// Lets go of everything that was loaded: a TPM has room for three objects.
    fn flush(&mut self) {
        for handle in std::mem::take(&mut self.loaded) {
            // A session is gone already where it was used.
            drop(self.send(FLUSH, &[handle], None, &[]));
        }
    }

    /// Seals `secret` to this TPM, for whatever measurement `key` signs.
    ///
    /// # Errors
    ///
    /// The TPM refuses.
    pub fn seal(&mut self, key: &PublicKey, secret: &[u8; SECRET_BYTES]) -> Result<Sealed, SealError> {
        let sealed = self.wrapped(key, secret);
        self.flush();
        sealed
    }

    fn wrapped(&mut self, key: &PublicKey, secret: &[u8; SECRET_BYTES]) -> Result<Sealed, SealError> {
        let parent = self.parent()?;
        // An object of data (`fixedTPM`, `fixedParent`, `noDA`) that nothing but its policy opens.
        let area = Writer::default().short(8).short(SHA256).long(0x0412).sized(&signed_policy(&key.name()));
        let area = area.short(NULL).sized(&[]).done();
        let sensitive = Zeroizing::new(Writer::default().sized(&[]).sized(secret).done());
        let parameters =
            Zeroizing::new(Writer::default().sized(&sensitive).sized(&area).sized(&[]).long(0).done());
        let answer = self.send(CREATE, &[parent], Some(PASSWORD), &parameters)?;
        let read = || -> Result<Sealed, Cut> {
            let mut reader = Reader::new(&answer);
            let _size = reader.long()?;
            let (private, public) = (reader.sized()?.to_vec(), reader.sized()?.to_vec());
            Ok(Sealed::new(private, public, key))
        };
        read().map_err(|Cut| SealError::Answer(CREATE.0))
    }

    /// The sealed key, where what runs is what `key` signed.
    ///
    /// # Errors
    ///
    /// It is not, the key was sealed by another TPM or for another signing key, or the TPM refuses.
    pub fn unseal(
        &mut self,
        key: &PublicKey,
        signatures: &Signatures,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        if sealed.signer != *key.fingerprint() {
            return Err(SealError::OtherSigner);
        }
        let secret = self.unwrapped(key, signatures, sealed);
        self.flush();
        secret
    }

    fn unwrapped(
        &mut self,
        key: &PublicKey,
        signatures: &Signatures,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let parent = self.parent()?;
        let parameters = Writer::default().sized(&sealed.private).sized(&sealed.public).done();
        let loaded =
            self.send(LOAD, &[parent], Some(PASSWORD), &parameters).map_err(|error| match error {
                SealError::Refused { code, .. } if reason(code) == INTEGRITY => SealError::OtherTpm,
                other => other,
            })?;
        let object = self.handle(&loaded, LOAD)?;
        let session = self.authorised(key, signatures)?;
        let answer = self.send(UNSEAL, &[object], Some(session), &[])?;
        let mut reader = Reader::new(&answer);
        let secret = reader.long().and_then(|_size| reader.sized());
        secret.map(|secret| Zeroizing::new(secret.to_vec())).map_err(|Cut| SealError::Answer(UNSEAL.0))
    }

    /// A session in which the policy of `key` holds.
    fn authorised(&mut self, key: &PublicKey, signatures: &Signatures) -> Result<u32, SealError> {
        let register = self.register()?;
        let policy = measurement_policy(&register);
        let signature =
            signatures.of(key, &policy).ok_or_else(|| SealError::Measured(hex::encode(register)))?;
        // A policy session (1) of this program alone, with nothing encrypted and SHA-256.
        let parameters =
            Writer::default().sized(&[7; 16]).sized(&[]).byte(1).short(NULL).short(SHA256).done();
        let answer = self.send(START_SESSION, &[NOBODY, NOBODY], None, &parameters)?;
        let session = self.handle(&answer, START_SESSION)?;
        // The TPM takes what the register holds by itself.
        let parameters = Writer::default().sized(&[]).raw(&SELECTION).done();
        self.send(("PolicyPCR", POLICY_PCR), &[session], None, &parameters)?;
        let parameters = Writer::default().sized(&[]).sized(&key.area()).long(OWNER).done();
        let answer = self.send(LOAD_EXTERNAL, &[], None, &parameters)?;
        let signer = self.handle(&answer, LOAD_EXTERNAL)?;
        // RSASSA with SHA-256; what is signed is the policy without words of ours.
        let digest = <sha2::Sha256 as sha2::Digest>::digest(policy);
        let parameters = Writer::default().sized(&digest).short(0x14).short(SHA256).sized(&signature).done();
        let ticket =
            self.send(VERIFY_SIGNATURE, &[signer], None, &parameters).map_err(|error| match error {
                SealError::Refused { code, .. } if reason(code) == SIGNATURE => {
                    SealError::Measured(hex::encode(register))
                }
                other => other,
            })?;
        let parameters = Writer::default().sized(&policy).sized(&[]).sized(&key.name()).raw(&ticket).done();
        self.send(("PolicyAuthorize", POLICY_AUTHORIZE), &[session], None, &parameters)?;
        Ok(session)
    }

    /// What the register holds that the kernel image was measured into.
    ///
    /// # Errors
    ///
    /// The TPM does not have it in SHA-256.
    pub fn register(&mut self) -> Result<[u8; 32], SealError> {
        self.read(SELECTION)
    }

    /// What the register holds that the state and the keys of Secure Boot were measured into. No key depends on it: it changes
    /// whenever the firmware learns what is revoked.
    ///
    /// # Errors
    ///
    /// The TPM does not have it in SHA-256.
    pub fn secure_boot(&mut self) -> Result<[u8; 32], SealError> {
        self.read(selection(SECURE_BOOT))
    }

    fn read(&mut self, selection: [u8; 10]) -> Result<[u8; 32], SealError> {
        let answer = self.send(PCR_READ, &[], None, &selection)?;
        let read = || -> Result<[u8; 32], Cut> {
            let mut reader = Reader::new(&answer);
            let _counter = reader.long()?;
            if reader.take(selection.len())? != selection || reader.long()? != 1 {
                return Err(Cut);
            }
            reader.sized()?.try_into().map_err(|_| Cut)
        };
        read().map_err(|Cut| SealError::Answer(PCR_READ.0))
    }

    /// Extends the register, so that the policy holds no more until the machine starts again.
    ///
    /// # Errors
    ///
    /// The TPM refuses.
    pub fn extend(&mut self, content: &[u8]) -> Result<(), SealError> {
        let digest = <sha2::Sha256 as sha2::Digest>::digest(content);
        let parameters = Writer::default().long(1).short(SHA256).raw(&digest).done();
        self.send(PCR_EXTEND, &[u32::from(REGISTER)], Some(PASSWORD), &parameters).map(drop)
    }
}

/// The size and the code of an answer, and what follows.
fn header(answer: &[u8]) -> Result<(u32, u32, &[u8]), Cut> {
    let mut reader = Reader::new(answer);
    let _tag = reader.short()?;
    Ok((reader.long()?, reader.long()?, reader.rest()))
}

/// The reason in a code, without the number of the parameter (part 2, 6.6).
const fn reason(code: u32) -> u32 {
    if code & FORMAT_ONE == 0 { code } else { code & 0xbf }
}
