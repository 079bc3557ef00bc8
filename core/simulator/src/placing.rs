//! Where a request goes, by rule. Nodes in the same state are counted, not told apart. It must not know what comes later.

use std::collections::BTreeMap;

use holdfast_scheduler::{Free, Mix, Packing, Request, StateId, WHOLE};
use serde::Serialize;

use crate::chance::Draws;

/// The draws of a seed that are of rules.
const STREAM: u64 = 1;
/// After how many requests the default rule first looks at what usually comes; then whenever as many again have come.
const FIRST_LOOK: u64 = 16;
/// What best fit measures by: the cores of the largest node, in thousandths, and how many such weigh as much as one thousandth of an
/// accelerator, as the largest node has eight. Both as published.
const LARGEST: u64 = 128_000;
const CORES_PER_SHARE: u64 = 16;

/// Where a request goes among the nodes that it fits on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Where it makes fragmentation grow least, as the requests that came until then tell.
    Default,
    /// Anywhere.
    Random,
    /// Where the least is left of accelerators and cores.
    BestFit,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Default, Self::Random, Self::BestFit];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Random => "random",
            Self::BestFit => "best-fit",
        }
    }
}

/// A cluster that fills up.
pub(crate) struct Placing {
    rule: Rule,
    draws: Draws,
    packing: Packing,
    /// How many nodes are in each state.
    nodes: BTreeMap<StateId, usize>,
    /// What came, and how often.
    came: BTreeMap<Request, u64>,
    count: u64,
    next_look: u64,
}

impl Placing {
    pub(crate) fn new(nodes: &[Free], rule: Rule, seed: u64) -> Self {
        let (mut packing, mut counts) = (Packing::default(), BTreeMap::new());
        for node in nodes {
            *counts.entry(packing.state(node.clone())).or_default() += 1;
        }
        let draws = Draws::new(seed, STREAM);
        Self { rule, draws, packing, nodes: counts, came: BTreeMap::new(), count: 0, next_look: FIRST_LOOK }
    }

    /// Places a request at once, or never: false where it fits nowhere.
    pub(crate) fn place(&mut self, request: &Request) -> bool {
        let chosen = match self.rule {
            Rule::Default => self.least_growth(request),
            Rule::Random => self.anywhere(request),
            Rule::BestFit => self.best_fit(request),
        };
        let Some((state, slot)) = chosen else { return false };
        let after = self.packing.after(state, request, slot);
        if let Some(count) = self.nodes.get_mut(&state) {
            *count -= 1;
            if *count == 0 {
                self.nodes.remove(&state);
            }
        }
        *self.nodes.entry(after).or_default() += 1;
        true
    }

    fn least_growth(&mut self, request: &Request) -> Option<(StateId, usize)> {
        *self.came.entry(*request).or_default() += 1;
        self.count += 1;
        if self.count == self.next_look {
            self.next_look = self.next_look.saturating_mul(2);
            self.packing.remix(Mix::of(&self.came));
        }
        let number = self.packing.request(request);
        let mut best = None;
        for state in self.nodes.keys() {
            if let Some(cost) = self.packing.cost(*state, request, number) {
                let this = (cost, *state);
                best = Some(best.map_or(this, |best: (_, _)| best.min(this)));
            }
        }
        best.map(|(cost, state)| (state, cost.slot))
    }

    fn anywhere(&mut self, request: &Request) -> Option<(StateId, usize)> {
        let fits = |state: &StateId| self.packing.free(*state).is_some_and(|free| free.fits(request));
        let nodes: Vec<(StateId, usize)> = self
            .nodes
            .iter()
            .filter(|(state, _)| fits(state))
            .map(|(state, count)| (*state, *count))
            .collect();
        let state = one_of(&nodes, &mut self.draws)?;
        let devices = self.packing.free(state)?.devices();
        let first = devices.partition_point(|free| *free < request.share);
        let part = request.devices == 1 && request.share < WHOLE;
        let choice = if part { devices.len().saturating_sub(first) } else { 1 };
        Some((state, first + self.draws.below(choice)))
    }

    fn best_fit(&mut self, request: &Request) -> Option<(StateId, usize)> {
        let (mut best, mut nodes) = (0, Vec::new());
        for (state, count) in &self.nodes {
            let Some(free) = self.packing.free(*state).filter(|free| free.fits(request)) else { continue };
            let score = fullness(free, request);
            if score > best {
                nodes.clear();
            }
            if score >= best {
                best = score;
                nodes.push((*state, *count));
            }
        }
        let state = one_of(&nodes, &mut self.draws)?;
        Some((state, *self.packing.free(state)?.slots(request).first()?))
    }
}

/// How full a node is once a request is on it: whole percent, cores and accelerators alike, as published.
fn fullness(free: &Free, request: &Request) -> u64 {
    let cores = free.cores().saturating_sub(request.cores);
    let left = free.thousandths().saturating_sub(request.thousandths()).saturating_mul(CORES_PER_SHARE);
    (100 * LARGEST).saturating_sub(cores.saturating_add(left).saturating_mul(50)) / LARGEST
}

/// One of so many nodes, each alike.
fn one_of(nodes: &[(StateId, usize)], draws: &mut Draws) -> Option<StateId> {
    let mut nth = draws.below(nodes.iter().map(|(_, count)| count).sum());
    for (state, count) in nodes {
        if nth < *count {
            return Some(*state);
        }
        nth -= count;
    }
    None
}
