//! Forgetting: a machine that leaves its cluster for good, or is sold. What is to be done is in META before anything is done, and it
//! is done at a start, when nothing is open; so a cut of the power at any moment only delays it.

use std::fs::File;
use std::io::Read as _;

use camino::Utf8Path;
use holdfast_disk::{Access, Disk};
use holdfast_release::writer::Target as _;
use holdfast_release::{META_MACHINE, Meta};
use serde_json::json;

use crate::disks::Partition;
use crate::event::{event, power_off, say};
use crate::slot::{read_meta, write_meta};
use crate::{durable, storage};

/// Who lays this file has the machine reset (`agent/daemon` does, with a word for what it forgets).
const ASKED: &str = "/run/holdfast/reset";
/// Its name in META.
const NAME: &str = "reset";
/// The word for who the machine is, in that file and in META. Any other one means everything.
const IDENTITY: &str = "identity";
const EVERYTHING: &str = "everything";
/// Bytes of a word that are read.
const LONGEST: u64 = 64;
/// What the machine keeps.
const KEPT: [&str; 4] = ["STATE", "RAFT", "DATA", "EXT"];
/// What of it says who the machine is. Keys of both are there, and what is encrypted for them.
const SAYS_WHO: [&str; 2] = ["STATE", "RAFT"];
/// What it starts from, and goes on with after a cut; only when nothing else is left does it go, what the loader reads first.
const STARTS_FROM: [&str; 2] = ["ESP", "META"];
/// Erased at once, and the beginning of it read again; between two of them the watchdog is fed and it is said how far it is.
const PIECE: u64 = 64 << 20;
/// Where keys are: at the beginning of a volume (LUKS2 with both its headers takes 16 MiB) or anywhere in a small one.
const KEYS: u64 = PIECE;
/// What of either end of a disk is in no partition: the table (UEFI 2.10, 5.3) and the installer's record. It takes a disk for free
/// of which both are zeros.
const END: u64 = 1 << 20;

/// What somebody asks that this machine forgets.
pub(crate) fn asked() -> Option<Scope> {
    let mut word = String::new();
    let file = File::open(ASKED).ok()?;
    // It is there: what cannot be read of it asks for everything.
    let _ = file.take(LONGEST).read_to_string(&mut word);
    Some(Scope::of(&word))
}

/// It cannot: whoever asked has to ask again.
pub(crate) fn refuse() {
    drop(durable::remove(Utf8Path::new(ASKED)));
}

/// What a machine forgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All it keeps.
    Everything,
    /// Who it is. What it stores and what it starts from stay.
    Identity,
}

impl Scope {
    fn of(word: &str) -> Self {
        if word.trim() == IDENTITY { Self::Identity } else { Self::Everything }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Everything => EVERYTHING,
            Self::Identity => IDENTITY,
        }
    }

    /// What is erased one after the other, and how much of it. The keys go first: what they open is nothing without them.
    fn steps(self) -> impl Iterator<Item = (&'static str, Option<u64>)> {
        let (kept, starts_from): (&[_], &[_]) = match self {
            Self::Everything => (&KEPT, &STARTS_FROM),
            Self::Identity => (&SAYS_WHO, &[]),
        };
        let keys = kept.iter().map(|label| (*label, Some(KEYS)));
        keys.chain(kept.iter().chain(starts_from).map(|label| (*label, None)))
    }
}

/// Writes down that it shall. From here on nothing but that happens at the next start. What was asked for before is never made less.
pub(crate) fn begin(meta: &Utf8Path, scope: Scope) -> Result<Scope, String> {
    let mut kept: Meta = read_meta(meta);
    let scope =
        if kept.get(NAME).map(Scope::of) == Some(Scope::Everything) { Scope::Everything } else { scope };
    kept.set(NAME, scope.word()).map_err(|error| error.to_string())?;
    write_meta(meta, &mut kept)?;
    Ok(scope)
}

/// Forgets what was begun and turns the machine off. What cannot be erased is tried again at every start: a machine that was told to
/// forget never runs with what it knew.
pub(crate) fn finish(disk: &str, partitions: &[Partition], feed: &mut dyn FnMut()) {
    let Some(meta) = storage::device(partitions, disk, "META") else { return };
    let Some(scope) = read_meta(&meta).get(NAME).map(Scope::of) else { return };
    let forgotten = forget(scope, disk, partitions, feed).and_then(|bytes| match scope {
        Scope::Everything => Ok(bytes),
        Scope::Identity => nameless(&meta).map(|()| bytes),
    });
    match forgotten {
        Ok(bytes) => event("machine.reset", &json!({ "bytes": bytes, "forgets": scope.word() })),
        Err(why) => event("machine.reset-failed", &json!({ "why": why })),
    }
    power_off();
}

/// Takes out of META which machine this was, and that it was to forget it: the last step, for the next start is that of a machine
/// without a configuration.
fn nameless(meta: &Utf8Path) -> Result<(), String> {
    let mut kept: Meta = read_meta(meta);
    kept.remove(META_MACHINE);
    // Both copies: the older one says it, too.
    write_meta(meta, &mut kept)?;
    write_meta(meta, &mut kept)?;
    kept.remove(NAME);
    write_meta(meta, &mut kept)
}

fn forget(scope: Scope, disk: &str, partitions: &[Partition], feed: &mut dyn FnMut()) -> Result<u64, String> {
    say(format_args!(
        "erases what this machine is to forget ({}); it is turned off when nothing of it is left",
        scope.word()
    ));
    let mut bytes = 0;
    for (label, first) in scope.steps() {
        let Some(volume) = storage::device(partitions, disk, label) else { continue };
        let erased = erase(&volume, first, feed, &mut |done, whole| {
            if first.is_none() {
                event("reset.progress", &json!({ "label": label, "done": done, "of": whole }));
            }
        })?;
        bytes += if first.is_none() { erased } else { 0 };
    }
    if scope == Scope::Identity {
        return Ok(bytes);
    }
    // Without its table the disk is as good as new to the firmware and to the installer.
    let whole = Utf8Path::new("/dev").join(disk);
    erase(&whole, Some(END), feed, &mut |_, _| {})?;
    let mut open = open(&whole)?;
    let end = END.min(open.size());
    let erased = open.zero(open.size() - end, end).and_then(|()| open.sync());
    erased.map_err(|error| format!("erase the end of `{whole}`: {error}"))?;
    Ok(bytes)
}

/// Erases the first bytes of a device, or all of it; how many they were.
fn erase(
    device: &Utf8Path,
    first: Option<u64>,
    feed: &mut dyn FnMut(),
    tell: &mut dyn FnMut(u64, u64),
) -> Result<u64, String> {
    let mut disk = open(device)?;
    let end = first.map_or(disk.size(), |first| first.min(disk.size()));
    let (mut at, mut told) = (0, 0);
    while at < end {
        let count = PIECE.min(end - at);
        disk.zero(at, count).map_err(|error| format!("erase `{device}` at {at}: {error}"))?;
        at += count;
        feed();
        // A tenth is worth a line.
        if at * 10 / end > told {
            told = at * 10 / end;
            tell(at, end);
        }
    }
    disk.sync().map_err(|error| format!("sync `{device}`: {error}"))?;
    Ok(end)
}

fn open(device: &Utf8Path) -> Result<Disk, String> {
    Disk::open(device, Access::Write).map_err(|error| format!("open `{device}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_a_volume_and_only_the_beginning_where_that_was_asked_for() {
        let temp = tempfile::tempdir().unwrap();
        let volume = Utf8Path::from_path(temp.path()).unwrap().join("STATE");
        let size = PIECE + PIECE / 2;
        let full = |count: u64| vec![7_u8; usize::try_from(count).unwrap()];
        std::fs::write(&volume, full(size)).unwrap();
        let (mut fed, mut told) = (0, Vec::new());
        erase(&volume, Some(KEYS), &mut || fed += 1, &mut |_, _| {}).unwrap();
        let left = std::fs::read(&volume).unwrap();
        let keys = usize::try_from(KEYS).unwrap();
        assert!(left[..keys].iter().all(|byte| *byte == 0) && left[keys..].iter().all(|byte| *byte == 7));
        let bytes = erase(&volume, None, &mut || fed += 1, &mut |done, of| told.push((done, of))).unwrap();
        assert_eq!((bytes, fed, told), (size, 3, vec![(PIECE, size), (size, size)]));
        assert!(std::fs::read(&volume).unwrap() == vec![0; left.len()], "something is left");
        assert!(open(&volume.with_extension("gone")).unwrap_err().contains("open"));
    }

    #[test]
    fn keys_go_first_and_what_the_machine_starts_from_only_when_nothing_else_is_left() {
        let steps: Vec<(&str, Option<u64>)> = Scope::Everything.steps().collect();
        let place = |step| steps.iter().position(|(label, first)| (*label, first.is_none()) == step).unwrap();
        for kept in KEPT {
            assert!(place((kept, false)) < place(("STATE", true)), "the keys of {kept}");
            assert!(place((kept, true)) < place(("ESP", true)), "the machine could not go on with {kept}");
        }
        assert!(place(("ESP", true)) < place(("META", true)), "it would start and not know what it was at");
        assert!(!steps.contains(&("ESP", Some(KEYS))));
        let who: Vec<&str> = Scope::Identity.steps().map(|(label, _)| label).collect();
        assert_eq!(who, ["STATE", "RAFT", "STATE", "RAFT"]);
    }

    #[test]
    fn what_was_begun_is_known_at_the_next_start() {
        let temp = tempfile::tempdir().unwrap();
        let meta = Utf8Path::from_path(temp.path()).unwrap().join("META");
        std::fs::write(&meta, vec![0; 2 << 20]).unwrap();
        assert_eq!(read_meta(&meta).get(NAME), None);
        let known = || read_meta(&meta).get(NAME).map(Scope::of);
        assert_eq!(begin(&meta, Scope::Identity), Ok(Scope::Identity));
        assert_eq!(known(), Some(Scope::Identity));
        begin(&meta, Scope::Everything).unwrap();
        // A machine that was told to forget everything does not keep a part of it.
        assert_eq!(begin(&meta, Scope::Identity), Ok(Scope::Everything));
        assert_eq!(known(), Some(Scope::Everything));
    }

    #[test]
    fn nothing_says_who_a_machine_was_that_forgot_it() {
        let temp = tempfile::tempdir().unwrap();
        let meta = Utf8Path::from_path(temp.path()).unwrap().join("META");
        std::fs::write(&meta, vec![0; 2 << 20]).unwrap();
        let mut kept = Meta::default();
        kept.set(META_MACHINE, "n1-of-the-clinic").unwrap();
        kept.set("install.cluster", "prod").unwrap();
        write_meta(&meta, &mut kept).unwrap();
        begin(&meta, Scope::Identity).unwrap();
        nameless(&meta).unwrap();
        let kept = read_meta(&meta);
        assert_eq!((kept.get(NAME), kept.get("install.cluster")), (None, Some("prod")));
        let name = b"n1-of-the-clinic";
        let bytes = std::fs::read(&meta).unwrap();
        assert!(!bytes.windows(name.len()).any(|window| window == name));
    }
}
