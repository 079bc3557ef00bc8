//! The network of a machine.

use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::text::{Cidr, DeviceName, Host, Mac, Network as To};

/// How a machine reaches others. Without interfaces every cable asks DHCP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Network {
    /// Whom to ask for names, before those that DHCP tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<IpAddr>,
    /// Where short names are looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<Host>,
    /// The interfaces; those that are not named stay down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<Interface>,
}

/// One interface: a card by its name or its address, or one made of others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Interface {
    /// The kernel's name of the card, or the name of what is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<DeviceName>,
    /// The address of the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// Whether it asks for its address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dhcp: bool,
    /// Its addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Cidr>,
    /// The router to everywhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Further ways.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// The longest packet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// It is a VLAN of another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<Vlan>,
    /// It is made of several cards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bond: Option<Bond>,
}

/// A way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Route {
    /// Where it leads.
    pub to: To,
    /// The router.
    pub via: IpAddr,
    /// The lower one of two ways is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
}

/// A VLAN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Vlan {
    /// The interface that carries it.
    pub of: DeviceName,
    /// Its number, 1 to 4094.
    pub id: u16,
}

/// Several cards as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Bond {
    /// The cards.
    pub members: Vec<DeviceName>,
    /// How they are used.
    #[serde(default)]
    pub mode: BondMode,
}

/// How the cards of a bond are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BondMode {
    /// One at a time.
    #[default]
    #[serde(rename = "active-backup")]
    ActiveBackup,
    /// All, as the sum of what is sent says.
    #[serde(rename = "balance-xor")]
    BalanceXor,
    /// All, as agreed with the switch (LACP).
    #[serde(rename = "802.3ad")]
    Lacp,
}

/// A fault: which interface, which of its fields, and why.
pub(super) type Fault = (Vec<String>, String);

impl Network {
    /// What does not hold together.
    pub(super) fn fault(&self) -> Option<Fault> {
        for (at, interface) in self.interfaces.iter().enumerate() {
            if let Some((field, why)) = interface.fault().or_else(|| self.stranger(at, interface)) {
                let place = ["interfaces".to_owned(), at.to_string()].into_iter();
                return Some((place.chain((!field.is_empty()).then(|| field.to_owned())).collect(), why));
            }
        }
        None
    }

    /// An interface that another one names, or is taken twice.
    fn stranger(&self, at: usize, interface: &Interface) -> Option<(&'static str, String)> {
        let earlier = || self.interfaces.iter().take(at);
        if let Some(name) = &interface.name
            && earlier().any(|other| other.name.as_ref() == Some(name))
        {
            return Some(("name", format!("`{name}` is described twice")));
        }
        if let Some(mac) = &interface.mac
            && earlier().any(|other| other.mac.as_ref() == Some(mac))
        {
            return Some(("mac", format!("`{mac}` is described twice")));
        }
        if let Some(vlan) = &interface.vlan
            && interface.name.as_ref() == Some(&vlan.of)
        {
            return Some(("vlan", "a VLAN cannot be one of itself".to_owned()));
        }
        let bond = interface.bond.as_ref()?;
        let bonds = self.interfaces.iter().enumerate().filter(|(other, _)| *other != at);
        let taken = bonds.filter_map(|(_, other)| other.bond.as_ref()).flat_map(|bond| &bond.members);
        let mut taken: Vec<&DeviceName> = taken.collect();
        for member in &bond.members {
            if taken.contains(&member) || interface.name.as_ref() == Some(member) {
                return Some(("bond", format!("`{member}` is in more than one place")));
            }
            taken.push(member);
        }
        None
    }
}

impl Interface {
    /// What is wrong with it alone.
    fn fault(&self) -> Option<(&'static str, String)> {
        let made = self.vlan.is_some() || self.bond.is_some();
        let faults = [
            (self.name.is_some() == self.mac.is_some(), "", "say either `name` or `mac`"),
            (made && self.name.is_none(), "", "what is made of others needs a `name`"),
            (self.vlan.is_some() && self.bond.is_some(), "bond", "it is a VLAN already"),
            (
                self.vlan.as_ref().is_some_and(|vlan| !(1..=4094).contains(&vlan.id)),
                "vlan",
                "`id` is 1 to 4094",
            ),
            (self.bond.as_ref().is_some_and(|bond| bond.members.is_empty()), "bond", "it has no `members`"),
            (self.mtu.is_some_and(|mtu| !(576..=65_535).contains(&mtu)), "mtu", "it is 576 to 65535"),
            (
                self.gateway.is_some_and(|via| !self.reaches(via)),
                "gateway",
                "none of the `addresses` is in the network of the router",
            ),
            (
                self.routes.iter().any(|route| route.to.0.address.is_ipv4() != route.via.is_ipv4()),
                "routes",
                "`to` and `via` are of two kinds",
            ),
        ];
        let fault = faults.into_iter().find(|(wrong, ..)| *wrong);
        fault.map(|(_, field, why)| (field, why.to_owned()))
    }

    /// Whether one of its addresses is in the network of this router.
    #[must_use]
    pub fn reaches(&self, router: IpAddr) -> bool {
        let same = |cidr: &Cidr| {
            cidr.address.is_ipv4() == router.is_ipv4()
                && cidr.network() == Cidr { address: router, length: cidr.length }.network()
        };
        self.addresses.iter().any(same)
    }
}
