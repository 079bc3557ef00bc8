//! Streams that only the holders of certain keys can read: a backup. Written once, in order, in bounded memory.
//!
//! A fresh key encrypts the stream in pieces of [`PIECE`] bytes with AES-256-GCM; the nonce of a piece is its number and
//! whether it is the last, so that pieces can be neither reordered, left out, nor cut off. To each recipient the key is
//! wrapped twice, under ML-KEM-768 and around that under HPKE (X25519, HKDF-SHA256, AES-256-GCM): who recorded a backup
//! needs to break both. The header is bound to every piece, and a checksum of everything lets damage be seen without a key.

mod error;
mod header;
mod keys;
mod pieces;
mod reader;
mod writer;

pub use error::SealedError;
pub use header::SealedHeader;
pub use keys::{BackupKey, Recipient};
pub use pieces::PIECE;
pub use reader::{SealedReader, check_outside};
pub use writer::SealedWriter;
