//! The keys that sign releases: one for each role of the metadata, several for the root where a site wants several people. A key may lie
//! in a file, or with a program that never lets it out.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::{BundleRole, Keyholder, Unsigned};
use holdfast_types::{Span, Time};

use crate::keys::KeyError;
use crate::signer;

/// How long a root holds where nobody says.
const ROOT_VALID: Span = Span(10 * 365 * 24 * 3_600_000);
/// The most keys of the root.
const MOST_ROOT_KEYS: u64 = 16;

/// A key for releases.
#[derive(Debug)]
pub(crate) struct ReleaseKey {
    public: [u8; 32],
    by: By,
}

enum By {
    File(Box<Ed25519KeyPair>),
    /// Gets `sign NAME` as arguments and the message on its input, answers the 64 bytes of the signature.
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

fn failed(act: &'static str, path: &Utf8Path, source: std::io::Error) -> KeyError {
    KeyError::File { act, path: path.to_owned(), source }
}

fn name_of(role: BundleRole) -> String {
    format!("release-{role}")
}

impl ReleaseKey {
    /// The key `name`: `NAME.pub` in `dir`, and `NAME.key` beside it or the program that has it.
    pub(crate) fn load(dir: &Utf8Path, name: &str, program: Option<&Utf8Path>) -> Result<Self, KeyError> {
        let path = dir.join(format!("{name}.pub"));
        let text = fs::read_to_string(&path).map_err(|error| failed("read", &path, error))?;
        let public = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        let public = public.ok_or(KeyError::Content(path, "public key of 64 hexadecimal digits"))?;
        if let Some(program) = program {
            let by = By::Program { program: program.to_owned(), name: name.to_owned() };
            return Ok(Self { public, by });
        }
        let path = dir.join(format!("{name}.key"));
        let text = fs::read_to_string(&path).map_err(|error| failed("read", &path, error))?;
        let lines: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        let pair = STANDARD.decode(lines).ok().and_then(|der| Ed25519KeyPair::from_pkcs8(&der).ok());
        let pair = pair.filter(|pair| pair.public_key().as_ref() == public);
        let pair = pair.ok_or(KeyError::Content(path, "Ed25519 key that belongs to the public one"))?;
        Ok(Self { public, by: By::File(Box::new(pair)) })
    }
}

impl Keyholder for ReleaseKey {
    fn public(&self) -> [u8; 32] {
        self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        match &self.by {
            By::File(pair) => {
                let signature = pair.sign(message);
                signature.as_ref().try_into().map_err(|_| "the key does not sign".to_owned())
            }
            By::Program { program, name } => asked(program, name, message),
        }
    }
}

fn asked(program: &Utf8Path, name: &str, message: &[u8]) -> Result<[u8; 64], String> {
    let failed = |why: String| format!("the signing program `{program}` {why}");
    let answer = signer::asked(program, name, message).map_err(failed)?;
    let length = answer.len();
    answer.try_into().map_err(|_| failed(format!("answered {length} bytes, a signature has 64")))
}

/// How the root of a site is signed.
#[derive(Debug, Clone, Copy)]
pub struct RootRule {
    /// How many keys it has.
    pub keys: u64,
    /// How many of them have to sign.
    pub threshold: u64,
}

/// Makes the keys that sign releases in `dir`, and the first root: `1.root.json`, which machines trust.
///
/// # Errors
///
/// One is there already, or cannot be written.
pub fn init(dir: &Utf8Path, rule: RootRule, now: Time) -> Result<(), KeyError> {
    if rule.threshold == 0 || rule.threshold > rule.keys || rule.keys > MOST_ROOT_KEYS {
        return Err(KeyError::Crypto("of 1 to 16 root keys, one at least and all at most have to sign"));
    }
    let root = dir.join("1.root.json");
    if root.exists() {
        return Err(KeyError::Exists(root));
    }
    fs::create_dir_all(dir).map_err(|error| failed("create", dir, error))?;
    let root_names: Vec<String> = (1..=rule.keys).map(|number| format!("release-root-{number}")).collect();
    let others = [BundleRole::Timestamp, BundleRole::Snapshot, BundleRole::Targets];
    let mut roles = BTreeMap::new();
    let mut root_keys = Vec::new();
    for name in &root_names {
        generate(dir, name)?;
        root_keys.push(ReleaseKey::load(dir, name, None)?);
    }
    roles.insert(BundleRole::Root, (root_keys.iter().map(Keyholder::public).collect(), rule.threshold));
    for role in others {
        generate(dir, &name_of(role))?;
        roles.insert(role, (vec![ReleaseKey::load(dir, &name_of(role), None)?.public], 1));
    }
    let holders: Vec<&dyn Keyholder> = root_keys.iter().map(|key| key as &dyn Keyholder).collect();
    let signed = Unsigned::root(1, now + ROOT_VALID, &roles).sign(&holders);
    let signed = signed.map_err(|_| KeyError::Crypto("the root cannot be signed"))?;
    fs::write(&root, signed).map_err(|error| failed("write", &root, error))
}

fn generate(dir: &Utf8Path, name: &str) -> Result<(), KeyError> {
    let refused = |_| KeyError::Crypto("no key can be made");
    let pair = Ed25519KeyPair::generate().map_err(refused)?;
    let pkcs8 = pair.to_pkcs8v1().map_err(refused)?;
    let text =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(&pkcs8));
    let path = dir.join(format!("{name}.key"));
    if path.exists() {
        return Err(KeyError::Exists(path));
    }
    let mut options = fs::OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(&path);
    let written = made.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| failed("write", &path, error))?;
    let path = dir.join(format!("{name}.pub"));
    let public = format!("{}\n", hex::encode(pair.public_key().as_ref()));
    fs::write(&path, public).map_err(|error| failed("write", &path, error))
}

/// The roots of a site, by version.
pub(crate) fn roots(dir: &Utf8Path) -> Result<BTreeMap<u64, Vec<u8>>, KeyError> {
    let mut roots = BTreeMap::new();
    for version in 1.. {
        let path = dir.join(format!("{version}.root.json"));
        if !path.exists() {
            break;
        }
        roots.insert(version, fs::read(&path).map_err(|error| failed("read", &path, error))?);
    }
    if roots.is_empty() {
        return Err(KeyError::Content(dir.join("1.root.json"), "root; `holdfast-image keys init` makes one"));
    }
    Ok(roots)
}

/// The keys that sign a release: of every role but the root.
pub(crate) fn signers(
    dir: &Utf8Path,
    program: Option<&Utf8Path>,
) -> Result<BTreeMap<BundleRole, ReleaseKey>, KeyError> {
    let roles = [BundleRole::Timestamp, BundleRole::Snapshot, BundleRole::Targets];
    roles.into_iter().map(|role| Ok((role, ReleaseKey::load(dir, &name_of(role), program)?))).collect()
}
