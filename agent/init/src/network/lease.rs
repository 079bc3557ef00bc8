//! A client of DHCP on one interface: it asks until somebody answers, and keeps what it was given for as long as it may.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use super::dhcp::{Answer, Asks, Kind, Say, read, write};

const CLIENT: u16 = 68;
const SERVER: u16 = 67;
/// How long an answer is waited for at first; each further time twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(32);
const LARGEST: usize = 1_500;

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) device: String,
    pub(super) mac: [u8; 6],
    pub(super) name: String,
    pub(super) asks: Asks,
}

impl Client {
    /// Asks until there is a lease.
    pub(super) fn acquire(&self) -> Answer {
        let mut wait = FIRST_WAIT;
        loop {
            if let Ok(Some(lease)) = self.round(wait) {
                return lease;
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// One round: an offer, and the agreement to it.
    fn round(&self, wait: Duration) -> Result<Option<Answer>, String> {
        let number = number();
        let Ok(socket) = self.socket() else {
            std::thread::park_timeout(wait);
            return Ok(None);
        };
        let said = self.says(Kind::Discover, number);
        let Some(offer) = self.ask(&socket, &said, Kind::Offer, wait)? else { return Ok(None) };
        let wanted = Some((offer.address, offer.server));
        self.ask(&socket, &Say { kind: Kind::Request, wanted, ..said }, Kind::Agreed, wait)
    }

    /// Asks to keep `lease`: the new one, or none where it is not to be had any more.
    pub(super) fn renew(&self, lease: &Answer) -> Option<Answer> {
        let own = Some(lease.address);
        let said = Say { own, ..self.says(Kind::Request, number()) };
        let socket = self.socket().ok()?;
        self.ask(&socket, &said, Kind::Agreed, LONGEST_WAIT).ok().flatten()
    }

    fn says(&self, kind: Kind, number: u32) -> Say<'_> {
        Say { kind, number, mac: self.mac, name: &self.name, asks: self.asks, wanted: None, own: None }
    }

    fn ask(
        &self,
        socket: &UdpSocket,
        say: &Say<'_>,
        want: Kind,
        wait: Duration,
    ) -> Result<Option<Answer>, String> {
        let failed = |error: std::io::Error| format!("ask for an address on {}: {error}", self.device);
        socket.send_to(&write(say), SocketAddrV4::new(Ipv4Addr::BROADCAST, SERVER)).map_err(failed)?;
        let deadline = Instant::now() + wait;
        let mut bytes = [0; LARGEST];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            socket.set_read_timeout(Some(left)).map_err(failed)?;
            let Ok((length, _)) = socket.recv_from(&mut bytes) else { continue };
            match read(bytes.get(..length).unwrap_or_default(), say.number, self.mac) {
                Some(answer) if answer.kind == want => return Ok(Some(answer)),
                Some(answer) if answer.kind == Kind::Refused => return Ok(None),
                _ => {}
            }
        }
    }

    /// A socket of this interface alone.
    fn socket(&self) -> Result<UdpSocket, String> {
        let failed = |error: std::io::Error| format!("listen on {}: {error}", self.device);
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
        let socket = socket.map_err(|error| failed(error.into()))?;
        let device = std::ffi::OsString::from(&self.device);
        nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::BindToDevice, &device)
            .map_err(|error| failed(error.into()))?;
        sockopt::set_socket_broadcast(&socket, true).map_err(|error| failed(error.into()))?;
        sockopt::set_socket_reuseaddr(&socket, true).map_err(|error| failed(error.into()))?;
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT))
            .map_err(|error| failed(error.into()))?;
        Ok(UdpSocket::from(socket))
    }
}

fn number() -> u32 {
    let mut bytes = [0; 4];
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u32::from_ne_bytes(bytes)
}
