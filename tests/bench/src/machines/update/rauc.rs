//! RAUC, with its service on a bus of its own.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::Images;
use holdfast_release::{KERNEL, ROOT};

use super::side::{SLOTS, Side, emptied};
use crate::control::host::{Children, cpu_of};
use crate::machines::known::run;

const BUNDLE: &str = "release.raucb";
/// How the bus is found by those on it.
const BUS: &str = "DBUS_SYSTEM_BUS_ADDRESS";
/// How long its service may take to be there.
const PATIENCE: Duration = Duration::from_secs(20);

/// Its slots, its bundle, and its service.
pub(super) struct Rauc {
    directory: Utf8PathBuf,
    address: String,
    // The bus and the service.
    children: Children,
}

impl Rauc {
    pub(super) fn new(scratch: &Utf8Path, images: &Images) -> Result<Self> {
        let directory = scratch.join("rauc");
        std::fs::create_dir_all(directory.join("payload"))?;
        std::fs::create_dir_all(directory.join("mounts"))?;
        for (from, to) in [(ROOT, "root.img"), (KERNEL, "kernel.img")] {
            std::fs::copy(images.path(from), directory.join("payload").join(to))?;
        }
        std::fs::write(directory.join("payload/manifest.raucm"), MANIFEST)?;
        let made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=site"];
        run(&directory, "openssl", &[&made[..], &["-keyout", "key.pem", "-out", "site.pem"]].concat())?;
        run(&directory, "rauc", &["--cert=site.pem", "--key=key.pem", "bundle", "payload", BUNDLE])?;
        std::fs::write(directory.join("system.conf"), system(&directory))?;
        std::fs::write(directory.join("bus.conf"), bus(&directory))?;
        std::fs::write(directory.join("loader"), LOADER)?;
        run(&directory, "chmod", &["+x", "loader"])?;
        emptied(&directory)?;
        let mut rauc =
            Self { address: format!("unix:path={directory}/bus"), directory, children: Children::default() };
        rauc.serve()?;
        Ok(rauc)
    }

    fn serve(&mut self) -> Result<()> {
        let bus = ["--config-file=bus.conf", "--nofork"];
        self.start("dbus-daemon", &bus)?;
        self.until("its bus", |rauc| rauc.directory.join("bus").exists())?;
        self.start("rauc", &["--conf=system.conf", "--override-boot-slot=A", "service"])?;
        self.until("its service", |rauc| rauc.rauc(&["status"]).is_ok_and(|status| status.success()))
    }

    fn start(&mut self, program: &str, arguments: &[&str]) -> Result<()> {
        let mut command = self.command(program);
        let child = command.args(arguments).stdin(Stdio::null()).spawn();
        self.children.0.push(child.with_context(|| format!("{program} cannot be started"))?);
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.directory).env(BUS, &self.address);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn rauc(&self, arguments: &[&str]) -> Result<std::process::ExitStatus> {
        Ok(self.command("rauc").args(arguments).status()?)
    }

    fn until(&self, what: &str, there: impl Fn(&Self) -> bool) -> Result<()> {
        let began = Instant::now();
        while !there(self) {
            if began.elapsed() > PATIENCE {
                bail!("{what} is not there after {PATIENCE:?}");
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Side for Rauc {
    fn bytes(&self) -> Result<u64> {
        Ok(std::fs::metadata(self.directory.join(BUNDLE))?.len())
    }

    fn install(&mut self) -> Result<Duration> {
        emptied(&self.directory)?;
        let service = self.children.0.last().context("its service")?.id();
        let before = cpu_of(service)?;
        let status = self.rauc(&["install", self.directory.join(BUNDLE).as_str()])?;
        if !status.success() {
            bail!("rauc install: {status}");
        }
        Ok(cpu_of(service)?.saturating_sub(before))
    }
}

const MANIFEST: &str = "[update]\ncompatible=holdfast\nversion=2\n\n[bundle]\nformat=plain\n\n[image.rootfs]\n\
                        filename=root.img\n\n[image.kernel]\nfilename=kernel.img\n";
/// What it asks of a loader.
const LOADER: &str = "#!/bin/sh\ncase \"$1\" in get-primary) echo A;; get-state) echo good;; esac\n";

fn system(directory: &Utf8Path) -> String {
    let mut text = format!(
        "[system]\ncompatible=holdfast\nbootloader=custom\nstatusfile={directory}/status\n\
         mountprefix={directory}/mounts\n\n[handlers]\nbootloader-custom-backend={directory}/loader\n\n\
         [keyring]\npath={directory}/site.pem\n"
    );
    for (at, boot) in ["A", "B"].into_iter().enumerate() {
        let [root, _, kernel] = SLOTS.map(|slot| slot.replace('B', boot));
        text += &format!(
            "\n[slot.rootfs.{at}]\ndevice={directory}/{root}\ntype=raw\nbootname={boot}\n\n\
             [slot.kernel.{at}]\ndevice={directory}/{kernel}\ntype=raw\nparent=rootfs.{at}\n"
        );
    }
    text
}

fn bus(directory: &Utf8Path) -> String {
    format!(
        "<busconfig><type>system</type><listen>unix:path={directory}/bus</listen><auth>EXTERNAL</auth>\
         <policy context=\"default\"><allow own=\"*\"/><allow send_destination=\"*\"/><allow receive_sender=\"*\"/>\
         <allow user=\"*\"/></policy></busconfig>"
    )
}
