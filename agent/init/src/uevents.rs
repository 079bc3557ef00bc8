//! Devices that come while the machine runs: the kernel names each one, and its module is loaded.

use std::os::fd::OwnedFd;

use camino::Utf8Path;
use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};

use crate::event::say;
use crate::modules::Modules;

const KERNEL: u32 = 1;
const LARGEST: usize = 8_192;

/// Loads the modules of all devices that are there and of those that come, for ever, from a thread of its own.
pub(crate) fn follow(mut modules: Modules) {
    let line = open();
    let work = move || {
        modules.settle(Utf8Path::new("/sys"));
        match line {
            Ok(line) => listen(&line, &mut modules),
            Err(error) => say(format_args!("listen for devices: {error}")),
        }
    };
    if let Err(error) = std::thread::Builder::new().name("devices".to_owned()).spawn(work) {
        say(format_args!("listen for devices: {error}"));
    }
}

fn open() -> Result<OwnedFd, rustix::io::Errno> {
    let line =
        socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(KOBJECT_UEVENT))?;
    bind(&line, &SocketAddrNetlink::new(0, KERNEL))?;
    Ok(line)
}

fn listen(line: &OwnedFd, modules: &mut Modules) {
    let mut message = vec![0; LARGEST];
    loop {
        match recv(line, message.as_mut_slice(), RecvFlags::empty()) {
            Ok((length, _)) => {
                if let Some(alias) = alias(message.get(..length).unwrap_or_default()) {
                    modules.load_for(&alias);
                }
            }
            // More came than was read: what was missed is looked for.
            Err(rustix::io::Errno::NOBUFS) => modules.settle(Utf8Path::new("/sys")),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                say(format_args!("listen for devices: {error}"));
                return;
            }
        }
    }
}

/// What a new device calls itself.
fn alias(message: &[u8]) -> Option<String> {
    let fields = || message.split(|byte| *byte == 0);
    let field = |name: &[u8]| fields().find_map(|field| field.strip_prefix(name));
    let added = field(b"ACTION=") == Some(b"add");
    let alias = field(b"MODALIAS=").filter(|_| added)?;
    String::from_utf8(alias.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_comes_names_its_module() {
        let message = b"add@/devices/x\0ACTION=add\0DEVPATH=/devices/x\0MODALIAS=virtio:d1v2\0SEQNUM=7\0";
        assert_eq!(alias(message).as_deref(), Some("virtio:d1v2"));
        assert_eq!(alias(b"remove@/x\0ACTION=remove\0MODALIAS=virtio:d1v2\0"), None);
        assert_eq!(alias(b"\xff\0\0ACTION=add"), None);
    }
}
