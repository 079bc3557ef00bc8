//! What was built, judged by the tools of others, without a machine.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::{Images, images};
use holdfast_release::{
    Digest, FileSum, INSTALL_KERNEL, KERNEL, LOADER, Layout, MANIFEST, Profile, ROOT, ROOT_TREE, Role,
};
use tempfile::TempDir;

const MB: u64 = 1_000_000;

fn says(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let text = [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].join("\n");
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    text
}

/// The bytes of `path` from `at`, as a file of their own.
fn part(temp: &TempDir, path: &Utf8Path, at: u64, bytes: u64) -> Utf8PathBuf {
    let mut content = vec![0; usize::try_from(bytes).unwrap()];
    File::open(path).unwrap().read_exact_at(&mut content, at).unwrap();
    let to = Utf8Path::from_path(temp.path()).unwrap().join("part");
    fs::write(&to, content).unwrap();
    to
}

fn keys(images: &Images) -> Utf8PathBuf {
    images.keys().join("db.crt")
}

#[test]
fn every_file_is_as_the_manifest_says_and_no_larger_than_promised() {
    let images = images().unwrap();
    let whole = images.manifest("release.json").unwrap();
    for (name, sum) in &whole.files {
        assert_eq!(FileSum::of(&fs::read(images.path(name)).unwrap()), *sum, "{name}");
        println!("{:>12}  {name}", sum.bytes);
    }
    let payload = images.manifest(MANIFEST).unwrap();
    assert!(payload.files.iter().all(|(name, sum)| whole.files.get(name) == Some(sum)));
    assert_eq!(payload.verity, whole.verity);
    let medium = images.medium().unwrap();
    let kernels = [KERNEL, INSTALL_KERNEL, "netboot.efi"].map(|name| (name, 20 * MB));
    let most = kernels.into_iter().chain([(ROOT, 80 * MB)]);
    for (name, most) in most.chain([(medium.file_name().unwrap(), 150 * MB)]) {
        assert!(whole.files[name].bytes <= most, "{name}");
    }
}

#[test]
fn signatures_and_the_proof_of_the_root_hold_for_the_tools_of_others() {
    let images = images().unwrap();
    let certificate = keys(&images);
    for name in [KERNEL, INSTALL_KERNEL, LOADER, "netboot.efi"] {
        says("sbverify", &["--cert", certificate.as_str(), images.path(name).as_str()]);
    }
    let root_hash = images.manifest(MANIFEST).unwrap().verity.root_hash;
    let (root, tree) = (images.path(ROOT), images.path(ROOT_TREE));
    says("veritysetup", &["verify", root.as_str(), tree.as_str(), &root_hash.to_string()]);
    says("fsck.erofs", &[root.as_str()]);
    let cmdline = fs::read_to_string(images.path("cmdline")).unwrap();
    assert!(cmdline.contains(&format!("holdfast.roothash={root_hash}")));
    let manifest = Digest::of(&fs::read(images.path(MANIFEST)).unwrap());
    let fetches = format!("holdfast.mode=netboot holdfast.manifest={manifest}");
    let modes =
        [(KERNEL, None), (INSTALL_KERNEL, Some("holdfast.mode=install")), ("netboot.efi", Some(&*fetches))];
    for (name, mode) in modes {
        let kernel = fs::read(images.path(name)).unwrap();
        let has = |what: &str| kernel.windows(what.len()).any(|window| window == what.as_bytes());
        assert!(has(&cmdline) && has("holdfast.mode=") == mode.is_some(), "{name}");
        assert!(mode.is_none_or(has), "{name}");
    }
}

#[test]
fn the_disk_and_the_medium_have_nothing_that_others_complain_of() {
    let (images, temp) = (images().unwrap(), tempfile::tempdir().unwrap());
    let manifest = images.manifest(MANIFEST).unwrap();
    // Servers are installed from the medium; there is no disk for them.
    if manifest.profile == Profile::Small {
        let disk = images.path("disk.raw");
        assert!(says("sgdisk", &["-v", disk.as_str()]).contains("No problems found"));
        let layout = Layout::plan(manifest.profile, fs::metadata(&disk).unwrap().len(), 512).unwrap();
        let esp = layout.part(Role::Esp).unwrap();
        says("fsck.vfat", &["-n", part(&temp, &disk, esp.at, esp.bytes).as_str()]);
    }
    let medium = images.medium().unwrap();
    assert!(says("sgdisk", &["-v", medium.as_str()]).contains("No problems found"));
    let table = says("sgdisk", &["-i", "2", medium.as_str()]);
    assert!(table.contains("C12A7328-F81F-11D2-BA4B-00A0C93EC93B"), "{table}");
    let sector = |what: &str| {
        let line = table.lines().find_map(|line| line.strip_prefix(what)).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    let (first, last) = (sector("First sector:"), sector("Last sector:"));
    says("fsck.vfat", &["-n", part(&temp, &medium, first * 512, (last + 1 - first) * 512).as_str()]);
    let boot = says("xorriso", &["-indev", medium.as_str(), "-report_el_torito", "plain"]);
    assert!(boot.contains("El Torito boot img :   1  UEFI  y"), "{boot}");
    let name = says("xorriso", &["-indev", medium.as_str(), "-pvd_info"]);
    assert!(name.contains(&format!("Volume Id    : HOLDFAST-{}\n", manifest.version)), "{name}");
    let inside = Utf8Path::from_path(temp.path()).unwrap().join("inside");
    let list = ["-osirrox", "on", "-indev", medium.as_str(), "-extract", "/holdfast", inside.as_str()];
    says("xorriso", &list);
    for (name, sum) in &manifest.files {
        assert_eq!(Digest::of(&fs::read(inside.join(name)).unwrap()), sum.sha256, "{name}");
    }
    assert_eq!(fs::read(inside.join(MANIFEST)).unwrap(), fs::read(images.path(MANIFEST)).unwrap());
}
