//! Calls to the kernel's network: links, addresses, ways (rtnetlink(7)).

use std::net::IpAddr;
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const DROP_ADDRESS: u16 = 21;
const NEW_ROUTE: u16 = 24;
const DROP_ROUTE: u16 = 25;
const REQUEST: u16 = 0x01;
const ACKNOWLEDGE: u16 = 0x04;
const REPLACE: u16 = 0x100;
const CREATE: u16 = 0x400;
const UP: u32 = 1;
const HEADER: usize = 16;
const ANSWER: usize = 4_096;

/// A message that is put together.
#[derive(Debug, Clone)]
pub(super) struct Message {
    kind: u16,
    flags: u16,
    body: Vec<u8>,
}

/// A way to a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) to: Option<(IpAddr, u8)>,
    pub(super) via: IpAddr,
    pub(super) metric: u32,
}

impl Message {
    /// Changes a link, or makes it where `index` is 0.
    pub(super) fn link(index: u32, up: bool) -> Self {
        let flags = if index == 0 { CREATE } else { 0 };
        let mut body = vec![0; 4];
        body.extend(index.to_ne_bytes());
        body.extend((if up { UP } else { 0 }).to_ne_bytes());
        body.extend(UP.to_ne_bytes());
        Self { kind: NEW_LINK, flags, body }
    }

    /// Gives a link an address, or takes it away.
    pub(super) fn address(index: u32, address: IpAddr, length: u8, keep: bool) -> Self {
        let mut body = vec![family(address), length, 0, 0];
        body.extend(index.to_ne_bytes());
        let bytes = octets(address);
        let (kind, flags) = if keep { (NEW_ADDRESS, CREATE | REPLACE) } else { (DROP_ADDRESS, 0) };
        Self { kind, flags, body }.with(1, &bytes).with(2, &bytes)
    }

    /// Makes a way, or takes it away.
    pub(super) fn way(index: u32, way: Way, keep: bool) -> Self {
        let length = way.to.map_or(0, |(_, length)| length);
        let mut body = vec![family(way.via), length, 0, 0, 254, 4, 0, 1];
        body.extend([0; 4]);
        let (kind, flags) = if keep { (NEW_ROUTE, CREATE | REPLACE) } else { (DROP_ROUTE, 0) };
        let message = Self { kind, flags, body }.with(4, &index.to_ne_bytes()).with(5, &octets(way.via));
        let message = message.with(6, &way.metric.to_ne_bytes());
        match way.to {
            Some((to, _)) => message.with(1, &octets(to)),
            None => message,
        }
    }

    /// Adds an attribute.
    pub(super) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        self.body.extend(attribute(kind, value));
        self
    }

    fn bytes(&self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(HEADER + self.body.len()).unwrap_or(u32::MAX);
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(self.kind.to_ne_bytes());
        bytes.extend((self.flags | REQUEST | ACKNOWLEDGE).to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// One attribute, padded.
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { 2 } else { 10 }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// A line to the kernel's network.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    pub(super) fn open() -> Result<Self, String> {
        let failed = |error: rustix::io::Errno| format!("open a line to the kernel's network: {error}");
        // Protocol 0 is that of ways and links.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None);
        let socket = socket.map_err(failed)?;
        bind(&socket, &SocketAddrNetlink::new(0, 0)).map_err(failed)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends a message and waits for what the kernel says.
    pub(super) fn call(&mut self, act: &str, message: &Message) -> Result<(), String> {
        let failed = |error: rustix::io::Errno| format!("{act}: {error}");
        self.sequence = self.sequence.wrapping_add(1);
        send(&self.socket, &message.bytes(self.sequence), SendFlags::empty()).map_err(failed)?;
        let mut answer = vec![0; ANSWER];
        loop {
            let (length, _) =
                recv(&self.socket, answer.as_mut_slice(), RecvFlags::empty()).map_err(failed)?;
            match verdict(answer.get(..length).unwrap_or_default(), self.sequence) {
                None => {}
                Some(0) => return Ok(()),
                Some(code) => return Err(failed(rustix::io::Errno::from_raw_os_error(-code))),
            }
        }
    }
}

/// What the kernel says of the message with this number; none where it speaks of another one.
fn verdict(answer: &[u8], sequence: u32) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let number = u32::from_ne_bytes(answer.get(8..12)?.try_into().ok()?);
    let code = i32::from_ne_bytes(answer.get(16..20)?.try_into().ok()?);
    (kind == 2 && number == sequence).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_form_of_the_kernel() {
        let message = Message::address(3, "10.0.0.2".parse().unwrap(), 24, true).bytes(7);
        assert_eq!(message.len(), 16 + 8 + 8 + 8);
        assert_eq!(message[..8], [40, 0, 0, 0, 20, 0, 0x05, 0x05]);
        assert_eq!(message[16..24], [2, 24, 0, 0, 3, 0, 0, 0]);
        assert_eq!(message[24..32], [8, 0, 1, 0, 10, 0, 0, 2]);
        assert_eq!(attribute(3, b"eth0\0"), [9, 0, 3, 0, b'e', b't', b'h', b'0', 0, 0, 0, 0]);
    }

    #[test]
    fn an_answer_to_something_else_is_no_answer() {
        let mut answer = vec![0; 20];
        answer[4] = 2;
        answer[8] = 7;
        answer[16..20].copy_from_slice(&(-17_i32).to_ne_bytes());
        assert_eq!(
            (verdict(&answer, 7), verdict(&answer, 8), verdict(&answer[..19], 7)),
            (Some(-17), None, None)
        );
    }
}
