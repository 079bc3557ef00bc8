//! States for tests, made by commands as a cluster makes them.

use holdfast_api::store::{self, Command, command};
use holdfast_api::v1;
use holdfast_state::State;
use holdfast_types::Time;
use prost::Message as _;

pub(crate) fn node(number: u64) -> String {
    format!("n{number}")
}

pub(crate) fn inventory() -> v1::NodeInventory {
    v1::NodeInventory { cpu_millis: 64_000, memory_bytes: 1 << 40, ..v1::NodeInventory::default() }
}

pub(crate) fn said(state: &mut State, now: u64, body: command::Body) {
    let command = Command { actor: "operator/test".to_owned(), body: Some(body), ..Command::default() };
    state.apply(Time(now), &command.encode_to_vec());
}

/// A cluster in which so many nodes of berlin have joined.
pub(crate) fn founded(nodes: u64) -> State {
    let mut state = State::default();
    let bundle = v1::PolicyBundle { hash: "law".to_owned(), ..v1::PolicyBundle::default() };
    let init = store::InitCluster {
        cluster_id: "c".to_owned(),
        name: "c".to_owned(),
        bundle: Some(bundle),
        feature_level: holdfast_state::NEWEST_LEVEL,
    };
    said(&mut state, 1, command::Body::InitCluster(init));
    for number in 0..nodes {
        let name = node(number);
        let token = store::CreateToken {
            id: name.clone(),
            hash: "hash".to_owned(),
            jurisdiction: "DE".to_owned(),
            site: "berlin".to_owned(),
            expires_at_ms: u64::MAX,
            approve: true,
        };
        said(&mut state, 2, command::Body::CreateToken(token));
        let enrol = store::EnrolNode {
            token_id: name.clone(),
            token_hash: "hash".to_owned(),
            node: name.clone(),
            certificate_serial: format!("serial-{name}"),
            certificate_expires_ms: u64::MAX,
        };
        said(&mut state, 3, command::Body::EnrolNode(enrol));
    }
    state
}
