//! For how many tasks of a group each domain has room, and which domains it takes. Slices are counted whole: what is left over in a domain
//! is no room. It must not know what a task needs.

use std::cmp::Reverse;

use holdfast_types::{TopologyLevel, TopologyRequest};

use crate::domains::{Item, Tree};
use crate::log::Moment;

/// For how many there is room in each item of the tree.
#[derive(Debug)]
pub(crate) struct Counts {
    rooms: Vec<Count>,
    /// How much of the log is counted.
    pub(crate) seen: Moment,
}

/// What there is room for in one item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    /// Tasks, with those that make no whole slice.
    tasks: u64,
    /// The slices of the items inside together, or tasks where those are not sliced.
    inside: u64,
    /// How many slices of its own level those make; the same where it has none.
    whole: u64,
}

/// What decides between two items of one level: where less is left over, then which comes first.
type Tightness = (u64, u64, usize);

impl Counts {
    /// Counts every node.
    pub(crate) fn new(
        tree: &Tree,
        asks: &TopologyRequest,
        seen: Moment,
        slots: impl Fn(usize) -> u64,
    ) -> Self {
        let mut counts = Self { rooms: vec![Count::default(); tree.items().len()], seen };
        for (number, item) in tree.items().iter().enumerate().rev() {
            if let Some(node) = item.node {
                let tasks = if is_within(tree, asks, number) { slots(node) } else { 0 };
                counts.set(number, tasks, tasks);
            }
            counts.close(asks, number, item);
            let Count { tasks, whole, .. } = counts.get(number);
            if let Some(around) = item.around {
                let before = counts.get(around);
                counts.set(around, before.tasks + tasks, before.inside + whole);
            }
        }
        counts
    }

    /// A node has room for so many by now.
    pub(crate) fn change(&mut self, tree: &Tree, asks: &TopologyRequest, node: usize, slots: u64) {
        let Some(first) = tree.of(node).filter(|item| is_within(tree, asks, *item)) else { return };
        let mut before = self.get(first);
        if before.tasks == slots {
            return;
        }
        self.set(first, slots, slots);
        for (number, item) in tree.way_up(first) {
            self.close(asks, number, item);
            let after = self.get(number);
            let Some(around) = item.around else { return };
            let old = self.get(around);
            self.set(
                around,
                (old.tasks + after.tasks).saturating_sub(before.tasks),
                (old.inside + after.whole).saturating_sub(before.whole),
            );
            before = old;
        }
    }

    /// The nodes that so many tasks get, in the order of places, and how many each; `None` where no domain has room for all.
    pub(crate) fn choose(
        &self,
        tree: &Tree,
        asks: &TopologyRequest,
        tasks: u32,
    ) -> Option<Vec<(usize, u32)>> {
        let slice = asks.slices.first().map_or(1, |slice| slice.size);
        let wanted = u64::from(tasks.checked_div(slice)?);
        let domain = levels(asks).find_map(|level| self.tightest(tree.at(level), wanted))?;
        let mut chosen = Vec::new();
        self.fill(tree, asks, (domain, wanted), &mut chosen);
        Some(chosen)
    }

    /// The most tasks for which one domain of a level has room, and the first such domain.
    pub(crate) fn most(
        &self,
        tree: &Tree,
        asks: &TopologyRequest,
        level: Option<TopologyLevel>,
    ) -> Option<(u64, usize)> {
        let slice = asks.slices.first().map_or(1, |slice| u64::from(slice.size));
        let most = tree.at(level).iter().max_by_key(|item| (self.get(**item).whole, Reverse(**item)))?;
        Some((self.get(*most).whole * slice, *most))
    }

    fn get(&self, item: usize) -> Count {
        self.rooms.get(item).copied().unwrap_or_default()
    }

    fn set(&mut self, item: usize, tasks: u64, inside: u64) {
        if let Some(count) = self.rooms.get_mut(item) {
            (count.tasks, count.inside) = (tasks, inside);
        }
    }

    fn close(&mut self, asks: &TopologyRequest, number: usize, item: &Item) {
        if let Some(count) = self.rooms.get_mut(number) {
            count.whole = count.inside / ratio(asks, item.level);
        }
    }

    fn tightness(&self, item: usize) -> Tightness {
        let Count { tasks, whole, .. } = self.get(item);
        (whole, tasks, item)
    }

    /// The item with room for so many in which the least is left.
    fn tightest(&self, items: &[usize], wanted: u64) -> Option<usize> {
        let roomy = items.iter().map(|item| self.tightness(*item)).filter(|(whole, ..)| *whole >= wanted);
        roomy.min().map(|(.., item)| item)
    }

    fn fill(
        &self,
        tree: &Tree,
        asks: &TopologyRequest,
        (item, wanted): (usize, u64),
        chosen: &mut Vec<(usize, u32)>,
    ) {
        let Some(found) = tree.get(item) else { return };
        let wanted = wanted * ratio(asks, found.level);
        if let Some(node) = found.node {
            chosen.push((node, u32::try_from(wanted).unwrap_or(u32::MAX)));
            return;
        }
        let shared =
            if asks.balanced { self.even(&found.inside, wanted) } else { self.packed(&found.inside, wanted) };
        for part in shared {
            self.fill(tree, asks, part, chosen);
        }
    }

    /// As few items as possible, each filled but the last, which is the one in which the least is left.
    fn packed(&self, items: &[usize], mut wanted: u64) -> Vec<(usize, u64)> {
        if let Some(only) = self.tightest(items, wanted) {
            return vec![(only, wanted)];
        }
        let mut parts = Vec::new();
        let mut left: Vec<usize> = items.to_vec();
        left.sort_by_key(|item| {
            let (whole, tasks, item) = self.tightness(*item);
            (Reverse(whole), tasks, item)
        });
        for (taken, item) in left.iter().enumerate() {
            if let Some(last) = self.tightest(left.get(taken..).unwrap_or_default(), wanted) {
                parts.push((last, wanted));
                break;
            }
            let whole = self.get(*item).whole;
            parts.push((*item, whole));
            wanted -= whole;
        }
        parts.retain(|(_, part)| *part > 0);
        parts.sort_unstable();
        parts
    }

    /// As few items as possible, each with as many as the others where it has room for as many.
    fn even(&self, items: &[usize], mut wanted: u64) -> Vec<(usize, u64)> {
        let mut roomy: Vec<(Reverse<u64>, usize)> =
            items.iter().map(|item| (Reverse(self.get(*item).whole), *item)).collect();
        roomy.sort_unstable();
        let mut room = 0;
        let few = roomy.iter().take_while(|(Reverse(whole), _)| {
            let is_needed = room < wanted;
            room += whole;
            is_needed
        });
        roomy.truncate(few.count());
        roomy.sort_unstable_by_key(|(whole, item)| (*whole, Reverse(*item)));
        let mut parts = Vec::with_capacity(roomy.len());
        // Those with the least room first: what they cannot take the others share.
        while let Some((Reverse(whole), item)) = roomy.pop() {
            let others = u64::try_from(roomy.len()).unwrap_or(u64::MAX);
            let part = wanted.div_ceil(others.saturating_add(1)).min(whole);
            wanted -= part;
            parts.push((item, part));
        }
        parts.retain(|(_, part)| *part > 0);
        parts.sort_unstable();
        parts
    }
}

/// Where all tasks of a group may be together, the nearest first; `None` is the whole cluster.
fn levels(asks: &TopologyRequest) -> impl Iterator<Item = Option<TopologyLevel>> {
    let nearest = asks.preferred.or(asks.required);
    let required = asks.required;
    let mut levels: Vec<Option<TopologyLevel>> = TopologyLevel::ALL
        .into_iter()
        .rev()
        .filter(|level| nearest.is_some_and(|nearest| *level <= nearest))
        .filter(|level| required.is_none_or(|required| *level >= required))
        .map(Some)
        .collect();
    if required.is_none() {
        levels.push(None);
    }
    levels.into_iter()
}

/// How many of what its items inside are counted in make one of what an item of a level is counted in.
fn ratio(asks: &TopologyRequest, level: Option<TopologyLevel>) -> u64 {
    let sizes = asks.slices.iter().map(|slice| u64::from(slice.size));
    let inner = sizes.clone().skip(1).chain([1]);
    let mut layers = asks.slices.iter().zip(sizes.zip(inner));
    let layer = layers.find(|(slice, _)| Some(slice.level) == level);
    layer.and_then(|(_, (size, inner))| size.checked_div(inner)).unwrap_or(1).max(1)
}

/// Whether a node stands in a domain of every level that slices are cut in.
fn is_within(tree: &Tree, asks: &TopologyRequest, item: usize) -> bool {
    asks.slices.iter().all(|slice| tree.way_up(item).any(|(_, item)| item.level == Some(slice.level)))
}
