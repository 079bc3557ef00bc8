//! Who sits at the desk.

use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use holdfast_types::{AsProblem, Problem, ProblemKind};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConnection, Error, StreamOwned};

use crate::code::OneTimeCode;
use crate::fingerprint::Fingerprint;
use crate::frame::{FrameError, MOST_ANSWER, MOST_HELLO, MOST_REQUEST, read_frame, write_frame};
use crate::message::{Answer, Hello, Request};
use crate::refused::Refused;
use crate::tls::{Mismatch, UNUSED_NAME, client_config};
use crate::within::Within;

/// How long a machine may take to take a connection.
const REACH: Duration = Duration::from_secs(10);
/// How long it may take to answer: looking at all disks of a server takes a while.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error("connect to `{address}`")]
    Reach {
        /// What was dialled.
        address: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It is another machine, or somebody in between. It was told nothing.
    #[error("`{address}` presents the fingerprint {presented}, not {expected}")]
    Fingerprint {
        /// What was dialled.
        address: String,
        /// What it presents.
        presented: Fingerprint,
        /// What it was to present.
        expected: Fingerprint,
    },
    /// The conversation broke off.
    #[error("speak with `{address}`")]
    Broken {
        /// What was dialled.
        address: String,
        /// The cause.
        #[source]
        source: FrameError,
    },
    /// It does not do it.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl AsProblem for ClientError {
    fn problem(&self) -> Problem {
        let unreachable = |source: &dyn std::error::Error| {
            Problem::new(5162, ProblemKind::Unreachable, "the machine does not answer")
                .because(format!("{self}: {source}"))
                .next("look at its console: it listens only while it waits for a configuration")
        };
        match self {
            Self::Reach { source, .. } => unreachable(source),
            Self::Broken { source, .. } => unreachable(source),
            Self::Fingerprint { .. } => Problem::new(
                5161,
                ProblemKind::Unauthorised,
                "who answers is not the machine of this fingerprint; it was told nothing",
            )
            .because(self.to_string())
            .next("read the fingerprint on the machine's console again"),
            Self::Refused(refused) => refused.problem(),
        }
    }
}

/// A channel to one machine.
pub type Channel = StreamOwned<ClientConnection, Within>;

/// A conversation with one machine.
#[derive(Debug)]
pub struct Client {
    address: String,
    stream: Channel,
}

/// A channel to the machine of this fingerprint at `host:port`, on which nothing was said yet.
///
/// # Errors
///
/// It is not there, or it is not the machine of the fingerprint.
pub fn channel(address: &str, expected: Fingerprint) -> Result<Channel, ClientError> {
    let reach = |source| ClientError::Reach { address: address.to_owned(), source };
    let broken = |error: Error| broken(address, io::Error::other(error).into());
    let name = ServerName::try_from(UNUSED_NAME).map_err(|error| reach(io::Error::other(error)))?;
    let tls = ClientConnection::new(client_config(expected).map_err(broken)?, name).map_err(broken)?;
    let stream = Within::new(connected(address).map_err(reach)?, PATIENCE);
    let mut stream = StreamOwned::new(tls, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).map_err(|error| fault(address, expected, error))?;
    }
    Ok(stream)
}

impl Client {
    /// Connects to `host:port`, holds it to the fingerprint, and only then says the code.
    ///
    /// # Errors
    ///
    /// It is not there, it is not the machine of the fingerprint, or it does not take the code.
    pub fn connect(address: &str, expected: Fingerprint, code: &OneTimeCode) -> Result<Self, ClientError> {
        let stream = channel(address, expected)?;
        let mut client = Self { address: address.to_owned(), stream };
        client.exchange(&Hello { code: code.text().to_string() }, MOST_HELLO)?;
        Ok(client)
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// It is refused, or the conversation breaks off.
    pub fn call(&mut self, request: &Request) -> Result<Answer, ClientError> {
        self.exchange(request, MOST_REQUEST)
    }

    /// The failure of a machine that answers something else than it was asked for.
    #[must_use]
    pub fn astray(&self) -> ClientError {
        broken(&self.address, io::Error::other("it answers something else than it was asked").into())
    }

    fn exchange(&mut self, message: &impl serde::Serialize, most: usize) -> Result<Answer, ClientError> {
        self.stream.sock.extend(PATIENCE);
        let sent = write_frame(&mut self.stream, message, most);
        // Who refuses says so before he hangs up, perhaps before he has read all.
        let answer = read_frame(&mut self.stream, MOST_ANSWER);
        match answer {
            Ok(Answer::Refused(refused)) => Err(refused.into()),
            Ok(answer) => Ok(answer),
            Err(error) => Err(broken(&self.address, sent.err().unwrap_or(error))),
        }
    }
}

fn broken(address: &str, source: FrameError) -> ClientError {
    ClientError::Broken { address: address.to_owned(), source }
}

fn connected(address: &str) -> io::Result<TcpStream> {
    let mut failed = io::ErrorKind::AddrNotAvailable.into();
    for socket in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&socket, REACH) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// rustls hands on what a verifier of one's own says; this takes it out again.
fn fault(address: &str, expected: Fingerprint, error: io::Error) -> ClientError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    if let Some(Error::InvalidCertificate(CertificateError::Other(other))) = tls
        && let Some(Mismatch(presented)) = other.0.downcast_ref::<Mismatch>()
    {
        let address = address.to_owned();
        return ClientError::Fingerprint { address, presented: *presented, expected };
    }
    broken(address, error.into())
}
