//! One request, and the bytes of its answer as they come.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::address::Address;
use crate::head::{Head, HeadError};

/// How long a server may say nothing.
const PATIENCE: Duration = Duration::from_secs(20);
const PIECE: usize = 64 << 10;

/// Why a file did not come.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody knows where the host is.
    #[error("the host has no address")]
    NoHost,
    /// The way to the server.
    #[error("{act}: {source}")]
    Way {
        /// What was tried.
        act: &'static str,
        /// What went wrong.
        source: io::Error,
    },
    /// What stands before the bytes.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The server has something else to say.
    #[error("the server answers with status {0}")]
    Status(u16),
    /// More than is taken.
    #[error("the file has more than {0} bytes")]
    Large(u64),
    /// The answer ended before its end.
    #[error("the answer ended after {got} of {length} bytes")]
    Short {
        /// Bytes that came.
        got: u64,
        /// Bytes that it was to have.
        length: u64,
    },
    /// Whoever takes the bytes cannot.
    #[error("keep what comes: {0}")]
    Kept(io::Error),
}

impl FetchError {
    /// Whether it may pass by itself, so that asking again is of use.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::NoHost | Self::Way { .. } | Self::Short { .. } => true,
            Self::Status(status) => *status >= 500 || *status == 429,
            Self::Head(_) | Self::Large(_) | Self::Kept(_) => false,
        }
    }
}

/// Fetches a file of at most so many bytes and hands each piece to `to`. Returns how many bytes there were.
///
/// # Errors
///
/// The server cannot be reached, refuses, says too much, or ends too early; or `to` cannot take a piece.
pub fn get(
    address: &Address,
    most: u64,
    to: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<u64, FetchError> {
    let mut stream = asked(address)?;
    let (head, mut piece) = head(&mut stream)?;
    if head.status != 200 {
        return Err(FetchError::Status(head.status));
    }
    if head.length.is_some_and(|length| length > most) {
        return Err(FetchError::Large(most));
    }
    let length = head.length.unwrap_or(u64::MAX);
    let mut got = 0_u64;
    let mut buffer = vec![0; PIECE];
    loop {
        // What a server says behind the end is not of this file.
        let left = usize::try_from(length - got).unwrap_or(usize::MAX);
        piece.truncate(left);
        got += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if got > most {
            return Err(FetchError::Large(most));
        }
        to(&piece).map_err(FetchError::Kept)?;
        if got == length {
            return Ok(got);
        }
        let count = stream.read(&mut buffer).map_err(on_way("read the answer"))?;
        if count == 0 {
            return match head.length {
                Some(length) => Err(FetchError::Short { got, length }),
                None => Ok(got),
            };
        }
        piece.clear();
        piece.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
}

fn on_way(act: &'static str) -> impl Fn(io::Error) -> FetchError {
    move |source| FetchError::Way { act, source }
}

fn asked(address: &Address) -> Result<TcpStream, FetchError> {
    let socket = address.server().to_socket_addrs().map_err(on_way("find the server"))?.next();
    let socket = socket.ok_or(FetchError::NoHost)?;
    let mut stream = TcpStream::connect_timeout(&socket, PATIENCE).map_err(on_way("reach the server"))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(on_way("limit the wait"))?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(on_way("limit the wait"))?;
    stream.write_all(address.request().as_bytes()).map_err(on_way("ask the server"))?;
    Ok(stream)
}

/// The head of the answer, and what came together with it.
fn head(stream: &mut TcpStream) -> Result<(Head, Vec<u8>), FetchError> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some((head, end)) = Head::read(&bytes)? {
            return Ok((head, bytes.split_off(end)));
        }
        let count = stream.read(&mut buffer).map_err(on_way("read the answer"))?;
        if count == 0 {
            return Err(FetchError::Way {
                act: "read the answer",
                source: io::ErrorKind::UnexpectedEof.into(),
            });
        }
        bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufRead as _;
    use std::net::TcpListener;

    use super::*;

    /// Asks a server that says `answer` and ends.
    fn fetched(answer: &str, most: u64) -> (Result<u64, FetchError>, String, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/a/b", listener.local_addr().unwrap()).parse().unwrap();
        let answer = answer.to_owned();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = io::BufReader::new(stream.try_clone().unwrap()).lines();
            let asked = lines.next().unwrap().unwrap();
            while !lines.next().unwrap().unwrap().is_empty() {}
            // Whoever has enough does not wait for the rest.
            drop(stream.write_all(answer.as_bytes()));
            asked
        });
        let mut kept = Vec::new();
        let got = get(&address, most, &mut |piece| {
            kept.extend_from_slice(piece);
            Ok(())
        });
        (got, String::from_utf8(kept).unwrap(), server.join().unwrap())
    }

    #[test]
    fn a_file_comes_whole_with_and_without_its_length() {
        let (got, kept, asked) = fetched("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello behind", 100);
        assert_eq!((got.unwrap(), kept.as_str(), asked.as_str()), (5, "hello", "GET /a/b HTTP/1.0"));
        let (got, kept, _) = fetched("HTTP/1.0 200 OK\r\n\r\nhello", 5);
        assert_eq!((got.unwrap(), kept.as_str()), (5, "hello"));
        let (got, kept, _) = fetched("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 0);
        assert_eq!((got.unwrap(), kept.as_str()), (0, ""));
    }

    #[test]
    fn what_is_cut_off_may_pass_and_what_is_refused_does_not() {
        let short = fetched("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 100).0.unwrap_err();
        assert!(short.may_pass() && short.to_string() == "the answer ended after 5 of 9 bytes", "{short}");
        let silent = fetched("HTTP/1.1 200", 100).0.unwrap_err();
        assert!(silent.may_pass(), "{silent}");
        let busy = fetched("HTTP/1.1 503 Busy\r\n\r\n", 100).0.unwrap_err();
        assert!(busy.may_pass(), "{busy}");
        let none = fetched("HTTP/1.1 404 Not Found\r\n\r\n", 100).0.unwrap_err();
        assert!(!none.may_pass() && none.to_string() == "the server answers with status 404", "{none}");
    }

    #[test]
    fn no_more_is_taken_than_was_to_come() {
        for answer in ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n123456789"] {
            let (got, kept, _) = fetched(answer, 8);
            assert!(matches!(got, Err(FetchError::Large(8))));
            assert_eq!(kept, "");
        }
    }
}
