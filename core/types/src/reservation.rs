//! Reservations: what some nodes are kept for at some time. It must not know what runs on them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::device::DeviceClass;
use crate::id::{NodeName, QueueName};
use crate::quantity::Watts;
use crate::time::{Span, Time};
use crate::topology::{Place, TopologyLevel};
use crate::window::{Window, WindowError};

/// The most nodes that a reservation names, and asks for.
pub const MAX_RESERVED_NODES: u32 = 4_096;
/// The most queues that a reservation names.
const MAX_QUEUES: usize = 64;

/// A reservation as its owner wants it, checked whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawReservationSpec", into = "RawReservationSpec")]
pub struct ReservationSpec {
    /// Which nodes.
    pub scope: Scope,
    /// When they are kept.
    pub window: Window,
    /// Only jobs of these queues, and of those below them, run on them then; of none where nobody may, for maintenance.
    pub queues: BTreeSet<QueueName>,
    /// Jobs of others that may be stopped start on them before, and are stopped when it begins.
    pub flex: bool,
    /// Nobody is kept away, but what runs on all of the nodes together draws no more.
    pub max_power: Option<Watts>,
}

/// Which nodes are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// These.
    Nodes(BTreeSet<NodeName>),
    /// All that stand in these domains; all there are where none is named.
    Domain(Place),
    /// So many that take work. For one that does not any more another one is kept.
    Any {
        /// How many.
        count: u32,
        /// With a healthy accelerator of this class.
        class: Option<DeviceClass>,
        /// That stand in these domains.
        domain: Place,
    },
}

/// A reservation as written, before it is checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of ReservationSpec, Scope and Window")]
pub struct RawReservationSpec {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub nodes: BTreeSet<NodeName>,
    #[serde(default, skip_serializing_if = "Place::is_empty")]
    pub domain: Place,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_class: Option<DeviceClass>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub queues: BTreeSet<QueueName>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flex: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_power: Option<Watts>,
}

/// Why nothing can be reserved so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text says what it means")]
pub enum ReservationError {
    #[error("nothing says which nodes: name `nodes`, a `domain` such as `rack: r7`, or a `count`")]
    NoNodes,
    #[error("nodes: they are named one by one: leave `domain` and `count` out, or `nodes`")]
    TwoScopes,
    #[error("count: {0} is not between 1 and {MAX_RESERVED_NODES}")]
    Count(u32),
    #[error("nodes: {0} are named, at most {MAX_RESERVED_NODES} are allowed: name a `domain`")]
    TooManyNodes(usize),
    #[error("deviceClass: it says which nodes are counted: name a `count`")]
    ClassAlone,
    #[error("domain.node: nodes are named as `nodes`")]
    NodeDomain,
    #[error("queues: {0} are named, at most {MAX_QUEUES} are allowed: name a queue above them")]
    TooManyQueues(usize),
    #[error("maxPower: it keeps nobody away: leave `queues` and `flex` out")]
    PowerForQueues,
    #[error("maxPower: it is of nodes that are known: name `nodes` or a `domain`, and no `count`")]
    PowerOfAny,
    #[error(transparent)]
    Window(#[from] WindowError),
}

impl TryFrom<RawReservationSpec> for ReservationSpec {
    type Error = ReservationError;

    fn try_from(raw: RawReservationSpec) -> Result<Self, ReservationError> {
        let starts_at = raw.starts_at.unwrap_or_default();
        let window = Window { starts_at, duration: raw.duration, every: raw.every, until: raw.until };
        window.check()?;
        if raw.queues.len() > MAX_QUEUES {
            return Err(ReservationError::TooManyQueues(raw.queues.len()));
        }
        let (queues, flex, max_power) = (raw.queues.clone(), raw.flex, raw.max_power);
        if max_power.is_some() && (flex || !queues.is_empty()) {
            return Err(ReservationError::PowerForQueues);
        }
        if max_power.is_some() && raw.count.is_some() {
            return Err(ReservationError::PowerOfAny);
        }
        Ok(Self { scope: Scope::try_from(raw)?, window, queues, flex, max_power })
    }
}

impl TryFrom<RawReservationSpec> for Scope {
    type Error = ReservationError;

    fn try_from(raw: RawReservationSpec) -> Result<Self, ReservationError> {
        if raw.domain.contains_key(&TopologyLevel::Node) {
            return Err(ReservationError::NodeDomain);
        }
        if raw.device_class.is_some() && raw.count.is_none() {
            return Err(ReservationError::ClassAlone);
        }
        match (raw.nodes.len(), raw.count) {
            (0, Some(count)) if !(1..=MAX_RESERVED_NODES).contains(&count) => {
                Err(ReservationError::Count(count))
            }
            (0, Some(count)) => Ok(Self::Any { count, class: raw.device_class, domain: raw.domain }),
            (0, None) if raw.domain.is_empty() && raw.max_power.is_none() => Err(ReservationError::NoNodes),
            (0, None) => Ok(Self::Domain(raw.domain)),
            _ if raw.count.is_some() || !raw.domain.is_empty() => Err(ReservationError::TwoScopes),
            (many, _) if u32::try_from(many).is_ok_and(|many| many <= MAX_RESERVED_NODES) => {
                Ok(Self::Nodes(raw.nodes))
            }
            (many, _) => Err(ReservationError::TooManyNodes(many)),
        }
    }
}

impl From<ReservationSpec> for RawReservationSpec {
    fn from(spec: ReservationSpec) -> Self {
        let Window { starts_at, duration, every, until } = spec.window;
        let starts_at = (starts_at > Time(0)).then_some(starts_at);
        let raw = Self {
            starts_at,
            duration,
            every,
            until,
            queues: spec.queues,
            flex: spec.flex,
            max_power: spec.max_power,
            ..Self::default()
        };
        match spec.scope {
            Scope::Nodes(nodes) => Self { nodes, ..raw },
            Scope::Domain(domain) => Self { domain, ..raw },
            Scope::Any { count, class, domain } => {
                Self { count: Some(count), device_class: class, domain, ..raw }
            }
        }
    }
}

/// A node that may be kept for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keepable<'a> {
    /// Its name.
    pub name: &'a NodeName,
    /// The domains it stands in.
    pub place: &'a Place,
    /// Whether it takes work.
    pub is_open: bool,
    /// The classes of its healthy accelerators.
    pub classes: BTreeSet<DeviceClass>,
}

/// The nodes that each of some reservations is about, by their positions: those that are named first, and then any that nobody else keeps,
/// in the order of both. The nodes are in the order of their names.
#[must_use]
pub fn kept(specs: &[&ReservationSpec], nodes: &[Keepable<'_>]) -> Vec<BTreeSet<usize>> {
    let mut taken = BTreeSet::new();
    let mut found = vec![BTreeSet::new(); specs.len()];
    for named in [true, false] {
        for (spec, found) in specs.iter().zip(&mut found) {
            let scope = &spec.scope;
            if named == matches!(scope, Scope::Any { .. }) {
                continue;
            }
            let fits = nodes.iter().enumerate().filter(|(_, node)| scope.fits(node));
            match scope {
                Scope::Any { count, .. } => {
                    let free = fits.map(|(at, _)| at).filter(|at| !taken.contains(at));
                    found.extend(free.take(usize::try_from(*count).unwrap_or(usize::MAX)));
                }
                Scope::Nodes(_) | Scope::Domain(_) => found.extend(fits.map(|(at, _)| at)),
            }
            if spec.max_power.is_none() {
                taken.extend(found.iter().copied());
            }
        }
    }
    found
}

impl Scope {
    /// Whether a node could be one of them.
    fn fits(&self, node: &Keepable<'_>) -> bool {
        let stands_in =
            |domain: &Place| domain.iter().all(|(level, name)| node.place.get(level) == Some(name));
        match self {
            Self::Nodes(names) => names.contains(node.name),
            Self::Domain(domain) => stands_in(domain),
            Self::Any { class, domain, .. } => {
                let serves = class.is_none_or(|class| node.classes.contains(&class));
                node.is_open && serves && stands_in(domain)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(spec: Value) -> Result<ReservationSpec, String> {
        serde_json::from_value(spec).map_err(|error| error.to_string())
    }

    #[test]
    fn a_reservation_is_read_and_written() {
        for spec in [
            json!({"nodes": ["n1", "n2"]}),
            json!({"domain": {"rack": "r7"}, "startsAt": "2026-12-01T02:00:00.000Z", "duration": "4h",
                "every": "1w", "until": "2027-06-01T00:00:00.000Z", "flex": true}),
            json!({"maxPower": "12kW"}),
            json!({"count": 4, "deviceClass": "nvidia", "domain": {"site": "berlin"}, "queues": ["course"]}),
        ] {
            let read = read(spec.clone()).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), spec);
        }
    }

    #[test]
    fn what_cannot_be_reserved_is_refused_with_what_to_do() {
        for (spec, because) in [
            (json!({}), "nothing says which nodes"),
            (json!({"nodes": ["n1"], "count": 1}), "leave `domain` and `count` out"),
            (json!({"nodes": ["n1"], "domain": {"rack": "r1"}}), "leave `domain` and `count` out"),
            (json!({"count": 0}), "0 is not between 1 and 4096"),
            (json!({"nodes": ["n1"], "deviceClass": "amd"}), "name a `count`"),
            (json!({"domain": {"node": "n1"}}), "named as `nodes`"),
            (json!({"domain": {"shelf": "s1"}}), "`shelf` is not a level"),
            (json!({"nodes": ["n1"], "duration": "1h"}), "name `startsAt`"),
            (json!({"nodes": ["n1"], "for": "me"}), "unknown field `for`"),
            (json!({"maxPower": "9kW", "flex": true}), "leave `queues` and `flex` out"),
            (json!({"maxPower": "9kW", "count": 2}), "name `nodes` or a `domain`"),
            (json!({"maxPower": "much"}), "`much` is not a power"),
        ] {
            let error = read(spec.clone()).unwrap_err();
            assert!(error.contains(because), "{spec}: {error}");
        }
    }

    #[test]
    fn any_node_is_one_that_nobody_else_keeps() {
        let names: Vec<NodeName> = ["n1", "n2", "n3", "n4"].map(|name| name.parse().unwrap()).into();
        let rack: Place = [(TopologyLevel::Rack, "r1".parse().unwrap())].into();
        let mut nodes: Vec<Keepable<'_>> = names
            .iter()
            .map(|name| Keepable { name, place: &rack, is_open: true, classes: [DeviceClass::Amd].into() })
            .collect();
        let of = |scope| ReservationSpec {
            scope,
            window: Window::default(),
            queues: BTreeSet::new(),
            flex: false,
            max_power: None,
        };
        let any = |count, class| of(Scope::Any { count, class, domain: rack.clone() });
        let (one, two) = (any(1, None), any(2, Some(DeviceClass::Amd)));
        let named = of(Scope::Nodes([names[1].clone()].into()));
        let all = of(Scope::Domain(rack.clone()));
        let found = |nodes: &[Keepable<'_>]| kept(&[&one, &two, &named], nodes);
        assert_eq!(found(&nodes), [[0].into(), [2, 3].into(), [1].into()]);
        let capped = ReservationSpec { max_power: Some(Watts(1)), ..all.clone() };
        assert_eq!(
            kept(&[&capped, &one], &nodes),
            [[0, 1, 2, 3].into(), [0].into()],
            "a cap keeps nobody away"
        );
        nodes[0].is_open = false;
        assert_eq!(found(&nodes), [[2].into(), [3].into(), [1].into()], "one that fails is replaced");
        nodes[3].classes.clear();
        assert_eq!(found(&nodes), [[2].into(), [].into(), [1].into()]);
        assert_eq!(kept(&[&all], &nodes), [[0, 1, 2, 3].into()]);
    }
}
