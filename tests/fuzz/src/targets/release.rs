//! What comes on a stick: bundles of releases, and the roots that people are told to trust.

use std::collections::BTreeMap;
use std::io::Cursor;

use ed25519_dalek::SigningKey;
use holdfast_release::{
    Bundle, BundleError, BundleRole, Draft, Keyholder, PAYLOAD_NAMES, Target as File, Trusted, Unsigned, pack,
};
use holdfast_types::{AsProblem as _, Time};
use sha2::{Digest as _, Sha256};

use crate::target::Target;

const NOW: Time = Time(1_800_000_000_000);
const LATER: Time = Time(1_900_000_000_000);

pub(super) fn targets() -> Vec<Target> {
    let (root, bundle) = made().unwrap_or_default();
    let trusted = Trusted::first(&root).ok();
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
    ]
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
