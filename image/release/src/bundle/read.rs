//! Reading a bundle: first the metadata, which is small, then the payload file by file as it is asked for.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use holdfast_types::Time;
use sha2::{Digest as _, Sha256};

use super::archive::{self, BLOCK, BLOCK_LEN, Header};
use super::error::BundleError;
use super::names::is_payload_name;
use super::role::Role;
use super::trust::{self, Metadata, Target, Trusted, Verified};

/// The most files of a bundle.
const MOST_FILES: usize = 256;
/// Bytes that are read at once.
const PIECE: usize = 128 << 10;

/// A bundle whose files are found, and not proved yet.
#[derive(Debug)]
pub struct Bundle<R> {
    source: R,
    metadata: Metadata,
    payload: BTreeMap<String, Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    length: u64,
}

/// Compares the bytes of a file with what was signed while they pass.
#[derive(Debug, Clone)]
pub struct Checker {
    name: String,
    target: Target,
    seen: u64,
    hash: Sha256,
}

impl Checker {
    /// For a file of a proved release.
    ///
    /// # Errors
    ///
    /// The release has no such file.
    pub fn new(verified: &Verified, name: &str) -> Result<Self, BundleError> {
        let target = verified.targets.get(name).copied().ok_or_else(|| BundleError::File {
            name: name.to_owned(),
            why: "the release has no such file".to_owned(),
        })?;
        Ok(Self { name: name.to_owned(), target, seen: 0, hash: Sha256::new() })
    }

    /// Takes more of the file. What was taken counts only when [`Checker::finish`] agrees.
    ///
    /// # Errors
    ///
    /// There is more than was signed.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), BundleError> {
        self.seen = self.seen.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.seen > self.target.length {
            return Err(
                self.differs(format!("it has more than the {} bytes that were signed", self.target.length))
            );
        }
        self.hash.update(bytes);
        Ok(())
    }

    /// Whether all of it was what was signed.
    ///
    /// # Errors
    ///
    /// It was not.
    pub fn finish(self) -> Result<(), BundleError> {
        if self.seen != self.target.length {
            let why = format!("it has {} bytes, {} were signed", self.seen, self.target.length);
            return Err(self.differs(why));
        }
        let found = <[u8; 32]>::from(self.hash.clone().finalize());
        if found != self.target.sha256 {
            let why =
                format!("its hash is {}, {} was signed", hex::encode(found), hex::encode(self.target.sha256));
            return Err(self.differs(why));
        }
        Ok(())
    }

    fn differs(&self, why: String) -> BundleError {
        BundleError::File { name: self.name.clone(), why }
    }
}

fn unreadable(error: &std::io::Error) -> BundleError {
    BundleError::Archive(format!("it cannot be read: {error}"))
}

impl<R: Read + Seek> Bundle<R> {
    /// Finds the files of a bundle and reads its metadata.
    ///
    /// # Errors
    ///
    /// It is not a bundle, or ends early.
    pub fn open(mut source: R) -> Result<Self, BundleError> {
        let end = source.seek(SeekFrom::End(0)).map_err(|error| unreadable(&error))?;
        let mut bundle = Self { source, metadata: Metadata::default(), payload: BTreeMap::new() };
        let (mut at, mut last, mut files) = (0, String::new(), 0);
        loop {
            let mut head: Header = [0; BLOCK_LEN];
            bundle.exact(at, &mut head, "the next header", end)?;
            at += BLOCK;
            if head.iter().all(|byte| *byte == 0) {
                bundle.exact(at, &mut head, "the end", end)?;
                if head.iter().any(|byte| *byte != 0) || at + BLOCK != end {
                    return Err(BundleError::Archive("something follows its end".to_owned()));
                }
                return bundle.whole();
            }
            let (name, length) = archive::entry(&head).ok_or_else(|| {
                BundleError::Archive(format!("the header at byte {} is none of a bundle", at - BLOCK))
            })?;
            files += 1;
            let order = order(&name).filter(|order| *order > last && files <= MOST_FILES);
            last =
                order.ok_or_else(|| BundleError::Archive(format!("`{name}` does not belong where it is")))?;
            let needed = at.saturating_add(length).saturating_add(archive::padding(length));
            if needed > end {
                return Err(BundleError::Truncated { name, end, needed });
            }
            bundle.take(&name, Place { at, length }, end)?;
            at = needed;
        }
    }

    fn take(&mut self, name: &str, place: Place, end: u64) -> Result<(), BundleError> {
        let mut padding = vec![0; usize::try_from(archive::padding(place.length)).unwrap_or(0)];
        self.exact(place.at + place.length, &mut padding, name, end)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(BundleError::Archive(format!("something follows `{name}`")));
        }
        if let Some(name) = name.strip_prefix("payload/") {
            self.payload.insert(name.to_owned(), place);
            return Ok(());
        }
        let (role, number) =
            role(name).ok_or_else(|| BundleError::Archive(format!("`{name}` is unknown")))?;
        if place.length > role.most_bytes() {
            let why = format!("it has {} bytes, at most {} are read", place.length, role.most_bytes());
            return Err(BundleError::Metadata { role, why });
        }
        let mut bytes = vec![0; usize::try_from(place.length).unwrap_or(0)];
        self.exact(place.at, &mut bytes, name, end)?;
        match role {
            Role::Root => drop(self.metadata.roots.insert(number, bytes)),
            Role::Timestamp => self.metadata.timestamp = bytes,
            Role::Snapshot => self.metadata.snapshot = bytes,
            Role::Targets => self.metadata.targets = bytes,
        }
        Ok(())
    }

    fn exact(&mut self, at: u64, into: &mut [u8], name: &str, end: u64) -> Result<(), BundleError> {
        let needed = at.saturating_add(u64::try_from(into.len()).unwrap_or(u64::MAX));
        if needed > end {
            return Err(BundleError::Truncated { name: name.to_owned(), end, needed });
        }
        self.source.seek(SeekFrom::Start(at)).map_err(|error| unreadable(&error))?;
        self.source.read_exact(into).map_err(|error| unreadable(&error))
    }

    fn whole(self) -> Result<Self, BundleError> {
        let m = &self.metadata;
        if m.timestamp.is_empty() || m.snapshot.is_empty() || m.targets.is_empty() {
            return Err(BundleError::Archive("it lacks metadata".to_owned()));
        }
        Ok(self)
    }

    /// Its metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Proves its metadata, and that its files have the names and lengths that were signed. What is in them is compared when they
    /// are read.
    ///
    /// # Errors
    ///
    /// With the first thing that is wrong.
    pub fn verify(&self, trusted: &Trusted, at: Time) -> Result<Verified, BundleError> {
        let verified = trust::verify(trusted, &self.metadata, at)?;
        let wrong = |name: &str, why: &str| BundleError::File { name: name.to_owned(), why: why.to_owned() };
        for (name, target) in &verified.targets {
            match self.payload.get(name) {
                None => return Err(wrong(name, "it is not there")),
                Some(place) if place.length != target.length => {
                    let why = format!("it has {} bytes, {} were signed", place.length, target.length);
                    return Err(wrong(name, &why));
                }
                Some(_) => {}
            }
        }
        match self.payload.keys().find(|name| !verified.targets.contains_key(*name)) {
            Some(stranger) => Err(wrong(stranger, "it was not signed")),
            None => Ok(verified),
        }
    }

    /// Reads a file piece by piece. What it was fed is good when this answers, and only then.
    ///
    /// # Errors
    ///
    /// It is not what was signed, or `sink` fails.
    pub fn copy(
        &mut self,
        verified: &Verified,
        name: &str,
        sink: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<(), BundleError> {
        let mut checker = Checker::new(verified, name)?;
        let place = self.payload.get(name).copied();
        let place = place.ok_or_else(|| checker.differs("it is not there".to_owned()))?;
        self.source.seek(SeekFrom::Start(place.at)).map_err(|error| unreadable(&error))?;
        let mut rest = place.length;
        let mut piece = vec![0; PIECE];
        while rest > 0 {
            let wanted = usize::try_from(rest).unwrap_or(PIECE).min(PIECE);
            let part = piece.get_mut(..wanted).unwrap_or_default();
            self.source.read_exact(part).map_err(|error| unreadable(&error))?;
            checker.update(part)?;
            sink(part).map_err(|error| checker.differs(format!("it cannot be written: {error}")))?;
            rest -= u64::try_from(wanted).unwrap_or(rest);
        }
        checker.finish()
    }

    /// A small file, whole and proved.
    ///
    /// # Errors
    ///
    /// It is not what was signed, or longer than `most` bytes.
    pub fn small(&mut self, verified: &Verified, name: &str, most: u64) -> Result<Vec<u8>, BundleError> {
        let length = verified.targets.get(name).map_or(0, |target| target.length);
        if length > most {
            let why = format!("it has {length} bytes, at most {most} are read");
            return Err(BundleError::File { name: name.to_owned(), why });
        }
        let mut bytes = Vec::new();
        self.copy(verified, name, &mut |part| {
            bytes.extend_from_slice(part);
            Ok(())
        })?;
        Ok(bytes)
    }
}

fn role(name: &str) -> Option<(Role, u64)> {
    let name = name.strip_prefix("metadata/")?.strip_suffix(".json")?;
    if let Some(number) = name.strip_suffix(".root") {
        let plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
        return number.parse().ok().filter(|_| plain).map(|number| (Role::Root, number));
    }
    let role = Role::ALL.into_iter().find(|role| *role != Role::Root && role.as_str() == name)?;
    Some((role, 0))
}

/// What files are in order by: roots, then the rest of the metadata, then the payload.
fn order(name: &str) -> Option<String> {
    match name.strip_prefix("payload/") {
        Some(file) => is_payload_name(file).then(|| format!("4 {file}")),
        None => role(name).map(|(role, number)| match role {
            Role::Root => format!("0 {number:020}"),
            Role::Timestamp => "1".to_owned(),
            Role::Snapshot => "2".to_owned(),
            Role::Targets => "3".to_owned(),
        }),
    }
}
