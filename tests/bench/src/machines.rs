//! The images: how large they are, how long they take to build, and what it costs a machine to start with them, in CPU-seconds of
//! QEMU's emulation. The peer is a minimal Debian with systemd, made in the same run and started the same way. And what an update takes.

mod debian;
mod known;
mod update;

use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::{
    Firmware, Images, Machine, Setup, configuration_volume, images, put_state, rewrite_esp,
};
use holdfast_release::{KERNEL, ROOT};

use self::known::{MB, builder};
use crate::measure::{Bench, Measurement, Promise};

/// How long a machine may take beside other work.
const LIMIT: Duration = Duration::from_secs(400);
/// A disk to install on.
const DISK_BYTES: u64 = 1536 << 20;
/// Names the packages that images are built from.
const PACKAGES: &str = "HOLDFAST_PACKAGE_CACHE";

/// The rows of this area.
pub(crate) fn rows() -> Vec<Promise> {
    let row = |id, run| Promise { id, area: "os", run };
    vec![
        row("image-uki", Some(uki_bytes)),
        row("image-iso", Some(iso_bytes)),
        row("image-root", Some(root_bytes)),
        row("image-build", Some(build)),
        row("image-direct-ready", Some(direct)),
        row("image-disk-ready", Some(disk)),
        row("image-secure-boot", Some(secure_boot)),
        row("image-iso-ready", Some(iso_ready)),
        row("image-iso-ready-ratio", Some(iso_ready)),
        row("image-install", Some(install)),
        row("image-memory", Some(memory)),
        row("update-bundle", Some(update::bundle_bytes)),
        row("update-install", Some(update::against_rauc)),
        row("update-install-swupdate", Some(update::against_swupdate)),
    ]
}

fn alone(figure: f64, unit: &'static str) -> Measurement {
    Measurement::new(figure, unit, Err("there is no peer that does the same".to_owned()))
}

fn bytes(name: &str) -> Result<Measurement> {
    let whole = images()?.manifest("release.json")?;
    let sum = whole.file(name).with_context(|| format!("there is no {name}"))?;
    Ok(alone(sum.bytes as f64 / MB, "MB"))
}

fn uki_bytes(_: &Bench) -> Result<Measurement> {
    bytes(KERNEL)
}

fn root_bytes(_: &Bench) -> Result<Measurement> {
    bytes(ROOT)
}

fn iso_bytes(_: &Bench) -> Result<Measurement> {
    bytes(images()?.medium()?.file_name().unwrap_or_default())
}

/// Everything once more, from the packages that are there.
fn build(bench: &Bench) -> Result<Measurement> {
    let images = images()?;
    let base = images.dir().parent().context("the images lie nowhere")?;
    let builder = builder()?;
    let packages = std::env::var(PACKAGES).map_or_else(|_| base.join("packages"), Utf8PathBuf::from);
    let begun = Instant::now();
    let output = Command::new(builder)
        .args(["build", "--profile", "small", "--enrol", "--offline"])
        .args(["--programs", base.join("programs").as_str(), "--keys", base.join("keys").as_str()])
        .args(["--package-cache", packages.as_str(), "--out", bench.scratch.join("images").as_str()])
        .output()
        .context("start the builder")?;
    if !output.status.success() {
        bail!("the builder: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let took = begun.elapsed().as_secs_f64();
    let same = std::fs::read(bench.scratch.join("images/release.json"))?
        == std::fs::read(images.path("release.json"))?;
    if !same {
        bail!("the second build is not the first one");
    }
    Ok(alone(took, "s"))
}

fn copied(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let status = Command::new("cp").args(["--sparse=always", from.as_str(), to.as_str()]).status()?;
    if status.success() { Ok(()) } else { bail!("copy {from}: {status}") }
}

/// A copy of the disk, and of the variables of a firmware that knows nothing.
fn fresh(bench: &Bench, images: &Images) -> Result<(Utf8PathBuf, Utf8PathBuf)> {
    let (disk, variables) = (bench.scratch.join("disk"), bench.scratch.join("variables"));
    copied(&images.path("disk.raw"), &disk)?;
    std::fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).context("copy the variables of ovmf")?;
    Ok((disk, variables))
}

fn spent(mut machine: Machine, until: &str) -> Result<f64> {
    machine.line(until, LIMIT)?;
    machine.cpu_seconds()
}

const READY: &str = "{\"event\":\"ready\"";

fn direct(bench: &Bench) -> Result<Measurement> {
    let images = images()?;
    let (disk, _) = fresh(bench, &images)?;
    let machine = Setup { disks: vec![disk], ..Setup::new(images.direct("")?) }.start()?;
    Ok(alone(spent(machine, READY)?, "CPU-s"))
}

/// Ours and Debian from a disk, with firmware and the same loader and kernel.
fn disk(bench: &Bench) -> Result<Measurement> {
    let images = images()?;
    let (disk, variables) = fresh(bench, &images)?;
    without_keys(&images, &disk)?;
    let firmware = Firmware::Uefi { variables, secure: false };
    let machine = Setup { disks: vec![disk], megabytes: 1024, ..Setup::new(firmware) }.start()?;
    let ours = spent(machine, READY)?;
    Ok(Measurement::new(ours, "CPU-s", debian(bench, &images)))
}

/// What Debian needs, made and started once for all rows.
fn debian(bench: &Bench, images: &Images) -> Result<f64, String> {
    let peer = bench.once("debian", || debian::ready(bench, images, LIMIT));
    peer.map(|peer| *peer).map_err(|error| format!("{error:#}"))
}

/// Ours from the medium to the installer, Debian from its disk: a live medium of it would do more, not less.
fn iso_ready(bench: &Bench) -> Result<Measurement> {
    let images = images()?;
    let medium = images.medium()?;
    let ours = bench.once("iso", || {
        let (_, variables) = fresh(bench, &images)?;
        let firmware = Firmware::Uefi { variables, secure: false };
        let setup = Setup { discs: vec![medium], megabytes: 1024, ..Setup::new(firmware) };
        spent(setup.start()?, READY)
    })?;
    Ok(Measurement::new(*ours, "CPU-s", debian(bench, &images)))
}

/// A disk whose loader enrols nothing: that is measured by itself.
fn without_keys(images: &Images, disk: &Utf8Path) -> Result<()> {
    let (loader, kernel) = (std::fs::read(images.path("loader.efi"))?, std::fs::read(images.path(KERNEL))?);
    let files = [
        ("EFI/BOOT/BOOTX64.EFI", loader.as_slice()),
        ("EFI/Linux/holdfast.efi", &kernel),
        ("loader/loader.conf", b"timeout 0\n"),
    ];
    rewrite_esp(disk, &files)
}

/// A machine that has its keys starts what they signed.
fn secure_boot(bench: &Bench) -> Result<Measurement> {
    let images = images()?;
    let (disk, variables) = fresh(bench, &images)?;
    let firmware = Firmware::Uefi { variables, secure: true };
    let setup = Setup { disks: vec![disk], megabytes: 1024, restarts: true, ..Setup::new(firmware) };
    let whole = spent(setup.start()?, READY)?;
    let figure = spent(setup.start()?, READY)?;
    let mut measured = alone(figure, "CPU-s");
    measured.details.push(format!("with the enrolment of the keys and a restart: {whole:.1} CPU-s"));
    Ok(measured)
}

/// A machine that says of itself what [`memory`] asks, and founds its cluster alone.
const CONTROLLER: &str = r#"apiVersion = "holdfast/v1"
kind = "Machine"
metadata = { name = "c1" }
[spec]
role = "controller"
first = true
time = { allowUnsynced = true }
cluster = { name = "prod", jurisdiction = "DE", controllers = ["127.0.0.1:7443"] }
"#;
/// The same on the way to a disk.
const INSTALLED: &str = "install = { disk = { serial = \"disk0\" } }\n";

/// From the firmware and the medium to the machine that has started from the disk it was installed on.
fn install(bench: &Bench) -> Result<Measurement> {
    let images = images()?;
    let disk = bench.scratch.join("installed");
    File::create(&disk)?.set_len(DISK_BYTES)?;
    let (_, variables) = fresh(bench, &images)?;
    let volume = configuration_volume(&bench.scratch, &format!("{CONTROLLER}{INSTALLED}"))?;
    let firmware = Firmware::Uefi { variables, secure: false };
    let discs = vec![images.medium()?, volume];
    let setup = Setup { disks: vec![disk], discs, megabytes: 1024, restarts: true, ..Setup::new(firmware) };
    let mut machine = setup.start()?;
    machine.event("install.done", LIMIT)?;
    let written = machine.cpu_seconds()?;
    machine.event("root.proved", LIMIT)?;
    let mut measured = alone(spent(machine, READY)?, "CPU-s");
    measured.details.push(format!("installed after {written:.1} CPU-s"));
    Ok(measured)
}

/// What all processes of ours hold once a machine is healthy: a controller, with the agent that looks after it.
fn memory(bench: &Bench) -> Result<Measurement> {
    let images = images()?;
    let (disk, _) = fresh(bench, &images)?;
    put_state(&disk, &bench.scratch, &[("generation-1.toml", CONTROLLER), ("current", "1\n")])?;
    let mut machine = Setup { disks: vec![disk], ..Setup::new(images.direct("")?) }.start()?;
    let healthy = machine.event("boot.healthy", LIMIT)?;
    let resident = healthy["resident"].as_f64().context("boot.healthy tells no memory")?;
    Ok(alone(resident / MB, "MB"))
}
