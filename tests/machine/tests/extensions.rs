//! What a machine makes of the extensions that lie on its disk: those of its site for its kernel are mounted, others are refused with
//! the reason, and the machine goes on without them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::time::Duration;

use camino::Utf8Path;
use holdfast_machine::{Setup, extension, images};
use holdfast_release::{Digest, Extension, ExtensionHead, Keyholder, Layout, Profile, Role, Trusted};

const LIMIT: Duration = Duration::from_secs(300);

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
    // Set by `cargo xtask test --only image`.
    let made = Command::new(std::env::var("HOLDFAST_IMAGE_BUILDER").unwrap())
        .args(["keys", "init", strangers.as_str(), "--site", "Elsewhere"])
        .status();
    assert!(made.unwrap().success());
    let own = extension(&images, dir, "gpu", &keys).unwrap();
    assert_eq!(own, extension(&images, dir, "gpu", &keys).unwrap(), "the same to the bit");
    let older = changed(&extension(&images, dir, "older", &keys).unwrap(), &keys, dir, |says| {
        says.build.push_str(" before")
    });
    let mut torn = extension(&images, dir, "torn", &keys).unwrap();
    let data = usize::try_from(ExtensionHead::parse(&torn).unwrap().unwrap().data_at()).unwrap();
    torn[data + 1_100] ^= 1;
    let last = extension(&images, dir, "npu", &keys).unwrap();

    let disk = dir.join("disk");
    images.copy_disk(&disk).unwrap();
    let layout = Layout::plan(Profile::Small, fs::metadata(&disk).unwrap().len(), 512).unwrap();
    let ext = layout.part(Role::Ext).unwrap();
    let all = [own, extension(&images, dir, "foreign", &strangers).unwrap(), older, torn, last].concat();
    File::options().write(true).open(&disk).unwrap().write_all_at(&all, ext.at).unwrap();

    let firmware = images.direct("").unwrap();
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
