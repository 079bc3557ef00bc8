//! The root file system of the sandbox: the image read-only, private places on top, data bound in, the host gone.

use camino::Utf8Path;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};

use super::mounts::{NO_SUID_DEV, READ_ONLY, restrict, tmpfs};
use super::place::{Place, Root, make_dirs};
use super::{devices, proc, sysfs};
use crate::spec::{Access, DataMount, TaskSpec};
use crate::status::{AtStep, StartFailure, StartStep};

/// Builds the root on `staging` and enters it. Returns the walls this kernel does not let us build.
pub(crate) fn enter(spec: &TaskSpec, staging: &Utf8Path) -> Result<Vec<String>, StartFailure> {
    let step = StartStep::RootFilesystem;
    // Nothing mounted here may be seen outside, and nothing mounted outside later may appear here.
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .at(step, "make mounts private")?;
    tmpfs(staging.as_str(), "mode=0700,size=4m").at(step, staging.as_str())?;
    rustix::process::chdir(staging.as_std_path()).at(step, staging.as_str())?;
    let root = mount_image(spec)?;
    mount_tmp(&root, spec)?;
    mount_hosts(&root, spec)?;
    devices::mount(&root, spec)?;
    sysfs::mount(&root)?;
    let mut missing = Vec::new();
    if !proc::mount(&root)? {
        missing.push("proc".to_owned());
    }
    let mut mounts: Vec<&DataMount> = spec.mounts.iter().collect();
    // A target below another target is bound after it.
    mounts.sort_by(|a, b| a.target.cmp(&b.target));
    for mount in mounts {
        mount_data(&root, mount)?;
    }
    pivot(&root)?;
    Ok(missing)
}

/// Mounts the image. Where it lacks the mount points, a skeleton that has them lies over it: the image itself is
/// never written.
fn mount_image(spec: &TaskSpec) -> Result<Root, StartFailure> {
    let step = StartStep::RootFilesystem;
    make_dirs(".", Utf8Path::new("lower")).at(step, "lower")?;
    rustix::mount::mount_bind_recursive(spec.rootfs.as_std_path(), "lower").at(step, spec.rootfs.as_str())?;
    restrict("lower", READ_ONLY).at(step, spec.rootfs.as_str())?;
    let lower = Root::open("lower").at(step, spec.rootfs.as_str())?;
    let own = ["/dev", "/proc", "/sys", "/tmp"].into_iter().map(|dir| (Utf8Path::new(dir), Kind::Directory));
    let hosts = std::iter::once((Utf8Path::new("/etc/hosts"), Kind::File));
    let data = spec.mounts.iter().filter(|m| !m.target.starts_with("/tmp")).map(|mount| {
        let kind = if mount.source.is_file() { Kind::File } else { Kind::Directory };
        (mount.target.as_path(), kind)
    });
    let mut skeleton = false;
    for (path, kind) in own.chain(hosts).chain(data) {
        // A target inside another mount is looked for when that mount is there.
        let nested = spec.mounts.iter().any(|m| path != m.target && path.starts_with(&m.target));
        if nested || lower.place(path).is_ok() {
            continue;
        }
        if lower.passes_link(path) {
            let detail = format!("mount point {path}: a link of the image stands on its way");
            return Err(StartFailure::new(step, detail));
        }
        skeleton = true;
        make_mount_point(path, kind).at(step, path.as_str())?;
    }
    if !skeleton {
        return Ok(lower);
    }
    make_dirs(".", Utf8Path::new("merged")).at(step, "merged")?;
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount("overlay", "merged", "overlay", flags, c"lowerdir=skeleton:lower")
        .at(step, "lay mount points over the image")?;
    Root::open("merged").at(step, "merged")
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Directory,
    File,
}

fn make_mount_point(path: &Utf8Path, kind: Kind) -> std::io::Result<()> {
    match kind {
        Kind::Directory => make_dirs("skeleton", path),
        Kind::File => {
            make_dirs("skeleton", path.parent().unwrap_or(Utf8Path::new("/")))?;
            std::fs::write(format!("skeleton{path}"), b"")
        }
    }
}

fn mount_tmp(root: &Root, spec: &TaskSpec) -> Result<(), StartFailure> {
    let place = root.place("/tmp").at(StartStep::RootFilesystem, "/tmp")?;
    tmpfs(&place.path(), &format!("mode=1777,size={}", spec.tmp.0)).at(StartStep::RootFilesystem, "/tmp")
}

/// Gives the workload its own name and `localhost`: with no resolver there is no other place to find them.
fn mount_hosts(root: &Root, spec: &TaskSpec) -> Result<(), StartFailure> {
    let step = StartStep::RootFilesystem;
    let text = format!("127.0.0.1 localhost\n::1 localhost\n127.0.0.1 {}\n", spec.hostname);
    std::fs::write("hosts", text).at(step, "/etc/hosts")?;
    let place = root.place("/etc/hosts").at(step, "/etc/hosts")?;
    rustix::mount::mount_bind("hosts", place.path()).at(step, "/etc/hosts")?;
    let place = root.place("/etc/hosts").at(step, "/etc/hosts")?;
    restrict(&place.path(), READ_ONLY).at(step, "/etc/hosts")
}

fn mount_data(root: &Root, mount: &DataMount) -> Result<(), StartFailure> {
    let step = StartStep::DataMount;
    let detail = || format!("{} at {}", mount.source, mount.target);
    let place = open_target(root, mount)?;
    rustix::mount::mount_bind_recursive(mount.source.as_std_path(), place.path()).at(step, detail())?;
    let attributes = match mount.mode {
        Access::ReadOnly => READ_ONLY,
        Access::ReadWrite => NO_SUID_DEV,
    };
    // Opened again: the place still names what was there before the mount.
    let mounted = root.place(&mount.target).at(step, detail())?;
    restrict(&mounted.path(), attributes).at(step, detail())
}

fn open_target(root: &Root, mount: &DataMount) -> Result<Place, StartFailure> {
    let step = StartStep::DataMount;
    if let Ok(below) = mount.target.strip_prefix("/tmp") {
        let tmp = root.place("/tmp").at(step, "/tmp")?;
        if mount.source.is_file() {
            make_dirs(&tmp.path(), below.parent().unwrap_or(below)).at(step, mount.target.as_str())?;
            std::fs::write(tmp.join(below.as_str()), b"").at(step, mount.target.as_str())?;
        } else {
            make_dirs(&tmp.path(), below).at(step, mount.target.as_str())?;
        }
    }
    root.place(&mount.target).at(step, format!("mount point {}", mount.target))
}

/// Makes the new root the only one.
fn pivot(root: &Root) -> Result<(), StartFailure> {
    let step = StartStep::Pivot;
    let place = root.place("/").at(step, "/")?;
    rustix::process::chdir(place.path()).at(step, "/")?;
    // The old root lands on top of the new one and is then detached: no directory for it has to exist.
    rustix::process::pivot_root(".", ".").at(step, "/")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).at(step, "detach the host")?;
    rustix::process::chdir("/").at(step, "/")
}
