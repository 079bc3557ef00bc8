//! In the proved root: what the machine needs before its services start, and then its whole life.

use std::fs;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_firmware::Variables;
use holdfast_release::Slot;
use rustix::mount::MountFlags;
use serde_json::json;

use crate::bless::{self, Places};
use crate::cmdline::Cmdline;
use crate::event::{self, event, power_off, restart, say};
use crate::generations::{Chosen, Found, Generations};
use crate::life::{self, Begun};
use crate::modules::{Modules, of_kernel};
use crate::signals::{End, Signals};
use crate::storage::{self, DATA, RAFT, STATE};
use crate::unlock::{self, By, Keyring, Waiting};
use crate::watchdog::Watchdog;
use crate::{
    buttons, disks, etc, extensions, firmware, hardening, installing, mounts, reset, stage1, told, uevents,
};

/// Modules that no device asks for.
const ALWAYS: [&str; 8] = ["ext4", "vfat", "nls_cp437", "nls_ascii", "efivarfs", "8021q", "bonding", "evdev"];
/// How long somebody is waited for where another kernel can be gone back to.
const TRIED: Duration = Duration::from_secs(600);
const WATCHDOG: &str = "/dev/watchdog";
/// The name of a machine that nobody named.
const NAMELESS: &str = "holdfast";

/// Brings the machine up and looks after it; `arguments` are the slot and the disk of the root, and the
/// signatures of what was measured.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let writable = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    for (place, options) in
        [("/run", "mode=0755"), ("/etc", "mode=0755"), ("/var", "mode=0755"), ("/tmp", "mode=1777")]
    {
        mounts::at("tmpfs", "tmpfs", place, writable, options)?;
    }
    mounts::at("cgroup2", "cgroup2", "/sys/fs/cgroup", writable, "nsdelegate,memory_recursiveprot")?;
    divide();
    let text =
        fs::read_to_string("/proc/cmdline").map_err(|error| format!("read the command line: {error}"))?;
    let cmdline = Cmdline::parse(&text);
    let signals = Signals::take()?;
    let proc = Utf8Path::new("/proc");
    // Before there are cards: each begins as these switches say.
    hardening::harden(proc);
    let mut watchdog = devices(arguments);
    buttons::follow();
    let (lockdown, weak) = (hardening::lockdown(), hardening::weak(proc));
    event("machine.hardened", &json!({ "lockdown": lockdown, "weak": weak }));
    if arguments.first().is_some_and(|first| first == stage1::INSTALL) {
        etc::identity(Utf8Path::new("/etc"), None, NAMELESS)?;
        event("ready", &json!({ "installs": true }));
        return installing::live(&signals, &mut watchdog);
    }
    let Kept { places, state, unlocked } = keep(arguments, &signals, &mut watchdog);
    let all = state.as_deref().map(|state| Generations::new(&state.join(life::CONFIG)));
    let all = all.map(|all| if cmdline.get("holdfast.test") == Some("older") { all.older() } else { all });
    let chosen = all.and_then(|all| configuration(&all, &places));
    let name =
        chosen.as_ref().map_or_else(|| NAMELESS.to_owned(), |one| one.machine.metadata.name.to_string());
    etc::identity(Utf8Path::new("/etc"), state.as_deref(), &name)?;
    if let Err(error) = nix::unistd::sethostname(&name) {
        say(format_args!("take the name `{name}`: {error}"));
    }
    let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let (uptime, generation) = (uptime.split(' ').next(), chosen.as_ref().map(|one| one.number));
    event("ready", &json!({ "uptime": uptime, "generation": generation }));
    match cmdline.get("holdfast.test") {
        Some("power-off") => {
            say("powers off, as the command line asks");
            power_off();
        }
        Some("crash") => return Ok(()),
        Some("hang") => loop {
            std::thread::park();
        },
        _ => {}
    }
    life::live(Begun { signals, watchdog, places, chosen, state, unlocked })
}

/// Gives services the means to be limited and counted.
fn divide() {
    if let Err(error) = fs::write("/sys/fs/cgroup/cgroup.subtree_control", "+cpu +memory +io +pids") {
        say(format_args!("divide the machine among services: {error}"));
    }
}

/// Loads what devices need, now and later, and wakes the watchdog.
fn devices(arguments: &[String]) -> Watchdog {
    let mut modules = Modules::open(&of_kernel());
    for name in ALWAYS {
        modules.load(name);
    }
    modules.settle(Utf8Path::new("/sys"));
    if let Some((slot, disk)) = root_of(arguments) {
        extensions::bring(disk, slot, &mut modules);
    }
    if !Utf8Path::new(WATCHDOG).exists() {
        modules.load("softdog");
    }
    uevents::follow(modules);
    let variables = mounts::at("efivarfs", "efivarfs", Variables::MACHINE, MountFlags::NOEXEC, "");
    if let Err(error) = variables {
        say(format_args!("without the firmware's variables: {error}"));
    }
    Watchdog::wake()
}

/// The slot and the disk of the root; nothing where a medium was started.
fn root_of(arguments: &[String]) -> Option<(Slot, &str)> {
    match arguments {
        [slot, disk, ..] if slot != stage1::INSTALL => {
            Some((if slot == "B" { Slot::B } else { Slot::A }, disk))
        }
        _ => None,
    }
}

/// What the machine keeps.
struct Kept {
    /// Where a start is written down.
    places: Places,
    /// The directory of the configuration.
    state: Option<Utf8PathBuf>,
    /// What opened it, where it was locked.
    unlocked: Option<By>,
}

/// Opens what the machine keeps.
fn keep(arguments: &[String], signals: &Signals, watchdog: &mut Watchdog) -> Kept {
    let (slot, disk) =
        root_of(arguments).map_or((Slot::A, String::new()), |(slot, disk)| (slot, disk.to_owned()));
    let all = disks::partitions(Utf8Path::new("/sys"));
    reset::finish(&disk, &all, &mut || watchdog.feed());
    let device = |label: &str| storage::device(&all, &disk, label);
    let whole = (!disk.is_empty()).then(|| Utf8Path::new("/dev").join(&disk));
    let places = Places { slot, disk: whole, meta: device("META"), esp: device("ESP") };
    if let Err(error) = told::link(&all, &disk) {
        say(format_args!("without the way to its slots: {error}"));
    }
    let keyring = Keyring::new(arguments.get(2).cloned());
    let (mut state, mut by, mut volumes) = (None, None, Vec::new());
    for place in [STATE, RAFT, DATA] {
        let Some(device) = device(place.label) else { continue };
        let opened = unlocked(&device, place, &keyring, || {
            let limit = patience(&places);
            let mut meanwhile = || {
                watchdog.feed();
                match signals.wait(Duration::ZERO) {
                    Some(End::Restart) => restart(),
                    Some(End::Off) => power_off(),
                    None => {}
                }
            };
            keyring.state(&device, Waiting { limit, meanwhile: &mut meanwhile })
        });
        if let (STATE, Err(why)) = (place, &opened) {
            event::failed(why);
            restart();
        }
        let opened = opened.and_then(|(unlocked, opened_by)| {
            by = by.or(opened_by);
            storage::open(&unlocked, place)?;
            volumes.extend((unlocked != device).then_some(place.label));
            Ok(())
        });
        match opened {
            Ok(()) if place == STATE => state = Some(Utf8PathBuf::from(place.at)),
            Ok(()) => {}
            Err(error) => event("storage.failed", &json!({ "label": place.label, "why": error })),
        }
    }
    unlock::seal_up(by, &volumes);
    Kept { places, state, unlocked: by }
}

/// The device of a place that can be mounted, and what opened it where it was locked.
fn unlocked(
    device: &Utf8Path,
    place: storage::Place,
    keyring: &Keyring,
    state: impl FnOnce() -> Result<(Utf8PathBuf, By), String>,
) -> Result<(Utf8PathBuf, Option<By>), String> {
    if !storage::is_locked(device)? {
        return Ok((device.to_owned(), None));
    }
    match place {
        STATE => state().map(|(device, by)| (device, Some(by))),
        RAFT => keyring.raft(device, Utf8Path::new(STATE.at)).map(|device| (device, None)),
        _ => Err(format!("{} is locked, and no key is kept for it", place.label)),
    }
}

/// How long somebody is waited for. A kernel that is tried may be the reason that a key is needed: then the machine goes back to the
/// other one by itself. Otherwise this start is not to be counted, however often the power goes meanwhile.
fn patience(places: &Places) -> Option<Duration> {
    if firmware::counted(&Variables::machine()).is_some() && bless::has_other(places) {
        return Some(TRIED);
    }
    if let Err(error) = bless::pardon(places) {
        say(error);
    }
    None
}

/// The configuration of this start. A release that can read none of those that are there does not stay: the one in the other slot
/// has one that works.
fn configuration(all: &Generations, places: &Places) -> Option<Chosen> {
    let chosen = match all.choose() {
        Ok(Found::One(chosen)) => *chosen,
        Ok(Found::Nothing) => return None,
        Ok(Found::Unreadable(why)) if bless::may_go_back(places) => {
            let why = format!("no configuration can be read: {why}");
            if let Err(error) = bless::bad(places, &why) {
                say(format_args!("write down that the start was bad: {error}"));
            }
            event("boot.failed", &json!({ "why": why }));
            restart();
        }
        Ok(Found::Unreadable(why)) | Err(why) => {
            event("config.failed", &json!({ "why": why }));
            return None;
        }
    };
    if let Some((number, why)) = &chosen.reverted {
        event("config.reverted", &json!({ "generation": number, "why": why }));
    }
    if chosen.trial {
        event("config.trial", &json!({ "generation": chosen.number }));
    }
    Some(chosen)
}
