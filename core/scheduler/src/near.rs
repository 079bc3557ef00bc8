//! Why tasks that have to be near each other find no room. It must not know what else keeps a job waiting.

use holdfast_types::{TaskGroup, TopologyLevel};

use crate::board::slots;
use crate::catalog::{Catalog, Ground, Member, Shape};
use crate::counts::Counts;
use crate::lack::count;
use crate::log::Log;
use crate::room::Room;

/// For how many tasks of a group there is room as near each other as they have to be.
#[derive(Debug)]
pub(crate) struct Nearness {
    /// The widest that all of them may be in; `None` for the whole cluster.
    level: Option<TopologyLevel>,
    /// The most that one domain of that level has room for, and its name; `None` where no node is in one.
    most: Option<(u64, String)>,
    /// Whether all tasks find room.
    pub(crate) fits: bool,
}

impl Nearness {
    /// Looks at what is free; `None` where nothing is asked.
    pub(crate) fn of(
        catalog: &Catalog,
        rooms: &[Room],
        member: Member,
        (shape, ground): (&Shape, &Ground),
    ) -> Option<Self> {
        let pattern = catalog.pattern(member.pattern?)?;
        let (tree, asks) = (catalog.tree(), &pattern.asks);
        let is_allowed = |node: &usize| {
            ground.allows(*node) && catalog.nodes().get(*node).is_some_and(|node| node.is_open())
        };
        let room = |node: usize| {
            let room = Some(node).filter(is_allowed).and_then(|node| rooms.get(node));
            room.map_or(0, |room| slots(catalog, shape, room, node))
        };
        let counts = Counts::new(tree, asks, Log::default().now(), room);
        let most = counts.most(tree, asks, asks.required);
        Some(Self {
            level: asks.required,
            most: most.map(|(most, item)| (most, tree.name(item))),
            fits: counts.choose(tree, asks, member.count).is_some(),
        })
    }

    /// Why a group finds no room, each task of which needs this.
    pub(crate) fn sentence(&self, group: &TaskGroup, of_group: &str, every: &str) -> String {
        let slices = group.topology.iter().flat_map(|asks| &asks.slices);
        let slices: String =
            slices.map(|slice| format!(", in slices of {} in one {}", slice.size, slice.level)).collect();
        let tasks = count(group.count, "task");
        match (self.level, &self.most) {
            (Some(level), Some((most, name))) => format!(
                "its {tasks}{of_group} start together in one {level}{slices}, each with {every}; the most that one has \
                 room for now is {most} ({name})"
            ),
            (Some(level), None) => {
                format!("its {tasks}{of_group} start together in one {level}, and no node is in any")
            }
            (None, most) => format!(
                "its {tasks}{of_group} start together{slices}, each with {every}; there is room for {} now",
                most.as_ref().map_or(0, |(most, _)| *most)
            ),
        }
    }
}
