//! Reading a sealed stream, with a key or without.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::error::SealedError;
use super::header::{SealedHeader, TRAILER};
use super::keys::BackupKey;
use super::pieces::{PIECE, Pieces, TAG};

/// A sealed piece.
const SEALED: usize = PIECE + TAG;

/// Decrypts a stream. What it gives is authentic piece by piece; that it is whole is known when it ends without an error.
#[expect(missing_debug_implementations, reason = "it holds a key")]
pub struct SealedReader<R: Read> {
    outside: Outside<R>,
    pieces: Pieces,
    plain: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> SealedReader<R> {
    /// Reads the header and opens it with a key.
    ///
    /// # Errors
    ///
    /// Where it is no such stream, damaged, or not for this key.
    pub fn new(input: R, key: &BackupKey) -> Result<Self, SealedError> {
        let (outside, header) = Outside::new(input)?;
        let opened = header.stanzas().iter().find_map(|stanza| key.unwrap_from(stanza));
        let stranger = || SealedError::Stranger { key: key.recipient().fingerprint() };
        let pieces = Pieces::begin(&opened.ok_or_else(stranger)??, &header.bytes)?;
        Ok(Self { outside, pieces, plain: Vec::new(), at: 0, ended: false })
    }

    fn next(&mut self) -> Result<(), SealedError> {
        let (piece, last) = self.outside.next()?;
        self.plain = self.pieces.open(piece, last)?;
        (self.at, self.ended) = (0, last);
        Ok(())
    }
}

impl<R: Read> Read for SealedReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.plain.len() {
            if self.ended {
                return Ok(0);
            }
            self.next().map_err(|error| match error {
                SealedError::Io(error) => error,
                other => io::Error::new(io::ErrorKind::InvalidData, other),
            })?;
        }
        let left = self.plain.get(self.at..).unwrap_or_default();
        let count = left.len().min(out.len());
        for (to, from) in out.iter_mut().zip(left) {
            *to = *from;
        }
        self.at += count;
        Ok(count)
    }
}

/// Checks what can be checked without a key: the header, the length and the checksum of everything. Gives the header and how
/// many bytes there are.
///
/// # Errors
///
/// Where it is no such stream, or damaged.
pub fn check_outside(input: impl Read) -> Result<(SealedHeader, u64), SealedError> {
    let (mut outside, header) = Outside::new(input)?;
    while !outside.next()?.1 {}
    Ok((header, outside.bytes))
}

/// The pieces as they lie in the stream, with the checksum of everything.
struct Outside<R> {
    input: R,
    /// Read and not given yet; the last of it may be the trailer.
    ahead: Vec<u8>,
    sum: Sha256,
    bytes: u64,
}

impl<R: Read> Outside<R> {
    fn new(mut input: R) -> Result<(Self, SealedHeader), SealedError> {
        let header = SealedHeader::read(&mut input)?;
        let bytes = u64::try_from(header.bytes.len()).unwrap_or(0);
        let sum = Sha256::new().chain_update(&header.bytes);
        Ok((Self { input, ahead: Vec::new(), sum, bytes }, header))
    }

    /// The next piece, and whether it is the last. After the last one the checksum is known to be right.
    fn next(&mut self) -> Result<(Vec<u8>, bool), SealedError> {
        // One byte more than a piece and the trailer: then another piece follows.
        let wanted = SEALED + TRAILER + 1 - self.ahead.len();
        let more = u64::try_from(wanted).unwrap_or(0);
        let read = self.input.by_ref().take(more).read_to_end(&mut self.ahead)?;
        self.bytes += u64::try_from(read).unwrap_or(0);
        let last = read < wanted;
        let length = if last { self.ahead.len().checked_sub(TRAILER) } else { Some(SEALED) };
        let length = length.filter(|length| *length >= TAG).ok_or(SealedError::Damaged("it is cut off"))?;
        let rest = self.ahead.split_off(length);
        let piece = std::mem::replace(&mut self.ahead, rest);
        self.sum.update(&piece);
        if last && self.sum.clone().finalize().as_slice() != self.ahead.as_slice() {
            return Err(SealedError::Damaged("its checksum is another: it was cut off or changed"));
        }
        Ok((piece, last))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::{Recipient, SealedWriter};
    use super::*;

    fn sealed(plain: &[u8], recipients: &[Recipient]) -> Vec<u8> {
        let mut writer = SealedWriter::new(Vec::new(), recipients).unwrap();
        writer.write_all(plain).unwrap();
        writer.finish().unwrap()
    }

    fn opened(sealed: &[u8], key: &BackupKey) -> Result<Vec<u8>, String> {
        let mut plain = Vec::new();
        let mut reader = SealedReader::new(sealed, key).map_err(|error| error.to_string())?;
        reader.read_to_end(&mut plain).map_err(|error| error.to_string())?;
        Ok(plain)
    }

    #[test]
    fn every_recipient_reads_it_and_nobody_else() {
        let keys: Vec<BackupKey> = (0..3).map(|_| BackupKey::generate().unwrap()).collect();
        let two: Vec<Recipient> = keys[..2].iter().map(|key| key.recipient().clone()).collect();
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let plain: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let sealed = sealed(&plain, &two);
            for key in &keys[..2] {
                let kept = BackupKey::parse(&key.to_text()).unwrap();
                assert_eq!(opened(&sealed, &kept).unwrap(), plain, "{length}");
            }
            assert!(opened(&sealed, &keys[2]).unwrap_err().contains("not for key"));
            let (header, bytes) = check_outside(sealed.as_slice()).unwrap();
            assert_eq!(bytes, u64::try_from(sealed.len()).unwrap());
            assert_eq!(header.recipients(), two.iter().map(Recipient::fingerprint).collect::<Vec<_>>());
        }
        let text = two[0].to_string();
        assert_eq!(text.parse::<Recipient>().unwrap(), two[0]);
        assert!(text[..90].parse::<Recipient>().is_err() && BackupKey::parse(&text).is_err());
        assert!(SealedWriter::new(Vec::new(), &[]).is_err());
    }

    #[test]
    fn damage_cuts_and_other_orders_are_seen_with_the_key_and_without() {
        let key = BackupKey::generate().unwrap();
        let whole = sealed(&vec![7; 2 * PIECE + 100], &[key.recipient().clone()]);
        let header = 10 + super::super::keys::STANZA;
        let repaired = |mut bytes: Vec<u8>| {
            // As who can compute a checksum, but has no key.
            let end = bytes.len() - TRAILER;
            let sum = Sha256::digest(&bytes[..end]);
            bytes.truncate(end);
            bytes.extend_from_slice(&sum);
            bytes
        };
        for at in (0..whole.len()).step_by(997) {
            let mut bent = whole.clone();
            bent[at] ^= 1;
            assert!(check_outside(bent.as_slice()).is_err(), "byte {at}");
            assert!(opened(&repaired(bent), &key).is_err() || at >= whole.len() - TRAILER, "byte {at}");
            assert!(check_outside(&whole[..at]).is_err(), "cut at {at}");
        }
        let mut swapped = whole.clone();
        let (first, second) = swapped[header..].split_at_mut(SEALED);
        first.swap_with_slice(&mut second[..SEALED]);
        assert!(opened(&repaired(swapped), &key).is_err());
        let shorter = [&whole[..header + SEALED], &[0; TRAILER][..]].concat();
        assert!(opened(&repaired(shorter), &key).is_err(), "a piece that was not the last is not the end");
        let mut longer = whole;
        longer.push(0);
        assert!(check_outside(longer.as_slice()).is_err());
    }
}
