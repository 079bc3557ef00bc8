//! `/sys` of the sandbox: what tells numerical libraries how many processors and memory nodes there are, nothing else.

use camino::Utf8Path;

use super::mounts::{READ_ONLY, restrict, tmpfs};
use super::place::{Root, make_dirs};
use crate::status::{AtStep, StartFailure, StartStep};

const SHOWN: [&str; 2] = ["/sys/devices/system/cpu", "/sys/devices/system/node"];

/// Mounts the two directories read-only on an otherwise empty `/sys`.
pub(crate) fn mount(root: &Root) -> Result<(), StartFailure> {
    let step = StartStep::RootFilesystem;
    let place = root.place("/sys").at(step, "/sys")?;
    tmpfs(&place.path(), "mode=0555,size=16k").at(step, "/sys")?;
    let sys = root.place("/sys").at(step, "/sys")?;
    for path in SHOWN.into_iter().filter(|path| Utf8Path::new(path).is_dir()) {
        let below = path.trim_start_matches("/sys/");
        make_dirs(&sys.path(), Utf8Path::new(below)).at(step, path)?;
        rustix::mount::mount_bind_recursive(path, sys.join(below)).at(step, path)?;
    }
    restrict(&sys.path(), READ_ONLY | libc::MOUNT_ATTR_NOEXEC).at(step, "/sys")
}
