//! The network of the machine, as its configuration says it.

mod dhcp;
mod lease;
mod netlink;

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8Path;
use holdfast_release::machine::{Bond, BondMode, DeviceName, Interface, Mac, Network};
use parking_lot::Mutex;
use serde_json::json;

use crate::event::{event, say};
pub(crate) use dhcp::{Asks, BootFile};
use lease::Client;
use netlink::{Message, Netlink, Way, attribute};

const NAME: u16 = 3;
const MTU: u16 = 4;
const LINK: u16 = 5;
const MASTER: u16 = 10;
const INFO: u16 = 18;
/// A way that others do not outdo.
const METRIC: u32 = 100;
/// How often a card that is not there yet is looked for.
const LOOK: Duration = Duration::from_millis(250);
/// How long it is.
const PATIENCE: u32 = 120;
const ETHERNET: &str = "1";

/// What the network told this machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<Mutex<BTreeMap<String, Servers>>>);

/// What one lease named.
#[derive(Debug, Clone)]
struct Servers {
    dns: Vec<IpAddr>,
    time: Vec<IpAddr>,
    boot: BootFile,
}

impl Told {
    fn set(&self, device: &str, servers: Servers) {
        self.0.lock().insert(device.to_owned(), servers);
    }

    /// Who answers questions for names.
    fn dns(&self) -> Vec<IpAddr> {
        self.0.lock().values().flat_map(|servers| servers.dns.clone()).collect()
    }

    /// Who knows the time.
    pub(crate) fn time(&self) -> Vec<IpAddr> {
        self.0.lock().values().flat_map(|servers| servers.time.clone()).collect()
    }

    /// Where each lease says that this machine was to be booted from; nothing before there is a lease.
    pub(crate) fn boot(&self) -> Vec<BootFile> {
        self.0.lock().values().map(|servers| servers.boot.clone()).collect()
    }
}

/// Brings the network up, and keeps it so from threads of its own. A part that does not come up is told and left.
pub(crate) fn bring_up(network: &Network, name: &str, asks: Asks) -> Told {
    let told = Told::default();
    let mut wanted = network.interfaces.clone();
    if let Ok(mut line) = Netlink::open() {
        drop(line.call("bring lo up", &Message::link(index("lo").unwrap_or(1), true)));
    }
    if wanted.is_empty() {
        let dhcp = |card: String| Interface { name: card.parse().ok(), dhcp: true, ..Interface::default() };
        wanted = cards().into_iter().map(dhcp).collect();
    }
    write_resolver(network, &told);
    for interface in wanted {
        let (told, network, name) = (told.clone(), network.clone(), name.to_owned());
        let kept = std::thread::Builder::new().name("network".to_owned()).spawn(move || {
            let client = Client { device: String::new(), mac: [0; 6], name, asks };
            if let Err(error) = keep(&interface, &network, client, &told) {
                event("network.failed", &json!({ "why": error }));
            }
        });
        if let Err(error) = kept {
            say(format_args!("look after an interface: {error}"));
        }
    }
    told
}

/// Brings one interface up and, where it has a lease, keeps it.
fn keep(interface: &Interface, network: &Network, client: Client, told: &Told) -> Result<(), String> {
    let mut line = Netlink::open()?;
    let device = made(&mut line, interface)?;
    let index = wait_for(&device)?;
    let mut up = Message::link(index, true);
    if let Some(mtu) = interface.mtu {
        up = up.with(MTU, &mtu.to_ne_bytes());
    }
    line.call(&format!("bring {device} up"), &up)?;
    for cidr in &interface.addresses {
        let message = Message::address(index, cidr.address, cidr.length, true);
        line.call(&format!("give {device} the address {cidr}"), &message)?;
    }
    let gateway = interface.gateway.map(|via| Way { to: None, via, metric: METRIC });
    let routes = interface.routes.iter().map(|route| {
        let (to, metric) = (route.to.0, route.metric.unwrap_or(METRIC));
        Way { to: Some((to.address, to.length)), via: route.via, metric }
    });
    for way in routes.chain(gateway) {
        line.call(&format!("make a way via {}", way.via), &Message::way(index, way, true))?;
    }
    if !interface.addresses.is_empty() {
        let addresses: Vec<String> = interface.addresses.iter().map(ToString::to_string).collect();
        event("network.up", &json!({ "interface": device, "addresses": addresses }));
    }
    if interface.dhcp {
        let client = Client { mac: mac(&device).unwrap_or_default(), device, ..client };
        leased(&mut line, index, &client, network, told);
    }
    Ok(())
}

/// Keeps a leased address for ever.
fn leased(line: &mut Netlink, index: u32, client: &Client, network: &Network, told: &Told) -> ! {
    loop {
        let mut lease = client.acquire();
        let (address, length) = (IpAddr::V4(lease.address), lease.length);
        let ip = |list: &[std::net::Ipv4Addr]| list.iter().copied().map(IpAddr::V4).collect::<Vec<_>>();
        let given = line.call("take the leased address", &Message::address(index, address, length, true));
        let way = lease.routers.first().map(|via| Way { to: None, via: (*via).into(), metric: METRIC });
        let routed =
            way.map_or(Ok(()), |way| line.call("take the leased way", &Message::way(index, way, true)));
        if let Err(error) = given.and(routed) {
            say(format_args!("{}: {error}", client.device));
        }
        let boot = lease.boot.clone();
        told.set(&client.device, Servers { dns: ip(&lease.dns), time: ip(&lease.time), boot });
        write_resolver(network, told);
        let text = format!("{address}/{length}");
        event(
            "network.up",
            &json!({ "interface": client.device, "addresses": [text], "lease": lease.lease }),
        );
        loop {
            // Half of the lease, then an eighth of it each time until it ends.
            let whole = Duration::from_secs(lease.lease.into());
            std::thread::park_timeout(whole / 2);
            let renewed = (0..4).find_map(|_| {
                let renewed = client.renew(&lease).filter(|renewed| renewed.address == lease.address);
                if renewed.is_none() {
                    std::thread::park_timeout(whole / 8);
                }
                renewed
            });
            match renewed {
                Some(renewed) => lease = renewed,
                None => break,
            }
        }
        event("network.lost", &json!({ "interface": client.device, "addresses": [text] }));
        drop(line.call("give the address back", &Message::address(index, address, length, false)));
    }
}

/// The device of an interface; a bond and a VLAN are made first.
fn made(line: &mut Netlink, interface: &Interface) -> Result<String, String> {
    if let (Some(bond), Some(name)) = (&interface.bond, &interface.name) {
        make_bond(line, name, bond)?;
    }
    if let (Some(vlan), Some(name)) = (&interface.vlan, &interface.name) {
        let under = wait_for(&vlan.of.to_string())?;
        line.call(&format!("bring {} up", vlan.of), &Message::link(under, true))?;
        let data = attribute(1, &vlan.id.to_ne_bytes());
        let info = [attribute(1, b"vlan\0"), attribute(2, &data)].concat();
        let message = Message::link(0, false).with(NAME, &c_text(name)).with(LINK, &under.to_ne_bytes());
        line.call(&format!("make the VLAN {name}"), &message.with(INFO, &info))?;
    }
    match (&interface.name, &interface.mac) {
        (Some(name), _) => Ok(name.to_string()),
        (None, Some(wanted)) => {
            let found = patiently(|| cards().into_iter().find(|card| mac(card) == Some(wanted.0)));
            found.ok_or_else(|| format!("no network card has the address {wanted}"))
        }
        (None, None) => Err("an interface without a name".to_owned()),
    }
}

fn make_bond(line: &mut Netlink, name: &DeviceName, bond: &Bond) -> Result<(), String> {
    let mode: u8 = match bond.mode {
        BondMode::ActiveBackup => 1,
        BondMode::BalanceXor => 2,
        BondMode::Lacp => 4,
    };
    // A link is looked at every 100 ms.
    let data = [attribute(1, &[mode]), attribute(3, &100_u32.to_ne_bytes())].concat();
    let info = [attribute(1, b"bond\0"), attribute(2, &data)].concat();
    let message = Message::link(0, false).with(NAME, &c_text(name)).with(INFO, &info);
    line.call(&format!("make the bond {name}"), &message)?;
    let master = wait_for(&name.to_string())?;
    for member in &bond.members {
        let index = wait_for(&member.to_string())?;
        let message = Message::link(index, false).with(MASTER, &master.to_ne_bytes());
        line.call(&format!("take {member} into {name}"), &message)?;
        line.call(&format!("bring {member} up"), &Message::link(index, true))?;
    }
    Ok(())
}

fn c_text(name: &DeviceName) -> Vec<u8> {
    let mut text = name.to_string().into_bytes();
    text.push(0);
    text
}

/// The cards of the machine, by name.
pub(crate) fn cards() -> Vec<String> {
    let net = Utf8Path::new("/sys/class/net");
    let entries = net.read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    let real = entries.filter(|entry| {
        let kind = fs::read_to_string(entry.path().join("type")).unwrap_or_default();
        kind.trim_end() == ETHERNET && entry.path().join("device").exists()
    });
    let mut cards: Vec<String> = real.map(|entry| entry.file_name().to_owned()).collect();
    cards.sort();
    cards
}

/// A card, as somebody is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Card {
    /// Its name.
    pub(crate) name: String,
    /// Its address.
    pub(crate) mac: Option<Mac>,
    /// What the kernel says of its link.
    pub(crate) state: String,
}

/// The cards of the machine.
pub(crate) fn present() -> Vec<Card> {
    let card = |name: String| {
        let state = fs::read_to_string(format!("/sys/class/net/{name}/operstate")).unwrap_or_default();
        Card { mac: mac(&name).map(Mac), state: state.trim_end().to_owned(), name }
    };
    cards().into_iter().map(card).collect()
}

fn index(device: &str) -> Option<u32> {
    fs::read_to_string(format!("/sys/class/net/{device}/ifindex")).ok()?.trim_end().parse().ok()
}

fn mac(device: &str) -> Option<[u8; 6]> {
    let text = fs::read_to_string(format!("/sys/class/net/{device}/address")).ok()?;
    text.trim_end().parse::<Mac>().ok().map(|mac| mac.0)
}

fn wait_for(device: &str) -> Result<u32, String> {
    patiently(|| index(device)).ok_or_else(|| format!("there is no interface `{device}`"))
}

/// Looks again and again: cards show themselves when their drivers are ready.
fn patiently<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..PATIENCE {
        if let Some(found) = look() {
            return Some(found);
        }
        std::thread::park_timeout(LOOK);
    }
    None
}

/// Tells programs whom to ask for names.
fn write_resolver(network: &Network, told: &Told) {
    let servers = network.dns.iter().copied().chain(told.dns());
    let mut text: String = servers.take(3).map(|server| format!("nameserver {server}\n")).collect();
    if !network.search.is_empty() {
        let names: Vec<String> = network.search.iter().map(ToString::to_string).collect();
        text.push_str(&format!("search {}\n", names.join(" ")));
    }
    if let Err(error) = fs::write("/etc/resolv.conf", text) {
        say(format_args!("write /etc/resolv.conf: {error}"));
    }
}
