//! Turns what the nodes said into one sentence with numbers. It must not know how jobs are ordered or placed.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_types::Time;

use crate::board::Board;
use crate::catalog::{Catalog, Class};
use crate::explanation::Explanation;
use crate::lack::count;
use crate::queues::{QueueRefusal, Queues};
use crate::sentence::Subject;
use crate::survey::{Site, Survey};

/// Why a job was not placed, before anybody looks at nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// No queue of that name.
    NoQueue,
    /// Its queue starts nothing, or not as much.
    Queue(usize),
    /// It waits out a delay.
    NotBefore(Time),
    /// The plan is full.
    PlanFull,
    /// The nodes have no room for the whole gang.
    NoRoom,
}

/// Explains classes against the room that is left when the plan is made.
#[derive(Debug)]
pub(crate) struct Explainer<'a, 'b> {
    site: Site<'a, 'b>,
    catalog: &'b Catalog<'a>,
    queues: &'b Queues<'a>,
    placed: &'b BTreeSet<usize>,
    /// Every node open with nothing on it.
    empty: Board<'a>,
}

impl<'a, 'b> Explainer<'a, 'b> {
    /// `placed` are the classes a gang of which this plan starts.
    pub(crate) fn new(
        site: Site<'a, 'b>,
        empty: Board<'a>,
        catalog: &'b Catalog<'a>,
        queues: &'b Queues<'a>,
        placed: &'b BTreeSet<usize>,
    ) -> Self {
        Self { site, catalog, queues, placed, empty }
    }

    /// Why a job of a class was not placed.
    pub(crate) fn explain(&mut self, number: usize, cause: Cause, before: usize, limit: u32) -> Explanation {
        let site = Site { before, ..self.site };
        let told = self.catalog.class(number).and_then(|class| Some((class, self.short_group(site, class)?)));
        let Some((class, (group, survey))) = told else {
            let (summary, per_node) = (String::from("it has no tasks"), BTreeMap::new());
            return Explanation { summary, waterfall: Vec::new(), per_node, never_fits: false };
        };
        let summary = match cause {
            Cause::NoQueue => String::from("its queue does not exist"),
            Cause::Queue(queue) => self.queue_sentence(queue, class),
            Cause::NotBefore(time) => format!("it may not start before {time}"),
            Cause::PlanFull => format!(
                "one plan starts at most {}, and this one is full: the next one looks at it again",
                count(limit, "gang")
            ),
            Cause::NoRoom => group.sentence(&survey),
        };
        let waterfall = survey.waterfall(&class.spec.jurisdictions);
        let never_fits = !self.placed.contains(&number) && self.never_fits(class);
        Explanation { summary, waterfall, per_node: survey.per_node, never_fits }
    }

    /// The first group without room for all its tasks, or the first group.
    fn short_group(&self, site: Site<'a, 'b>, class: &Class<'a>) -> Option<(Subject<'a>, Survey<'a>)> {
        let mut first = None;
        for (group, member) in class.spec.groups.iter().zip(&class.members) {
            let (shape, _) = self.catalog.shape(member.shape)?;
            let survey = Survey::take(site, class, *member, shape);
            let short = survey.slots < member.count;
            let told = (Subject { spec: class.spec, group }, survey);
            if short {
                return Some(told);
            }
            first.get_or_insert(told);
        }
        first
    }

    fn never_fits(&mut self, class: &Class<'a>) -> bool {
        let seats = self.empty.place(self.catalog, class);
        self.empty.take_back(seats.as_deref().unwrap_or(&[]));
        for member in &class.members {
            self.empty.forget(member.shape);
        }
        seats.is_none()
    }

    fn queue_sentence(&self, queue: usize, class: &Class<'_>) -> String {
        let name = self.queues.name(queue).map_or("", |name| name.as_str());
        match self.queues.check(queue, class.devices) {
            Ok(()) => format!("queue `{name}` started nothing more"),
            Err(QueueRefusal::Stopped) => format!("queue `{name}` is stopped"),
            Err(QueueRefusal::Full { limit, .. }) if class.devices > u64::from(limit) => {
                format!(
                    "it needs {}; queue `{name}` never allows more than {limit}",
                    count(class.devices, "accelerator")
                )
            }
            Err(QueueRefusal::Full { held, limit }) => format!(
                "it needs {}; queue `{name}` allows {limit}, of which {held} are held",
                count(class.devices, "accelerator")
            ),
        }
    }
}
