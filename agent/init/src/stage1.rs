//! From the first archive of the kernel to the proved root.

use std::fs;

use camino::Utf8Path;
use holdfast_firmware::Variables;
use holdfast_release::{Boot, Meta, Verdict, decide};
use holdfast_seal::MOST_SIGNATURE_BYTES;
use rustix::mount::MountFlags;
use serde_json::json;

use crate::cmdline::Cmdline;
use crate::event::{event, say};
use crate::medium::{self, Medium};
use crate::modules::Modules;
use crate::slot::{Found, find, read_meta, write_meta};
use crate::{disks, dm, firmware, mounts, netboot};

/// How the second stage is told that it is.
pub(crate) const SECOND: &str = "--in-root";
/// What stands in place of the slot where the medium was started.
pub(crate) const INSTALL: &str = "install";
const PROGRAM: &str = "/usr/bin/holdfast-init";
const SYS: &str = "/sys";
const SIGNATURES: &str = "/.extra/tpm2-pcr-signature.json";
/// What a root needs whatever the machine is.
const ALWAYS: [&str; 3] = ["dm_verity", "erofs", "efivarfs"];

/// Goes over to the root; comes back only with why not.
pub(crate) fn run() -> Result<(), String> {
    mounts::kernel()?;
    let text =
        fs::read_to_string("/proc/cmdline").map_err(|error| format!("read the command line: {error}"))?;
    let cmdline = Cmdline::parse(&text);
    say(format_args!("{} begins", env!("CARGO_PKG_VERSION")));
    let root_hash = cmdline.root_hash().ok_or("the command line names no root: holdfast.roothash")?;
    let mut modules = Modules::open(Utf8Path::new("/modules"));
    for name in ALWAYS {
        modules.load(name);
    }
    match cmdline.get("holdfast.mode") {
        Some("install") => return Err(install(&medium(&mut modules, root_hash)?)?),
        Some("netboot") => {
            modules.load("loop");
            return Err(install(&netboot::fetch(&mut modules, &cmdline, root_hash)?)?);
        }
        _ => {}
    }
    let sys = Utf8Path::new(SYS);
    let found = disks::wait(sys, || modules.settle(sys), |all| find(all, root_hash));
    let found = found.ok_or("no disk has the root that the command line names")?;
    count(&found)?;
    let device = dm::verity(&found.root, &found.hash, &found.proved)?;
    mounts::at("erofs", device.as_str(), "/root", MountFlags::RDONLY, "")?;
    event("root.proved", &json!({ "slot": found.slot.to_string(), "blocks": found.proved.data_blocks }));
    let slot = found.slot.to_string();
    let signatures = signatures();
    let mut words = vec![SECOND, &slot, &found.disk];
    words.extend(signatures.as_deref());
    Err(mounts::go_over("/root", PROGRAM, &words))
}

/// The signatures of what was measured of this kernel, which its stub lays into the first archive: public, so that they are
/// handed on as a word.
fn signatures() -> Option<String> {
    let text = fs::read_to_string(SIGNATURES).ok()?;
    (text.len() <= MOST_SIGNATURE_BYTES && !text.contains('\0')).then_some(text)
}

/// Waits for a medium with the root, and never takes one on a disk: whoever starts from a medium means it.
fn medium(modules: &mut Modules, root_hash: [u8; 32]) -> Result<Medium, String> {
    for name in ["loop", "isofs"] {
        modules.load(name);
    }
    let sys = Utf8Path::new(SYS);
    let medium = disks::wait(sys, || modules.settle(sys), |_| medium::find(sys, root_hash));
    medium.ok_or_else(|| "no medium has the root that the command line names".to_owned())
}

/// Goes over to the root of a medium, where the machine is installed from it.
fn install(medium: &Medium) -> Result<String, String> {
    let device = medium::open(medium)?;
    mounts::at("erofs", device.as_str(), "/root", MountFlags::RDONLY, "")?;
    event("root.proved", &json!({ "medium": medium.device, "blocks": medium.proved.data_blocks }));
    medium::take_along("/root")?;
    Ok(mounts::go_over("/root", PROGRAM, &[SECOND, INSTALL]))
}

/// Counts this boot before anything can go wrong, and leaves a slot that had its attempts.
fn count(found: &Found) -> Result<(), String> {
    let Some(device) = &found.meta else { return Ok(()) };
    let mut meta: Meta = read_meta(device);
    let verdict = decide(&mut meta, found.slot).map_err(|error| error.to_string())?;
    match verdict {
        Verdict::Go(attempt) => {
            say(format_args!("slot {}, attempt {} of {}", found.slot, attempt.number, attempt.most));
            write_meta(device, &mut meta)
        }
        Verdict::Switch(other) => {
            let reason = format!("slot {} was booted without success too often", found.slot);
            let version = Boot::new(&mut meta).version(other).map(str::to_owned).unwrap_or_default();
            Boot::new(&mut meta).failed(&reason).map_err(|error| error.to_string())?;
            write_meta(device, &mut meta)?;
            mounts::at("efivarfs", "efivarfs", Variables::MACHINE, MountFlags::NOEXEC, "")?;
            firmware::boot_once(&Variables::machine(), &version)?;
            event(
                "slot.left",
                &json!({ "slot": found.slot.to_string(), "for": other.to_string(), "why": reason }),
            );
            Err(reason)
        }
        Verdict::Recover => Err("neither slot works".to_owned()),
    }
}
