//! Bringing a release to the slot that does not run. In an order in which a loss of power after any write leaves a system
//! that boots: first the slot is no way out any more, then it is written and proved, then it is a way out again, and only
//! when it is to be booted does its kernel get a name that the loader looks for.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;

use camino::Utf8Path;
use holdfast_release::writer::{self, Job};
use holdfast_release::{
    BLOCK, BLOCK_BYTES, Boot, FileSum, KERNEL, LOADER, Manifest, ROOT, ROOT_TREE, Role, Slot, is_older,
    laid_out,
};

use super::kernels::{is_spent, staged, version_of};
use super::machine::{Machine, Running};

/// How often the loader tries a new kernel before it takes the other one.
const TRIES: u32 = 3;

/// The parts of a slot.
fn parts(slot: Slot) -> (Role, Role) {
    match slot {
        Slot::A => (Role::RootA, Role::HashA),
        Slot::B => (Role::RootB, Role::HashB),
    }
}

fn failed(act: &str, error: impl std::fmt::Display) -> String {
    format!("{act}: {error}")
}

/// Writes a release to the slot that does not run. Repeated after a cut it begins anew, and writes only what differs.
pub(super) fn write(
    machine: &mut dyn Machine,
    running: &Running,
    manifest: &Manifest,
    payload: &Utf8Path,
) -> Result<(), String> {
    let slot = running.slot().other();
    if manifest.version == running.version {
        return Err(format!("release {} runs already, from the other slot", manifest.version));
    }
    manifest.takes_over(&running.version).map_err(|error| error.to_string())?;
    if is_older(&manifest.version, &running.version) {
        let (new, old) = (&manifest.version, &running.version);
        return Err(format!("the loader boots the newest: release {new} would never run beside {old}"));
    }
    let mut meta = machine.meta().map_err(|error| failed("read META", error))?;
    Boot::new(&mut meta).emptied(slot);
    machine.put_meta(&mut meta).map_err(|error| failed("write META", error))?;
    // No kernel may be left whose root is about to go.
    for name in machine.kernels().map_err(|error| failed("list the kernels", error))? {
        if version_of(&name).is_some_and(|version| version != running.version) {
            machine.remove_kernel(&name).map_err(|error| failed("remove an old kernel", error))?;
        }
    }
    let (root, tree) = parts(slot);
    for (name, role) in [(ROOT, root), (ROOT_TREE, tree)] {
        let sum = manifest.file(name).ok_or_else(|| format!("the release has no `{name}`"))?;
        fill(machine, payload, (name, sum), (role, 0))?;
    }
    extensions(machine, manifest, payload, slot)?;
    let loader = std::fs::read(payload.join(LOADER)).map_err(|error| failed("read the loader", error))?;
    machine.put_loader(&loader).map_err(|error| failed("write the loader", error))?;
    let mut kernel = File::open(payload.join(KERNEL)).map_err(|error| failed("read the kernel", error))?;
    machine
        .put_kernel(&staged(&manifest.version), &mut kernel)
        .map_err(|error| failed("write the kernel", error))?;
    Boot::new(&mut meta).written(slot, &manifest.version).map_err(|error| failed("write META", error))?;
    machine.put_meta(&mut meta).map_err(|error| failed("write META", error))
}

/// Writes the extensions of a release beside those of the one that runs. One without any has an end all the same: what the slot had
/// before is not found any more.
fn extensions(
    machine: &mut dyn Machine,
    manifest: &Manifest,
    payload: &Utf8Path,
    slot: Slot,
) -> Result<(), String> {
    let size = machine.part(Role::Ext).map_err(|error| failed("open EXT", error))?.size();
    let laid = laid_out(manifest, slot, size).map_err(|error| error.to_string())?;
    for (name, at, sum) in laid.files {
        fill(machine, payload, (name, sum), (Role::Ext, at))?;
    }
    let Some(at) = laid.end else { return Ok(()) };
    let zeros = [0; BLOCK];
    let job = Job {
        what: "the end of the extensions".to_owned(),
        at,
        room: BLOCK_BYTES,
        bytes: BLOCK_BYTES,
        sha256: None,
        verified: BLOCK_BYTES,
    };
    put(machine, Role::Ext, &job, &mut zeros.as_slice())
}

/// Writes a file of a release to a part, from a byte of it on.
fn fill(
    machine: &mut dyn Machine,
    payload: &Utf8Path,
    (name, sum): (&str, FileSum),
    (role, at): (Role, u64),
) -> Result<(), String> {
    let mut source = File::open(payload.join(name)).map_err(|error| failed("read the payload", error))?;
    let job = Job {
        what: format!("{name} to {}", role.label()),
        at,
        room: u64::MAX,
        bytes: sum.bytes,
        sha256: Some(sum.sha256),
        // The writer compares before it writes: what was there before a cut is not written again.
        verified: sum.bytes,
    };
    put(machine, role, &job, &mut source)
}

fn put(machine: &mut dyn Machine, role: Role, job: &Job, source: &mut dyn Read) -> Result<(), String> {
    let mut target = machine.part(role).map_err(|error| failed("open the slot", error))?;
    let written = writer::write(job, source, target.as_mut(), &mut |_| ControlFlow::Continue(()));
    written.map(drop).map_err(|error| match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    })
}

/// Makes the loader boot what was written, and has the machine restarted.
pub(super) fn boot(machine: &mut dyn Machine, version: &str) -> Result<(), String> {
    let (from, to) = (staged(version), format!("holdfast-{version}+{TRIES}.efi"));
    let names = machine.kernels().map_err(|error| failed("list the kernels", error))?;
    if names.contains(&from) {
        machine.rename_kernel(&from, &to).map_err(|error| failed("name the kernel", error))?;
    } else if !names.iter().any(|name| version_of(name) == Some(version)) {
        return Err(format!("there is no kernel of release {version}"));
    }
    machine.restart().map_err(|error| failed("ask for a restart", error))
}

/// Makes the loader boot the other slot's version; `true` where that asks for a restart, `false` where it runs already.
pub(super) fn back(machine: &mut dyn Machine, running: &Running, version: &str) -> Result<bool, String> {
    let names = machine.kernels().map_err(|error| failed("list the kernels", error))?;
    if running.version == version {
        // What was on its way must not be booted some day by a cut.
        let mut meta = machine.meta().map_err(|error| failed("read META", error))?;
        Boot::new(&mut meta).emptied(running.slot().other());
        machine.put_meta(&mut meta).map_err(|error| failed("write META", error))?;
        for name in names {
            if version_of(&name).is_some_and(|other| other != version) {
                machine.remove_kernel(&name).map_err(|error| failed("remove the kernel", error))?;
            }
        }
        return Ok(false);
    }
    if !names.iter().any(|name| name.ends_with(".efi") && version_of(name) == Some(version)) {
        return Err(format!("release {version} is not in the other slot any more"));
    }
    for name in
        names.iter().filter(|name| version_of(name) == Some(&running.version) && name.ends_with(".efi"))
    {
        machine
            .rename_kernel(name, &staged(&running.version))
            .map_err(|error| failed("name the kernel", error))?;
    }
    machine.restart().map_err(|error| failed("ask for a restart", error))?;
    Ok(true)
}

/// What `io` says, with what was tried.
pub(super) fn told(act: &str) -> impl Fn(io::Error) -> String + '_ {
    move |error| failed(act, error)
}

/// Why a release did not come up, as far as its kernel tells.
pub(super) fn tried(machine: &mut dyn Machine, version: &str) -> Option<String> {
    let names = machine.kernels().ok()?;
    let spent = names.iter().any(|name| version_of(name) == Some(version) && is_spent(name));
    spent.then(|| format!("the loader tried its kernel {TRIES} times in vain"))
}
