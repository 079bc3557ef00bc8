//! Writing a sealed stream.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

use super::error::SealedError;
use super::header::SealedHeader;
use super::keys::Recipient;
use super::pieces::{PIECE, Pieces, StreamKey};

/// Encrypts what is written into it. Without [`SealedWriter::finish`] the stream is cut off, and reads as such.
#[expect(missing_debug_implementations, reason = "it holds a key")]
pub struct SealedWriter<W: Write> {
    out: W,
    pieces: Pieces,
    plain: Vec<u8>,
    sum: Sha256,
}

impl<W: Write> SealedWriter<W> {
    /// Begins a stream for these recipients.
    ///
    /// # Errors
    ///
    /// Where there is no recipient or too many, a key is not valid, or the stream below refuses.
    pub fn new(out: W, recipients: &[Recipient]) -> Result<Self, SealedError> {
        let key = StreamKey::generate()?;
        let stanzas: Result<Vec<_>, SealedError> = recipients.iter().map(|one| one.wrap(&key)).collect();
        let header = SealedHeader::new(stanzas?)?;
        let pieces = Pieces::begin(&key, &header.bytes)?;
        let mut writer = Self { out, pieces, plain: Vec::with_capacity(PIECE), sum: Sha256::new() };
        writer.put(&header.bytes)?;
        Ok(writer)
    }

    /// Ends the stream and gives back what is below.
    ///
    /// # Errors
    ///
    /// Where the stream below refuses.
    pub fn finish(mut self) -> Result<W, SealedError> {
        let plain = std::mem::take(&mut self.plain);
        let piece = self.pieces.seal(&plain, true)?;
        self.put(&piece)?;
        let sum = self.sum.clone().finalize();
        self.out.write_all(&sum)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.out.write_all(bytes)
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full piece goes out only when more comes: the last one is never empty unless all is.
        if self.plain.len() == PIECE && !bytes.is_empty() {
            let piece = self.pieces.seal(&self.plain, false).map_err(io::Error::other)?;
            self.put(&piece)?;
            self.plain.clear();
        }
        let taken = bytes.len().min(PIECE - self.plain.len());
        self.plain.extend(bytes.iter().take(taken));
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
