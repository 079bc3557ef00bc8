//! What a machine makes of the extensions that lie on its disk: those of its site for its kernel are mounted, others are refused with
//! the reason, and the machine goes on without them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::{Firmware, Setup, images};
use holdfast_release::{Digest, Extension, ExtensionHead, Keyholder, Layout, Profile, Role, Trusted};

const LIMIT: Duration = Duration::from_secs(300);

fn workspace() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize_utf8().unwrap()
}

fn packages() -> Utf8PathBuf {
    let beside = || images().unwrap().dir().parent().unwrap().canonicalize_utf8().unwrap().join("packages");
    std::env::var("HOLDFAST_PACKAGE_CACHE").map_or_else(|_| beside(), Utf8PathBuf::from)
}

fn builder(arguments: &[&str]) {
    // Set by `cargo xtask test --only image`.
    let builder = std::env::var("HOLDFAST_IMAGE_BUILDER").unwrap();
    let output = Command::new(builder).args(arguments).current_dir(workspace()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// An extension with one file, signed with these keys.
fn build(dir: &Utf8Path, name: &str, keys: &Utf8Path) -> Vec<u8> {
    let (file, out) = (dir.join("content"), dir.join(format!("{name}.ext")));
    fs::write(&file, format!("{name}\n").repeat(5_000)).unwrap();
    let file = format!("{file}=firmware/{name}.bin");
    let mut arguments = vec!["extension", "build", name, "--release", "1.2", "--file", &file, "--offline"];
    let packages = packages();
    arguments.extend(["--package-cache", packages.as_str(), "--keys", keys.as_str(), "--out", out.as_str()]);
    builder(&arguments);
    fs::read(out).unwrap()
}

/// The key of the site that signs what files a release has, as openssl has it.
struct Openssl<'a> {
    keys: &'a Utf8Path,
    dir: &'a Utf8Path,
}

impl Keyholder for Openssl<'_> {
    fn public(&self) -> [u8; 32] {
        let text = fs::read_to_string(self.keys.join("release-targets.pub")).unwrap();
        text.trim().parse::<Digest>().unwrap().0
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        let path = self.dir.join("message");
        fs::write(&path, message).unwrap();
        let key = self.keys.join("release-targets.key");
        let arguments = ["pkeyutl", "-sign", "-rawin", "-in", path.as_str(), "-inkey", key.as_str()];
        let output = Command::new("openssl").args(arguments).output().unwrap();
        output.stdout.try_into().map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The same extension with another head, signed by the site.
fn changed(file: &[u8], keys: &Utf8Path, dir: &Utf8Path, change: impl FnOnce(&mut Extension)) -> Vec<u8> {
    let root = Trusted::first(&fs::read(keys.join("1.root.json")).unwrap()).unwrap();
    let head = ExtensionHead::parse(file).unwrap().unwrap();
    let mut says = head.proved(&root).unwrap();
    change(&mut says);
    let body = &file[usize::try_from(head.data_at()).unwrap()..];
    [says.head(&[&Openssl { keys, dir }]).unwrap().as_slice(), body].concat()
}

#[test]
fn an_extension_is_mounted_or_refused_with_its_reason_and_the_machine_goes_on() {
    let (images, temp) = (images().unwrap(), tempfile::tempdir().unwrap());
    let dir = Utf8Path::from_path(temp.path()).unwrap();
    let (keys, strangers) = (images.keys().canonicalize_utf8().unwrap(), dir.join("keys"));
    builder(&["keys", "init", strangers.as_str(), "--site", "Elsewhere"]);
    let own = build(dir, "gpu", &keys);
    assert_eq!(own, build(dir, "gpu", &keys), "the same to the bit");
    let older = changed(&build(dir, "older", &keys), &keys, dir, |says| says.build.push_str(" before"));
    let mut torn = build(dir, "torn", &keys);
    let data = usize::try_from(ExtensionHead::parse(&torn).unwrap().unwrap().data_at()).unwrap();
    torn[data + 1_100] ^= 1;
    let last = build(dir, "npu", &keys);

    let disk = dir.join("disk");
    let copied = Command::new("cp")
        .args(["--sparse=always", images.path("disk.raw").as_str(), disk.as_str()])
        .status();
    assert!(copied.unwrap().success());
    let layout = Layout::plan(Profile::Small, fs::metadata(&disk).unwrap().len(), 512).unwrap();
    let ext = layout.part(Role::Ext).unwrap();
    let all = [own, build(dir, "foreign", &strangers), older, torn, last].concat();
    File::options().write(true).open(&disk).unwrap().write_all_at(&all, ext.at).unwrap();

    let firmware = Firmware::Direct {
        kernel: images.path("vmlinuz"),
        initrd: images.path("initrd.zst"),
        cmdline: fs::read_to_string(images.path("cmdline")).unwrap(),
    };
    let setup = Setup { megabytes: 768, disks: vec![disk], ..Setup::new(firmware) };
    let mut machine = setup.start().unwrap();
    let mounted = machine.event("extension.mounted", LIMIT).unwrap();
    assert_eq!((&mounted["name"], &mounted["version"]), (&"gpu".into(), &"1.2".into()));
    for (name, code, why) in [
        ("foreign", "E7161", "it is not signed by this site"),
        ("older", "E7162", "before), this is kernel "),
        ("torn", "E7160", "it is no extension: mount erofs"),
    ] {
        let refused = machine.event("extension.refused", LIMIT).unwrap();
        assert_eq!((&refused["name"], &refused["code"]), (&name.into(), &code.into()), "{refused}");
        assert!(refused["why"].as_str().unwrap().contains(why), "{refused}");
    }
    assert_eq!(machine.event("extension.mounted", LIMIT).unwrap()["name"], "npu");
    machine.event("ready", LIMIT).unwrap();
    machine.cut();
}
