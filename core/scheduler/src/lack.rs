//! What a node lacks for a task, filter by filter, and the words for it. It must not know how a node is looked at.

use std::collections::BTreeSet;

use holdfast_types::{
    Bytes, JobName, Jurisdiction, MilliDevices, Millicores, NodePhase, ReservationName, Watts,
};

use crate::need::{DeviceNeed, Need};
use crate::snapshot::Beside;

/// The filters in the order they are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Filter {
    Jurisdictions,
    Law,
    NodePhase,
    Reserved,
    Nearness,
    DeviceClass,
    DeviceKind,
    Capacity,
    Held,
    Free,
    Power,
}

impl Filter {
    pub(crate) const ALL: [Filter; 11] = [
        Self::Jurisdictions,
        Self::Law,
        Self::NodePhase,
        Self::Reserved,
        Self::Nearness,
        Self::DeviceClass,
        Self::DeviceKind,
        Self::Capacity,
        Self::Held,
        Self::Free,
        Self::Power,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Jurisdictions => "jurisdictions",
            Self::Law => "law",
            Self::NodePhase => "node phase",
            Self::Reserved => "reserved for others",
            Self::Nearness => "near its other tasks",
            Self::DeviceClass => "device class",
            Self::DeviceKind => "device memory and precision",
            Self::Capacity => "cores and memory",
            Self::Held => "held for longer-waiting jobs",
            Self::Free => "free now",
            Self::Power => "power",
        }
    }
}

/// The first thing a node lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lack<'a> {
    Jurisdiction,
    Law(&'a str),
    Phase(NodePhase),
    Reserved(&'a ReservationName),
    Apart(&'a Beside),
    Devices,
    HealthyDevices,
    DeviceMemory,
    Precision,
    Cores,
    Memory,
    Held(&'a JobName),
    FreeDevices,
    FreeCores,
    FreeMemory,
    Power(&'a ReservationName),
}

impl Lack<'_> {
    /// The filter that finds it.
    pub(crate) fn filter(self) -> Filter {
        match self {
            Self::Jurisdiction => Filter::Jurisdictions,
            Self::Law(_) => Filter::Law,
            Self::Phase(_) => Filter::NodePhase,
            Self::Reserved(_) => Filter::Reserved,
            Self::Apart(_) => Filter::Nearness,
            Self::Devices | Self::HealthyDevices => Filter::DeviceClass,
            Self::DeviceMemory | Self::Precision => Filter::DeviceKind,
            Self::Cores | Self::Memory => Filter::Capacity,
            Self::Held(_) => Filter::Held,
            Self::FreeDevices | Self::FreeCores | Self::FreeMemory => Filter::Free,
            Self::Power(_) => Filter::Power,
        }
    }

    /// The reason as the waterfall counts it: equal for every node that lacks the same.
    pub(crate) fn reason(self, need: &Need, asked: &BTreeSet<Jurisdiction>) -> String {
        let fewer = |adjective: &str| match &need.devices {
            Some(devices) if devices.share.is_some() => format!("no {adjective}{} devices", devices.class),
            Some(devices) => format!("fewer than {} {adjective}{} devices", devices.count, devices.class),
            None => String::from("no devices"),
        };
        match self {
            Self::Jurisdiction => format!("outside {}", list(asked)),
            Self::Law(rule) => format!("rule `{rule}`"),
            Self::Phase(phase) => phase.to_string(),
            Self::Reserved(reservation) => format!("reservation `{reservation}`"),
            Self::Apart(beside) => format!("not in the {} of {}", beside.level, beside.node),
            Self::Devices => fewer(""),
            Self::HealthyDevices => fewer("healthy "),
            Self::DeviceMemory | Self::Precision => {
                format!("{}{}", fewer(""), need.devices.as_ref().map_or_else(String::new, kind))
            }
            Self::Cores => format!("fewer than {} cores", Millicores(need.cores)),
            Self::Memory => format!("less than {} of memory", Bytes(need.memory)),
            Self::Held(job) => format!("held for `{}`", job.whole()),
            Self::FreeDevices => match need.share() {
                Some(share) => format!("no device with {share} free"),
                None => String::from("devices in use"),
            },
            Self::FreeCores => String::from("cores in use"),
            Self::FreeMemory => String::from("memory in use"),
            Self::Power(cap) => format!("too little left below `{cap}`"),
        }
    }

    /// The reason for one node, with what it has.
    pub(crate) fn detail(self, need: &Need, asked: &BTreeSet<Jurisdiction>, has: u64) -> String {
        let reason = self.reason(need, asked);
        match self {
            Self::Jurisdiction
            | Self::Law(_)
            | Self::Phase(_)
            | Self::Reserved(_)
            | Self::Apart(_)
            | Self::Held(_) => reason,
            Self::Devices | Self::HealthyDevices | Self::DeviceMemory | Self::Precision => {
                format!("{reason}: it has {has}")
            }
            Self::FreeDevices => match need.share() {
                Some(_) => format!("{reason}: the most free of one is {has}m"),
                None => format!("{reason}: {has} free, {} needed", need.device_count()),
            },
            Self::Cores => format!("{reason}: it has {}", Millicores(has)),
            Self::Memory => format!("{reason}: it has {}", Bytes(has)),
            Self::FreeCores => {
                format!("{reason}: {} free, {} needed", Millicores(has), Millicores(need.cores))
            }
            Self::FreeMemory => format!("{reason}: {} free, {} needed", Bytes(has), Bytes(need.memory)),
            Self::Power(_) => format!("{reason}: {}", Watts(has)),
        }
    }
}

/// What is asked of accelerators beyond their class: ` with at least 80 GiB each that compute in fp8`.
pub(crate) fn kind(devices: &DeviceNeed) -> String {
    let mut text = String::new();
    if devices.memory.0 > 0 {
        let whose = if devices.share.is_some() { "in it" } else { "each" };
        text.push_str(&format!(" with at least {} {whose}", devices.memory));
    }
    if let Some(precision) = devices.precision {
        text.push_str(&format!(" that compute in {precision}"));
    }
    text
}

/// Names with commas between them.
pub(crate) fn list(names: &BTreeSet<Jurisdiction>) -> String {
    names.iter().map(Jurisdiction::as_str).collect::<Vec<_>>().join(", ")
}

/// An amount of accelerators with its noun: `1 accelerator`, `0.25 accelerators`.
pub(crate) fn amount(number: MilliDevices, noun: &str) -> String {
    if number == MilliDevices::whole(1) { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A count with its noun: `1 node`, `2 nodes`.
pub(crate) fn count(number: impl Into<u64>, noun: &str) -> String {
    match number.into() {
        1 => format!("1 {noun}"),
        many => format!("{many} {noun}s"),
    }
}
