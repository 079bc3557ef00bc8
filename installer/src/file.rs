//! Installs into a file that stands for a disk: machines that start from an image are prepared this way, and most tests run so.

use std::process::ExitCode;

use anyhow::Context as _;
use camino::Utf8PathBuf;
use holdfast_disk::{Access, Disk};
use holdfast_release::machine::{Machine, parse};
use holdfast_release::writer::Target as _;
use serde_json::json;

use crate::brain::{self, Consent, Detected, Facts, Firmware, Nic, SecureBoot, System, Transport};
use crate::event::Events;
use crate::hands::{Formatter, Payload, Work, install, look};
use crate::scratch::Scratch;

/// What is to be done.
#[derive(Debug)]
pub(crate) struct FileOptions {
    /// The file.
    pub(crate) disk: Utf8PathBuf,
    /// The configuration of the machine.
    pub(crate) config: Utf8PathBuf,
    /// The files of the release.
    pub(crate) payload: Utf8PathBuf,
    /// Where file systems are made.
    pub(crate) scratch: Utf8PathBuf,
    /// The serial number that the disk has for the configuration.
    pub(crate) serial: Option<String>,
}

/// Installs.
pub(crate) fn run(options: &FileOptions) -> ExitCode {
    let mut events = Events::Output;
    match written(options, &mut events) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            events.say("install.refused", &json!({ "why": format!("{error:#}") }));
            ExitCode::FAILURE
        }
    }
}

fn written(options: &FileOptions, events: &mut Events) -> anyhow::Result<()> {
    let config = &options.config;
    let text = std::fs::read_to_string(config).with_context(|| format!("read `{config}`"))?;
    let machine: Machine = parse(&text).with_context(|| format!("`{config}`"))?;
    let wipe = machine.spec.install.as_ref().and_then(|install| install.wipe.clone());
    let payload = Payload::open(&options.payload)?;
    let opened = || format!("open `{}`", options.disk);
    let mut disk = Disk::open(&options.disk, Access::Write).with_context(opened)?;
    let detected = Detected { facts: facts(options, &mut disk), release: payload.release() };
    let confirmed = detected.plan(machine)?.confirm(&Consent::Configured(wipe))?;
    let scratch = Scratch::new(&options.scratch)?;
    let formatter = Formatter::default();
    let work = Work {
        payload: &payload,
        scratch: &scratch.path,
        formatter: &formatter,
        admission: None,
        vault: None,
    };
    let written = install(confirmed, &work, &mut disk, &mut |progress| {
        let fields = json!({ "what": progress.what, "done": progress.done, "total": progress.total });
        events.say("install.progress", &fields);
    })?;
    events.say("install.written", &json!({ "bytes": written.bytes, "again": written.again }));
    Ok(())
}

/// A machine that lacks nothing but a TPM to seal keys to, with this disk.
fn facts(options: &FileOptions, disk: &mut Disk) -> Facts {
    let sector = disk.sector();
    let disk = brain::Disk {
        path: options.disk.clone(),
        serial: options.serial.clone(),
        model: String::new(),
        transport: Transport::Other,
        bytes: disk.size(),
        sector,
        kept: None,
        holds: look(disk, sector),
    };
    let nic = Nic { name: "-".to_owned(), mac: String::new(), link: true, speed: None };
    Facts {
        system: System::default(),
        threads: u32::MAX,
        memory: u64::MAX / 2,
        firmware: Firmware::Uefi(SecureBoot::On),
        tpm: false,
        clock: 0,
        nics: vec![nic],
        disks: vec![disk],
    }
}
