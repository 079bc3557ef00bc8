//! The builder once more, as a site without a network would run it: elsewhere, later, as anybody; and what is in the root.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::images;
use holdfast_release::{Digest, ROOT};
use serde_json::Value;

/// The root of the repository.
fn workspace() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize_utf8().unwrap()
}

/// Where the suite keeps what it builds from.
fn base() -> Utf8PathBuf {
    images().unwrap().dir().parent().unwrap().canonicalize_utf8().unwrap()
}

/// Builds in `dir` with copies of all that is read, without a network.
fn build(dir: &Utf8Path, packages: &Utf8Path) -> Output {
    // Set by `cargo xtask test --only image`.
    let builder = std::env::var("HOLDFAST_IMAGE_BUILDER").unwrap();
    for (from, to) in [(workspace().join("image"), "image"), (base().join("programs"), "programs")] {
        fs::create_dir_all(dir.join(to)).unwrap();
        for entry in from.read_dir_utf8().unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), dir.join(to).join(entry.file_name())).unwrap();
            }
        }
    }
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "--", "sh", "-c", "umask 077; exec \"$@\"", "sh", &builder]);
    command.args(["build", "--profile", "small", "--enrol", "--offline"]);
    command.args(["--source", "image", "--programs", "programs", "--out", "elsewhere/images"]);
    command.args(["--keys", base().join("keys").as_str(), "--package-cache", packages.as_str()]);
    command.args(["--workspace", workspace().as_str()]).env("TZ", "Pacific/Kiritimati").current_dir(dir);
    command.output().unwrap()
}

fn packages() -> Utf8PathBuf {
    std::env::var("HOLDFAST_PACKAGE_CACHE").map_or_else(|_| base().join("packages"), Utf8PathBuf::from)
}

#[test]
fn another_build_elsewhere_and_without_a_network_is_the_same_to_the_bit() {
    let temp = tempfile::tempdir().unwrap();
    let dir = Utf8Path::from_path(temp.path()).unwrap();
    let output = build(dir, &packages());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let images = images().unwrap();
    let (there, here) = (images.dir(), dir.join("elsewhere/images"));
    let mut compared = 0;
    for entry in there.read_dir_utf8().unwrap().map(Result::unwrap) {
        let name = entry.file_name();
        let (first, second) =
            (Digest::of(&fs::read(entry.path()).unwrap()), Digest::of(&fs::read(here.join(name)).unwrap()));
        assert_eq!(first, second, "{name}");
        compared += 1;
    }
    assert_eq!(compared, here.read_dir_utf8().unwrap().count());
    assert!(compared > 15 && there.join("disk.raw").is_file());
}

#[test]
fn a_package_that_is_gone_is_named_with_version_and_hash() {
    let temp = tempfile::tempdir().unwrap();
    let dir = Utf8Path::from_path(temp.path()).unwrap();
    let lock = fs::read_to_string(workspace().join("image/packages.lock")).unwrap();
    let row = lock.split("[[package]]").find(|row| row.contains("name = \"libc6\"")).unwrap();
    let field = |name: &str| {
        let start = format!("{name} = \"");
        row.lines().find_map(|line| line.strip_prefix(&start)?.strip_suffix('"')).unwrap().to_owned()
    };
    let cache = dir.join("packages");
    fs::create_dir(&cache).unwrap();
    for entry in packages().canonicalize_utf8().unwrap().read_dir_utf8().unwrap().map(Result::unwrap) {
        if !entry.file_name().starts_with(&field("sha256")) {
            symlink(entry.path(), cache.join(entry.file_name())).unwrap();
        }
    }
    let output = build(dir, &cache);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    let named = format!("libc6 {} (sha256 {})", field("version"), field("sha256"));
    assert!(said.contains(&named), "{said}");
}

/// The files of a directory and below, by their path in it.
fn walk(dir: &Utf8Path, below: &Utf8Path, found: &mut Vec<Utf8PathBuf>) {
    for entry in dir.join(below).read_dir_utf8().unwrap().map(Result::unwrap) {
        let path = below.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            walk(dir, &path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn every_file_of_the_root_is_owned_and_none_is_a_way_in() {
    let (images, temp) = (images().unwrap(), tempfile::tempdir().unwrap());
    let dir = Utf8Path::from_path(temp.path()).unwrap().join("root");
    let output =
        Command::new("fsck.erofs").arg(format!("--extract={dir}")).arg(images.path(ROOT)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bill: Value = serde_json::from_slice(&fs::read(images.path("sbom.spdx.json")).unwrap()).unwrap();
    let list = |name: &str| bill[name].as_array().unwrap().iter();
    let sums: BTreeMap<&str, &str> = list("files")
        .map(|file| {
            (file["fileName"].as_str().unwrap(), file["checksums"][1]["checksumValue"].as_str().unwrap())
        })
        .collect();
    let mut found = Vec::new();
    walk(&dir, Utf8Path::new(""), &mut found);
    let mut files = 0;
    for path in &found {
        let kind = fs::symlink_metadata(dir.join(path)).unwrap();
        let name = path.file_name().unwrap();
        let ways = ["sh", "bash", "dash", "busybox", "python3", "perl", "sshd", "dropbear", "su", "sudo"];
        assert!(!ways.contains(&name) && kind.permissions().mode() & 0o6000 == 0, "{path}");
        if kind.is_symlink() {
            continue;
        }
        files += 1;
        let content = fs::read(dir.join(path)).unwrap();
        let owned = sums.get(format!("./{path}").as_str()).unwrap_or_else(|| panic!("{path} has no owner"));
        assert_eq!(Digest::of(&content).to_string(), **owned, "{path}");
        assert!(!content.starts_with(b"#!"), "{path} is a script");
    }
    assert_eq!(files, sums.len());
    for package in list("packages") {
        let licence = package["licenseDeclared"].as_str().unwrap();
        let whose = package["name"].as_str().unwrap();
        assert!(!licence.is_empty() && licence != "NOASSERTION", "{whose} has no licence");
        assert!(!package["versionInfo"].as_str().unwrap().is_empty(), "{whose}");
    }
    println!("{files} files, {} packages", list("packages").count());
}
