//! The suite of the images: builds them as a site would, with keys of its own, and boots them on machines of QEMU.

use std::process::Command;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::outcome::{Outcome, Tier, counted, target_directory};
use crate::packages::Package;
use crate::process::{Counted, HOST, Shell, is_root, run as run_command, run_counted};

/// The crates whose tests need what [`PACKAGES`] bring, and run in no other suite.
pub(super) const CRATES: [&str; 5] =
    ["holdfast-release", "holdfast-image", "holdfast-installer", "holdfast-machine", "holdfast-seal"];

/// What builds images, what judges them, and what boots them.
pub(crate) const PACKAGES: &[Package] = &[
    Package { name: "erofs-utils", program: "mkfs.erofs" },
    Package { name: "e2fsprogs", program: "e2fsck" },
    Package { name: "gdisk", program: "sgdisk" },
    Package { name: "dosfstools", program: "fsck.vfat" },
    Package { name: "mtools", program: "mtype" },
    Package { name: "cryptsetup-bin", program: "veritysetup" },
    Package { name: "sbsigntool", program: "sbverify" },
    Package { name: "openssl", program: "openssl" },
    Package { name: "libarchive-tools", program: "bsdtar" },
    Package { name: "systemd-boot-efi", program: "/usr/lib/systemd/boot/efi/linuxx64.efi.stub" },
    Package { name: "xorriso", program: "xorriso" },
    Package { name: "util-linux", program: "unshare" },
    Package { name: "gcc", program: "gcc" },
    Package { name: "make", program: "make" },
    Package { name: "libelf1", program: "/usr/lib/x86_64-linux-gnu/libelf.so.1" },
    Package { name: "qemu-system-x86", program: "qemu-system-x86_64" },
    Package { name: "ovmf", program: "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd" },
    Package { name: "swtpm", program: "swtpm" },
    Package { name: "iproute2", program: "ip" },
];

/// Names a directory with packages by their hash, for machines without a network.
const PACKAGE_CACHE: &str = "HOLDFAST_PACKAGE_CACHE";

/// Our programs in the root that need no more than the library of C.
const STATIC: [&str; 2] = ["holdfast-init", "holdfast-installer"];
/// Our programs in the root that load it.
const DYNAMIC: [&str; 2] = ["holdfast", "holdfast-verify"];
/// What a job in a cluster of machines runs.
const JOB: &str = "holdfast-trainer";
/// The tests that lay cables between machines, which only root may.
const CABLES: &str = "on_a_network";

/// Machines at a time: more of them only wait for each other.
const MACHINES: &str = "2";

/// How the programs of the images are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// As all tests are: soon.
    Debug,
    /// As they ship. What is measured is this, and several machines at a time are quick enough only so.
    Release,
}

impl Build {
    /// The directory of cargo that has them.
    fn directory(self) -> &'static str {
        match self {
            Build::Debug => "debug",
            Build::Release => "release",
        }
    }
}

/// The places of the suite, all below the target directory.
struct Places {
    target: Utf8PathBuf,
    // What all builds share.
    shared: Utf8PathBuf,
    base: Utf8PathBuf,
    packages: Utf8PathBuf,
    build: Build,
}

impl Places {
    fn new(target: Utf8PathBuf, build: Build) -> Self {
        let shared = target.join("image");
        let base = match build {
            Build::Debug => shared.clone(),
            Build::Release => shared.join("release"),
        };
        let packages =
            std::env::var(PACKAGE_CACHE).map_or_else(|_| shared.join("packages"), Utf8PathBuf::from);
        Self { target, shared, base, packages, build }
    }

    fn programs(&self) -> Utf8PathBuf {
        self.target.join(self.build.directory())
    }

    fn builder(&self) -> Utf8PathBuf {
        self.target.join("debug/holdfast-image")
    }
}

pub(super) fn run(shell: &Shell, tier: Tier) -> Outcome {
    if !HOST.starts_with("x86_64") {
        return Outcome::Skipped("images are for x86-64, and are built there".to_owned());
    }
    let mut command = shell.cargo();
    command.args(["test", "--locked", "--no-fail-fast", "-p", "holdfast-release", "-p", "holdfast-image"]);
    command.args(["-p", "holdfast-installer", "-p", "holdfast-seal"]);
    let (mut sum, beside) = run_counted(tools(&mut command));
    let build = if tier == Tier::Full { Build::Release } else { Build::Debug };
    let booted = built(shell, build).and_then(|known| {
        let mut command = shell.cargo();
        command.args(["test", "--locked", "--no-fail-fast", "-p", "holdfast-machine", "--"]);
        // What each boot costs is worth reading in a run that passes, too.
        command.args(["--test-threads", MACHINES, "--nocapture"]).envs(known);
        if tier == Tier::Full {
            command.arg("--include-ignored");
        }
        if !is_root() {
            eprintln!("not root: the tests of machines {CABLES} are left out");
            command.args(["--skip", CABLES]);
        }
        let (Counted { passed, failed, ignored }, result) = run_counted(tools(&mut command));
        sum.passed += passed;
        sum.failed += failed;
        sum.ignored += ignored;
        result
    });
    let metal = if tier == Tier::Full { metal(shell, build) } else { Ok(()) };
    counted((sum, beside.and(booted).and(metal)))
}

/// Builds the images, and says where they are and what built them, as those who use them read it from their environment.
pub(crate) fn built(shell: &Shell, build: Build) -> Result<[(&'static str, Utf8PathBuf); 4]> {
    let places = Places::new(target_directory(shell)?, build);
    let images = images(shell, &places)?;
    let builder = places.builder();
    Ok([
        ("HOLDFAST_IMAGES", images),
        ("HOLDFAST_IMAGE_BUILDER", builder),
        ("HOLDFAST_BIN_DIR", places.programs()),
        (PACKAGE_CACHE, places.packages),
    ])
}

/// Some of the tools lie where only root looks.
fn tools(command: &mut Command) -> &mut Command {
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"))
}

/// Builds the images and returns their directory.
fn images(shell: &Shell, places: &Places) -> Result<Utf8PathBuf> {
    programs(shell, places)?;
    let mut command = shell.cargo();
    run_command(command.args(["build", "--locked", "-p", "holdfast-image"]))?;
    let builder = places.builder();
    let (keys, images) = (places.base.join("keys"), places.base.join("out"));
    let site = ["--site", "Test"];
    for (made, by, more) in
        [("db.key", "init", &site[..]), ("pcr.key", "measured", &site), ("1.root.json", "release", &[])]
    {
        if !keys.join(made).is_file() {
            let mut command = shell.program(builder.as_str());
            run_command(command.args(["keys", by, keys.as_str()]).args(more))?;
        }
    }
    assembled(shell, places, "small", &images)?;
    Ok(images)
}

fn assembled(shell: &Shell, places: &Places, profile: &str, images: &Utf8Path) -> Result<()> {
    let mut command = shell.program(places.builder().as_str());
    command.args(["build", "--profile", profile, "--enrol"]);
    command.args(["--programs", places.base.join("programs").as_str()]);
    command.args(["--keys", places.base.join("keys").as_str()]);
    command.args(["--package-cache", places.packages.as_str(), "--out", images.as_str()]);
    run_command(tools(&mut command))
}

/// Builds the images for servers, which no machine here can start, and has them judged by the tools of others.
fn metal(shell: &Shell, build: Build) -> Result<()> {
    let places = Places::new(target_directory(shell)?, build);
    let images = places.base.join("metal");
    assembled(shell, &places, "metal", &images)?;
    let mut command = shell.cargo();
    command.args(["test", "--locked", "-p", "holdfast-machine", "--test", "images"]);
    run_command(tools(command.env("HOLDFAST_IMAGES", images)))
}

/// Builds our programs, without what only a debugger reads.
fn programs(shell: &Shell, places: &Places) -> Result<()> {
    let directory = places.base.join("programs");
    std::fs::create_dir_all(&directory).with_context(|| format!("create {directory}"))?;
    let mut command = shell.cargo();
    command.args(["build", "--locked", "--release", "--target", HOST]);
    command.args(STATIC.iter().flat_map(|name| ["-p", name]));
    // A directory of its own: the flags are others than those of every other build.
    let own = places.shared.join("build");
    command.env("RUSTFLAGS", "-C target-feature=+crt-static -C strip=symbols");
    run_command(command.args(["--target-dir", own.as_str()]))?;
    for name in STATIC {
        let built = own.join(HOST).join("release").join(name);
        std::fs::copy(&built, directory.join(name)).with_context(|| format!("copy {built}"))?;
    }
    let mut command = shell.cargo();
    command.args(["build", "--locked"]);
    if places.build == Build::Release {
        command.arg("--release");
    }
    command.args(DYNAMIC.iter().chain([&JOB]).flat_map(|name| ["-p", name]));
    run_command(&mut command)?;
    for name in DYNAMIC {
        stripped(shell, &places.programs().join(name), &directory.join(name))?;
    }
    Ok(())
}

fn stripped(shell: &Shell, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    run_command(shell.program("strip").args(["--strip-all", "-o", to.as_str(), from.as_str()]))
}
