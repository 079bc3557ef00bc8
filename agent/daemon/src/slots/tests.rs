//! A machine in memory whose power can be cut after any write: whatever happens, the disk boots one of the two versions.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

use camino::Utf8Path;
use holdfast_release::writer::Target;
use holdfast_release::{
    BLOCK, Boot, Digest, ExtensionSum, FileSum, META_COPY_BYTES, Manifest, Meta, Profile, Role, Slot,
    Verdict, Verity, decide,
};
use parking_lot::Mutex;

use super::install::{back, boot, write};
use super::kernels::version_of;
use super::machine::{Machine, Running};

/// What survives a loss of power.
#[derive(Debug, Clone, Default)]
struct Disk {
    parts: BTreeMap<&'static str, Vec<u8>>,
    meta: [Vec<u8>; 2],
    kernels: BTreeMap<String, Vec<u8>>,
    loader: Vec<u8>,
    /// Writes that the power still lasts for.
    left: usize,
    /// Writes that were made.
    made: usize,
    restarts: usize,
}

impl Disk {
    /// Counts a write; the one with which the power goes is done in part.
    fn power(&mut self) -> io::Result<bool> {
        if self.left == 0 {
            return Err(io::Error::other("the power is gone"));
        }
        self.left -= 1;
        self.made += 1;
        Ok(self.left > 0)
    }
}

#[derive(Clone)]
struct Ram(Arc<Mutex<Disk>>, Running);

struct Part(Arc<Mutex<Disk>>, &'static str);

impl Target for Part {
    fn size(&self) -> u64 {
        1 << 20
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let disk = self.0.lock();
        let at = usize::try_from(at).unwrap();
        let from = disk.parts[self.1].get(at..).unwrap_or_default();
        let count = from.len().min(buffer.len());
        buffer[..count].copy_from_slice(&from[..count]);
        Ok(count)
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        let mut disk = self.0.lock();
        let whole = disk.power()?;
        let (at, count) = (usize::try_from(at).unwrap(), if whole { bytes.len() } else { bytes.len() / 2 });
        disk.parts.get_mut(self.1).unwrap()[at..at + count].copy_from_slice(&bytes[..count]);
        if whole { Ok(count) } else { Err(io::Error::other("the power is gone")) }
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Machine for Ram {
    fn running(&mut self) -> io::Result<Running> {
        Ok(self.1.clone())
    }

    fn part(&mut self, role: Role) -> io::Result<Box<dyn Target>> {
        Ok(Box::new(Part(Arc::clone(&self.0), role.label())))
    }

    fn meta(&mut self) -> io::Result<Meta> {
        let disk = self.0.lock();
        Ok(Meta::read(&disk.meta[0], &disk.meta[1]))
    }

    fn put_meta(&mut self, meta: &mut Meta) -> io::Result<()> {
        let (half, copy) = meta.next_copy().unwrap();
        let mut disk = self.0.lock();
        let whole = disk.power()?;
        let count = if whole { copy.len() } else { 30 };
        disk.meta[half][..count].copy_from_slice(&copy[..count]);
        if whole { Ok(()) } else { Err(io::Error::other("the power is gone")) }
    }

    fn kernels(&mut self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().kernels.keys().cloned().collect())
    }

    fn put_kernel(&mut self, name: &str, content: &mut dyn Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        let mut disk = self.0.lock();
        let whole = disk.power()?;
        // A cut leaves the partial file beside, which no name of a kernel is.
        let name = if whole { name.to_owned() } else { "holdfast-x.new".to_owned() };
        disk.kernels.insert(name, bytes);
        if whole { Ok(()) } else { Err(io::Error::other("the power is gone")) }
    }

    fn rename_kernel(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut disk = self.0.lock();
        let whole = disk.power()?;
        if whole {
            let bytes = disk.kernels.remove(from).unwrap();
            disk.kernels.insert(to.to_owned(), bytes);
            return Ok(());
        }
        Err(io::Error::other("the power is gone"))
    }

    fn remove_kernel(&mut self, name: &str) -> io::Result<()> {
        let mut disk = self.0.lock();
        if disk.power()? {
            disk.kernels.remove(name);
            return Ok(());
        }
        Err(io::Error::other("the power is gone"))
    }

    fn put_loader(&mut self, content: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock();
        if disk.power()? {
            disk.loader = content.to_vec();
            return Ok(());
        }
        Err(io::Error::other("the power is gone"))
    }

    fn restart(&mut self) -> io::Result<()> {
        self.0.lock().restarts += 1;
        Ok(())
    }
}

/// A payload in a directory. Each version has contents of its own.
fn payload(dir: &Utf8Path, version: &str) -> Manifest {
    let content = |name: &str, length: usize| -> Vec<u8> {
        let seed = Digest::of(format!("{name} {version}").as_bytes()).0;
        (0..length).map(|at| seed[at % 32]).collect()
    };
    let mut files = BTreeMap::new();
    let files_of_all =
        [("root.erofs", 4096 * 3), ("root.verity", 4096), ("holdfast.efi", 900), ("loader.efi", 50)];
    let extension = extends(version).then_some(("gpu.ext", 4096 * 2));
    for (name, length) in files_of_all.into_iter().chain(extension) {
        let bytes = content(name, length);
        std::fs::write(dir.join(name), &bytes).unwrap();
        files.insert(name.to_owned(), FileSum::of(&bytes));
    }
    Manifest {
        version: version.to_owned(),
        profile: Profile::Small,
        epoch: 0,
        kernel: "6.1".to_owned(),
        files,
        verity: Verity { root_hash: Digest([1; 32]), salt: Digest([2; 32]), data_blocks: 3 },
        pcr11: Digest([3; 32]),
        from: None,
        extensions: extension.map(|(file, _)| gpu(file)).into_iter().collect(),
    }
}

/// The first release that came without an extension is the last one here.
fn extends(version: &str) -> bool {
    version != "3.0"
}

fn gpu(file: &str) -> ExtensionSum {
    ExtensionSum { name: "gpu".into(), version: "1".into(), kernel: "6.1".into(), file: file.into() }
}

struct World {
    _dir: tempfile::TempDir,
    payloads: BTreeMap<&'static str, (camino::Utf8PathBuf, Manifest)>,
    disk: Arc<Mutex<Disk>>,
}

const PLENTY: usize = 1 << 20;

impl World {
    /// A machine that runs 1.0 from A, and has 0.9 in B.
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(guard.path()).unwrap();
        let mut payloads = BTreeMap::new();
        for version in ["0.9", "1.0", "2.0", "3.0"] {
            let place = dir.join(version);
            std::fs::create_dir(&place).unwrap();
            let manifest = payload(&place, version);
            payloads.insert(version, (place, manifest));
        }
        let parts = ["ROOT-A", "ROOT-B", "HASH-A", "HASH-B", "EXT"].map(|label| (label, vec![0; 1 << 20]));
        let disk = Disk {
            parts: parts.into(),
            meta: [vec![0; META_COPY_BYTES], vec![0; META_COPY_BYTES]],
            left: PLENTY,
            ..Disk::default()
        };
        let world = Self { _dir: guard, payloads, disk: Arc::new(Mutex::new(disk)) };
        // An update in B, and then one in A.
        for (before, version, slot) in [("0.8", "0.9", Slot::B), ("0.9", "1.0", Slot::A)] {
            world.running(before, slot.other()).install(version).unwrap();
            world.running(before, slot.other()).go(version);
            world.bless(version, slot);
        }
        world
    }

    fn running(&self, version: &str, slot: Slot) -> Acting<'_> {
        let running = Running {
            version: version.to_owned(),
            slot: slot.to_string(),
            boot: "1".to_owned(),
            healthy: true,
            ..Running::default()
        };
        Acting { world: self, machine: Ram(Arc::clone(&self.disk), running) }
    }

    fn bless(&self, version: &str, slot: Slot) {
        let mut machine = self.running(version, slot).machine;
        let names = machine.kernels().unwrap();
        let name = names.iter().find(|name| version_of(name) == Some(version)).unwrap();
        let plain = format!("holdfast-{version}.efi");
        if *name != plain {
            machine.rename_kernel(name, &plain).unwrap();
        }
        let mut meta = machine.meta().unwrap();
        Boot::new(&mut meta).healthy(slot).unwrap();
        machine.put_meta(&mut meta).unwrap();
    }

    /// What boots when the power is back: the loader takes the newest kernel that has tries, the first stage the slot whose
    /// root the kernel proves, META counts. Panics where nothing whole boots.
    fn boots(&self) -> String {
        let mut disk = self.disk.lock().clone();
        for _ in 0..12 {
            let left = |name: &str| {
                let counter = name.strip_suffix(".efi").and_then(|stem| stem.rsplit_once('+'));
                counter.map_or(1, |(_, counter)| counter.split('-').next().unwrap().parse::<u32>().unwrap())
            };
            let mut names: Vec<String> =
                disk.kernels.keys().filter(|name| name.ends_with(".efi")).cloned().collect();
            names.sort_by_key(|name| (left(name) > 0, name.clone()));
            let name = names.last().expect("there is a kernel").clone();
            let version = version_of(&name).unwrap().to_owned();
            let (_, manifest) = &self.payloads[version.as_str()];
            let kernel = manifest.file("holdfast.efi").unwrap();
            assert_eq!(FileSum::of(&disk.kernels[&name]), kernel, "the kernel is whole");
            let whole = |role: Role, file: &str| {
                let sum = manifest.file(file).unwrap();
                let bytes = &disk.parts[role.label()][..usize::try_from(sum.bytes).unwrap()];
                FileSum::of(bytes) == sum
            };
            let slots = [(Slot::A, Role::RootA, Role::HashA), (Slot::B, Role::RootB, Role::HashB)];
            let proved = slots
                .into_iter()
                .find(|(_, root, tree)| whole(*root, "root.erofs") && whole(*tree, "root.verity"));
            if let Some((slot, ..)) = proved {
                let half = &disk.parts["EXT"][if slot == Slot::A { 0 } else { 512 << 10 }..];
                let (own, end) = match manifest.file("gpu.ext") {
                    Some(sum) => (FileSum::of(&half[..2 * BLOCK]) == sum, &half[2 * BLOCK..]),
                    None => (true, half),
                };
                assert!(own && end[..BLOCK] == [0; BLOCK], "{version} has its own extension and no other");
                let mut meta = Meta::read(&disk.meta[0], &disk.meta[1]);
                assert!(
                    matches!(decide(&mut meta, slot).unwrap(), Verdict::Go(_)),
                    "{version} has attempts left"
                );
                return version;
            }
            // A kernel without a root panics; the loader counts, and takes another one in the end.
            let bytes = disk.kernels.remove(&name).unwrap();
            let to = match name.rsplit_once('+') {
                Some(_) => format!("holdfast-{version}+{}.efi", left(&name).saturating_sub(1)),
                None => panic!("{name} was good before and has no root now"),
            };
            assert!(left(&to) > 0 || names.len() > 1, "nothing boots");
            disk.kernels.insert(to, bytes);
        }
        panic!("nothing boots");
    }
}

struct Acting<'a> {
    world: &'a World,
    machine: Ram,
}

impl Acting<'_> {
    fn install(mut self, version: &str) -> Result<(), String> {
        let (place, manifest) = &self.world.payloads[version];
        let running = self.machine.1.clone();
        write(&mut self.machine, &running, manifest, place)
    }

    fn go(mut self, version: &str) {
        boot(&mut self.machine, version).unwrap();
    }
}

#[test]
fn the_power_goes_at_every_write_and_the_disk_boots_one_of_two_versions() {
    let mut cut_at = 1;
    let mut seen = BTreeMap::new();
    loop {
        let world = World::new();
        assert_eq!(world.boots(), "1.0");
        world.disk.lock().left = cut_at;
        let done = world
            .running("1.0", Slot::A)
            .install("2.0")
            .and_then(|()| boot(&mut world.running("1.0", Slot::A).machine, "2.0"));
        *seen.entry(world.boots()).or_insert(0) += 1;
        // The power is back: the same again ends well.
        world.disk.lock().left = PLENTY;
        world.running("1.0", Slot::A).install("2.0").unwrap();
        assert_eq!(world.boots(), "1.0", "what is staged is not booted by accident");
        world.running("1.0", Slot::A).go("2.0");
        assert_eq!(world.boots(), "2.0");
        if done.is_ok() {
            break;
        }
        cut_at += 1;
    }
    assert!(cut_at > 8, "{cut_at} writes");
    assert_eq!(seen.keys().collect::<Vec<_>>(), ["1.0", "2.0"], "{seen:?}");
}

#[test]
fn a_second_update_before_the_restart_and_one_after_a_fallback_work() {
    let world = World::new();
    world.running("1.0", Slot::A).install("2.0").unwrap();
    world.running("1.0", Slot::A).install("3.0").unwrap();
    world.running("1.0", Slot::A).go("3.0");
    assert_eq!(world.boots(), "3.0");
    // It does not get healthy: the tries are used up, and what was blessed runs again.
    let mut machine = world.running("1.0", Slot::A).machine;
    machine.rename_kernel("holdfast-3.0+3.efi", "holdfast-3.0+0-3.efi").unwrap();
    assert_eq!(world.boots(), "1.0");
    world.running("1.0", Slot::A).install("2.0").unwrap();
    world.running("1.0", Slot::A).go("2.0");
    assert_eq!(world.boots(), "2.0");
    assert!(world.running("1.0", Slot::A).install("1.0").unwrap_err().contains("runs already"));
    assert!(world.running("1.0", Slot::A).install("0.9").unwrap_err().contains("would never run"));
}

#[test]
fn a_node_goes_back_to_what_it_had() {
    let world = World::new();
    world.running("1.0", Slot::A).install("2.0").unwrap();
    world.running("1.0", Slot::A).go("2.0");
    world.bless("2.0", Slot::B);
    let running = world.running("2.0", Slot::B).machine.1;
    assert_eq!(back(&mut world.running("2.0", Slot::B).machine, &running, "1.0"), Ok(true));
    assert_eq!((world.boots().as_str(), world.disk.lock().restarts > 0), ("1.0", true));
    // There again, what it left is gone for good.
    let running = world.running("1.0", Slot::A).machine.1;
    assert_eq!(back(&mut world.running("1.0", Slot::A).machine, &running, "1.0"), Ok(false));
    let names: Vec<String> = world.disk.lock().kernels.keys().cloned().collect();
    assert_eq!(names, ["holdfast-1.0.efi"]);
    let running = world.running("3.0", Slot::B).machine.1;
    assert!(back(&mut world.running("3.0", Slot::B).machine, &running, "0.9").is_err());
}
