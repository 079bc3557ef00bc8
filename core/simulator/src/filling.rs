//! How much of a cluster can be had: requests come one by one, each is placed at once or never, and nothing ends. What is not given
//! away at the end was of no use to what came. It must not know how a place is chosen.

use serde::Serialize;

use crate::arrivals::arrivals;
use crate::node_list::NodeList;
use crate::placing::{Placing, Rule};
use crate::pod_list::PodList;

/// The most that arrives, in percent of the accelerators.
pub const MAX_LOAD: u64 = 1_000;

/// What came of a filling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Filled {
    /// How places were chosen.
    pub rule: Rule,
    /// What decided which requests came, and in which order.
    pub seed: u64,
    /// How many came.
    pub arrived: u64,
    /// How many of them found no place.
    pub refused: u64,
    /// The share of the accelerators that was given away in the end, in hundredths of a percent.
    pub allocated: u64,
    /// The same when requests for 0, 1, 2 and so on percent of the accelerators had come.
    pub curve: Vec<u64>,
}

/// Why a cluster cannot be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FillingError {
    /// No node has an accelerator.
    #[error("no node of the list has an accelerator")]
    NoDevices,
    /// The list never fills a cluster.
    #[error("the list asks for no accelerators, or for so few that too many pods would have to come")]
    NeverFull,
    /// Nothing would come, or too much.
    #[error("the load has to be from 1 to {MAX_LOAD} percent")]
    Load,
}

/// Fills the nodes by a rule, until pods asked for `load` percent of the accelerators. The same seed brings the same pods in the
/// same order, whatever the rule.
///
/// # Errors
///
/// There is nothing to fill, or nothing to fill it with.
pub fn fill(
    nodes: &NodeList,
    pods: &PodList,
    rule: Rule,
    seed: u64,
    load: u64,
) -> Result<Filled, FillingError> {
    if !(1..=MAX_LOAD).contains(&load) {
        return Err(FillingError::Load);
    }
    let all = nodes.thousandths();
    if all == 0 {
        return Err(FillingError::NoDevices);
    }
    let most = all.saturating_mul(load) / 100;
    let coming = arrivals(&pods.requests(nodes), most, seed).ok_or(FillingError::NeverFull)?;
    let mut placing = Placing::new(nodes.nodes(), rule, seed);
    let (mut asked, mut given, mut refused, mut curve) = (0_u64, 0_u64, 0, Vec::new());
    for request in &coming {
        asked += request.thousandths();
        if placing.place(request) {
            given += request.thousandths();
        } else {
            refused += 1;
        }
        let percent = usize::try_from(asked.saturating_mul(100) / all).unwrap_or(usize::MAX);
        curve.resize(curve.len().max(percent.saturating_add(1)), given.saturating_mul(10_000) / all);
    }
    Ok(Filled {
        rule,
        seed,
        arrived: u64::try_from(coming.len()).unwrap_or(u64::MAX),
        refused,
        allocated: given.saturating_mul(10_000) / all,
        curve,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nodes(rows: &str) -> NodeList {
        NodeList::parse(format!("cpu_milli,memory_mib,gpu,model\n{rows}").as_bytes()).unwrap()
    }

    fn pods(rows: &str) -> PodList {
        PodList::parse(format!("cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n{rows}").as_bytes()).unwrap()
    }

    #[test]
    fn a_cluster_fills_up_to_what_fits() {
        let nodes = nodes("8000,64,2,G2\n8000,64,2,T4\n");
        for (list, wanted) in [
            ("1000,1,1,500,\n", 10_000),
            ("1000,1,1,600,\n", 6_000),
            ("8000,1,1,1000,\n", 5_000),
            ("1000,64,1,1000,\n", 5_000),
            ("1000,1,2,1000,T4\n", 5_000),
            ("1000,1,2,1000,T4|G2\n", 10_000),
            ("1000,1,3,1000,\n", 0),
            ("1000,1,1,1000,H800\n", 0),
        ] {
            for rule in Rule::ALL {
                let filled = fill(&nodes, &pods(list), rule, 1, 150).unwrap();
                assert_eq!(filled.allocated, wanted, "{list} {rule:?}");
                assert_eq!(filled.curve.last(), Some(&wanted), "{list} {rule:?}");
            }
        }
    }

    #[test]
    fn the_default_leaves_room_for_what_usually_comes() {
        let nodes = nodes(&"64000,640,4,G2\n".repeat(16));
        let list = pods(&("4000,1,1,810,\n".repeat(3) + &"4000,1,1,190,\n".repeat(3) + "32000,1,4,1000,\n"));
        let filled = |rule| fill(&nodes, &list, rule, 3, 130).unwrap();
        let [default, random, best_fit] = Rule::ALL.map(filled);
        assert!(random.allocated < best_fit.allocated, "{random:?} {best_fit:?}");
        assert!(default.allocated >= best_fit.allocated, "{default:?} {best_fit:?}");
        assert_eq!(filled(Rule::Default), default);
    }

    #[test]
    fn what_cannot_be_filled_is_said() {
        let some = pods("1,1,1,1,\n");
        let of =
            |nodes: &NodeList, pods: &PodList, load| fill(nodes, pods, Rule::Default, 1, load).unwrap_err();
        assert_eq!(of(&nodes("1,1,0,G2\n"), &some, 130), FillingError::NoDevices);
        assert_eq!(of(&nodes("1,1,1,G2\n"), &pods("1,1,0,0,\n"), 130), FillingError::NeverFull);
        assert_eq!(of(&nodes("1,1,1,G2\n"), &some, 0), FillingError::Load);
        assert_eq!(of(&nodes("1,1,1,G2\n"), &some, 1_001), FillingError::Load);
    }

    proptest! {
        #[test]
        fn no_rule_gives_away_more_than_there_is_or_loses_count(
            machines in prop::collection::vec((0_u32..64, 0_u32..64, 1_u32..=8, 0_u32..3), 1..8),
            asked in prop::collection::vec((0_u32..32, 0_u32..32, 0_u32..=4, 1_u32..=1_000), 0..20),
            seed in any::<u64>(),
        ) {
            let machine = |(cores, memory, devices, model): &(u32, u32, u32, u32)| format!("{cores},{memory},{devices},m{model}\n");
            let pod = |(cores, memory, devices, share): &(u32, u32, u32, u32)| {
                format!("{cores},{memory},{devices},{},\n", if *devices == 1 { *share } else { 1_000 })
            };
            let nodes = nodes(&machines.iter().map(machine).collect::<String>());
            let pods = pods(&(asked.iter().map(pod).collect::<String>() + "1,1,1,700,m1\n"));
            for rule in Rule::ALL {
                let filled = fill(&nodes, &pods, rule, seed, 200).unwrap();
                prop_assert!(filled.allocated <= 10_000 && filled.refused <= filled.arrived);
                prop_assert!(filled.curve.is_sorted());
                prop_assert_eq!(filled, fill(&nodes, &pods, rule, seed, 200).unwrap());
            }
        }
    }
}
