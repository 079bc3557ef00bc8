//! What is in a Debian package (deb(5)): an `ar` archive with a compressed `tar` in it. Scripts of the package are never run,
//! and never even read.

use std::io::{Cursor, Read};

use camino::{Utf8Path, Utf8PathBuf};

/// The largest single file that is taken out of a package.
const LARGEST_FILE: u64 = 1 << 30;
/// The most files that a package may have.
const MOST_FILES: usize = 200_000;
const AR_MAGIC: &[u8] = b"!<arch>\n";
const AR_HEADER: usize = 60;

/// Why a package cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DebError {
    /// It is no package.
    #[error("it is no Debian package: {0}")]
    Damaged(&'static str),
    /// Its content cannot be unpacked.
    #[error("its content cannot be unpacked")]
    Content(#[source] std::io::Error),
    /// A path that would lead out of the root.
    #[error("it has a file `{0}`, which lies outside of the root")]
    Outside(String),
    /// More than is read.
    #[error("{0}")]
    TooLarge(String),
}

/// A file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebFile {
    /// From the root, without a leading `/`.
    pub path: Utf8PathBuf,
    /// What it is.
    pub kind: DebKind,
    /// Its permissions.
    pub mode: u32,
}

/// What a file of a package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DebKind {
    /// A directory.
    Directory,
    /// A file with this content.
    File(Vec<u8>),
    /// A link to a path.
    Link(String),
    /// The same file as another one of the package.
    Same(Utf8PathBuf),
}

/// The files of a package that `wanted` asks for.
///
/// # Errors
///
/// It is no package, or is damaged.
pub fn files(deb: &[u8], wanted: impl Fn(&Utf8Path) -> bool) -> Result<Vec<DebFile>, DebError> {
    let (name, data) = member(deb, "data.tar")?;
    let unpacked: Box<dyn Read> = match name.rsplit('.').next() {
        Some("xz") => Box::new(lzma_rust2::XzReader::new(Cursor::new(data), true)),
        Some("zst") => Box::new(zstd::stream::read::Decoder::new(data).map_err(DebError::Content)?),
        Some("gz") => Box::new(flate2::read::GzDecoder::new(data)),
        Some("tar") => Box::new(data),
        _ => return Err(DebError::Damaged("its content is packed in a way that is not known")),
    };
    read_tar(unpacked, wanted)
}

/// The member of the outer archive whose name begins so.
fn member<'a>(deb: &'a [u8], prefix: &str) -> Result<(String, &'a [u8]), DebError> {
    let mut rest = deb.strip_prefix(AR_MAGIC).ok_or(DebError::Damaged("it is no archive"))?;
    while !rest.is_empty() {
        let cut = DebError::Damaged("it is cut off");
        let Some((header, after)) = rest.split_at_checked(AR_HEADER) else { return Err(cut) };
        let text = |from: usize, to: usize| {
            String::from_utf8_lossy(header.get(from..to).unwrap_or_default()).trim_end().to_owned()
        };
        let size: usize = text(48, 58).parse().map_err(|_| DebError::Damaged("a size is no number"))?;
        let Some((content, after)) = after.split_at_checked(size) else { return Err(cut) };
        let name = text(0, 16).trim_end_matches('/').to_owned();
        if name.starts_with(prefix) {
            return Ok((name, content));
        }
        rest = after.get(size % 2..).unwrap_or_default();
    }
    Err(DebError::Damaged("it has no content"))
}

fn read_tar(unpacked: impl Read, wanted: impl Fn(&Utf8Path) -> bool) -> Result<Vec<DebFile>, DebError> {
    let mut archive = tar::Archive::new(unpacked);
    let mut files = Vec::new();
    for (count, entry) in archive.entries().map_err(DebError::Content)?.enumerate() {
        if count > MOST_FILES {
            return Err(DebError::TooLarge(format!("it has more than {MOST_FILES} files")));
        }
        let mut entry = entry.map_err(DebError::Content)?;
        let path = inside(&entry.path_bytes())?;
        if path.as_str().is_empty() || !wanted(&path) {
            continue;
        }
        let mode = entry.header().mode().map_err(DebError::Content)? & 0o7777;
        let link = entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned());
        let kind = match entry.header().entry_type() {
            tar::EntryType::Directory => DebKind::Directory,
            tar::EntryType::Symlink => DebKind::Link(link.unwrap_or_default()),
            tar::EntryType::Link => DebKind::Same(inside(link.unwrap_or_default().as_bytes())?),
            tar::EntryType::Regular => {
                let size = entry.size();
                if size > LARGEST_FILE {
                    return Err(DebError::TooLarge(format!(
                        "`{path}` has {size} bytes, more than {LARGEST_FILE}"
                    )));
                }
                let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0).min(64 << 20));
                entry.read_to_end(&mut content).map_err(DebError::Content)?;
                DebKind::File(content)
            }
            // Devices and sockets have no place in a root that is only read.
            _ => continue,
        };
        files.push(DebFile { path, kind, mode });
    }
    Ok(files)
}

/// The path below the root. Packages write `./usr/bin`.
fn inside(bytes: &[u8]) -> Result<Utf8PathBuf, DebError> {
    let text = String::from_utf8_lossy(bytes);
    let mut path = Utf8PathBuf::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(DebError::Outside(text.into_owned())),
            part => path.push(part),
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(member: &str, content: &[u8]) -> Vec<u8> {
        let mut deb = AR_MAGIC.to_vec();
        for (name, content) in
            [("debian-binary", &b"2.0\n"[..]), ("control.tar.xz", b"odd"), (member, content)]
        {
            deb.extend(
                format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).bytes(),
            );
            deb.extend_from_slice(content);
            deb.resize(deb.len().next_multiple_of(2), b'\n');
        }
        deb
    }

    fn archive(path: &str) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        header.set_mode(0o4755);
        // Set by hand: the library refuses to write paths that lead out.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        builder.append(&header, &b"hello"[..]).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn a_file_comes_out_with_its_mode() {
        let zst = zstd::encode_all(&archive("./usr/bin/hello")[..], 3).unwrap();
        for (name, content) in [("data.tar", archive("./usr/bin/hello")), ("data.tar.zst", zst)] {
            let found = files(&package(name, &content), |_| true).unwrap();
            let expected = DebFile {
                path: "usr/bin/hello".into(),
                kind: DebKind::File(b"hello".to_vec()),
                mode: 0o4755,
            };
            assert_eq!(found, [expected]);
            assert!(files(&package(name, &content), |path| path.starts_with("etc")).unwrap().is_empty());
        }
    }

    #[test]
    fn what_is_no_package_is_refused() {
        let whole = package("data.tar", &archive("./a"));
        for cut in [0, 5, 30, 100, 250, 400] {
            assert!(files(&whole[..cut], |_| true).is_err(), "{cut}");
        }
        assert!(matches!(files(&package("data.tar", &archive("../a")), |_| true), Err(DebError::Outside(_))));
        assert!(files(&package("data.tar.7z", b""), |_| true).is_err());
        assert!(files(&package("data.tar.xz", b"no xz"), |_| true).is_err());
    }
}
