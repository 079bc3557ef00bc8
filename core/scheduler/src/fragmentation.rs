//! How much of what is free on a node is of no use: it is there, but the requests that usually come cannot have it. A placement
//! that makes this grow least leaves the most room for what comes next.
//!
//! The idea is that of Q. Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient
//! Descent" (USENIX ATC 2023). Theirs asks whether one request fits; this asks how many of it do, and counts processor cores and
//! memory as well. It must not know jobs, queues, nor which node it looks at.

use std::collections::BTreeMap;

/// A whole accelerator, in thousandths.
pub const WHOLE: u32 = 1_000;
/// The most requests of a mix; those that came least often are left out. The sums below stay far from overflow with it.
const MAX_REQUESTS: usize = 512;
/// Cores and memory go this much further than a node full of one request would make of them, as a ratio: others stand beside it
/// that need less.
const FURTHER: (u64, u64) = (3, 2);
/// A node serves requests without accelerators well where it has room for this many.
const ROOM: u64 = 2;

/// What a task asks of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// Processor cores, in any unit that [`Free`] counts in as well.
    pub cores: u64,
    /// Memory, likewise.
    pub memory: u64,
    /// How many accelerators; none for a task that needs none.
    pub devices: u32,
    /// How much of each, in thousandths.
    pub share: u32,
    /// Which classes of accelerators serve it, one bit each.
    pub classes: u64,
}

/// What is free on one node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Free {
    cores: u64,
    memory: u64,
    class: u32,
    /// Thousandths of each accelerator, the least first: nodes that differ only in which accelerator is which are alike.
    devices: Vec<u32>,
}

/// The requests that usually come, and how often each does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mix {
    /// By what they ask of accelerators, which is looked at once for all that ask the same.
    shapes: Vec<Shape>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    devices: u32,
    share: u32,
    classes: u64,
    asks: Vec<Ask>,
}

/// What requests of one shape ask beside accelerators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ask {
    cores: u64,
    memory: u64,
    weight: u64,
}

impl Request {
    /// Thousandths of accelerators, all together.
    #[must_use]
    pub fn thousandths(&self) -> u64 {
        u64::from(self.devices).saturating_mul(u64::from(self.share))
    }
}

impl Free {
    /// A node with this left. `class` is the bit of [`Request::classes`] that its accelerators are; `devices` are thousandths.
    #[must_use]
    pub fn new(cores: u64, memory: u64, class: u32, mut devices: Vec<u32>) -> Self {
        devices.sort_unstable();
        Self { cores, memory, class, devices }
    }

    /// Free cores.
    #[must_use]
    pub fn cores(&self) -> u64 {
        self.cores
    }

    /// Thousandths of each accelerator, the least first.
    #[must_use]
    pub fn devices(&self) -> &[u32] {
        &self.devices
    }

    /// Thousandths of accelerators that are free, all together.
    #[must_use]
    pub fn thousandths(&self) -> u64 {
        self.devices.iter().copied().map(u64::from).sum()
    }

    /// Where accelerators can be taken for a request: positions among the free ones, the least free first. A request for a part of
    /// one has a choice; one for several, or for all of one, takes the least free that serve it. Nothing where it does not fit.
    #[must_use]
    pub fn slots(&self, request: &Request) -> Vec<usize> {
        if !self.fits(request) {
            return Vec::new();
        }
        let first = self.devices.partition_point(|free| *free < request.share);
        if request.devices != 1 || request.share >= WHOLE {
            return vec![first];
        }
        // Of accelerators with the same left the first stands for all.
        let mut last = None;
        let differs =
            |(position, free): (usize, &u32)| (last.replace(*free) != Some(*free)).then_some(position);
        self.devices.iter().enumerate().skip(first).filter_map(differs).collect()
    }

    /// Whether a request fits. Parts of several accelerators never make a whole one.
    #[must_use]
    pub fn fits(&self, request: &Request) -> bool {
        let beside = self.cores >= request.cores && self.memory >= request.memory;
        beside
            && (request.devices == 0
                || self.serves(request.classes) && self.holds(request.devices, request.share))
    }

    /// What is left once a request took accelerators from `slot` on.
    #[must_use]
    pub fn after(&self, request: &Request, slot: usize) -> Self {
        let mut devices = self.devices.clone();
        let count = usize::try_from(request.devices).unwrap_or(usize::MAX);
        for free in devices.iter_mut().skip(slot).take(count) {
            *free = free.saturating_sub(request.share);
        }
        let cores = self.cores.saturating_sub(request.cores);
        Self::new(cores, self.memory.saturating_sub(request.memory), self.class, devices)
    }

    fn serves(&self, classes: u64) -> bool {
        1_u64.checked_shl(self.class).is_some_and(|class| classes & class != 0)
    }

    fn holds(&self, devices: u32, share: u32) -> bool {
        let first = self.devices.partition_point(|free| *free < share);
        self.devices.len() - first >= usize::try_from(devices).unwrap_or(usize::MAX)
    }
}

impl Mix {
    /// The mix of what came, with how often it did.
    #[must_use]
    pub fn of(came: &BTreeMap<Request, u64>) -> Self {
        let mut often: Vec<(u64, &Request)> = came.iter().map(|(request, times)| (*times, request)).collect();
        often.sort_unstable_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
        often.truncate(MAX_REQUESTS);
        let mut shapes: BTreeMap<(u32, u32, u64), Vec<Ask>> = BTreeMap::new();
        for (times, request) in often {
            let weight = times.min(u64::from(u32::MAX));
            let ask = Ask { cores: request.cores, memory: request.memory, weight };
            let shape = if request.devices == 0 || request.share == 0 {
                (0, 0, 0)
            } else {
                (request.devices, request.share, request.classes)
            };
            shapes.entry(shape).or_default().push(ask);
        }
        let shape = |((devices, share, classes), asks)| Shape { devices, share, classes, asks };
        Self { shapes: shapes.into_iter().map(shape).collect() }
    }

    /// How many thousandths of the free accelerators of a node are of no use, summed over the requests of the mix.
    #[must_use]
    pub fn fragmentation(&self, free: &Free) -> u64 {
        let all = free.thousandths();
        if all == 0 {
            return 0;
        }
        self.shapes.iter().map(|shape| shape.unused(free, all)).sum()
    }
}

impl Shape {
    /// What the requests of this shape leave unused of `all` that is free on a node.
    fn unused(&self, free: &Free, all: u64) -> u64 {
        if self.devices == 0 {
            let unused = |ask: &Ask| ask.weight * (all - ask.room(free, all));
            return self.asks.iter().map(unused).sum();
        }
        let fit = free.serves(self.classes) && free.holds(self.devices, self.share);
        let copies: u64 =
            if fit { free.devices.iter().map(|free| u64::from(free / self.share)).sum() } else { 0 };
        let most = copies * u64::from(self.share);
        let one = u64::from(self.devices) * u64::from(self.share);
        self.asks.iter().map(|ask| ask.weight * (all - ask.used(free, most, one))).sum()
    }
}

impl Ask {
    /// How much of `most` that accelerators alone allow is used, where one request takes `one`.
    fn used(&self, free: &Free, most: u64, one: u64) -> u64 {
        if !self.fits(free) {
            return 0;
        }
        let (further, than) = FURTHER;
        let by = |most: u64, free: u64, asked: u64| {
            scaled(most, free, one.saturating_mul(further), asked.saturating_mul(than))
        };
        by(by(most, free.cores, self.cores), free.memory, self.memory)
    }

    /// How much of `all` counts as of use to a request without accelerators.
    fn room(&self, free: &Free, all: u64) -> u64 {
        if !self.fits(free) {
            return 0;
        }
        let by = |most: u64, free: u64, asked: u64| scaled(most, free, all, asked.saturating_mul(ROOM));
        by(by(all, free.cores, self.cores), free.memory, self.memory)
    }

    fn fits(&self, free: &Free) -> bool {
        free.cores >= self.cores && free.memory >= self.memory
    }
}

/// The lesser of `most` and `free * times / asked`; `most` where nothing is asked.
fn scaled(most: u64, free: u64, times: u64, asked: u64) -> u64 {
    let (had, wanted) = (u128::from(free) * u128::from(times), u128::from(most) * u128::from(asked));
    // Most nodes have enough, and a division is dear.
    if had >= wanted {
        return most;
    }
    had.checked_div(u128::from(asked))
        .and_then(|used| u64::try_from(used).ok())
        .map_or(most, |used| used.min(most))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANY: u64 = u64::MAX;

    fn request(cores: u64, devices: u32, share: u32) -> Request {
        Request { cores, memory: 1, devices, share, classes: ANY }
    }

    fn mix(requests: &[(Request, u64)]) -> Mix {
        Mix::of(&requests.iter().copied().collect())
    }

    #[test]
    fn what_no_request_can_have_counts_and_the_rest_does_not() {
        for (asked, free, unused) in [
            (request(4, 1, 1_000), Free::new(64, 64, 0, vec![1_000, 1_000]), 0),
            (request(4, 1, 1_000), Free::new(64, 64, 0, vec![190, 1_000]), 190),
            (request(4, 1, 810), Free::new(64, 64, 0, vec![810, 1_000]), 190),
            (request(4, 1, 300), Free::new(64, 64, 0, vec![1_000]), 100),
            (request(4, 2, 1_000), Free::new(64, 64, 0, vec![500, 1_000]), 1_500),
            // Cores for one and a half of two, two thirds of which are taken for enough.
            (request(4, 1, 1_000), Free::new(6, 64, 0, vec![1_000; 4]), 4_000 - 2_250),
            (request(4, 1, 1_000), Free::new(3, 64, 0, vec![1_000; 4]), 4_000),
            (request(4, 1, 1_000), Free::new(64, 0, 0, vec![1_000; 4]), 4_000),
            (request(4, 1, 1_000), Free::new(64, 64, 64, vec![1_000; 4]), 4_000),
            (request(4, 0, 0), Free::new(4, 64, 0, vec![1_000; 4]), 2_000),
            (request(4, 0, 0), Free::new(8, 64, 0, vec![1_000; 4]), 0),
            (request(4, 0, 0), Free::new(3, 64, 0, vec![1_000; 4]), 4_000),
            (request(0, 0, 0), Free::new(0, 64, 0, vec![0; 4]), 0),
        ] {
            assert_eq!(mix(&[(asked, 1)]).fragmentation(&free), unused, "{asked:?} {free:?}");
            assert_eq!(mix(&[(asked, 7)]).fragmentation(&free), 7 * unused, "{asked:?} {free:?}");
        }
    }

    #[test]
    fn a_part_has_a_choice_of_accelerators_and_a_whole_has_none() {
        let free = Free::new(8, 8, 3, vec![1_000, 400, 0, 400, 1_000]);
        assert_eq!(free.slots(&request(1, 1, 300)), [1, 3]);
        assert_eq!(free.slots(&request(1, 1, 1_000)), [3]);
        assert_eq!(free.slots(&request(1, 2, 1_000)), [3]);
        assert_eq!(free.slots(&request(1, 0, 0)), [0]);
        assert!(free.slots(&request(1, 3, 1_000)).is_empty());
        assert!(free.slots(&Request { classes: 4, ..request(1, 1, 300) }).is_empty());
        let left = free.after(&request(3, 2, 1_000), 3);
        assert_eq!(left, Free::new(5, 7, 3, vec![0, 0, 0, 400, 400]));
        assert_eq!(free.after(&request(3, 0, 0), 0).thousandths(), 2_800);
    }

    proptest! {
        #[test]
        fn fragmentation_is_never_more_than_is_free(
            devices in prop::collection::vec(0_u32..=1_000, 0..10),
            (cores, memory) in (any::<u64>(), any::<u64>()),
            requests in prop::collection::vec((any::<u64>(), any::<u64>(), 0_u32..=9, 0_u32..=1_000, any::<u64>(), 1_u64..100), 0..20),
        ) {
            let free = Free::new(cores, memory, 5, devices);
            let mut came = BTreeMap::new();
            for (cores, memory, devices, share, classes, times) in requests {
                *came.entry(Request { cores, memory, devices, share, classes }).or_default() += times;
            }
            let times: u64 = came.values().sum();
            prop_assert!(Mix::of(&came).fragmentation(&free) <= times * free.thousandths());
            for request in came.keys() {
                prop_assert_eq!(free.slots(request).is_empty(), !free.fits(request));
                for slot in free.slots(request) {
                    let left = free.after(request, slot);
                    prop_assert_eq!(left.thousandths() + request.thousandths(), free.thousandths());
                }
            }
        }
    }
}
