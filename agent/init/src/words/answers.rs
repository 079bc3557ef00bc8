//! What somebody answers about the network, taken into a configuration; each answer is checked by the reader of configurations, so that
//! a console and a file know the same rules.

use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use holdfast_release::machine::{DeviceName, Interface, Mac, Machine, Network, parse, write};

use crate::network::Card;

/// What empties an answer.
pub(crate) const NONE: &str = "none";
/// What has an interface ask for its address.
pub(crate) const DHCP: &str = "dhcp";
/// What stands where no interface is described.
pub(crate) const EVERY: &str = "every card by DHCP";

/// How an interface is called.
pub(crate) fn name(interface: &Interface) -> String {
    let name = interface.name.as_ref().map(ToString::to_string);
    name.or_else(|| interface.mac.map(|mac| mac.to_string())).unwrap_or_default()
}

/// A list as it is typed and shown.
pub(crate) fn list<T: Display>(all: &[T]) -> String {
    let words: Vec<String> = all.iter().map(ToString::to_string).collect();
    if words.is_empty() { NONE.to_owned() } else { words.join(" ") }
}

/// The addresses of an interface as they are typed and shown.
pub(crate) fn addresses(interface: &Interface) -> String {
    match (interface.dhcp, interface.addresses.as_slice()) {
        (true, []) => DHCP.to_owned(),
        (true, all) => format!("{DHCP} {}", list(all)),
        (false, all) => list(all),
    }
}

/// The words of an answer.
fn words(answer: &str) -> impl Iterator<Item = &str> {
    answer.split([' ', ',']).filter(|word| !word.is_empty() && *word != NONE)
}

/// A list that was typed.
pub(crate) fn listed<T: FromStr<Err: Display>>(answer: &str) -> Result<Vec<T>, String> {
    words(answer).map(|word| word.parse().map_err(|error: T::Err| error.to_string())).collect()
}

/// Addresses that were typed.
pub(crate) fn numbers(answer: &str) -> Result<Vec<IpAddr>, String> {
    let number = |word: &str| word.parse().map_err(|_| format!("`{word}` is no address, such as `10.0.0.1`"));
    words(answer).map(number).collect()
}

/// A router that was typed.
pub(crate) fn router(answer: &str) -> Result<Option<IpAddr>, String> {
    match numbers(answer)?.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        _ => Err("an interface has one gateway: give one address".to_owned()),
    }
}

/// Gives an interface the addresses that were typed. A router that none of them reaches goes: it is asked for next.
pub(crate) fn give(interface: &mut Interface, answer: &str) -> Result<(), String> {
    interface.dhcp = words(answer).any(|word| word.eq_ignore_ascii_case(DHCP));
    let fixed = words(answer).filter(|word| !word.eq_ignore_ascii_case(DHCP));
    interface.addresses =
        fixed.map(|word| word.parse()).collect::<Result<_, _>>().map_err(|error| format!("{error}"))?;
    interface.gateway = interface.gateway.filter(|router| interface.reaches(*router));
    Ok(())
}

/// What was meant by the name of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meant {
    /// The one at this place.
    Described(usize),
    /// A card that is not described yet.
    New(Interface),
}

/// Which interface is meant.
pub(crate) fn interface(network: &Network, cards: &[Card], answer: &str) -> Result<Meant, String> {
    let typed = answer.trim();
    let (device, mac) = (typed.parse::<DeviceName>().ok(), typed.parse::<Mac>().ok());
    let card = cards.iter().find(|card| card.name == typed || (mac.is_some() && card.mac == mac));
    let is = |interface: &Interface| {
        let same_card = card.is_some_and(|card| {
            interface.name.as_ref().is_some_and(|name| name.to_string() == card.name)
                || (interface.mac.is_some() && interface.mac == card.mac)
        });
        (device.is_some() && interface.name == device) || (mac.is_some() && interface.mac == mac) || same_card
    };
    if let Some(at) = network.interfaces.iter().position(is) {
        return Ok(Meant::Described(at));
    }
    let Some(card) = card else {
        let names: Vec<&str> = cards.iter().map(|card| card.name.as_str()).collect();
        return Err(format!("no interface and no card here is `{typed}`; the cards are: {}", list(&names)));
    };
    for other in &network.interfaces {
        let members = other.bond.iter().flat_map(|bond| &bond.members);
        if members.map(ToString::to_string).any(|member| member == card.name) {
            return Err(format!("`{}` is a card of the bond `{}`: give that one", card.name, name(other)));
        }
    }
    let (name, mac) = if mac.is_some() { (None, mac) } else { (device, None) };
    Ok(Meant::New(Interface { name, mac, dhcp: true, ..Interface::default() }))
}

/// The interfaces in whose place another card can come: what is made of others, or carries a VLAN, stays what it is.
pub(crate) fn replaceable(network: &Network) -> Vec<usize> {
    let carries = |one: &Interface| {
        let carried = network.interfaces.iter().filter_map(|other| other.vlan.as_ref());
        carried.into_iter().any(|vlan| Some(&vlan.of) == one.name.as_ref())
    };
    let plain = |one: &Interface| one.vlan.is_none() && one.bond.is_none() && !carries(one);
    let all = network.interfaces.iter().enumerate();
    all.filter(|(_, one)| plain(one)).map(|(at, _)| at).collect()
}

/// Reads a configuration again as it would be written: why it is none, in the words of its reader.
pub(crate) fn check(machine: &Machine) -> Result<(), String> {
    write(machine).and_then(|text| parse(&text)).map(drop).map_err(|error| error.reason)
}
