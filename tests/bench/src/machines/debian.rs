//! A minimal Debian with systemd, on the kernel and the loader of the images.

use std::fs::File;
use std::time::Duration;

use anyhow::Result;
use holdfast_machine::{Firmware, Images, Setup, write_esp};
use holdfast_release::LOADER;

use super::known::run;
use crate::measure::Bench;

const ESP_BYTES: u64 = 128 << 20;
/// What systemd says once everything runs.
const READY: &str = "Multi-User System";

/// The CPU-seconds until it is ready.
pub(super) fn ready(bench: &Bench, images: &Images, limit: Duration) -> Result<f64> {
    let (tree, root, esp) =
        (bench.scratch.join("debian"), bench.scratch.join("debian.ext4"), bench.scratch.join("debian.esp"));
    run(
        &bench.scratch,
        "mmdebstrap",
        &["--variant=minbase", "--include=systemd-sysv", "bookworm", tree.as_str()],
    )?;
    run(&bench.scratch, "mke2fs", &["-q", "-t", "ext4", "-d", tree.as_str(), root.as_str(), "1G"])?;
    File::create(&esp)?.set_len(ESP_BYTES)?;
    let (loader, kernel) = (std::fs::read(images.path(LOADER))?, std::fs::read(images.path("vmlinuz"))?);
    let entry =
        "title Debian\nlinux /vmlinuz\noptions root=/dev/nvme0n1 rw console=ttyS0,115200 no_timer_check\n";
    let files = [
        ("EFI/BOOT/BOOTX64.EFI", loader.as_slice()),
        ("vmlinuz", &kernel),
        ("loader/entries/debian.conf", entry.as_bytes()),
        ("loader/loader.conf", b"timeout 0\n"),
    ];
    write_esp(&esp, 0, ESP_BYTES, &files)?;
    let variables = bench.scratch.join("debian.variables");
    std::fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables)?;
    // The kernel for clouds has this disk built in, so that Debian needs no first archive here.
    let drive = format!("file={root},format=raw,if=none,cache=unsafe,id=root");
    let more = ["-drive", &drive, "-device", "nvme,drive=root,serial=root"].map(str::to_owned).to_vec();
    let firmware = Firmware::Uefi { variables, secure: false };
    let setup = Setup { disks: vec![esp], megabytes: 1024, more, ..Setup::new(firmware) };
    let mut machine = setup.start()?;
    machine.line(READY, limit)?;
    machine.cpu_seconds()
}
