//! What is known of a machine before anything is decided.

use camino::Utf8PathBuf;
use holdfast_release::Profile;

use crate::brain::holds::Holds;

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What it is.
    pub system: System,
    /// Hardware threads.
    pub threads: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// How it was started.
    pub firmware: Firmware,
    /// Whether there is a TPM 2.0.
    pub tpm: bool,
    /// Seconds since 1970, as its clock has it.
    pub clock: u64,
    /// Its network cards.
    pub nics: Vec<Nic>,
    /// Its disks.
    pub disks: Vec<Disk>,
}

/// What a machine is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct System {
    /// What its maker calls it.
    pub product: String,
    /// Its serial number.
    pub serial: Option<String>,
    /// Its UUID, from its firmware.
    pub uuid: Option<String>,
}

/// How a machine was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// By UEFI.
    Uefi(SecureBoot),
    /// Without UEFI, or by a kernel that was handed in.
    Other,
}

/// Whether the firmware checks what it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecureBoot {
    /// It does.
    On,
    /// It could.
    Off,
    /// It takes the keys that it is given next.
    Setup,
}

/// A network card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nic {
    /// The kernel's name of it.
    pub name: String,
    /// Its address.
    pub mac: String,
    /// Whether there is something at the other end of the cable.
    pub link: bool,
    /// Megabits per second.
    pub speed: Option<u32>,
}

/// How a disk is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// NVMe.
    Nvme,
    /// SATA.
    Sata,
    /// SAS, SCSI or a controller that looks like it.
    Scsi,
    /// USB.
    Usb,
    /// Virtual.
    Virtio,
    /// A card of flash memory.
    Mmc,
    /// Another way, or a file.
    Other,
}

impl Transport {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nvme => "nvme",
            Self::Sata => "sata",
            Self::Scsi => "scsi",
            Self::Usb => "usb",
            Self::Virtio => "virtio",
            Self::Mmc => "mmc",
            Self::Other => "other",
        }
    }
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Its device.
    pub path: Utf8PathBuf,
    /// Its serial number, if it has one.
    pub serial: Option<String>,
    /// What its maker calls it.
    pub model: String,
    /// How it is connected.
    pub transport: Transport,
    /// Its bytes.
    pub bytes: u64,
    /// Bytes of its sectors.
    pub sector: u32,
    /// Why nothing is installed on it whatever is said: the medium, a CD, one that cannot be written.
    pub kept: Option<&'static str>,
    /// What lies on it.
    pub holds: Holds,
}

impl Disk {
    /// What has to be typed to give it away: its serial number, or its device where it has none.
    #[must_use]
    pub fn token(&self) -> &str {
        self.serial.as_deref().unwrap_or(self.path.as_str())
    }
}

/// What is to be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its version.
    pub version: String,
    /// What it is for.
    pub profile: Profile,
    /// When it was made.
    pub epoch: u64,
    /// The names of its extensions.
    pub extensions: Vec<String>,
}
