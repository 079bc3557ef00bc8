//! The beginning and the end of a sealed stream, which can be read without a key.

use std::io::{self, Read};

use super::error::SealedError;
use super::keys::STANZA;

const MAGIC: &[u8; 8] = b"HFBACKUP";
const VERSION: u8 = 1;
/// The most recipients.
pub(super) const MOST: usize = 16;
/// The checksum of everything before it.
pub(super) const TRAILER: usize = 32;

/// What is before the pieces.
#[derive(Debug, Clone)]
pub struct SealedHeader {
    pub(super) bytes: Vec<u8>,
    stanzas: Vec<Vec<u8>>,
}

impl SealedHeader {
    pub(super) fn new(stanzas: Vec<Vec<u8>>) -> Result<Self, SealedError> {
        let found = stanzas.len();
        let count = u8::try_from(found).ok().filter(|count| (1..=MOST).contains(&usize::from(*count)));
        let count = count.ok_or(SealedError::Recipients { found, most: MOST })?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend([VERSION, count]);
        bytes.extend(stanzas.iter().flatten());
        Ok(Self { bytes, stanzas })
    }

    pub(super) fn read(input: &mut impl Read) -> Result<Self, SealedError> {
        let mut begin = [0; 10];
        input.read_exact(&mut begin).map_err(|error| short(error, SealedError::Foreign))?;
        let (magic, rest) = begin.split_at(8);
        let (&[version, count], true) = (rest.first_chunk::<2>().unwrap_or(&[0, 0]), magic == MAGIC) else {
            return Err(SealedError::Foreign);
        };
        if version != VERSION {
            return Err(SealedError::Newer { found: version, known: VERSION });
        }
        let mut stanzas = Vec::new();
        for _ in 0..usize::from(count).min(MOST + 1) {
            let mut stanza = vec![0; STANZA];
            let cut = SealedError::Damaged("it ends within its header");
            input.read_exact(&mut stanza).map_err(|error| short(error, cut))?;
            stanzas.push(stanza);
        }
        Self::new(stanzas)
    }

    pub(super) fn stanzas(&self) -> &[Vec<u8>] {
        &self.stanzas
    }

    /// The fingerprints of those it is for.
    #[must_use]
    pub fn recipients(&self) -> Vec<String> {
        self.stanzas.iter().filter_map(|stanza| stanza.first_chunk::<8>().map(hex::encode)).collect()
    }
}

fn short(error: io::Error, otherwise: SealedError) -> SealedError {
    if error.kind() == io::ErrorKind::UnexpectedEof { otherwise } else { SealedError::Io(error) }
}
