//! A release on a medium, a configuration, and files that stand for disks.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::process::{Command, Output, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_disk::{Access, Disk};
use holdfast_installer::brain::{
    self, Confirmed, Consent, Detected, Facts, Firmware, Nic, Refusal, SecureBoot, System, Transport, Written,
};
use holdfast_installer::hands::{Formatter, InstallError, Payload, Work, install, look};
use holdfast_release::machine::{Machine, parse};
use holdfast_release::writer::Target;
use holdfast_release::{Digest, FileSum, HashTree, Layout, Profile, Role};
use tempfile::TempDir;

pub(crate) const DISK_BYTES: u64 = 1536 << 20;
const BLOCK: usize = 4096;

pub(crate) const MACHINE: &str = r#"apiVersion = "holdfast/v1"
kind = "Machine"

[metadata]
name = "ctl-1"

[spec]
role = "controller"
first = true

[spec.install.disk]
serial = "S1"

[spec.cluster]
name = "prod"
jurisdiction = "de"
"#;

pub(crate) struct World {
    temp: TempDir,
    pub(crate) payload: Utf8PathBuf,
    pub(crate) text: String,
    writes: Cell<u64>,
    pub(crate) keeps_data: Cell<bool>,
    root_hash: String,
}

/// Fails every write after so many, as a disk without power does. A write that was not yet synced may be torn.
struct Cut<'a> {
    disk: &'a mut Disk,
    left: u64,
    count: u64,
}

impl Target for Cut<'_> {
    fn size(&self) -> u64 {
        self.disk.size()
    }
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.read_at(at, buffer)
    }
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::from_raw_os_error(5));
        }
        (self.left, self.count) = (self.left - 1, self.count + 1);
        if self.left == 0 {
            // Half of the sectors of the last one.
            let half = (bytes.len() / 512).div_ceil(2) * 512;
            let half = half.min(bytes.len());
            let _ = self.disk.write_at(at, &bytes[..half])?;
            return Err(io::Error::from_raw_os_error(5));
        }
        self.disk.write_at(at, bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.disk.sync()
    }
}

/// So many places among `all`, spread evenly but for a shift that each has of its own, the first and the last ones with them.
pub(crate) fn places(all: u64, count: u64) -> Vec<u64> {
    let mut places: Vec<u64> = (0..count).map(|at| all * at / count + at * 7919 % 5).collect();
    places.extend([1, 2, 3, 4, all - 3, all - 2, all - 1, all]);
    places.retain(|at| (1..=all).contains(at));
    places.sort_unstable();
    places.dedup();
    places
}

pub(crate) fn succeeds(name: &str, output: &Output) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {}\n{out}\n{err}", output.status);
}

/// What a tool says; it must be there and succeed.
pub(crate) fn said(command: &mut Command) -> String {
    let name = format!("{command:?}");
    let output = command.output().unwrap();
    succeeds(&name, &output);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl World {
    pub(crate) fn new() -> Self {
        // In memory where there is such a place: what is synced a thousand times needs no real disk.
        let memory = Utf8Path::new("/dev/shm");
        let temp = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let dir = Utf8Path::from_path(temp.path()).unwrap().to_owned();
        let payload = dir.join("payload");
        let tree = dir.join("tree");
        fs::create_dir_all(tree.join("usr/bin")).unwrap();
        fs::create_dir_all(&payload).unwrap();
        let noise = |count: usize, seed: u32| -> Vec<u8> {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            };
            (0..count).map(|_| next()).collect()
        };
        fs::write(tree.join("usr/bin/holdfast"), noise(9 << 20, 1)).unwrap();
        let root = payload.join("root.erofs");
        said(Command::new("mkfs.erofs").args(["-T0", "--all-root", root.as_str(), tree.as_str()]));
        let mut bytes = fs::read(&root).unwrap();
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        fs::write(&root, &bytes).unwrap();
        let mut hashes = HashTree::new([3; 32]);
        hashes.update(&bytes);
        let proof = hashes.finish([4; 16]).unwrap();
        fs::write(payload.join("root.verity"), &proof.bytes).unwrap();
        fs::write(payload.join("loader.efi"), noise(90_000, 2)).unwrap();
        fs::write(payload.join("holdfast.efi"), noise(3 << 20, 3)).unwrap();
        let sum = |name: &str| FileSum::of(&fs::read(payload.join(name)).unwrap());
        fs::write(payload.join("gpu.ext"), noise(5 * BLOCK, 4)).unwrap();
        let names = ["root.erofs", "root.verity", "loader.efi", "holdfast.efi", "gpu.ext"];
        let manifest = serde_json::json!({
            "version": "1.2.0", "profile": "small", "epoch": 1_793_491_200_u64, "kernel": "6.1.0-56-amd64",
            "files": names.iter().map(|name| ((*name).to_owned(), serde_json::to_value(sum(name)).unwrap()))
                .collect::<serde_json::Map<_, _>>(),
            "verity": {
                "root_hash": proof.root.to_string(), "salt": Digest([3; 32]), "data_blocks": proof.data_blocks,
            },
            "pcr11": Digest([0; 32]),
            "extensions": [{ "name": "gpu", "version": "1", "kernel": "6.1.0-56-amd64", "file": "gpu.ext" }],
        });
        fs::write(payload.join("manifest.json"), manifest.to_string()).unwrap();
        let text = holdfast_release::machine::write(&parse(MACHINE).unwrap()).unwrap();
        Self {
            temp,
            payload,
            text,
            writes: Cell::new(0),
            keeps_data: Cell::new(false),
            root_hash: proof.root.to_string(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.temp.path()).unwrap().join(name)
    }

    /// A blank disk.
    pub(crate) fn disk(&self, name: &str) -> Utf8PathBuf {
        let path = self.path(name);
        File::create(&path).unwrap().set_len(DISK_BYTES).unwrap();
        path
    }

    fn machine(&self) -> Machine {
        let mut machine = parse(MACHINE).unwrap();
        machine.spec.install.as_mut().unwrap().keep_data = self.keeps_data.get();
        machine
    }

    pub(crate) fn facts(path: &Utf8Path, sector: u32) -> Facts {
        let mut disk = Disk::open(path, Access::Read).unwrap();
        let disk = brain::Disk {
            path: path.to_owned(),
            serial: Some("S1".to_owned()),
            model: "FILE".to_owned(),
            transport: Transport::Other,
            bytes: DISK_BYTES,
            sector,
            kept: None,
            holds: look(&mut disk, sector),
        };
        Facts {
            system: System::default(),
            threads: 2,
            memory: 1 << 30,
            firmware: Firmware::Uefi(SecureBoot::Setup),
            tpm: false,
            clock: 1_793_577_600,
            nics: vec![Nic {
                name: "eth0".to_owned(),
                mac: "52:54:00:12:34:56".to_owned(),
                link: true,
                speed: None,
            }],
            disks: vec![disk],
        }
    }

    pub(crate) fn confirm(&self, disk: &Utf8Path, consent: &Consent) -> Result<Confirmed, Refusal> {
        self.confirm_sectors(disk, 512, consent)
    }

    fn confirm_sectors(&self, disk: &Utf8Path, sector: u32, consent: &Consent) -> Result<Confirmed, Refusal> {
        let release = Payload::open(&self.payload).unwrap().release();
        let detected = Detected { facts: Self::facts(disk, sector), release };
        detected.plan(self.machine())?.confirm(consent)
    }

    fn run(&self, confirmed: Confirmed, target: &mut dyn Target) -> Result<Written, InstallError> {
        let payload = Payload::open(&self.payload).unwrap();
        let scratch = tempfile::tempdir_in(self.temp.path()).unwrap();
        let scratch = Utf8Path::from_path(scratch.path()).unwrap().to_owned();
        fs::create_dir_all(&scratch).unwrap();
        let formatter = Formatter::default();
        install(
            confirmed,
            &Work {
                payload: &payload,
                scratch: &scratch,
                formatter: &formatter,
                admission: None,
                vault: None,
            },
            target,
            &mut |_| {},
        )
    }

    pub(crate) fn install(&self, disk: &Utf8Path, wipe: Option<&str>) -> Result<Written, InstallError> {
        let consent = Consent::Configured(wipe.map(str::to_owned));
        let confirmed = self.confirm(disk, &consent).unwrap();
        let mut disk = Disk::open(disk, Access::Write).unwrap();
        let mut cut = Cut { disk: &mut disk, left: u64::MAX, count: 0 };
        let result = self.run(confirmed, &mut cut);
        self.writes.set(cut.count);
        result
    }

    pub(crate) fn install_sectors(&self, disk: &Utf8Path, sector: u32) -> Result<Written, InstallError> {
        let confirmed = self.confirm_sectors(disk, sector, &Consent::Configured(None)).unwrap();
        self.run(confirmed, &mut Disk::open(disk, Access::Write).unwrap())
    }

    pub(crate) fn writes_of_last(&self) -> u64 {
        self.writes.get()
    }

    /// Installs until the power goes in the middle of a write.
    pub(crate) fn install_cut(&self, disk: &Utf8Path, left: u64, wipe: Option<&str>) {
        let confirmed = self.confirm(disk, &Consent::Configured(wipe.map(str::to_owned))).unwrap();
        let mut disk = Disk::open(disk, Access::Write).unwrap();
        self.run(confirmed, &mut Cut { disk: &mut disk, left, count: 0 }).unwrap_err();
    }

    /// What the installer is called with to write to a file.
    pub(crate) fn arguments(&self, disk: &Utf8Path) -> Vec<String> {
        let config = self.path("machine.toml");
        fs::write(&config, &self.text).unwrap();
        let scratch = self.path("scratch");
        fs::create_dir_all(&scratch).unwrap();
        let pairs =
            [("--disk", disk), ("--config", &config), ("--payload", &self.payload), ("--scratch", &scratch)];
        let pairs = pairs.into_iter().flat_map(|(name, path)| [name.to_owned(), path.to_string()]);
        ["file".to_owned()].into_iter().chain(pairs).chain(["--serial".to_owned(), "S1".to_owned()]).collect()
    }

    /// Runs the installer and kills it once it has said so many lines; whether it still ran then.
    pub(crate) fn killed_after(&self, disk: &Utf8Path, lines: usize) -> bool {
        let mut child = Command::new(env!("CARGO_BIN_EXE_holdfast-installer"))
            .args(self.arguments(disk))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let heard = output.lines().take(lines).count();
        child.kill().unwrap();
        let status = child.wait().unwrap();
        heard == lines && !status.success()
    }

    /// A partition as a file of its own.
    pub(crate) fn part(&self, disk: &Utf8Path, role: Role, sector: u32) -> Utf8PathBuf {
        let part = Layout::plan(Profile::Small, DISK_BYTES, sector).unwrap().part(role).unwrap();
        let path = self.path(&format!("part-{}", role.label()));
        let file = File::open(disk).unwrap();
        let out = File::create(&path).unwrap();
        out.set_len(part.bytes).unwrap();
        let (mut buffer, zeros) = (vec![0; 1 << 20], vec![0; 1 << 20]);
        for at in (0..part.bytes).step_by(buffer.len()) {
            file.read_exact_at(&mut buffer, part.at + at).unwrap();
            if buffer != zeros {
                out.write_all_at(&buffer, at).unwrap();
            }
        }
        path
    }

    pub(crate) fn part_digest(&self, disk: &Utf8Path, role: Role) -> String {
        self.digest(&self.part(disk, role, 512))
    }

    /// All judges of the content.
    pub(crate) fn judge_content(&self, disk: &Utf8Path) {
        let table = said(Command::new("sgdisk").args(["-v", disk.as_str()]));
        assert!(table.contains("No problems found"), "{table}");
        let esp = self.part(disk, Role::Esp, 512);
        said(Command::new("fsck.vfat").args(["-n", esp.as_str()]));
        let read = Command::new("mtype")
            .args(["-i", esp.as_str(), "::EFI/Linux/holdfast-1.2.0+3.efi"])
            .env("MTOOLS_SKIP_CHECK", "1")
            .output()
            .unwrap();
        assert!(read.stdout == fs::read(self.payload.join("holdfast.efi")).unwrap(), "the kernel");
        let (root, hash) = (self.part(disk, Role::RootA, 512), self.part(disk, Role::HashA, 512));
        said(Command::new("fsck.erofs").arg(root.as_str()));
        said(Command::new("veritysetup").args(["verify", root.as_str(), hash.as_str(), &self.root_hash]));
        let ext = fs::read(self.part(disk, Role::Ext, 512)).unwrap();
        let gpu = fs::read(self.payload.join("gpu.ext")).unwrap();
        let rest = &ext[gpu.len()..];
        assert!(ext.starts_with(&gpu) && rest[..BLOCK] == [0; BLOCK], "the extension of slot A, and its end");
        assert_eq!(ext[ext.len() / 2..][..BLOCK], [0; BLOCK], "none for slot B");
        for role in [Role::State, Role::Data] {
            let part = self.part(disk, role, 512);
            said(Command::new("e2fsck").args(["-f", "-n", part.as_str()]));
        }
    }

    /// All judges, and that nothing is left to do.
    pub(crate) fn judge(&self, disk: &Utf8Path) {
        self.judge_content(disk);
        let mut record = vec![0; 128 << 10];
        File::open(disk).unwrap().read_exact_at(&mut record, 512 << 10).unwrap();
        assert!(record.iter().all(|byte| *byte == 0), "the record of the installation is still there");
    }

    /// The configuration that the installed machine finds.
    pub(crate) fn configuration(&self, disk: &Utf8Path) -> String {
        let state = self.part(disk, Role::State, 512);
        let text =
            said(Command::new("debugfs").args(["-R", "cat /machine/generation-1.toml", state.as_str()]));
        let current = said(Command::new("debugfs").args(["-R", "cat /machine/current", state.as_str()]));
        assert_eq!(current, "1\n");
        text
    }

    /// A digest of all that is no hole.
    pub(crate) fn digest(&self, disk: &Utf8Path) -> String {
        let mut bytes = Vec::new();
        let mut file = BufReader::with_capacity(4 << 20, File::open(disk).unwrap());
        let (mut buffer, zeros) = (vec![0; 4 << 20], vec![0; 4 << 20]);
        loop {
            let count = file.read(&mut buffer).unwrap();
            if count == 0 {
                return Digest::of(&bytes).to_string();
            }
            if buffer[..count] != zeros[..count] {
                bytes.extend(Digest::of(&buffer[..count]).0);
            }
            bytes.push(1);
        }
    }
}
