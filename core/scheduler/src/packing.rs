//! Which of many nodes a request leaves least fragmented. Nodes in the same state are alike, and what a request would do to a state
//! is worked out once: a cluster has far fewer states than nodes. It must not know why a request is placed, nor in which order.

use std::collections::BTreeMap;

use crate::fragmentation::{Free, Mix, Request};

/// A state that nodes are in, by the order in which states were first seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateId(usize);

/// What placing a request on a node costs: the least is the best place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// By how much the fragmentation of the node grows.
    pub growth: i64,
    /// Where that is equal, the fuller node: thousandths of accelerators that were free,
    pub thousandths: u64,
    /// and then cores.
    pub cores: u64,
    /// Which accelerators to take; see [`Free::slots`].
    pub slot: usize,
}

/// States, requests, and what is known of each pair.
#[derive(Debug, Default)]
pub struct Packing {
    mix: Mix,
    states: Vec<State>,
    known: BTreeMap<Free, StateId>,
    requests: BTreeMap<Request, usize>,
}

#[derive(Debug)]
struct State {
    free: Free,
    fragmentation: u64,
    /// By the number of the request.
    costs: Vec<Known>,
}

#[derive(Debug, Clone, Copy, Default)]
enum Known {
    #[default]
    Not,
    Unfit,
    Cost(Cost),
}

impl Packing {
    /// Nothing known, for a mix.
    #[must_use]
    pub fn new(mix: Mix) -> Self {
        Self { mix, ..Self::default() }
    }

    /// Goes on with another mix. The states stay, by the same ids.
    pub fn remix(&mut self, mix: Mix) {
        self.mix = mix;
        for state in &mut self.states {
            state.fragmentation = self.mix.fragmentation(&state.free);
            state.costs.clear();
        }
    }

    /// The state of a node.
    pub fn state(&mut self, free: Free) -> StateId {
        if let Some(id) = self.known.get(&free) {
            return *id;
        }
        let id = StateId(self.states.len());
        let fragmentation = self.mix.fragmentation(&free);
        self.known.insert(free.clone(), id);
        self.states.push(State { free, fragmentation, costs: Vec::new() });
        id
    }

    /// What is free in a state.
    #[must_use]
    pub fn free(&self, state: StateId) -> Option<&Free> {
        self.states.get(state.0).map(|state| &state.free)
    }

    /// The number by which a request is asked for.
    pub fn request(&mut self, request: &Request) -> usize {
        let next = self.requests.len();
        *self.requests.entry(*request).or_insert(next)
    }

    /// What a request costs on a node in a state; `None` where it does not fit. `number` is the request's own.
    pub fn cost(&mut self, state: StateId, request: &Request, number: usize) -> Option<Cost> {
        let state = self.states.get_mut(state.0)?;
        if state.costs.len() <= number {
            state.costs.resize(number + 1, Known::Not);
        }
        let known = state.costs.get_mut(number)?;
        if matches!(known, Known::Not) {
            *known =
                best(&self.mix, &state.free, state.fragmentation, request).map_or(Known::Unfit, Known::Cost);
        }
        if let Known::Cost(cost) = known { Some(*cost) } else { None }
    }

    /// The state of a node once a request took accelerators from `slot` on.
    pub fn after(&mut self, state: StateId, request: &Request, slot: usize) -> StateId {
        match self.states.get(state.0).map(|state| state.free.after(request, slot)) {
            Some(left) => self.state(left),
            None => state,
        }
    }
}

/// The cheapest of the ways to place a request on a node.
fn best(mix: &Mix, free: &Free, fragmentation: u64, request: &Request) -> Option<Cost> {
    let cost = |slot: usize| {
        let after = mix.fragmentation(&free.after(request, slot));
        Cost {
            growth: signed(after).saturating_sub(signed(fragmentation)),
            thousandths: free.thousandths(),
            cores: free.cores(),
            slot,
        }
    };
    free.slots(request).into_iter().map(cost).min()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(share: u32) -> Request {
        Request { cores: 1, memory: 1, devices: 1, share, classes: 1 }
    }

    #[test]
    fn a_part_goes_where_it_breaks_nothing() {
        let whole = Request { share: 1_000, ..part(0) };
        let mut packing = Packing::new(Mix::of(&BTreeMap::from([(whole, 3), (part(190), 1)])));
        let empty = packing.state(Free::new(8, 8, 0, vec![1_000, 1_000]));
        let broken = packing.state(Free::new(8, 8, 0, vec![190, 1_000]));
        let number = packing.request(&part(160));
        let cheap = packing.cost(broken, &part(160), number).unwrap();
        assert!(cheap < packing.cost(empty, &part(160), number).unwrap());
        assert_eq!(cheap.slot, 0);
        let left = packing.after(broken, &part(160), cheap.slot);
        assert_eq!(packing.free(left), Some(&Free::new(7, 7, 0, vec![30, 1_000])));
        let number = packing.request(&part(1_001));
        assert_eq!(packing.cost(empty, &part(1_001), number), None);
    }

    #[test]
    fn without_a_mix_the_fullest_node_that_fits_is_taken() {
        let mut packing = Packing::default();
        let number = packing.request(&part(500));
        let mut cost = |devices: Vec<u32>| {
            let state = packing.state(Free::new(8, 8, 0, devices));
            packing.cost(state, &part(500), number).unwrap()
        };
        assert!(cost(vec![500, 100]) < cost(vec![500, 500]));
        assert_eq!(cost(vec![400, 1_000, 500]).slot, 1);
    }

    proptest! {
        #[test]
        fn what_is_remembered_is_what_is_worked_out_anew(
            nodes in prop::collection::vec((0_u64..32, prop::collection::vec(0_u32..=1_000, 1..5)), 1..5),
            shares in prop::collection::vec(1_u32..=1_000, 1..20),
        ) {
            let mut came = BTreeMap::new();
            let mut packing = Packing::default();
            for share in shares {
                let request = part(share);
                *came.entry(request).or_default() += 1;
                packing.remix(Mix::of(&came));
                let number = packing.request(&request);
                for (cores, devices) in &nodes {
                    let free = Free::new(*cores, 8, 0, devices.clone());
                    let state = packing.state(free.clone());
                    let mut anew = Packing::new(Mix::of(&came));
                    let (other, zero) = (anew.state(free), anew.request(&request));
                    prop_assert_eq!(packing.cost(state, &request, number), anew.cost(other, &request, zero));
                    prop_assert_eq!(packing.cost(state, &request, number), anew.cost(other, &request, zero));
                }
            }
        }
    }
}
