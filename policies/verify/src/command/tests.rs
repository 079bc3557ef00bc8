use std::fs;

use holdfast_audit::{Draft, Head, Kind, Signer, export};
use holdfast_types::Time;

use super::*;

struct Log {
    _guard: tempfile::TempDir,
    dir: Utf8PathBuf,
    key: String,
}

fn log(count: u64) -> Log {
    let guard = tempfile::tempdir().unwrap();
    let dir = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    let signer = Signer::from_seed("cluster.example", &[1; 32]).unwrap();
    let mut head = Head::default();
    let entry =
        |n| head.append(Draft::new(Time(n), Kind::NODE, "ada", "drain", format!("node/n{n}"))).unwrap().bytes;
    let entries: Vec<_> = (0..count).map(entry).collect();
    export(&dir, &entries[..entries.len() / 2], &signer).unwrap();
    fs::copy(dir.join("checkpoint"), dir.join("kept")).unwrap();
    export(&dir, &entries, &signer).unwrap();
    Log { _guard: guard, dir, key: signer.verifier().to_string() }
}

impl Log {
    /// The exit code, stdout and stderr; `DIR` in an argument is the directory of the log.
    fn run(&self, arguments: &[&str]) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let given = arguments
            .iter()
            .map(|text| text.replace("DIR", self.dir.as_str()).replace("KEY", &self.key).into());
        let code = run(std::iter::once("holdfast-verify".into()).chain(given), &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }
}

#[test]
fn a_whole_log_exits_0_and_says_what_it_holds() {
    let log = log(700);
    let (code, out, err) = log.run(&["log", "DIR", "--key", "KEY", "--checkpoint", "DIR/kept"]);
    assert_eq!((code, err.as_str()), (0, ""));
    for line in [
        "entries  700, 0 of them refusals",
        "  node         700",
        "trusted checkpoint of 350",
        "the key you gave",
    ] {
        assert!(out.contains(line), "{out} lacks {line}");
    }
    let (code, out, _) = log.run(&["log", "DIR", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &value["ok"], &value["report"]["trust"]), (0, &json!(true), &json!("from-log")));
}

#[test]
fn a_finding_exits_1_with_its_code_and_the_first_bad_index() {
    let log = log(300);
    let path = log.dir.join("tile/entries/000");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(9).position(|window| window == b"node/n123").unwrap();
    bytes[at + 6] = b'9';
    fs::write(path, bytes).unwrap();
    let (code, out, err) = log.run(&["log", "DIR", "--key", "KEY"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.starts_with("error[E3112]: the audit log is not whole: entry 123\n  because: its bytes hash to"),
        "{err}"
    );
    let (code, out, _) = log.run(&["log", "DIR", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &value["finding"]["first"], &value["finding"]["code"]),
        (1, &json!(123), &json!("E3112"))
    );
    // The proof of that entry fails; that of its neighbour holds.
    assert_eq!(log.run(&["entry", "DIR", "123"]).0, 1);
    assert_eq!(log.run(&["entry", "DIR", "122"]).0, 0);
}

#[test]
fn entries_of_every_place_are_proved() {
    let log = log(700);
    for index in [0, 1, 255, 256, 511, 512, 699] {
        let (code, out, err) = log.run(&["entry", "DIR", &index.to_string(), "--key", "KEY"]);
        assert_eq!(code, 0, "{err}");
        assert!(out.contains(&format!("node/n{index}\"")) && out.contains("of 700 entries"), "{out}");
    }
    let (code, _, err) = log.run(&["entry", "DIR", "700"]);
    assert!(code == 1 && err.contains("E3117") && err.contains("entry 700 is not in a log of 700"), "{err}");
}

#[test]
fn growth_is_proved_and_a_rewritten_past_is_not() {
    let log = log(700);
    let (code, out, _) = log.run(&["consistency", "DIR/kept", "DIR/checkpoint", "--key", "KEY"]);
    assert!(code == 0 && out.starts_with("consistent: 350 entries became 700"), "{out}");
    assert_eq!(log.run(&["consistency", "DIR/checkpoint", "DIR/kept"]).0, 1);
    let other = self::log(100);
    fs::copy(other.dir.join("kept"), log.dir.join("other")).unwrap();
    let (code, _, err) = log.run(&["consistency", "DIR/other", "DIR/checkpoint"]);
    assert_eq!(code, 0, "{err}");
    let text = fs::read_to_string(log.dir.join("other")).unwrap().replacen("\n50\n", "\n51\n", 1);
    fs::write(log.dir.join("other"), text).unwrap();
    let (code, _, err) = log.run(&["consistency", "DIR/other", "DIR/checkpoint"]);
    assert!(code == 1 && err.contains("E3116"), "{err}");
}

#[test]
fn a_wrong_call_exits_2_and_help_0() {
    let log = log(2);
    for wrong in
        [&[][..], &["log"], &["entry", "DIR", "-1"], &["log", "DIR", "--key", "nonsense"], &["send", "DIR"]]
    {
        let (code, out, err) = log.run(wrong);
        assert!(code == 2 && out.is_empty() && !err.is_empty(), "{wrong:?}: {err}");
    }
    assert_eq!(log.run(&["--help"]).0, 0);
    assert_eq!(log.run(&["log", "DIR/absent"]).0, 1);
}

#[test]
fn a_release_is_proved_to_its_last_byte() {
    let dir = tempfile::tempdir().unwrap();
    let dir = Utf8Path::from_path(dir.path()).unwrap();
    let (root, bundle) = release();
    fs::write(dir.join("root.json"), &root).unwrap();
    fs::write(dir.join("whole.bundle"), &bundle).unwrap();
    let mut damaged = bundle.clone();
    let at = damaged.len() - 1_536;
    damaged[at] ^= 1;
    fs::write(dir.join("damaged.bundle"), &damaged).unwrap();
    fs::write(dir.join("cut.bundle"), &bundle[..bundle.len() - 700]).unwrap();
    let mut log = log(2);
    log.dir = dir.to_owned();
    let at = ["--at", "2027-01-01T00:00:00Z"];
    let run = |arguments: &[&str]| log.run(&[&["release"], arguments].concat());
    let (code, out, err) = run(&["DIR/whole.bundle", "--root", "DIR/root.json", at[0], at[1]]);
    assert_eq!((code, err.as_str()), (0, ""));
    for line in [
        "release  0.2.0, kernel 6.1",
        "number   3",
        "root     version 1, ",
        "  root.verity                            11  ",
        "the root you gave",
    ] {
        assert!(out.contains(line), "{out}");
    }
    let (_, out, _) = run(&["DIR/whole.bundle", at[0], at[1]]);
    assert!(out.contains("whole in itself; compare the root"), "{out}");
    for (file, at, wanted) in [
        ("DIR/damaged.bundle", at[1], "error[E8107]"),
        ("DIR/cut.bundle", at[1], "error[E8101]"),
        ("DIR/whole.bundle", "2031-01-01T00:00:00Z", "error[E8104]"),
        ("DIR/whole.bundle", "soon", "error[E4301]"),
        ("DIR/none.bundle", at[1], "error[E4301]"),
    ] {
        let (code, out, err) = run(&[file, "--at", at]);
        assert!(code == 1 && out.is_empty() && err.starts_with(wanted), "{file}: {err}");
    }
}

struct Key(ed25519_dalek::SigningKey);

impl holdfast_release::Keyholder for Key {
    fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        Ok(ed25519_dalek::Signer::sign(&self.0, message).to_bytes())
    }
}

/// A root and a release below it.
fn release() -> (Vec<u8>, Vec<u8>) {
    use holdfast_release::{
        BundleRole, Digest, Draft, FileSum, Keyholder, Manifest, Profile, Target, Unsigned, Verity, pack,
    };
    use sha2::Digest as _;

    let (key, expires) = (Key(ed25519_dalek::SigningKey::from_bytes(&[7; 32])), Time(1_900_000_000_000));
    let holder = |role| (role, (vec![key.public()], 1));
    let root = Unsigned::root(1, expires, &BundleRole::ALL.map(holder).into()).sign(&[&key]).unwrap();
    let mut files: std::collections::BTreeMap<String, Vec<u8>> =
        ["holdfast.efi", "loader.efi", "root.verity"].map(|name| (name.to_owned(), name.into())).into();
    files.insert("root.erofs".to_owned(), vec![7; 4096]);
    let manifest = Manifest {
        version: "0.2.0".to_owned(),
        profile: Profile::Small,
        epoch: 0,
        kernel: "6.1".to_owned(),
        files: files.iter().map(|(name, bytes)| (name.clone(), FileSum::of(bytes))).collect(),
        verity: Verity { root_hash: Digest([1; 32]), salt: Digest([2; 32]), data_blocks: 1 },
        pcr11: Digest([3; 32]),
        from: None,
        extensions: Vec::new(),
    };
    files.insert("manifest.json".to_owned(), manifest.encode().unwrap());
    let target = |(name, bytes): (&String, &Vec<u8>)| {
        let sha256 = sha2::Sha256::digest(bytes).into();
        (name.clone(), Target { length: u64::try_from(bytes.len()).unwrap(), sha256 })
    };
    let draft = Draft { number: 3, expires, targets: files.iter().map(target).collect() };
    let holders = BundleRole::ALL.map(|role| (role, vec![&key as &dyn Keyholder])).into();
    let metadata = draft.sign([(1, root.clone())].into(), &holders).unwrap();
    let mut bundle = Vec::new();
    let put = &mut |part: &[u8]| {
        bundle.extend_from_slice(part);
        Ok(())
    };
    pack(&metadata, &draft.targets, put, &mut |name, sink| sink(&files[name])).unwrap();
    (root, bundle)
}
