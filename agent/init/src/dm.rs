//! The device mapper and loop devices, as far as what is proved needs them (include/uapi/linux/dm-ioctl.h and loop.h of
//! Linux). The only place of this
//! program with `unsafe`.

use std::fs::File;
use std::os::fd::AsRawFd as _;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::BLOCK_BYTES;
use rustix::fs::{major, minor, stat};

use crate::slot::Proved;

/// `_IOWR(0xfd, nr, struct dm_ioctl)`.
const fn request(number: libc::c_ulong) -> libc::c_ulong {
    3 << 30 | 312 << 16 | 0xfd << 8 | number
}

const DEV_CREATE: libc::c_ulong = request(3);
const DEV_SUSPEND: libc::c_ulong = request(6);
const TABLE_LOAD: libc::c_ulong = request(9);
const LOOP_SET: libc::c_ulong = 0x4c00;
const LOOP_FREE: libc::c_ulong = 0x4c82;
const READ_ONLY: u32 = 1;
const HEADER: usize = 312;
const TARGET: usize = 40;
/// The device mapper counts in sectors.
const SECTOR: u64 = 512;

/// A call: the header, and the targets behind it.
fn call(
    control: &File,
    number: libc::c_ulong,
    flags: u32,
    name: &str,
    targets: &[u8],
) -> Result<Vec<u8>, String> {
    let size = HEADER + targets.len();
    let mut buffer = Vec::with_capacity(size);
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let count = u32::from(!targets.is_empty());
    for field in [4, 0, 0, small(size), small(HEADER), count, 0, flags, 0, 0] {
        buffer.extend(field.to_le_bytes());
    }
    buffer.extend([0; 8]);
    buffer.extend(name.bytes().take(127));
    buffer.resize(HEADER, 0);
    buffer.extend_from_slice(targets);
    // SAFETY: the kernel reads and writes at most `data_size` bytes, which is the length of the buffer, and the buffer lives
    // until the call returns.
    let answer = unsafe { libc::ioctl(control.as_raw_fd(), number, buffer.as_mut_ptr()) };
    if answer < 0 {
        return Err(std::io::Error::last_os_error().to_string());
    }
    Ok(buffer)
}

/// A device for a file that is only read.
pub(crate) fn loop_device(file: &File) -> Result<Utf8PathBuf, String> {
    let failed = |act: &str| format!("{act} a device for a file: {}", std::io::Error::last_os_error());
    let control = File::options().read(true).write(true).open("/dev/loop-control");
    let control = control.map_err(|error| format!("open `/dev/loop-control`: {error}"))?;
    // SAFETY: this call takes no memory of ours.
    let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_FREE) };
    if number < 0 {
        return Err(failed("find"));
    }
    let path = Utf8PathBuf::from(format!("/dev/loop{number}"));
    let device = File::open(&path).map_err(|error| format!("open `{path}`: {error}"))?;
    // SAFETY: this call takes the number of an open file, and no memory.
    let set = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_SET, file.as_raw_fd()) };
    if set < 0 { Err(failed("make")) } else { Ok(path) }
}

/// The device of a proved root. A block that is not what it was when it was hashed starts the machine again.
pub(crate) fn verity(root: &Utf8Path, tree: &Utf8Path, proved: &Proved) -> Result<Utf8PathBuf, String> {
    let parameters = verity_of(root, tree, 1, proved)?;
    device("root", proved.data_blocks, ("verity", &format!("{parameters} 1 restart_on_corruption")))
}

/// The device of a proved file system that lies with its tree behind it in `device` from byte `at` on, both of whole blocks. A block
/// that is not what it was when it was hashed cannot be read: the machine goes on without it.
pub(crate) fn verity_within(
    device_of_all: &Utf8Path,
    name: &str,
    (at, bytes): (u64, u64),
    proved: &Proved,
) -> Result<Utf8PathBuf, String> {
    let from = format!("{} {}", number_of(device_of_all)?, at / SECTOR);
    let both = device(&format!("{name}-both"), bytes / BLOCK_BYTES, ("linear", &from))?;
    // The superblock comes first.
    device(name, proved.data_blocks, ("verity", &verity_of(&both, &both, proved.data_blocks + 1, proved)?))
}

/// What the device mapper is told of a tree that begins at this block of its device.
fn verity_of(data: &Utf8Path, tree: &Utf8Path, begins: u64, proved: &Proved) -> Result<String, String> {
    Ok(format!(
        "1 {} {} 4096 4096 {} {begins} sha256 {} {}",
        number_of(data)?,
        number_of(tree)?,
        proved.data_blocks,
        hex::encode(proved.root_hash),
        hex::encode(proved.salt),
    ))
}

/// A device that is only read, of so many blocks, with one target.
fn device(name: &str, blocks: u64, (kind, parameters): (&str, &str)) -> Result<Utf8PathBuf, String> {
    let control = File::options()
        .read(true)
        .write(true)
        .open("/dev/mapper/control")
        .map_err(|error| format!("open the device mapper: {error}"))?;
    let mut target = 0_u64.to_le_bytes().to_vec();
    target.extend((blocks * (BLOCK_BYTES / SECTOR)).to_le_bytes());
    target.extend([0; 8]);
    target.extend(kind.bytes());
    target.resize(TARGET, 0);
    target.extend(parameters.bytes());
    target.push(0);
    target.resize(target.len().next_multiple_of(8), 0);
    let failed = |act: &str| {
        let act = act.to_owned();
        move |error: String| format!("{act} the device `{name}`: {error}")
    };
    let created = call(&control, DEV_CREATE, READ_ONLY, name, &[]).map_err(failed("create"))?;
    call(&control, TABLE_LOAD, READ_ONLY, name, &target).map_err(failed("describe"))?;
    call(&control, DEV_SUSPEND, READ_ONLY, name, &[]).map_err(failed("begin"))?;
    let device = created.get(40..48).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
    Ok(Utf8PathBuf::from(format!("/dev/dm-{}", minor(device))))
}

/// `major:minor` of a device.
fn number_of(path: &Utf8Path) -> Result<String, String> {
    let device = stat(path.as_str()).map_err(|error| format!("look at `{path}`: {error}"))?.st_rdev;
    Ok(format!("{}:{}", major(device), minor(device)))
}
