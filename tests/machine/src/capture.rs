//! What a machine sends: QEMU writes down every frame at its card, and a test asks whether one of them was for anybody it has no
//! business with. The frames are the guest's, so nothing in them is believed.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, Result, ensure};
use camino::Utf8Path;

/// The head of a file of frames, and of each of them, as libpcap writes them.
const HEAD: usize = 24;
const RECORD: usize = 16;
const MAGIC: [u8; 4] = 0xa1b2_c3d4_u32.to_le_bytes();
/// All that is read of a frame: the heads of its protocols.
const MOST: usize = 256;
const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// Hop-by-hop options, before a report of what is listened to, and ICMPv6 itself.
const NEIGHBOURS: [u8; 2] = [0, 58];
/// Questions for names, plain and encrypted.
const NAMES: [u16; 3] = [53, 853, 5353];

/// For whom a frame was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sent {
    /// A question who has an address.
    Asks(Ipv4Addr),
    /// A packet.
    Packet {
        /// Where it goes.
        to: IpAddr,
        /// What it carries, by the number of the protocol.
        protocol: u8,
        /// The port there, where there are ports.
        port: u16,
    },
    /// Something else, by the type of its frame.
    Other(u16),
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asks(address) => write!(f, "a question who has {address}"),
            Self::Packet { to, protocol, port } => write!(f, "protocol {protocol} to {to} port {port}"),
            Self::Other(kind) => write!(f, "a frame of type {kind:#06x}"),
        }
    }
}

impl Sent {
    /// Whether it stays in the site, whose network is all addresses that begin as `site` does, a /24. What the kernel says to its
    /// neighbours so that they find each other stays; a question for a name never does, whoever is asked.
    #[must_use]
    pub fn stays(&self, site: Ipv4Addr) -> bool {
        let within = |address: Ipv4Addr| address.octets().get(..3) == site.octets().get(..3);
        match *self {
            Self::Asks(address) => within(address),
            Self::Packet { port, protocol: TCP | UDP, .. } if NAMES.contains(&port) => false,
            // A card without an address asks everybody on its cable for one (RFC 2131).
            Self::Packet { to: IpAddr::V4(to), .. } if to.is_broadcast() => true,
            Self::Packet { to: IpAddr::V4(to), .. } => within(to),
            Self::Packet { to: IpAddr::V6(to), protocol, .. } => {
                (to.is_unicast_link_local() || on_the_cable(to)) && NEIGHBOURS.contains(&protocol)
            }
            Self::Other(_) => false,
        }
    }
}

/// Whether everybody on the same cable is meant, and nobody beyond it (RFC 4291, ff02).
const fn on_the_cable(to: Ipv6Addr) -> bool {
    to.segments()[0] & 0xff0f == 0xff02
}

/// Arguments for QEMU to write down what passes the card on the cable `net`.
#[must_use]
pub fn captured(file: &Utf8Path) -> [String; 2] {
    ["-object".to_owned(), format!("filter-dump,id=capture,netdev=net,maxlen={MOST},file={file}")]
}

/// What the card with this address sent, in order. The last frame may be cut off, as the power is.
///
/// # Errors
///
/// The file cannot be read, or is none with frames of Ethernet.
pub fn sent(file: &Utf8Path, card: &str) -> Result<Vec<Sent>> {
    let bytes = fs::read(file).with_context(|| format!("read {file}"))?;
    let card: Vec<u8> = card
        .split(':')
        .map(|pair| u8::from_str_radix(pair, 16))
        .collect::<Result<_, _>>()
        .context("read the address of a card")?;
    let head = bytes.get(..HEAD).unwrap_or_default();
    ensure!(head.starts_with(&MAGIC) && head.ends_with(&[1, 0, 0, 0]), "{file} is no capture of Ethernet");
    let (mut rest, mut all) = (bytes.get(HEAD..).unwrap_or_default(), Vec::new());
    while let Some((frame, after)) = first(rest) {
        if frame.get(6..12) == Some(&card) {
            all.push(read(frame).unwrap_or(Sent::Other(0)));
        }
        rest = after;
    }
    Ok(all)
}

/// The first frame, and what follows it.
fn first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(RECORD)?;
    let length = u32::from_le_bytes(head.get(8..12)?.try_into().ok()?);
    rest.split_at_checked(usize::try_from(length).ok()?)
}

fn read(frame: &[u8]) -> Option<Sent> {
    let kind = word(frame, 12)?;
    let inner = frame.get(14..)?;
    match kind {
        ARP => Some(Sent::Asks(four(inner, 24)?)),
        IPV4 => {
            let (protocol, to) = (*inner.get(9)?, IpAddr::V4(four(inner, 16)?));
            let port = port(inner, usize::from(inner.first()? & 15) * 4, protocol);
            Some(Sent::Packet { to, protocol, port })
        }
        IPV6 => {
            let (protocol, to) = (*inner.get(6)?, <[u8; 16]>::try_from(inner.get(24..40)?).ok()?);
            Some(Sent::Packet { to: IpAddr::V6(to.into()), protocol, port: port(inner, 40, protocol) })
        }
        other => Some(Sent::Other(other)),
    }
}

/// The port that follows a head of `length` bytes; 0 where there is none.
fn port(packet: &[u8], length: usize, protocol: u8) -> u16 {
    if matches!(protocol, TCP | UDP) { word(packet, length + 2).unwrap_or(0) } else { 0 }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn four(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    Some(<[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = "52:54:00:77:00:0b";
    const SITE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 0);

    fn frame(card: u8, kind: u16, inner: &[u8]) -> Vec<u8> {
        let head = [&[0xff; 6][..], &[0x52, 0x54, 0, 0x77, 0, card], &kind.to_be_bytes(), inner].concat();
        let length = u32::try_from(head.len()).unwrap().to_le_bytes();
        [&[0; 8][..], &length, &length, &head].concat()
    }

    fn four_to(to: [u8; 4], protocol: u8, port: u16) -> Vec<u8> {
        let mut packet = vec![0; 24];
        (packet[0], packet[9]) = (0x45, protocol);
        packet[16..20].copy_from_slice(&to);
        packet[22..].copy_from_slice(&port.to_be_bytes());
        packet
    }

    fn six_to(to: &str, next: u8) -> Vec<u8> {
        let mut packet = vec![0; 44];
        packet[6] = next;
        packet[24..40].copy_from_slice(&to.parse::<Ipv6Addr>().unwrap().octets());
        packet
    }

    fn all_of(frames: &[Vec<u8>]) -> Vec<Sent> {
        let temp = tempfile::tempdir().unwrap();
        let file = Utf8Path::from_path(temp.path()).unwrap().join("capture");
        let head = [&MAGIC[..], &[0; 16], &[1, 0, 0, 0]].concat();
        fs::write(&file, [head, frames.concat()].concat()).unwrap();
        sent(&file, CARD).unwrap()
    }

    #[test]
    fn what_leaves_the_site_is_told_from_what_stays() {
        let mut arp = vec![0; 28];
        arp[24..].copy_from_slice(&[8, 8, 8, 8]);
        let leave = [
            frame(11, IPV4, &four_to([192, 0, 2, 1], UDP, 123)),
            frame(11, IPV4, &four_to([10, 77, 0, 1], UDP, 53)),
            frame(11, IPV4, &four_to([224, 0, 0, 251], UDP, 5353)),
            frame(11, ARP, &arp),
            frame(11, IPV6, &six_to("2001:db8::1", TCP)),
            frame(11, IPV6, &six_to("ff05::2", 58)),
            frame(11, IPV6, &six_to("ff02::1:2", UDP)),
            frame(11, 0x88cc, &[0; 40]),
            frame(11, IPV4, &[0x45]),
        ];
        let found = all_of(&leave);
        assert_eq!(found.len(), leave.len());
        assert_eq!(found.iter().find(|sent| sent.stays(SITE)), None);
        arp[24..].copy_from_slice(&[10, 77, 0, 9]);
        let stay = [
            frame(11, IPV4, &four_to([10, 77, 0, 11], TCP, 7443)),
            frame(11, IPV4, &four_to([255, 255, 255, 255], UDP, 67)),
            frame(11, ARP, &arp),
            frame(11, IPV6, &six_to("ff02::2", 58)),
            frame(11, IPV6, &six_to("ff02::16", 0)),
            frame(11, IPV6, &six_to("fe80::1", 58)),
        ];
        let found = all_of(&stay);
        assert_eq!(found.len(), stay.len());
        assert_eq!(found.iter().find(|sent| !sent.stays(SITE)), None);
    }

    #[test]
    fn what_others_send_and_what_was_cut_off_is_left_out() {
        let own = frame(11, IPV4, &four_to([10, 77, 0, 11], TCP, 7443));
        let cut = own[..own.len() - 1].to_vec();
        assert_eq!(all_of(&[frame(12, IPV4, &[]), own, cut]).len(), 1);
    }
}
