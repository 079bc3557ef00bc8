//! Reservations between the wire and the domain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use holdfast_types::{Place, RawReservationSpec, ReservationSpec, Span, Watts};

use crate::convert::{ConvertError, field, millis, optional, timestamp};
use crate::generated::holdfast::v1;

fn all<T>(name: &str, texts: &[String]) -> Result<BTreeSet<T>, ConvertError>
where
    T: FromStr + Ord,
    T::Err: Display,
{
    texts.iter().map(|text| field(name, text)).collect()
}

fn domain(wire: &BTreeMap<String, String>) -> Result<Place, ConvertError> {
    wire.iter()
        .map(|(level, name)| Ok((field("domain", level)?, field(&format!("domain.{level}"), name)?)))
        .collect()
}

impl TryFrom<&v1::ReservationSpec> for ReservationSpec {
    type Error = ConvertError;

    fn try_from(spec: &v1::ReservationSpec) -> Result<Self, ConvertError> {
        let span = |millis: u64| (millis > 0).then_some(Span(millis));
        let raw = RawReservationSpec {
            nodes: all("nodes", &spec.nodes)?,
            domain: domain(&spec.domain)?,
            count: (spec.count > 0).then_some(spec.count),
            device_class: optional("deviceClass", &spec.device_class)?,
            starts_at: spec.starts_at.as_ref().map(|at| millis(Some(at))),
            duration: span(spec.duration_ms),
            every: span(spec.every_ms),
            until: spec.until.as_ref().map(|at| millis(Some(at))),
            queues: all("queues", &spec.queues)?,
            flex: spec.flex,
            max_power: (spec.max_power_watts > 0).then_some(Watts(spec.max_power_watts)),
        };
        Ok(raw.try_into()?)
    }
}

impl From<&ReservationSpec> for v1::ReservationSpec {
    fn from(spec: &ReservationSpec) -> Self {
        let raw = RawReservationSpec::from(spec.clone());
        let span = |span: Option<Span>| span.map_or(0, |span| span.0);
        v1::ReservationSpec {
            nodes: raw.nodes.iter().map(ToString::to_string).collect(),
            domain: raw.domain.iter().map(|(level, name)| (level.to_string(), name.to_string())).collect(),
            count: raw.count.unwrap_or(0),
            device_class: raw.device_class.map(|class| class.to_string()).unwrap_or_default(),
            starts_at: raw.starts_at.map(timestamp),
            duration_ms: span(raw.duration),
            every_ms: span(raw.every),
            until: raw.until.map(timestamp),
            queues: raw.queues.iter().map(ToString::to_string).collect(),
            flex: raw.flex,
            max_power_watts: raw.max_power.map_or(0, |watts| watts.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_comes_back_from_the_wire() {
        for spec in [
            serde_json::json!({"nodes": ["n1"], "queues": ["course"], "flex": true}),
            serde_json::json!({"domain": {"rack": "r7"}, "startsAt": "2026-12-01T02:00:00Z", "duration": "4h",
                "every": "1w", "until": "2027-06-01T00:00:00Z"}),
            serde_json::json!({"maxPower": "12kW"}),
            serde_json::json!({"count": 4, "deviceClass": "nvidia"}),
        ] {
            let spec: ReservationSpec = serde_json::from_value(spec).unwrap();
            assert_eq!(ReservationSpec::try_from(&v1::ReservationSpec::from(&spec)), Ok(spec));
        }
        let wire = v1::ReservationSpec { nodes: vec!["N 1".to_owned()], ..v1::ReservationSpec::default() };
        let error = ReservationSpec::try_from(&wire).unwrap_err().to_string();
        assert!(error.starts_with("nodes: node name `N 1`"), "{error}");
    }
}
