//! Where this machine is reached, for people.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// The kernel's ways.
const WAYS: &str = "/proc/net/route";
/// No packet goes there: to connect is to ask the kernel from where one would.
const DISCARD: u16 = 9;

/// Its addresses with this port: one for each network that it is on.
#[must_use]
pub fn addresses(port: u16) -> Vec<SocketAddr> {
    let ways = std::fs::read_to_string(WAYS).unwrap_or_default();
    let own: BTreeSet<Ipv4Addr> = networks(&ways).into_iter().filter_map(own_towards).collect();
    own.into_iter().map(|address| SocketAddr::from((address, port))).collect()
}

/// An address in each network that is reached without a gateway.
fn networks(ways: &str) -> Vec<Ipv4Addr> {
    let number = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::from_be);
    let towards = |line: &str| {
        let mut columns = line.split_whitespace().skip(1);
        let (to, gateway) = (number(columns.next()?)?, number(columns.next()?)?);
        (to != 0 && gateway == 0).then(|| Ipv4Addr::from(to | 1))
    };
    ways.lines().skip(1).filter_map(towards).collect()
}

fn own_towards(other: Ipv4Addr) -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((other, DISCARD)).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(own) if !own.is_loopback() => Some(own),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_is_asked_once_and_a_way_through_others_is_none() {
        let ways = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n\
                    eth0\t00000000\t0202000A\t0003\t0\t0\t100\t00000000\n\
                    eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\n\
                    eth1\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n\
                    eth1\t0000090A\t0101A8C0\t0003\t0\t0\t0\t0000FFFF\n\
                    broken\n";
        assert_eq!(networks(ways), [Ipv4Addr::new(10, 0, 2, 1), Ipv4Addr::new(192, 168, 0, 1)]);
        assert_eq!(own_towards(Ipv4Addr::LOCALHOST), None);
    }
}
