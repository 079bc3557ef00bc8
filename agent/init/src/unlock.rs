//! The volumes that are encrypted: STATE opens by the TPM, for what its site signed, or by its recovery key; RAFT opens by a key
//! that lies on STATE.

use std::fs;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_seal::{
    Cryptsetup, LuksError, PublicKey, RecoveryKey, SECRET_BYTES, SealError, Sealed, Signatures, Slot, Tpm,
    UNLOCKED,
};
use serde_json::json;
use zeroize::Zeroizing;

use crate::event::{event, say};
use crate::terminals::Terminals;

/// The public key whose signatures open STATE: the root is proved, so this is the site's.
const SIGNER: &str = "/usr/lib/holdfast/measured.pem";
/// The key of RAFT, on STATE.
const KEPT: &str = "keys/raft";
/// How long somebody who typed the recovery key is asked whether to seal again.
const ASKED: Duration = Duration::from_secs(180);
const SEALS: &str = "reseal";
/// The slots of keys that a TPM keeps.
const SEALED: [Slot; 2] = [Slot::Tpm(false), Slot::Tpm(true)];

/// What opened STATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The TPM, for a system that the site signed.
    Tpm,
    /// Somebody who typed the recovery key.
    RecoveryKey,
}

impl By {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tpm => "tpm",
            Self::RecoveryKey => "recovery-key",
        }
    }
}

/// What is done while somebody is waited for.
pub(crate) struct Waiting<'a> {
    /// How long; for ever where nothing is said.
    pub(crate) limit: Option<Duration>,
    /// Called about twice a second.
    pub(crate) meanwhile: &'a mut dyn FnMut(),
}

/// What this start brought to open volumes with.
#[derive(Debug)]
pub(crate) struct Keyring {
    tool: Cryptsetup,
    signer: Result<PublicKey, SealError>,
    signatures: Option<String>,
}

impl Keyring {
    /// With the signatures that the kernel image brought.
    pub(crate) fn new(signatures: Option<String>) -> Self {
        let unread = |_| SealError::Key("the release has none");
        let signer = fs::read_to_string(SIGNER).map_err(unread).and_then(|text| PublicKey::parse(&text));
        Self { tool: Cryptsetup::default(), signer, signatures }
    }

    /// Opens STATE: by the TPM, otherwise by whoever types its recovery key. Fails where nobody does within the limit.
    pub(crate) fn state(&self, volume: &Utf8Path, waiting: Waiting<'_>) -> Result<(Utf8PathBuf, By), String> {
        let why = match self.by_tpm(volume) {
            Ok(device) => return Ok((device, By::Tpm)),
            Err(why) => why,
        };
        self.by_recovery_key(volume, &why, waiting).map(|device| (device, By::RecoveryKey))
    }

    fn by_tpm(&self, volume: &Utf8Path) -> Result<Utf8PathBuf, String> {
        let mut tpm = Tpm::open().map_err(|error| error.to_string())?;
        let tokens = SEALED.iter().filter_map(|slot| self.tool.token(volume, *slot));
        let sealed: Vec<Sealed> = tokens.filter_map(|token| Sealed::parse(&token).ok()).collect();
        if sealed.is_empty() {
            return Err("no key of STATE is sealed to a TPM".to_owned());
        }
        let signer = self.signer.as_ref().map_err(ToString::to_string)?;
        let signatures = self.signatures.as_deref().ok_or(SealError::Unsigned);
        let signatures = signatures.and_then(Signatures::parse).map_err(|error| error.to_string())?;
        let mut why = String::new();
        for sealed in &sealed {
            match tpm.unseal(signer, &signatures, sealed) {
                Ok(key) => return self.tool.open(volume, "state", &key).map_err(|error| error.to_string()),
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }

    fn by_recovery_key(
        &self,
        volume: &Utf8Path,
        why: &str,
        waiting: Waiting<'_>,
    ) -> Result<Utf8PathBuf, String> {
        let mut terminals = Terminals::open();
        event("state.locked", &json!({ "why": why }));
        loop {
            terminals.say(&format!("\r\n\r\nSTATE is locked: {why}.\r\nRecovery key (it is not shown):\r\n"));
            let Some(line) = terminals.line(waiting.limit, waiting.meanwhile) else {
                return Err(format!("STATE is locked, and nobody typed its recovery key: {why}"));
            };
            if line.trim().is_empty() {
                continue;
            }
            let tried = RecoveryKey::typed(&line).map_err(|error| error.to_string());
            let tried = tried.and_then(|key| {
                let opened = self.tool.open(volume, "state", key.text().as_bytes());
                opened.map(|device| (device, key)).map_err(|error| match error {
                    LuksError::Key(_) => "this is not the recovery key of this machine".to_owned(),
                    other => other.to_string(),
                })
            });
            match tried {
                Ok((device, key)) => {
                    self.offer(volume, &key, &mut terminals, waiting.meanwhile);
                    return Ok(device);
                }
                Err(error) => {
                    terminals.say(&format!("\r\n{error}\r\n"));
                    event("state.refused", &json!({ "why": error }));
                }
            }
        }
    }

    /// Seals STATE to the TPM of this machine again, where somebody who knows the recovery key says so.
    fn offer(
        &self,
        volume: &Utf8Path,
        key: &RecoveryKey,
        terminals: &mut Terminals,
        meanwhile: &mut dyn FnMut(),
    ) {
        let (Ok(signer), Ok(mut tpm)) = (&self.signer, Tpm::open()) else { return };
        event("state.unsealed", &json!({ "offers": SEALS }));
        terminals.say(&format!(
            "\r\nSTATE is open. Type `{SEALS}` to have the TPM of this machine open it from now on,\r\nor press enter:\r\n"
        ));
        let line = terminals.line(Some(ASKED), meanwhile);
        if line.is_none_or(|line| line.trim() != SEALS) {
            terminals.say("\r\nThe TPM is left as it is.\r\n");
            return;
        }
        match self.reseal(volume, key, signer, &mut tpm) {
            Ok(()) => event("state.resealed", &json!({})),
            Err(why) => event("state.reseal-failed", &json!({ "why": why })),
        }
    }

    /// The new key is whole before the old ones go.
    fn reseal(
        &self,
        volume: &Utf8Path,
        key: &RecoveryKey,
        signer: &PublicKey,
        tpm: &mut Tpm,
    ) -> Result<(), String> {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        chance(secret.as_mut())?;
        let [first, second] = SEALED;
        let (new, old) =
            if self.tool.token(volume, first).is_some() { (second, first) } else { (first, second) };
        let failed = |error: LuksError| error.to_string();
        let sealed = tpm.seal(signer, &secret).map_err(|error| error.to_string())?;
        let token = sealed.token(new.number()).map_err(|error| error.to_string())?;
        self.tool.remove_token(volume, new).map_err(failed)?;
        self.tool.remove_key(volume, new).map_err(failed)?;
        self.tool.add_key(volume, key.text().as_bytes(), new, secret.as_ref()).map_err(failed)?;
        self.tool.put_token(volume, new, &token).map_err(failed)?;
        self.tool.remove_token(volume, old).map_err(failed)?;
        self.tool.remove_key(volume, old).map_err(failed)
    }

    /// Opens RAFT by its key on STATE, which is mounted at `state`.
    pub(crate) fn raft(&self, volume: &Utf8Path, state: &Utf8Path) -> Result<Utf8PathBuf, String> {
        let path = state.join(KEPT);
        let key = fs::read(&path).map(Zeroizing::new).map_err(|error| format!("read `{path}`: {error}"))?;
        self.tool.open(volume, "raft", &key).map_err(|error| error.to_string())
    }
}

fn chance(bytes: &mut [u8]) -> Result<(), String> {
    use std::io::Read as _;
    let read = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(bytes));
    read.map_err(|error| format!("draw a key: {error}"))
}

/// Says what was measured of what runs, and then has the TPM give out nothing more until the next start.
pub(crate) fn seal_up(by: Option<By>, volumes: &[&str]) {
    let attested = by == Some(By::Tpm);
    let by = by.map(By::name);
    match Tpm::open() {
        Ok(mut tpm) => {
            match (tpm.register(), tpm.secure_boot()) {
                (Ok(kernel), Ok(keys)) => {
                    let (kernel, keys) = (hex::encode(kernel), hex::encode(keys));
                    event("machine.measured", &json!({ "pcr11": kernel, "pcr7": keys }));
                }
                (Err(error), _) | (_, Err(error)) => say(error),
            }
            if let Err(error) = tpm.extend(UNLOCKED.as_bytes()) {
                say(error);
            }
        }
        Err(SealError::NoTpm) => {}
        Err(error) => say(error),
    }
    if by.is_some() {
        event("state.unlocked", &json!({ "by": by, "attested": attested, "volumes": volumes }));
    }
    if !attested {
        say("this machine is not attested: no TPM proved what it runs");
    }
}
