//! Messages on a stream: four bytes that say how long one is, then its JSON. There is nothing else to negotiate, and nothing of
//! unknown length is ever waited for: that is why this is no HTTP.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest first message, which comes from somebody who has shown nothing yet.
pub const MOST_HELLO: usize = 256;
/// The longest request: a configuration of 256 KiB and what lets a machine in, 1 MiB, as JSON writes them.
pub const MOST_REQUEST: usize = 4 << 20;
/// The longest answer.
pub const MOST_ANSWER: usize = 1 << 20;

/// Why there is no message.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream ended or broke.
    #[error("read a message: {0}")]
    Stream(#[from] io::Error),
    /// It is longer than is taken here.
    #[error("a message of {length} bytes: {most} are taken here")]
    Long {
        /// Bytes that it was to have.
        length: usize,
        /// The most that are taken.
        most: usize,
    },
    /// It is no message that is known here.
    #[error("it is no message that is known here: {0}")]
    Unknown(#[from] serde_json::Error),
}

/// Reads one message of at most so many bytes. What comes is read as it comes, so that a length alone takes no memory.
///
/// # Errors
///
/// The stream ends, the message is too long, or it is not a `T`.
pub fn read_frame<T: DeserializeOwned>(stream: &mut impl Read, most: usize) -> Result<T, FrameError> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > most {
        return Err(FrameError::Long { length, most });
    }
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    let wanted = u64::try_from(length).unwrap_or(u64::MAX);
    if stream.take(wanted).read_to_end(&mut bytes)? < length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(serde_json::from_slice(&bytes)?)
}

/// Writes one message.
///
/// # Errors
///
/// The stream breaks, or the message is longer than `most`.
pub fn write_frame(stream: &mut impl Write, message: &impl Serialize, most: usize) -> Result<(), FrameError> {
    let bytes = zeroize::Zeroizing::new(serde_json::to_vec(message)?);
    let length = bytes.len();
    let long = || FrameError::Long { length, most };
    let head = u32::try_from(length).ok().filter(|_| length <= most).ok_or_else(long)?;
    stream.write_all(&head.to_be_bytes())?;
    stream.write_all(&bytes)?;
    Ok(stream.flush()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::{Hello, Request};

    fn read(bytes: &[u8]) -> Result<Request, FrameError> {
        read_frame(&mut &*bytes, MOST_REQUEST)
    }

    fn framed(text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap();
        [&length.to_be_bytes(), text.as_bytes()].concat()
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let mut bytes = Vec::new();
        let request = Request::Plan { machine: "a = 1\n".to_owned(), admission: Some("ä\0".to_owned()) };
        write_frame(&mut bytes, &request, MOST_REQUEST).unwrap();
        assert!(read(&bytes).is_ok_and(|read| read == request));
        assert!(matches!(read(&bytes[..bytes.len() - 1]), Err(FrameError::Stream(_))));
        assert!(matches!(write_frame(&mut Vec::new(), &request, 9), Err(FrameError::Long { most: 9, .. })));
    }

    #[test]
    fn what_is_not_on_the_list_or_too_long_is_refused() {
        for text in [
            r#"{"method":"shell"}"#,
            r#"{"method":"facts","more":1}"#,
            r#"{"method":"plan"}"#,
            r#"{"Facts":{}}"#,
            "[]",
            "",
        ] {
            assert!(matches!(read(&framed(text)), Err(FrameError::Unknown(_))), "{text}");
        }
        assert!(read(&framed(r#"{"method":"facts"}"#)).is_ok_and(|read| read == Request::Facts {}));
        let huge = u32::MAX.to_be_bytes();
        assert!(matches!(read(&huge), Err(FrameError::Long { .. })));
        let hello: Result<Hello, _> = read_frame(&mut framed(&" ".repeat(300)).as_slice(), MOST_HELLO);
        assert!(matches!(hello, Err(FrameError::Long { length: 300, most: 256 })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
