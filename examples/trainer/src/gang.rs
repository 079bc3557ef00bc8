//! The gang: ranks that join at rank 0, add up their gradients through it, and check that they stay equal.
//!
//! A frame is a header (magic, kind, rank, step, length) and a payload; every field is checked against what must come
//! next, so that ranks out of step find out at once. A peer that goes away or falls silent is lost, and with it the
//! gang: the platform starts it again as a whole. This module must not know models or checkpoints.

mod error;
#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::wire::{Fields, floats, put_floats};

pub(crate) use error::GangError;

/// How long the ranks of a gang may take to find each other: images are pulled and nodes start at different times.
pub(crate) const JOIN_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a peer may be silent within a step before it counts as lost.
const PEER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a new connection may take to say which rank it is; a stranger's must not hold up the gang.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);
const RETRY_PAUSE: Duration = Duration::from_millis(50);
const MAGIC: [u8; 4] = *b"HFG1";
const HEADER: usize = 21;

/// What a frame carries. The numbers are on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Hello = 1,
    Welcome = 2,
    State = 3,
    Gradient = 4,
    Sum = 5,
    Hash = 6,
    Verdict = 7,
}

/// One connection and the rank at its other end.
#[derive(Debug)]
struct Peer {
    rank: u32,
    stream: TcpStream,
}

/// This rank and its connections: rank 0 has one to every other rank in order of rank, the others have one to rank 0.
#[derive(Debug)]
pub(crate) struct Gang {
    rank: u32,
    world: u32,
    peers: Vec<Peer>,
    buffer: Vec<u8>,
}

impl Gang {
    /// The gang of a program that runs by itself.
    pub(crate) fn alone() -> Self {
        Self { rank: 0, world: 1, peers: Vec::new(), buffer: Vec::new() }
    }

    /// Waits as rank 0 until every other rank has joined. All must name the same `fingerprint` of the run.
    pub(crate) fn lead(
        listener: &TcpListener,
        world: u32,
        fingerprint: u64,
        patience: Duration,
    ) -> Result<Self, GangError> {
        let address = || listener.local_addr().map(|a| a.to_string()).unwrap_or_default();
        let listen = |source| GangError::Listen { address: address(), source };
        listener.set_nonblocking(true).map_err(listen)?;
        let deadline = Instant::now() + patience;
        let mut peers: Vec<Peer> = Vec::new();
        while peers.len() + 1 < usize::try_from(world).unwrap_or(usize::MAX) {
            if Instant::now() >= deadline {
                let what = format!("only {} of {world} ranks joined", peers.len() + 1);
                return Err(GangError::Join { what, waited: patience });
            }
            match listener.accept() {
                Ok((stream, _)) => {
                    if let Some(peer) = greet(stream, world, fingerprint)? {
                        // A rank that comes again has lost its first connection.
                        peers.retain(|known| known.rank != peer.rank);
                        peers.push(peer);
                    }
                }
                Err(source) if source.kind() == io::ErrorKind::WouldBlock => pause(RETRY_PAUSE),
                Err(source) if is_passing(&source) => {}
                Err(source) => return Err(listen(source)),
            }
        }
        peers.sort_by_key(|p| p.rank);
        let mut gang = Self { rank: 0, world, peers, buffer: Vec::new() };
        gang.send_all(Kind::Welcome, 0, &fingerprint.to_le_bytes())?;
        Ok(gang)
    }

    /// Joins rank 0 at `address`, trying until `patience` is over. A connection that ends before the welcome is tried
    /// again: between two nodes stands a relay that listens before rank 0 does.
    pub(crate) fn follow(
        address: &str,
        rank: u32,
        world: u32,
        fingerprint: u64,
        patience: Duration,
    ) -> Result<Self, GangError> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let joined = connect(address, left)
                .map_err(|source| GangError::Lost { peer: 0, step: 0, source })
                .and_then(|stream| Self::greet_leader(stream, rank, world, fingerprint));
            match joined {
                Err(GangError::Lost { .. }) if !left.is_zero() => pause(RETRY_PAUSE),
                Err(GangError::Lost { source, .. }) => {
                    let what = format!("rank 0 did not welcome this rank at {address} ({source})");
                    return Err(GangError::Join { what, waited: patience });
                }
                other => return other,
            }
        }
    }

    /// Says who this rank is and waits for the welcome, which comes when the last rank has joined.
    fn greet_leader(stream: TcpStream, rank: u32, world: u32, fingerprint: u64) -> Result<Self, GangError> {
        let mut gang = Self { rank, world, peers: vec![Peer { rank: 0, stream }], buffer: Vec::new() };
        let mut hello = fingerprint.to_le_bytes().to_vec();
        hello.extend(world.to_le_bytes());
        gang.send_all(Kind::Hello, 0, &hello)?;
        if gang.receive(0, Kind::Welcome, 0, 8)? != fingerprint.to_le_bytes() {
            return Err(GangError::Mismatch { peer: rank });
        }
        gang.set_timeout(PEER_TIMEOUT).map_err(|source| GangError::Lost { peer: 0, step: 0, source })?;
        Ok(gang)
    }

    /// This rank.
    pub(crate) fn rank(&self) -> u32 {
        self.rank
    }

    /// How many ranks there are.
    pub(crate) fn world(&self) -> u32 {
        self.world
    }

    /// Gives every rank the bytes of rank 0, which may be `most` at most.
    pub(crate) fn broadcast(&mut self, bytes: &mut Vec<u8>, most: usize) -> Result<(), GangError> {
        if self.rank == 0 {
            return self.send_all(Kind::State, 0, bytes);
        }
        *bytes = self.receive(0, Kind::State, 0, most)?.to_vec();
        Ok(())
    }

    /// Replaces `values` on every rank by their sum over all ranks. Rank 0 adds in order of rank, because the order
    /// decides the last bits of a float; all ranks end with the same bytes.
    pub(crate) fn sum(&mut self, step: u64, values: &mut [f32]) -> Result<(), GangError> {
        let size = values.len() * 4;
        if self.rank == 0 {
            for index in 0..self.peers.len() {
                let bytes = self.receive(index, Kind::Gradient, step, size)?;
                values.iter_mut().zip(floats(bytes)).for_each(|(value, theirs)| *value += theirs);
            }
        }
        if self.peers.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(size);
        put_floats(&mut bytes, values);
        if self.rank == 0 {
            return self.send_all(Kind::Sum, step, &bytes);
        }
        self.send_all(Kind::Gradient, step, &bytes)?;
        let sums = self.receive(0, Kind::Sum, step, size)?;
        values.iter_mut().zip(floats(sums)).for_each(|(value, sum)| *value = sum);
        Ok(())
    }

    /// Checks that every rank holds what rank 0 holds, by a hash of it.
    pub(crate) fn agree(&mut self, step: u64, hash: u64) -> Result<(), GangError> {
        let ours = hash.to_le_bytes();
        if self.rank == 0 {
            let mut differs = None;
            for index in 0..self.peers.len() {
                let equal = self.receive(index, Kind::Hash, step, ours.len())? == ours;
                differs = differs.or((!equal).then_some(index));
            }
            self.send_all(Kind::Verdict, step, &ours)?;
            let peer = differs.and_then(|index| self.peers.get(index)).map(|p| p.rank);
            return peer.map_or(Ok(()), |peer| Err(GangError::Diverged { peer, step }));
        }
        self.send_all(Kind::Hash, step, &ours)?;
        let equal = self.receive(0, Kind::Verdict, step, ours.len())? == ours;
        if equal { Ok(()) } else { Err(GangError::Diverged { peer: self.rank, step }) }
    }

    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.peers.iter().try_for_each(|p| set_timeouts(&p.stream, timeout))
    }

    fn send_all(&mut self, kind: Kind, step: u64, payload: &[u8]) -> Result<(), GangError> {
        let frame = frame(self.rank, kind, step, payload);
        for Peer { rank, stream } in &mut self.peers {
            stream.write_all(&frame).map_err(|source| GangError::Lost { peer: *rank, step, source })?;
        }
        Ok(())
    }

    /// The payload of the next frame of a peer. Every kind but the state has an exact length; `most` is that length.
    fn receive(&mut self, index: usize, kind: Kind, step: u64, most: usize) -> Result<&[u8], GangError> {
        let Some(Peer { rank: peer, stream }) = self.peers.get_mut(index) else {
            return Err(GangError::Protocol { peer: 0, what: "there is no such connection".to_owned() });
        };
        let peer = *peer;
        let lost = |source| GangError::Lost { peer, step, source };
        let header = read_header(stream).map_err(lost)?;
        if (header.kind, header.rank, header.step) != (number(kind), peer, step) {
            let what = format!("{header:?} came where {kind:?} of step {step} was due");
            return Err(GangError::Protocol { peer, what });
        }
        if header.length > most || (kind != Kind::State && header.length != most) {
            let what = format!("{kind:?} of {} bytes came where {most} were due", header.length);
            return Err(GangError::Protocol { peer, what });
        }
        self.buffer.resize(header.length, 0);
        stream.read_exact(&mut self.buffer).map_err(lost)?;
        Ok(&self.buffer)
    }
}

/// Listens as rank 0: on loopback where the address of rank 0 is loopback, otherwise on every interface, because the
/// address others use may not be one of this network namespace.
pub(crate) fn listen(address: &str) -> Result<TcpListener, GangError> {
    let failed = |source| GangError::Listen { address: address.to_owned(), source };
    let mut targets = address.to_socket_addrs().map_err(failed)?;
    let first = targets.next().ok_or_else(|| failed(io::ErrorKind::AddrNotAvailable.into()))?;
    let ip = match first.ip() {
        ip if ip.is_loopback() => ip,
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    TcpListener::bind(SocketAddr::new(ip, first.port())).map_err(failed)
}

/// Reads who a new connection is. A stranger is `None`; a rank of another run ends the gang, because it would wait
/// for ever.
fn greet(mut stream: TcpStream, world: u32, fingerprint: u64) -> Result<Option<Peer>, GangError> {
    let read = |stream: &mut TcpStream| -> io::Result<(Header, [u8; 12])> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        set_timeouts(stream, HELLO_TIMEOUT)?;
        let header = read_header(stream)?;
        let mut hello = [0; 12];
        stream.read_exact(&mut hello)?;
        set_timeouts(stream, PEER_TIMEOUT)?;
        Ok((header, hello))
    };
    let Ok((header, hello)) = read(&mut stream) else { return Ok(None) };
    let rank = header.rank;
    if header.kind != number(Kind::Hello) || header.length != hello.len() {
        return Ok(None);
    }
    let mut fields = Fields(&hello);
    if (fields.u64(), fields.u32()) != (Some(fingerprint), Some(world)) || !(1..world).contains(&rank) {
        // The welcome of this run tells the other end why; that it arrives is not worth waiting for.
        let _ = stream.write_all(&frame(0, Kind::Welcome, 0, &fingerprint.to_le_bytes()));
        return Err(GangError::Mismatch { peer: rank });
    }
    Ok(Some(Peer { rank, stream }))
}

/// Connects and lets every read wait for `patience` at most.
fn connect(address: &str, patience: Duration) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for target in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&target, HELLO_TIMEOUT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                set_timeouts(&stream, patience.max(RETRY_PAUSE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[derive(Debug)]
struct Header {
    kind: u8,
    rank: u32,
    step: u64,
    length: usize,
}

fn read_header(stream: &mut TcpStream) -> io::Result<Header> {
    let mut bytes = [0; HEADER];
    stream.read_exact(&mut bytes)?;
    let mut fields = Fields(&bytes);
    let mut header = || -> Option<Header> {
        let magic = fields.bytes(MAGIC.len())? == MAGIC;
        let (kind, rank, step) = (fields.u8()?, fields.u32()?, fields.u64()?);
        let length = usize::try_from(fields.u32()?).ok()?;
        magic.then_some(Header { kind, rank, step, length })
    };
    header().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it does not speak this protocol"))
}

fn frame(rank: u32, kind: Kind, step: u64, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut frame = Vec::with_capacity(HEADER + payload.len());
    frame.extend(MAGIC);
    frame.push(number(kind));
    frame.extend(rank.to_le_bytes());
    frame.extend(step.to_le_bytes());
    frame.extend(length.to_le_bytes());
    frame.extend(payload);
    frame
}

fn number(kind: Kind) -> u8 {
    kind as u8
}

fn set_timeouts(stream: &TcpStream, timeout: Duration) -> io::Result<()> {
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))
}

/// Errors of one connection that say nothing about the listener.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}

/// Waits for a time where there is nothing to wait on.
#[expect(
    clippy::disallowed_methods,
    reason = "a retry and a slowed-down demonstration wait for a time, not an event"
)]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
