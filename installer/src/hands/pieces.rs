//! What goes where: everything that an installation writes, made before the disk is touched, so that from then on nothing can
//! fail but the disk.

use std::fs::{self, File};
use std::io::{self, Read, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::{
    BLOCK_BYTES, Boot, Digest, Fat, FatFile, Guid, KERNEL, Laid, Layout, Meta, Part, ROOT, ROOT_TREE, Role,
    Slot, laid_out, machine,
};

use crate::brain::{Locks, Planned, describe};
use crate::hands::error::InstallError;
use crate::hands::format::{Ext4, hollow};
use crate::hands::sparse::{Placed, data};
use crate::hands::vault::{Second, Vault, Volume};
use crate::hands::work::Work;

/// What is cleared at the beginning of a partition, so that nothing is found there that lay there before.
const CLEARED: u64 = 1 << 20;
/// Boots that a system has to show that it works; the boot loader counts them in the name of the kernel.
const TRIES: u32 = 3;

/// Something to be written.
#[derive(Debug)]
pub(crate) struct Piece {
    /// What it is.
    pub(crate) what: String,
    /// Where it begins on the disk.
    pub(crate) at: u64,
    /// How many bytes there are for it.
    pub(crate) room: u64,
    /// Its bytes.
    pub(crate) bytes: u64,
    /// Its digest, where the manifest names it.
    pub(crate) sha256: Option<Digest>,
    /// Where the bytes come from.
    pub(crate) source: Source,
}

/// Where bytes come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// Memory, with zeros between the parts.
    Parts(Vec<(u64, Vec<u8>)>),
    /// A file, from this byte on.
    File(Utf8PathBuf, u64),
    /// Nowhere: zeros.
    Zeros,
}

impl Piece {
    /// Zeros.
    pub(crate) fn zeros(what: &str, at: u64, bytes: u64) -> Self {
        Self { what: what.to_owned(), at, room: bytes, bytes, sha256: None, source: Source::Zeros }
    }

    /// Bytes in memory.
    pub(crate) fn memory(what: &str, at: u64, bytes: Vec<u8>) -> Self {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let source = Source::Parts(vec![(0, bytes)]);
        Self { what: what.to_owned(), at, room: length, bytes: length, sha256: None, source }
    }

    /// Its bytes, to be read.
    pub(crate) fn open(&self) -> Result<Box<dyn Read>, InstallError> {
        Ok(match &self.source {
            Source::Parts(parts) => Box::new(Placed::new(parts.clone())),
            Source::Zeros => Box::new(io::repeat(0).take(self.bytes)),
            Source::File(path, from) => {
                let opened = File::open(path).and_then(|mut file| {
                    file.seek(SeekFrom::Start(*from))?;
                    Ok(file)
                });
                let file = opened.map_err(|source| InstallError::File {
                    act: "read",
                    path: path.clone(),
                    source,
                })?;
                Box::new(file.take(self.bytes))
            }
        })
    }
}

/// Everything but the table, in the order in which it is written.
pub(crate) fn content(planned: &Planned, work: &Work<'_>, id: &str) -> Result<Vec<Piece>, InstallError> {
    let layout = planned.layout();
    let vault = match planned.locks() {
        Locks::Nothing => None,
        Locks::RecoveryKey | Locks::Tpm => Some(work.vault.ok_or(InstallError::NoVault("STATE"))?),
    };
    let mut pieces = Vec::new();
    for part in &layout.parts {
        match part.role {
            Role::Esp => {}
            Role::Meta => pieces.push(meta(planned, id, *part)?),
            Role::RootA => pieces.push(whole(work, ROOT, "the system", *part)?),
            Role::HashA => pieces.push(whole(work, ROOT_TREE, "the proof of the system", *part)?),
            Role::RootB | Role::HashB => pieces.push(cleared(*part)),
            Role::Raft if vault.is_none() || planned.machine().spec.role != machine::Role::Controller => {
                pieces.push(cleared(*part));
            }
            Role::Ext => pieces.extend(extensions(work, *part)?),
            Role::Data if planned.keeps_data() => {}
            Role::Data => pieces.extend(file_system(work, id, *part, Fill::default())?),
            Role::Raft => {
                let fill = Fill { vault: vault.zip(Some(Second::Kept)), content: None };
                pieces.extend(file_system(work, id, *part, fill)?);
            }
            Role::State => {
                let content = configuration(planned, work)?;
                let fill = Fill { vault: vault.zip(Some(Second::Sealed)), content: Some(&content) };
                pieces.extend(file_system(work, id, *part, fill)?);
            }
        }
    }
    // Last: the kernel is what makes the rest be believed.
    pieces.extend(esp(planned, work, id, layout)?);
    Ok(pieces)
}

fn cleared(part: Part) -> Piece {
    Piece::zeros(&format!("the beginning of {}", part.role.label()), part.at, part.bytes.min(CLEARED))
}

/// The extensions of the release for slot A, and that there are none for slot B.
fn extensions(work: &Work<'_>, part: Part) -> Result<Vec<Piece>, InstallError> {
    let laid = laid_out(work.payload.manifest(), Slot::A, part.bytes)?;
    let placed = laid.files.into_iter().map(|(name, at, _)| {
        let room = Part { at: part.at + at, bytes: part.bytes - at, ..part };
        whole(work, name, &format!("the extension {name}"), room)
    });
    let mut pieces = placed.collect::<Result<Vec<_>, _>>()?;
    for end in laid.end.into_iter().chain(Laid::none(Slot::B, part.bytes).end) {
        pieces.push(Piece::zeros("the end of the extensions", part.at + end, BLOCK_BYTES));
    }
    Ok(pieces)
}

fn whole(work: &Work<'_>, name: &str, what: &str, part: Part) -> Result<Piece, InstallError> {
    let (path, sum) = work.payload.file(name)?;
    if sum.bytes > part.bytes {
        return Err(InstallError::Room { what: what.to_owned(), bytes: sum.bytes, room: part.bytes });
    }
    Ok(Piece {
        what: what.to_owned(),
        at: part.at,
        room: part.bytes,
        bytes: sum.bytes,
        sha256: Some(sum.sha256),
        source: Source::File(path, 0),
    })
}

fn meta(planned: &Planned, id: &str, part: Part) -> Result<Piece, InstallError> {
    let mut meta = Meta::default();
    let machine = planned.machine();
    let cluster = machine.spec.cluster.name.as_ref().map(ToString::to_string);
    let version = &planned.release().version;
    describe(&mut meta, version, &machine.metadata.name.to_string(), cluster.as_deref())?;
    meta.set("install.id", id)?;
    Boot::new(&mut meta).written(Slot::A, version)?;
    let (half, bytes) = meta.next_copy()?;
    let at = if half == 0 { 0 } else { part.bytes / 2 };
    let source = Source::Parts(vec![(at, bytes), (part.bytes, Vec::new())]);
    Ok(Piece {
        what: "META".to_owned(),
        at: part.at,
        room: part.bytes,
        bytes: part.bytes,
        sha256: None,
        source,
    })
}

fn esp(planned: &Planned, work: &Work<'_>, id: &str, layout: &Layout) -> Result<Option<Piece>, InstallError> {
    let Some(part) = layout.part(Role::Esp) else { return Ok(None) };
    let (loader, kernel) = work.payload.esp()?;
    let name = format!("EFI/Linux/holdfast-{}+{TRIES}.efi", planned.release().version);
    let keys = if planned.enrols() { work.payload.keys()? } else { Vec::new() };
    let keys: Vec<(String, Vec<u8>)> =
        keys.into_iter().map(|(name, content)| (format!("loader/keys/auto/{name}"), content)).collect();
    let enrol = if keys.is_empty() { "" } else { "secure-boot-enroll force\n" };
    let conf = format!("timeout 0\neditor no\n{enrol}");
    let mut files = vec![
        FatFile { path: "EFI/BOOT/BOOTX64.EFI", content: &loader },
        FatFile { path: "loader/loader.conf", content: conf.as_bytes() },
        FatFile { path: &name, content: &kernel },
    ];
    files.extend(keys.iter().map(|(path, content)| FatFile { path, content }));
    let number = Guid::named(id, "esp").bytes();
    let serial = number.first_chunk::<4>().copied().map_or(0, u32::from_le_bytes);
    let fat = Fat { bytes: part.bytes, sector: layout.sector, serial, label: "ESP".to_owned() };
    let source = Placed::new(fat.encode(&files)?);
    let bytes = source.end();
    let what = format!("the loader and {KERNEL}");
    let source = Source::Parts(source.into_parts());
    Ok(Some(Piece { what, at: part.at, room: part.bytes, bytes, sha256: None, source }))
}

/// What STATE holds at first: the configuration as the first generation, readable by nobody else.
fn configuration(planned: &Planned, work: &Work<'_>) -> Result<Utf8PathBuf, InstallError> {
    let root = work.scratch.join("state");
    let machine = root.join("machine");
    let failed = |path: &Utf8Path| {
        let path = path.to_owned();
        move |source| InstallError::File { act: "write", path, source }
    };
    if root.exists() {
        fs::remove_dir_all(&root).map_err(failed(&root))?;
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&machine).map_err(failed(&machine))?;
    let text = machine::write(planned.machine())?;
    let admission = work.admission.map(|file| (file.name.as_str(), file.content.as_slice()));
    let own = [("generation-1.toml", text.as_bytes()), ("current", b"1\n")];
    for (name, content) in own.into_iter().chain(admission) {
        let path = machine.join(name);
        let written = File::options().write(true).create_new(true).mode(0o600).open(&path);
        written.and_then(|mut file| io::Write::write_all(&mut file, content)).map_err(failed(&path))?;
    }
    if let Some(vault) = work.vault {
        let keys = root.join("keys");
        fs::DirBuilder::new().mode(0o700).create(&keys).map_err(failed(&keys))?;
        let path = keys.join("raft");
        let written = File::options().write(true).create_new(true).mode(0o600).open(&path);
        written.and_then(|mut file| io::Write::write_all(&mut file, vault.raft())).map_err(failed(&path))?;
    }
    Ok(root)
}

/// What a file system holds at first, and what it lies in.
#[derive(Debug, Clone, Copy, Default)]
struct Fill<'a> {
    vault: Option<(&'a Vault, Second)>,
    content: Option<&'a Utf8Path>,
}

/// A file system as the parts of it that hold something, after its partition's beginning was cleared.
fn file_system(work: &Work<'_>, id: &str, part: Part, fill: Fill<'_>) -> Result<Vec<Piece>, InstallError> {
    let label = part.role.label();
    let path = work.scratch.join(format!("{label}.ext4"));
    hollow(&path, part.bytes)?;
    let uuid = Guid::named(id, &format!("{label} file system")).to_string();
    let ext4 =
        |file: &Utf8Path| work.formatter.ext4(&Ext4 { file, label, uuid: &uuid, content: fill.content });
    match fill.vault {
        None => ext4(&path)?,
        Some((vault, second)) => {
            let uuid = Guid::named(id, &format!("{label} volume")).to_string();
            vault.volume(&Volume { file: &path, label, uuid: &uuid, second }, ext4)?;
        }
    }
    let parts = File::open(&path).and_then(|file| data(&file));
    let parts = parts.map_err(|source| InstallError::File { act: "read", path: path.clone(), source })?;
    let piece = |(from, bytes): (u64, u64)| Piece {
        what: format!("the file system of {label}"),
        at: part.at + from,
        room: part.bytes - from,
        bytes,
        sha256: None,
        source: Source::File(path.clone(), from),
    };
    Ok([cleared(part)].into_iter().chain(parts.into_iter().map(piece)).collect())
}
