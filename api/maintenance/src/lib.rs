//! How a machine that was started from the medium, and found no configuration, is installed from somebody's desk.
//!
//! One connection of TLS 1.3 on [`PORT`]. The machine shows a [`Fingerprint`] and a [`OneTimeCode`] on its consoles: the client checks
//! the one before it says the other, so somebody in between learns nothing, and who merely reaches the port may do nothing. Then
//! [`Request`]s, each with one [`Answer`], in frames of bounded length. It must not know what is installed, nor how.

#![forbid(unsafe_code)]

mod client;
mod code;
mod fingerprint;
mod frame;
mod message;
mod refused;
mod tls;
mod within;

pub use client::{Channel, Client, ClientError, channel};
pub use code::{CodeError, OneTimeCode};
pub use fingerprint::{Fingerprint, NoFingerprint};
pub use frame::{FrameError, MOST_ANSWER, MOST_HELLO, MOST_REQUEST, read_frame, write_frame};
pub use message::{Answer, Card, Disk, Facts, Hello, Plan, Progress, Request, Work};
pub use refused::{Because, Refused};
pub use tls::{Presented, TlsError};
pub use within::Within;

/// Where a machine that waits for its configuration listens.
pub const PORT: u16 = 7446;
