//! What comes on a stick: bundles of releases, and the roots that people are told to trust. And extensions, as a machine finds them on a
//! disk that somebody may have changed.

use std::collections::BTreeMap;
use std::io::Cursor;

use ed25519_dalek::SigningKey;
use holdfast_release::{
    BLOCK, Bundle, BundleError, BundleRole, Digest, Draft, Extension, ExtensionError, ExtensionHead,
    Keyholder, PAYLOAD_NAMES, Slot, Target as File, Trusted, Unsigned, Verity, installed, pack, writer,
};
use holdfast_types::{AsProblem as _, Time};
use sha2::{Digest as _, Sha256};

use crate::target::Target;

const NOW: Time = Time(1_800_000_000_000);
const LATER: Time = Time(1_900_000_000_000);

pub(super) fn targets() -> Vec<Target> {
    let (root, bundle) = made().unwrap_or_default();
    let trusted = Trusted::first(&root).ok();
    let site = trusted.clone();
    vec![
        Target::damaged("release-root", 2_000, vec![root], |bytes| way(Trusted::first(bytes))),
        Target::damaged("release-bundle", 2_000, vec![bundle], move |bytes| {
            let Some(trusted) = &trusted else { return "no root".to_owned() };
            let read = Bundle::open(Cursor::new(bytes)).and_then(|mut bundle| {
                let verified = bundle.verify(trusted, NOW)?;
                for name in verified.targets.keys() {
                    let content = bundle.small(&verified, name, 1 << 20)?;
                    assert_eq!(content, name.as_bytes(), "what is read is what was signed");
                }
                Ok(())
            });
            way(read)
        }),
        Target::damaged("extension", 2_000, extension().into_iter().collect(), move |bytes| {
            let Some(site) = &site else { return "no root".to_owned() };
            let mut disk = Half(bytes.to_vec());
            let (found, rest) = installed(&mut disk, Slot::A).unwrap_or_default();
            for one in &found {
                if let Ok(says) = one.head.proved(site) {
                    assert_eq!(says, gpu(), "what is believed is what was signed");
                }
            }
            let read = ExtensionHead::parse(bytes).map(drop);
            let way = |error: ExtensionError| error.to_string().chars().take(40).collect::<String>();
            format!("{} {:?} {:?}", found.len(), rest.map(way), read.err().map(way))
        }),
    ]
}

/// A disk with these bytes in the first half, and zeros behind them.
struct Half(Vec<u8>);

impl writer::Target for Half {
    fn size(&self) -> u64 {
        1 << 20
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        let from = self.0.get(usize::try_from(at).unwrap_or(usize::MAX)..).unwrap_or_default();
        buffer.fill(0);
        buffer.iter_mut().zip(from).for_each(|(to, byte)| *to = *byte);
        Ok(buffer.len())
    }

    fn write_at(&mut self, _: u64, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn gpu() -> Extension {
    Extension {
        name: "gpu".to_owned(),
        version: "1".to_owned(),
        kernel: "6.1".to_owned(),
        build: "#1 SMP".to_owned(),
        verity: Verity { root_hash: Digest([1; 32]), salt: Digest([2; 32]), data_blocks: 1 },
        tree_bytes: 4096,
    }
}

/// Two extensions, one behind the other.
fn extension() -> Result<Vec<u8>, ExtensionError> {
    let mut one = gpu().head(&[&SigningKey::from_bytes(&[7; 32])])?;
    one.resize(one.len() + 2 * BLOCK, 0);
    Ok([one.clone(), one].concat())
}

/// The code of the refusal and its first words: the rest holds hashes, which are never the same.
fn way<T>(result: Result<T, BundleError>) -> String {
    match result {
        Ok(_) => "read".to_owned(),
        Err(error) => {
            format!("{} {}", error.problem().code, error.to_string().chars().take(24).collect::<String>())
        }
    }
}

fn made() -> Result<(Vec<u8>, Vec<u8>), BundleError> {
    let key = SigningKey::from_bytes(&[7; 32]);
    let all = |role| (role, (vec![key.public()], 1));
    let root = Unsigned::root(1, LATER, &BundleRole::ALL.map(all).into()).sign(&[&key])?;
    let target = |name: &&str| {
        let length = u64::try_from(name.len()).unwrap_or(0);
        ((*name).to_owned(), File { length, sha256: Sha256::digest(name.as_bytes()).into() })
    };
    let targets: BTreeMap<String, File> = PAYLOAD_NAMES.iter().map(target).collect();
    let draft = Draft { number: 3, expires: LATER, targets };
    let holders = BundleRole::ALL.map(|role| (role, vec![&key as &dyn Keyholder])).into();
    let metadata = draft.sign([(1, root.clone())].into(), &holders)?;
    let mut bundle = Vec::new();
    let put = &mut |part: &[u8]| {
        bundle.extend_from_slice(part);
        Ok(())
    };
    pack(&metadata, &draft.targets, put, &mut |name, sink| sink(name.as_bytes()))?;
    Ok((root, bundle))
}
