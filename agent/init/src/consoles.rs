//! The consoles of the kernel: the screen and the lines on which people are spoken to. A leaf.

use std::fs;

use camino::Utf8PathBuf;

const ACTIVE: &str = "/sys/class/tty/console/active";
/// What stands for them where the kernel does not say.
const ANY: &str = "/dev/console";

/// Their devices.
pub(crate) fn consoles() -> Vec<Utf8PathBuf> {
    devices(&fs::read_to_string(ACTIVE).unwrap_or_default())
}

fn devices(active: &str) -> Vec<Utf8PathBuf> {
    let named: Vec<Utf8PathBuf> =
        active.split_whitespace().map(|name| Utf8PathBuf::from("/dev").join(name)).collect();
    if named.is_empty() { vec![ANY.into()] } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_console_is_a_device_and_there_is_always_one() {
        assert_eq!(devices("tty0 ttyS0\n"), ["/dev/tty0", "/dev/ttyS0"]);
        assert_eq!(devices(""), [ANY]);
    }
}
