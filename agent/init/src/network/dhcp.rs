//! Messages of DHCP for IPv4 (RFC 2131, RFC 2132): those of a client, and what a server answers.

use std::net::Ipv4Addr;

/// Where the options begin: behind the fixed part and its mark.
const OPTIONS: usize = 240;
const MARK: [u8; 4] = [0x63, 0x82, 0x53, 0x63];
/// More of one kind are not used.
const MOST: usize = 8;
/// What firmware calls itself that boots by HTTP (UEFI 2.10, 24.7.3): who answers it with a file answers this machine with the same.
const BOOTS: &[u8] = b"HTTPClient:Holdfast";
/// Where the name of a file stands that is not an option.
const FILE: std::ops::Range<usize> = 108..236;
/// A lease is at least so long, in seconds: shorter ones would make a storm.
const SHORTEST: u32 = 60;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Agreed = 5,
    Refused = 6,
}

/// What is asked for beside an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// Ways, names, time.
    Network,
    /// What firmware is told that boots from the network, too.
    Boot,
}

/// Where this machine was to be booted from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BootFile {
    /// The server of files.
    pub(crate) server: Ipv4Addr,
    /// What the firmware is to fetch: a name or an address. Empty where nothing is said.
    pub(crate) file: String,
}

/// What a client says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Say<'a> {
    pub(super) kind: Kind,
    pub(super) number: u32,
    pub(super) mac: [u8; 6],
    pub(super) name: &'a str,
    pub(super) asks: Asks,
    /// The address that is asked for, and the server that offered it.
    pub(super) wanted: Option<(Ipv4Addr, Ipv4Addr)>,
    /// The address that it has.
    pub(super) own: Option<Ipv4Addr>,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) kind: Kind,
    pub(super) address: Ipv4Addr,
    pub(super) length: u8,
    pub(super) server: Ipv4Addr,
    pub(super) routers: Vec<Ipv4Addr>,
    pub(super) dns: Vec<Ipv4Addr>,
    pub(super) time: Vec<Ipv4Addr>,
    pub(super) boot: BootFile,
    /// Seconds.
    pub(super) lease: u32,
}

/// The bytes of a message.
pub(super) fn write(say: &Say<'_>) -> Vec<u8> {
    let mut bytes = vec![1, 1, 6, 0];
    bytes.extend(say.number.to_be_bytes());
    // Answers come to everybody: this machine has no address yet.
    bytes.extend([0, 0, 0x80, 0]);
    bytes.extend(say.own.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
    bytes.resize(28, 0);
    bytes.extend(say.mac);
    bytes.resize(OPTIONS - MARK.len(), 0);
    bytes.extend(MARK);
    bytes.extend([53, 1, say.kind as u8]);
    bytes.extend([61, 7, 1]);
    bytes.extend(say.mac);
    if let Some((address, server)) = say.wanted {
        bytes.extend([50, 4]);
        bytes.extend(address.octets());
        bytes.extend([54, 4]);
        bytes.extend(server.octets());
    }
    let name = say.name.as_bytes();
    if let (Ok(length @ 1..=63), true) = (u8::try_from(name.len()), say.name.is_ascii()) {
        bytes.extend([12, length]);
        bytes.extend_from_slice(name);
    }
    bytes.extend(match say.asks {
        Asks::Network => vec![55, 5, 1, 3, 6, 42, 51],
        Asks::Boot => [&[60, 19], BOOTS, &[55, 7, 1, 3, 6, 42, 51, 66, 67]].concat(),
    });
    bytes.push(255);
    // Some servers drop what is shorter than BOOTP's messages were.
    bytes.resize(bytes.len().max(300), 0);
    bytes
}

/// What an answer to the message with this number says; none where it is another one or not in its form.
pub(super) fn read(bytes: &[u8], number: u32, mac: [u8; 6]) -> Option<Answer> {
    let ours = bytes.first() == Some(&2)
        && bytes.get(4..8)? == number.to_be_bytes()
        && bytes.get(28..34)? == mac
        && bytes.get(OPTIONS - MARK.len()..OPTIONS)? == MARK;
    if !ours {
        return None;
    }
    let kind = match option(bytes, 53)?.first()? {
        2 => Kind::Offer,
        5 => Kind::Agreed,
        6 => Kind::Refused,
        _ => return None,
    };
    let mask =
        option(bytes, 1).and_then(|value| value.try_into().ok()).map_or(u32::MAX << 8, u32::from_be_bytes);
    let length = mask.leading_ones();
    let lease = option(bytes, 51).and_then(|value| value.try_into().ok()).map_or(0, u32::from_be_bytes);
    let address = Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(16..20)?).ok()?);
    let useful = !address.is_unspecified() && !address.is_multicast() && !address.is_loopback();
    if kind != Kind::Refused && (!useful || mask.count_ones() != length || length == 0) {
        return None;
    }
    let server = addresses(bytes, 54).first().copied()?;
    Some(Answer {
        kind,
        address,
        length: u8::try_from(length).ok()?,
        server,
        boot: boot_file(bytes, server),
        routers: addresses(bytes, 3),
        dns: addresses(bytes, 6),
        time: addresses(bytes, 42),
        lease: lease.max(SHORTEST),
    })
}

/// What a server says of booting. A field that options flow over into (option 52) names no file.
fn boot_file(bytes: &[u8], server: Ipv4Addr) -> BootFile {
    let next = bytes.get(20..24).and_then(|four| <[u8; 4]>::try_from(four).ok()).map(Ipv4Addr::from);
    let field = bytes.get(FILE).filter(|_| option(bytes, 52).is_none());
    let name = option(bytes, 67).or(field).unwrap_or_default();
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let plain = name.iter().all(u8::is_ascii_graphic);
    BootFile {
        server: next.filter(|next| !next.is_unspecified()).unwrap_or(server),
        file: if plain { String::from_utf8_lossy(name).into_owned() } else { String::new() },
    }
}

/// The value of the first option with this number.
fn option(bytes: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut rest = bytes.get(OPTIONS..)?;
    loop {
        match rest {
            [0, more @ ..] => rest = more,
            [255, ..] | [] | [_] => return None,
            [kind, length, more @ ..] => {
                let value = more.get(..usize::from(*length))?;
                if *kind == wanted {
                    return Some(value);
                }
                rest = more.get(usize::from(*length)..)?;
            }
        }
    }
}

fn addresses(bytes: &[u8], number: u8) -> Vec<Ipv4Addr> {
    let value = option(bytes, number).unwrap_or_default();
    let four = value.chunks_exact(4).filter_map(|four| <[u8; 4]>::try_from(four).ok());
    four.map(Ipv4Addr::from).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

    fn offer() -> Vec<u8> {
        let say = Say {
            kind: Kind::Discover,
            number: 7,
            mac: MAC,
            name: "",
            asks: Asks::Network,
            wanted: None,
            own: None,
        };
        let mut bytes = write(&say);
        bytes[0] = 2;
        bytes[16..20].copy_from_slice(&[10, 0, 2, 15]);
        bytes.truncate(OPTIONS);
        bytes.extend([53, 1, 2, 0, 54, 4, 10, 0, 2, 2, 1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 2, 2]);
        bytes.extend([6, 8, 10, 0, 2, 3, 10, 0, 2, 4, 51, 4, 0, 1, 0x51, 0x80, 255]);
        bytes
    }

    #[test]
    fn an_offer_is_read_and_only_one_for_us() {
        let answer = read(&offer(), 7, MAC).unwrap();
        assert_eq!((answer.kind, answer.address, answer.length), (Kind::Offer, [10, 0, 2, 15].into(), 24));
        assert_eq!((answer.server, answer.dns.len(), answer.lease), ([10, 0, 2, 2].into(), 2, 86_400));
        assert_eq!(read(&offer(), 8, MAC), None);
        assert_eq!(read(&offer(), 7, [0; 6]), None);
        let mut holes = offer();
        holes[OPTIONS + 12] = 1;
        assert_eq!(read(&holes, 7, MAC), None, "a mask with holes");
        let mut nobody = offer();
        nobody[16..20].fill(0);
        assert_eq!(read(&nobody, 7, MAC), None);
    }

    #[test]
    fn a_request_names_what_was_offered() {
        let wanted = Some(([10, 0, 2, 15].into(), [10, 0, 2, 2].into()));
        let say = Say {
            kind: Kind::Request,
            number: 7,
            mac: MAC,
            name: "de-1",
            asks: Asks::Boot,
            wanted,
            own: None,
        };
        let bytes = write(&say);
        assert_eq!(option(&bytes, 50), Some(&[10, 0, 2, 15][..]));
        assert_eq!(option(&bytes, 12), Some(&b"de-1"[..]));
        assert_eq!((option(&bytes, 60), option(&bytes, 55).unwrap().len()), (Some(BOOTS), 7));
        assert!(bytes.len() >= 300);
        let bytes = write(&Say { asks: Asks::Network, ..say });
        assert_eq!((option(&bytes, 60), option(&bytes, 55).unwrap().len()), (None, 5));
    }

    #[test]
    fn an_answer_says_what_boots_in_a_field_or_in_an_option() {
        let boot = |bytes: &[u8]| read(bytes, 7, MAC).unwrap().boot;
        let mut bytes = offer();
        assert_eq!(boot(&bytes), BootFile { server: [10, 0, 2, 2].into(), file: String::new() });
        bytes[20..24].copy_from_slice(&[10, 0, 2, 9]);
        bytes[FILE][..11].copy_from_slice(b"netboot.efi");
        assert_eq!(boot(&bytes), BootFile { server: [10, 0, 2, 9].into(), file: "netboot.efi".to_owned() });
        let at = bytes.len() - 1;
        let with = |more: &[u8]| [&bytes[..at], more, &[255]].concat();
        assert_eq!(boot(&with(b"\x43\x09http://h/")).file, "http://h/");
        assert_eq!(boot(&with(b"\x34\x01\x01")).file, "", "a field of options");
        assert_eq!(boot(&with(b"\x43\x03a b")).file, "");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_in_bounds(tail in proptest::collection::vec(any::<u8>(), 0..600), cut in 0..300_usize) {
            let mut bytes = offer();
            bytes.truncate(cut.min(bytes.len()));
            bytes.extend(tail);
            if let Some(answer) = read(&bytes, 7, MAC) {
                prop_assert!(answer.routers.len() <= MOST && answer.length <= 32);
            }
        }
    }
}
