//! What helps a machine that nobody reaches: somebody asks for it at a console, and what the machine knows of itself lies on a
//! volume, encrypted to the operators that its configuration names. `holdfast` makes it; here is the volume.

use std::fs;

use camino::Utf8Path;
use holdfast_disk::labelled;
use rustix::mount::{MountFlags, UnmountFlags, unmount};
use serde_json::{Value, json};

use crate::durable;
use crate::event::{event, say};
use crate::generations::{Chosen, Generations};
use crate::mounts;
use crate::service::Service;

/// How the volume is labelled that takes it.
pub(crate) const LABEL: &str = "HOLDFASTOUT";
/// Where it is mounted meanwhile.
const VOLUME: &str = "/run/holdfast-out";
const PROGRAM: &str = "/usr/bin/holdfast";
/// Where process 1 tells of its services, and where it is told what was made.
const SERVICES: &str = "/run/holdfast/services.json";
const MADE: &str = "/run/holdfast/support.json";

/// What is being made.
#[derive(Debug, Default)]
pub(crate) struct Support {
    runs: Option<i32>,
}

impl Support {
    /// Begins to make it. Who asks again while it is made means the same one.
    pub(crate) fn make(&mut self, all: Option<&Generations>, chosen: Option<&Chosen>, services: &Value) {
        if self.runs.is_some() {
            return;
        }
        match begun(all, chosen, services) {
            Ok(pid) => self.runs = Some(pid),
            Err(why) => event("support.refused", &json!({ "why": why })),
        }
    }

    /// Takes in that a process ended: whether it was this one.
    pub(crate) fn ended(&mut self, pid: i32) -> bool {
        if self.runs != Some(pid) {
            return false;
        }
        self.runs = None;
        rustix::fs::sync();
        let left = unmount(VOLUME, UnmountFlags::empty());
        let made = fs::read(MADE).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        match (made, left) {
            (Some(made), Ok(())) if made["file"].is_string() => event("support.written", &made),
            (Some(made), Ok(())) => event("support.refused", &made),
            (_, Err(error)) => {
                event("support.refused", &json!({ "why": format!("let the volume go: {error}") }))
            }
            (None, Ok(())) => {
                event("support.refused", &json!({ "why": "the program that makes it ended without a word" }))
            }
        }
        true
    }
}

/// Brings the volume and starts the program.
fn begun(all: Option<&Generations>, chosen: Option<&Chosen>, services: &Value) -> Result<i32, String> {
    let nobody = "the configuration of this machine names nobody who could open it: [spec.support] to";
    let (Some(all), Some(chosen)) = (all, chosen) else { return Err(nobody.to_owned()) };
    if chosen.machine.spec.support.to.is_empty() {
        return Err(nobody.to_owned());
    }
    let device = match labelled(Utf8Path::new("/sys"), LABEL).as_slice() {
        [] => {
            return Err(format!(
                "no volume is labelled {LABEL}: connect one with FAT on it, and type it again"
            ));
        }
        [only] => only.clone(),
        several => return Err(format!("{} volumes are labelled {LABEL}: leave one", several.len())),
    };
    durable::write(Utf8Path::new(SERVICES), services.to_string().as_bytes())?;
    drop(fs::remove_file(MADE));
    let safe = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mounts::at("vfat", device.as_str(), VOLUME, safe, "")?;
    let file = all.path(chosen.number);
    let words = [PROGRAM, "support-bundle", "__machine", "--machine", file.as_str(), "--into", VOLUME];
    let service = Service {
        name: "support".to_owned(),
        command: words.map(str::to_owned).into(),
        sign: Default::default(),
        matters: false,
    };
    say(format_args!("makes a support bundle on {device}"));
    service.start().inspect_err(|_| {
        let _ = unmount(VOLUME, UnmountFlags::empty());
    })
}
