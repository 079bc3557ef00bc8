//! Programs of UEFI: sections added to the stub that boots a kernel, and the signature that the firmware asks for. Layout and
//! checksum are those of Microsoft's PE format, the digest that of its Authenticode paper (version 1.0, 2008).

use sha2::{Digest as _, Sha256};

/// Initialised data that is read.
const CHARACTERISTICS: u32 = 0x4000_0040;
const SECTION_BYTES: usize = 40;
const PAGE: u32 = 4_096;
/// The number of the data directory with the certificates.
const SECURITY: usize = 4;

/// Why a program cannot be read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeError {
    /// It is none.
    #[error("it is no program for UEFI on 64 bits: {0}")]
    Damaged(&'static str),
    /// Its headers are full.
    #[error("its headers have no room for the section `{0}`")]
    NoRoom(String),
    /// A name that does not fit.
    #[error("`{0}` is no name of a section; they have one to eight bytes")]
    Name(String),
    /// It is signed already, and sections would make that void.
    #[error("it is signed already")]
    Signed,
    /// It would be larger than the format can say.
    #[error("it would be larger than 4 GiB")]
    TooLarge,
}

/// A program.
#[derive(Debug, Clone)]
pub struct Pe {
    bytes: Vec<u8>,
    /// Where the COFF header begins.
    coff: usize,
    /// Where the optional header begins.
    optional: usize,
    /// Where the table of sections begins.
    table: usize,
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], PeError> {
    let part = at.checked_add(N).and_then(|end| bytes.get(at..end));
    part.and_then(|part| part.try_into().ok()).ok_or(PeError::Damaged("it is cut off"))
}

fn number16(bytes: &[u8], at: usize) -> Result<u16, PeError> {
    Ok(u16::from_le_bytes(array(bytes, at)?))
}

fn number32(bytes: &[u8], at: usize) -> Result<u32, PeError> {
    Ok(u32::from_le_bytes(array(bytes, at)?))
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn small(number: usize) -> Result<u32, PeError> {
    u32::try_from(number).map_err(|_| PeError::TooLarge)
}

impl Pe {
    /// Reads a program.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, PeError> {
        if bytes.get(..2) != Some(b"MZ") {
            return Err(PeError::Damaged("it does not begin with MZ"));
        }
        let signature = size(number32(&bytes, 0x3c)?);
        if array::<4>(&bytes, signature)? != *b"PE\0\0" {
            return Err(PeError::Damaged("it has no PE header"));
        }
        let (coff, optional) = (signature + 4, signature + 24);
        if number16(&bytes, optional)? != 0x020b {
            return Err(PeError::Damaged("it is not PE32+"));
        }
        let table = optional + usize::from(number16(&bytes, coff + 16)?);
        let pe = Self { bytes, coff, optional, table };
        if number32(&pe.bytes, optional + 108)? <= 4 || pe.directory(SECURITY) + 8 > table {
            return Err(PeError::Damaged("it has no place for a signature"));
        }
        let sections = pe.sections()?;
        let inside = |(_, at, length): &(String, usize, usize)| {
            at.checked_add(*length).is_some_and(|end| end <= pe.bytes.len())
        };
        if !sections.iter().all(inside) {
            return Err(PeError::Damaged("a section lies outside"));
        }
        Ok(pe)
    }

    /// Where an entry of the data directory lies.
    const fn directory(&self, number: usize) -> usize {
        self.optional + 112 + 8 * number
    }

    fn put32(&mut self, at: usize, number: u32) -> Result<(), PeError> {
        let place = self.bytes.get_mut(at..at + 4).ok_or(PeError::Damaged("it is cut off"))?;
        place.copy_from_slice(&number.to_le_bytes());
        Ok(())
    }

    fn count(&self) -> Result<usize, PeError> {
        Ok(usize::from(number16(&self.bytes, self.coff + 2)?))
    }

    /// The name of each section, with where its bytes begin and how many there are in the file.
    ///
    /// # Errors
    ///
    /// The table is cut off.
    pub fn sections(&self) -> Result<Vec<(String, usize, usize)>, PeError> {
        let read = |at: usize| {
            let at = self.table + at * SECTION_BYTES;
            let name: [u8; 8] = array(&self.bytes, at)?;
            let name = String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned();
            let (virtual_size, raw) = (number32(&self.bytes, at + 8)?, number32(&self.bytes, at + 16)?);
            Ok((name, size(number32(&self.bytes, at + 20)?), size(virtual_size.min(raw))))
        };
        (0..self.count()?).map(read).collect()
    }

    /// The bytes of the section `name`.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&[u8]> {
        let sections = self.sections().ok()?;
        let (_, at, length) = sections.into_iter().find(|(found, ..)| found == name)?;
        self.bytes.get(at..at.checked_add(length)?)
    }

    /// Adds a section behind all others, on a page of its own.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    pub fn add(&mut self, name: &str, content: &[u8]) -> Result<(), PeError> {
        if name.is_empty() || name.len() > 8 {
            return Err(PeError::Name(name.to_owned()));
        }
        if number32(&self.bytes, self.directory(SECURITY))? != 0 {
            return Err(PeError::Signed);
        }
        let count = self.count()?;
        let header = self.table + count * SECTION_BYTES;
        let headers = size(number32(&self.bytes, self.optional + 60)?);
        let free =
            self.bytes.get(header..header + SECTION_BYTES).filter(|_| header + SECTION_BYTES <= headers);
        if !free.is_some_and(|free| free.iter().all(|byte| *byte == 0)) {
            return Err(PeError::NoRoom(name.to_owned()));
        }
        let alignment = number32(&self.bytes, self.optional + 36)?.clamp(512, PAGE);
        let image = number32(&self.bytes, self.optional + 56)?;
        let address = image.checked_next_multiple_of(PAGE).ok_or(PeError::TooLarge)?;
        let length = small(content.len())?;
        self.cut_symbols()?;
        let at = self.bytes.len().next_multiple_of(size(alignment));
        let raw = length.checked_next_multiple_of(alignment).ok_or(PeError::TooLarge)?;
        self.bytes.resize(at, 0);
        self.bytes.extend_from_slice(content);
        self.bytes.resize(at + size(raw), 0);
        let mut entry = name.as_bytes().to_vec();
        entry.resize(8, 0);
        for number in [length, address, raw, small(at)?, 0, 0, 0, CHARACTERISTICS] {
            entry.extend(number.to_le_bytes());
        }
        if let Some(place) = self.bytes.get_mut(header..header + SECTION_BYTES) {
            place.copy_from_slice(&entry);
        }
        let count = u16::try_from(count + 1).map_err(|_| PeError::NoRoom(name.to_owned()))?;
        if let Some(place) = self.bytes.get_mut(self.coff + 2..self.coff + 4) {
            place.copy_from_slice(&count.to_le_bytes());
        }
        let grown = number32(&self.bytes, self.optional + 8)?.saturating_add(raw);
        self.put32(self.optional + 8, grown)?;
        let end = address.checked_add(length).and_then(|end| end.checked_next_multiple_of(alignment));
        self.put32(self.optional + 56, end.ok_or(PeError::TooLarge)?)
    }

    /// Symbols for a debugger lie behind the last section; between sections they would be a gap, over which not everybody makes
    /// the same digest.
    fn cut_symbols(&mut self) -> Result<(), PeError> {
        let ends = (0..self.count()?).map(|at| {
            let at = self.table + at * SECTION_BYTES;
            Ok(size(number32(&self.bytes, at + 16)?).saturating_add(size(number32(&self.bytes, at + 20)?)))
        });
        let ends: Vec<usize> = ends.collect::<Result<_, PeError>>()?;
        self.bytes.truncate(ends.into_iter().max().unwrap_or(self.bytes.len()));
        self.put32(self.coff + 8, 0)?;
        self.put32(self.coff + 12, 0)
    }

    /// What a signature is made over: everything but the checksum, the place of the signature and the signature itself.
    ///
    /// # Errors
    ///
    /// It is cut off.
    pub fn digest(&self) -> Result<[u8; 32], PeError> {
        let (checksum, security) = (self.optional + 64, self.directory(SECURITY));
        let signed = match number32(&self.bytes, security)? {
            0 => self.bytes.len(),
            at => size(at),
        };
        let part = |from: usize, to: usize| {
            self.bytes.get(from..to).ok_or(PeError::Damaged("its signature lies outside"))
        };
        let padding = vec![0; signed.next_multiple_of(8) - signed];
        let hash = Sha256::new()
            .chain_update(part(0, checksum)?)
            .chain_update(part(checksum + 4, security)?)
            .chain_update(part(security + 8, signed)?)
            .chain_update(padding);
        Ok(hash.finalize().into())
    }

    /// The program with this signature, which takes the place of any other.
    ///
    /// # Errors
    ///
    /// It would be too large.
    pub fn signed(mut self, pkcs7: &[u8]) -> Result<Vec<u8>, PeError> {
        let security = self.directory(SECURITY);
        let old = number32(&self.bytes, security)?;
        if old != 0 {
            self.bytes.truncate(size(old));
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = small(self.bytes.len())?;
        let length = (8 + pkcs7.len()).next_multiple_of(8);
        self.bytes.extend(small(length)?.to_le_bytes());
        // Revision 2 of the table, PKCS #7.
        self.bytes.extend([0x00, 0x02, 0x02, 0x00]);
        self.bytes.extend_from_slice(pkcs7);
        self.bytes.resize(size(at) + length, 0);
        self.put32(security, at)?;
        self.put32(security + 4, small(length)?)?;
        self.finished()
    }

    /// The program as it is, with its checksum.
    ///
    /// # Errors
    ///
    /// It is too large.
    pub fn finished(mut self) -> Result<Vec<u8>, PeError> {
        let place = self.optional + 64;
        self.put32(place, 0)?;
        let words = self.bytes.chunks(2).map(|pair| match pair {
            [low, high] => u32::from(u16::from_le_bytes([*low, *high])),
            [low] => u32::from(*low),
            _ => 0,
        });
        let sum = words.fold(0_u32, |sum, word| {
            let sum = sum + word;
            (sum & 0xffff) + (sum >> 16)
        });
        let checksum = sum.wrapping_add(small(self.bytes.len())?);
        self.put32(place, checksum)?;
        Ok(self.bytes)
    }
}
