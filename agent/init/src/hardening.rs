//! What this machine does not let anybody do, root included where the kernel can hold him to it; and what of it does not hold. The
//! words of the command line that belong to it are in `image/builder/src/build.rs`.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::mount::MountFlags;

use crate::event::say;
use crate::mounts;

/// The switches of the kernel, as the Kernel Self Protection Project recommends them, and those that keep packets where they belong,
/// each with its value. `*` is every card and those to come. One that this kernel does not have is left out.
const SWITCHES: [(&str, &str); 31] = [
    // Who loads what the kernel asks for: this program.
    ("kernel/modprobe", "/usr/bin/holdfast-init"),
    // Nobody is told where the kernel lies, nor what it says of itself.
    ("kernel/kptr_restrict", "2"),
    ("kernel/dmesg_restrict", "1"),
    ("kernel/perf_event_paranoid", "3"),
    ("kernel/randomize_va_space", "2"),
    // No other kernel without the firmware, which would ask for its signature.
    ("kernel/kexec_load_disabled", "1"),
    // No process reads the memory of another one.
    ("kernel/yama/ptrace_scope", "3"),
    ("fs/suid_dumpable", "0"),
    // What only privileged code may reach: the agent makes the user namespaces of jobs as root.
    ("kernel/unprivileged_bpf_disabled", "1"),
    ("kernel/unprivileged_userns_clone", "0"),
    ("vm/unprivileged_userfaultfd", "0"),
    ("net/core/bpf_jit_harden", "2"),
    ("dev/tty/ldisc_autoload", "0"),
    ("dev/tty/legacy_tiocsti", "0"),
    ("vm/mmap_min_addr", "65536"),
    // A keyboard has no say, and a kernel that is damaged does not go on.
    ("kernel/sysrq", "0"),
    ("kernel/panic", "5"),
    ("kernel/panic_on_oops", "1"),
    // Process 1 speaks over the kernel's log; no word of it may be dropped.
    ("kernel/printk_devkmsg", "on"),
    // Nobody is led to a file of another one.
    ("fs/protected_symlinks", "1"),
    ("fs/protected_hardlinks", "1"),
    ("fs/protected_fifos", "2"),
    ("fs/protected_regular", "2"),
    // Ways are what the configuration says. Of a host's own redirects `all` alone does not rule: each card has its word.
    ("net/ipv4/tcp_syncookies", "1"),
    ("net/ipv4/conf/*/accept_redirects", "0"),
    ("net/ipv4/conf/*/secure_redirects", "0"),
    ("net/ipv4/conf/*/send_redirects", "0"),
    ("net/ipv4/conf/*/accept_source_route", "0"),
    ("net/ipv4/icmp_echo_ignore_broadcasts", "1"),
    ("net/ipv6/conf/*/accept_redirects", "0"),
    ("net/ipv6/conf/*/accept_source_route", "0"),
];

/// Of what does not hold so much is told: a line of the console is not endless.
const TOLD: usize = 8;
/// Ways past the kernel to memory and ports; nothing here needs them.
const DEVICES: [&str; 2] = ["/dev/mem", "/dev/port"];
const SECURITY: &str = "/sys/kernel/security";
/// What is mounted where, and how its options begin.
const PLACES: [(&str, &str, &str); 2] = [("/", "erofs", "ro"), ("/etc", "tmpfs", "rw")];

/// Throws the switches and takes the devices away. What does not work shows in [`weak`].
pub(crate) fn harden(proc: &Utf8Path) {
    for (switch, value) in SWITCHES {
        for path in each(proc, switch) {
            // Some take no value without the end of its line.
            drop(fs::write(path, format!("{value}\n")));
        }
    }
    for device in DEVICES {
        drop(fs::remove_file(device));
    }
}

/// What does not hold; nothing on a machine as it should be.
pub(crate) fn weak(proc: &Utf8Path) -> Vec<String> {
    let mut weak = Vec::new();
    for (switch, wanted) in SWITCHES {
        for path in each(proc, switch) {
            let is = fs::read_to_string(&path).unwrap_or_default();
            if is.trim_end() != wanted {
                let name = path.strip_prefix(proc.join("sys")).unwrap_or(&path);
                weak.push(format!("{name} is {}, not {wanted}", is.trim_end()));
            }
        }
    }
    let there = DEVICES.iter().filter(|device| Utf8Path::new(device).exists());
    weak.extend(there.map(|device| format!("{device} is there")));
    let mounts = fs::read_to_string(proc.join("self/mounts")).unwrap_or_default();
    let astray = PLACES.iter().filter(|place| !is_mounted(&mounts, place));
    weak.extend(astray.map(|(at, kind, options)| format!("{at} is not {kind} {options}")));
    if let Some(more) = weak.len().checked_sub(TOLD).filter(|more| *more > 0) {
        weak.truncate(TOLD);
        weak.push(format!("and {more} more"));
    }
    weak
}

/// How far the kernel locks itself down: `none`, `integrity` or `confidentiality`.
pub(crate) fn lockdown() -> String {
    if let Err(error) = mounts::at("securityfs", "securityfs", SECURITY, MountFlags::NOEXEC, "") {
        say(error);
    }
    let all = fs::read_to_string(Utf8Path::new(SECURITY).join("lockdown")).unwrap_or_default();
    chosen(&all).unwrap_or("none").to_owned()
}

/// The one in brackets.
fn chosen(all: &str) -> Option<&str> {
    all.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']'))
}

/// The files of a switch that are there.
fn each(proc: &Utf8Path, switch: &str) -> Vec<Utf8PathBuf> {
    let sys = proc.join("sys");
    let paths = match switch.split_once("/*/") {
        None => vec![sys.join(switch)],
        Some((above, below)) => {
            let entries = sys.join(above).read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
            entries.map(|entry| entry.path().join(below)).collect()
        }
    };
    paths.into_iter().filter(|path| path.exists()).collect()
}

/// Whether the last mount at a place is of its kind.
fn is_mounted(mounts: &str, (at, kind, options): &(&str, &str, &str)) -> bool {
    let last = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .rfind(|words| words.get(1) == Some(at));
    last.is_some_and(|words| {
        words.get(2) == Some(kind)
            && words.get(3).is_some_and(|all| all.split(',').any(|one| one == *options))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_thrown_is_weak_and_what_a_kernel_does_not_have_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let proc = Utf8Path::from_path(dir.path()).unwrap();
        for place in ["sys/kernel", "sys/net/ipv4/conf/all", "sys/net/ipv4/conf/eth0", "self"] {
            fs::create_dir_all(proc.join(place)).unwrap();
        }
        let redirects =
            ["all", "eth0"].map(|card| proc.join(format!("sys/net/ipv4/conf/{card}/accept_redirects")));
        for file in [&proc.join("sys/kernel/sysrq"), &redirects[0], &redirects[1]] {
            fs::write(file, "1\n").unwrap();
        }
        let mounts = "none / rootfs rw 0 0\n/dev/dm-0 / erofs ro,relatime 0 0\ntmpfs /etc tmpfs rw 0 0\n";
        fs::write(proc.join("self/mounts"), mounts).unwrap();
        // This machine has its own devices.
        let of_proc = |weak: Vec<String>| weak.into_iter().filter(|one| !one.starts_with("/dev")).collect();
        let before: Vec<String> = of_proc(weak(proc));
        assert_eq!(before.len(), 3, "{before:?}");
        assert!(before.contains(&"net/ipv4/conf/eth0/accept_redirects is 1, not 0".to_owned()), "{before:?}");
        for (switch, value) in SWITCHES {
            each(proc, switch).iter().for_each(|path| fs::write(path, value).unwrap());
        }
        let after: Vec<String> = of_proc(weak(proc));
        assert_eq!(after, Vec::<String>::new());
        fs::write(proc.join("self/mounts"), mounts.replace("ro,", "rw,").replace("tmpfs", "ext4")).unwrap();
        let open: Vec<String> = of_proc(weak(proc));
        assert_eq!(open, ["/ is not erofs ro", "/etc is not tmpfs rw"]);
    }

    #[test]
    fn the_lockdown_is_the_one_in_brackets() {
        assert_eq!(chosen("none [integrity] confidentiality\n"), Some("integrity"));
        assert_eq!(chosen(""), None);
    }
}
