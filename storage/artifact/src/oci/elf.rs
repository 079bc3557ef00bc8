//! What a program needs to start: its loader and its shared libraries, found where the loader finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use object::elf::{DT_NEEDED, DT_NULL, DT_STRSZ, DT_STRTAB, EM_AARCH64, EM_X86_64, FileHeader64, PT_LOAD};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{LittleEndian, ReadCache, StringTable};

use super::error::{OciError, Result};
use super::platform::Arch;
use crate::rel_path::RelPath;

/// Where the loaders of Debian and of Red Hat look without being told. A library that is only found by a RUNPATH is
/// not found here, because the path it names need not exist in the image.
const AMD64_DIRS: [&str; 6] =
    ["/lib64", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/lib", "/usr/lib"];
const ARM64_DIRS: [&str; 6] =
    ["/lib64", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/lib", "/usr/lib"];

/// The dynamic part of an ELF file; both are empty for a static program.
#[derive(Debug, PartialEq, Eq)]
struct Needs {
    loader: Option<String>,
    libraries: Vec<String>,
}

/// Whether a file begins as ELF files do.
pub(crate) fn is_elf(path: &Utf8Path) -> bool {
    let mut magic = [0; 4];
    File::open(path).and_then(|mut f| f.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

/// The files `program` needs, by their path in the image, with the path to read each from.
pub(crate) fn closure(program: &Utf8Path, arch: Arch) -> Result<BTreeMap<RelPath, Utf8PathBuf>> {
    let dirs = match arch {
        Arch::Amd64 => AMD64_DIRS,
        Arch::Arm64 => ARM64_DIRS,
    };
    let (mut files, mut known) = (BTreeMap::new(), BTreeSet::new());
    let mut open = vec![program.to_owned()];
    while let Some(file) = open.pop() {
        let needs = needs(&file, arch)?;
        let not_a_program = |why: String| OciError::NotAProgram { path: file.clone(), why };
        if let Some(loader) = needs.loader {
            let rel = image_path(&loader).map_err(not_a_program)?;
            if files.insert(rel, Utf8PathBuf::from(&loader)).is_none() {
                open.push(loader.into());
            }
        }
        for library in needs.libraries {
            if !known.insert(library.clone()) {
                continue;
            }
            let found = find(&library, &dirs, arch).ok_or_else(|| OciError::NoLibrary {
                library: library.clone(),
                needed_by: file.clone(),
                searched: dirs.join(", "),
            })?;
            files.insert(image_path(found.as_str()).map_err(not_a_program)?, found.clone());
            open.push(found);
        }
    }
    Ok(files)
}

fn image_path(absolute: &str) -> Result<RelPath, String> {
    let relative =
        absolute.strip_prefix('/').ok_or_else(|| format!("`{absolute}` is not an absolute path"))?;
    relative.parse().map_err(|e: crate::rel_path::RelPathError| e.to_string())
}

/// The first library of that name and of the right machine, as the loader takes it.
fn find(library: &str, dirs: &[&str], arch: Arch) -> Option<Utf8PathBuf> {
    if library.contains('/') {
        return None;
    }
    let places = dirs.iter().map(|dir| Utf8Path::new(dir).join(library));
    places.filter(|path| path.is_file()).find(|path| needs(path, arch).is_ok())
}

fn needs(path: &Utf8Path, arch: Arch) -> Result<Needs> {
    let bad = |why: String| OciError::NotAProgram { path: path.to_owned(), why };
    let file = File::open(path).map_err(|e| bad(e.to_string()))?;
    let data = ReadCache::new(file);
    let header = FileHeader64::<LittleEndian>::parse(&data);
    let header =
        header.map_err(|_| bad("it is not an ELF file of a 64-bit little-endian machine".to_owned()))?;
    let machine = match arch {
        Arch::Amd64 => EM_X86_64,
        Arch::Arm64 => EM_AARCH64,
    };
    if header.e_machine(LittleEndian) != machine {
        return Err(bad(format!("it is not for {arch}")));
    }
    parse(header, &data).map_err(|e| bad(e.to_string()))
}

fn parse(header: &FileHeader64<LittleEndian>, data: &ReadCache<File>) -> object::read::Result<Needs> {
    let endian = LittleEndian;
    let mut needs = Needs { loader: None, libraries: Vec::new() };
    let headers = header.program_headers(endian, data)?;
    for program in headers {
        if let Some(loader) = program.interpreter(endian, data)? {
            needs.loader = Some(String::from_utf8_lossy(loader).into_owned());
        }
        let Some(entries) = program.dynamic(endian, data)? else { continue };
        let value = |tag: u32| {
            let entry = entries.iter().find(|entry| entry.tag32(endian) == Some(tag));
            entry.map(|entry| entry.d_val(endian))
        };
        let (Some(address), Some(size)) = (value(DT_STRTAB), value(DT_STRSZ)) else { continue };
        let mut strings = None;
        for load in headers.iter().filter(|h| h.p_type(endian) == PT_LOAD) {
            let start = load.p_vaddr(endian);
            let inside =
                address.checked_sub(start).filter(|at| at.saturating_add(size) <= load.p_filesz(endian));
            if let Some(at) = inside.and_then(|at| at.checked_add(load.p_offset(endian))) {
                strings = Some(StringTable::new(data, at, at.saturating_add(size)));
            }
        }
        let Some(strings) = strings else { continue };
        let live = entries.iter().take_while(|entry| entry.tag32(endian) != Some(DT_NULL));
        for entry in live.filter(|entry| entry.tag32(endian) == Some(DT_NEEDED)) {
            let offset = u32::try_from(entry.d_val(endian)).unwrap_or(u32::MAX);
            let Ok(name) = strings.get(offset) else { continue };
            needs.libraries.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    Ok(needs)
}
