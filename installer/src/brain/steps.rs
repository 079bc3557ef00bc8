//! The steps of an installation as types: each is made of the one before and of nothing else, so none can be left out.
//!
//! ```text
//! Detected --plan--> Planned --confirm--> Confirmed --the hands--> Written
//! ```

use holdfast_release::machine::{DiskSelector, Encryption, Machine};
use holdfast_release::{Layout, Role};

use crate::brain::checks::{Check, checks};
use crate::brain::facts::{Disk, Facts, Firmware, Release, SecureBoot};
use crate::brain::holds::Holds;
use crate::brain::refusal::Refusal;
use crate::brain::select::select;
use crate::brain::shown::disk_line;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// About the machine.
    pub facts: Facts,
    /// About the release on the medium.
    pub release: Release,
}

/// What would be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    release: Release,
    machine: Machine,
    disk: Disk,
    layout: Layout,
    checks: Vec<Check>,
    enrols: bool,
    locks: Locks,
    keeps_data: bool,
}

impl Locks {
    /// A word for programs, as configurations have it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::RecoveryKey => "recoveryKey",
            Self::Tpm => "tpm",
        }
    }
}

/// What opens the volumes that are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locks {
    /// Nothing is encrypted.
    Nothing,
    /// Their recovery key alone.
    RecoveryKey,
    /// The TPM, and their recovery key.
    Tpm,
}

/// How somebody said that the disk may be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// In the configuration; needed where the disk holds something.
    Configured(Option<String>),
    /// By typing the disk's serial number; always needed where somebody can type.
    Typed(String),
}

/// What will be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    planned: Planned,
}

/// What was done: the hands make it once everything was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What was planned.
    pub planned: Planned,
    /// What makes the numbers of this installation its own.
    pub id: String,
    /// Bytes that were written in this run; fewer where an earlier one was cut off.
    pub bytes: u64,
    /// Stretches that the disk did not keep at first.
    pub again: u64,
}

impl Detected {
    /// Disks that hold an installation already.
    pub fn installed(&self) -> impl Iterator<Item = &Disk> {
        self.facts.disks.iter().filter(|disk| matches!(disk.holds, Holds::Installation(_)))
    }

    /// What would be done for this machine.
    ///
    /// # Errors
    ///
    /// Not exactly one disk fits, it is too small or never written over, or the machine lacks something.
    pub fn plan(self, machine: Machine) -> Result<Planned, Refusal> {
        let wanted: &DiskSelector = &machine.spec.install.as_ref().ok_or(Refusal::NoInstall)?.disk;
        let disk = select(&self.facts.disks, wanted)?;
        let layout = Layout::plan(self.release.profile, disk.bytes, disk.sector)
            .map_err(|source| Refusal::Layout { disk: disk_line(&disk), source })?;
        let keeps_data = machine.spec.install.as_ref().is_some_and(|install| install.keep_data);
        if keeps_data {
            let cluster = machine.spec.cluster.name.as_ref().map(ToString::to_string);
            stays(&disk.holds, &layout, cluster.as_deref())
                .map_err(|why| Refusal::NoData { disk: disk_line(&disk), why })?;
        }
        let checks = checks(&self.facts, &self.release, machine.spec.role);
        if checks.iter().any(Check::is_failed) {
            return Err(Refusal::Checks { checks });
        }
        let wanted = machine.spec.health.extensions.iter().map(ToString::to_string);
        if let Some(missing) = wanted.into_iter().find(|name| !self.release.extensions.contains(name)) {
            return Err(Refusal::NoExtension(missing));
        }
        let enrols = self.facts.firmware == Firmware::Uefi(SecureBoot::Setup);
        let asked = machine.spec.install.as_ref().map(|install| install.encryption).unwrap_or_default();
        let locks = match (asked, self.facts.tpm) {
            (Encryption::Tpm, false) => return Err(Refusal::NoTpm),
            (Encryption::Auto | Encryption::Tpm, true) => Locks::Tpm,
            (Encryption::RecoveryKey, _) => Locks::RecoveryKey,
            (Encryption::Auto, false) | (Encryption::None, _) => Locks::Nothing,
        };
        Ok(Planned { release: self.release, machine, disk, layout, checks, enrols, locks, keeps_data })
    }
}

/// Whether what a disk stores can stay where it is; otherwise why not. What belongs to one cluster does not come to another by it.
fn stays(holds: &Holds, layout: &Layout, cluster: Option<&str>) -> Result<(), String> {
    let held = match holds {
        Holds::Half(half) if half.keeps_data => return Ok(()),
        Holds::Installation(held) => held,
        Holds::Nothing | Holds::Half(_) | Holds::Other(_) | Holds::Unreadable(_) => {
            return Err("there is no whole installation".to_owned());
        }
    };
    let place = layout.part(Role::Data).map(|part| (part.at, part.bytes));
    if held.data.is_none() || held.data != place {
        return Err("DATA is not where this release has it".to_owned());
    }
    match (held.cluster.as_deref(), cluster) {
        (Some(of), now) if now != Some(of) => Err(format!("what is stored belongs to cluster `{of}`")),
        _ => Ok(()),
    }
}

impl Planned {
    /// The release.
    #[must_use]
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// The machine that it will be.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The disk.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// How the disk will be divided.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What was found out about the machine.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Whether the firmware waits for keys: only then is the loader told to enrol the site's.
    #[must_use]
    pub const fn enrols(&self) -> bool {
        self.enrols
    }

    /// What will open the volumes that are encrypted.
    #[must_use]
    pub const fn locks(&self) -> Locks {
        self.locks
    }

    /// Whether what the disk stores stays there.
    #[must_use]
    pub const fn keeps_data(&self) -> bool {
        self.keeps_data
    }

    /// Whether the disk may be taken without anyone's word: it holds nothing, or what was begun like this.
    fn is_free(&self) -> bool {
        self.disk.holds.is_free()
            || matches!(&self.disk.holds, Holds::Half(half) if half.keeps_data && self.keeps_data)
    }

    /// Takes somebody's word for it.
    ///
    /// # Errors
    ///
    /// The disk holds something and the word is missing, or it names another disk.
    pub fn confirm(self, consent: &Consent) -> Result<Confirmed, Refusal> {
        let token = self.disk.token();
        match consent {
            Consent::Typed(typed) if typed.trim() == token => {}
            Consent::Typed(typed) => {
                return Err(Refusal::Typed { disk: disk_line(&self.disk), typed: typed.clone() });
            }
            Consent::Configured(_) if self.is_free() => {}
            Consent::Configured(Some(word)) if word.strip_prefix("confirm:") == Some(token) => {}
            Consent::Configured(_) => {
                return Err(Refusal::Holds {
                    disk: self.disk.path.to_string(),
                    holds: self.disk.holds.line(),
                    token: token.to_owned(),
                });
            }
        }
        Ok(Confirmed { planned: self })
    }
}

impl Confirmed {
    /// What was planned.
    #[must_use]
    pub fn planned(&self) -> &Planned {
        &self.planned
    }

    /// The last step, which only the hands of this crate take.
    pub(crate) fn written(self, id: String, bytes: u64, again: u64) -> Written {
        Written { planned: self.planned, id, bytes, again }
    }
}
