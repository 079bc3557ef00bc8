//! The sentence for a gang that found no room. It must not know where the numbers come from.

use holdfast_types::{Bytes, JobSpec, Millicores, TaskGroup};

use crate::lack::{Filter, Lack, count, kind, list};
use crate::need::Need;
use crate::survey::Survey;

/// The group a sentence is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) spec: &'a JobSpec,
    pub(crate) group: &'a TaskGroup,
}

/// Rules beyond these would make the sentence a list; the waterfall has them all.
const MAX_NAMED: usize = 3;

impl Subject<'_> {
    /// Why the group found no room.
    pub(crate) fn sentence(&self, survey: &Survey<'_>) -> String {
        if survey.nodes == 0 {
            return String::from("there are no nodes");
        }
        let Some(filter) = survey.emptied_by() else { return self.short(survey) };
        let reaching = survey.reaching(filter);
        let nodes = count(reaching, "node");
        match filter {
            Filter::Jurisdictions => {
                format!("it may run only in {}; none of the {nodes} is there", list(&self.spec.jurisdictions))
            }
            Filter::Law => {
                format!("the law allows none of the {nodes} it could use: {}", self.named(survey, filter))
            }
            Filter::NodePhase => {
                format!("none of the {nodes} that the law allows takes work: {}", self.named(survey, filter))
            }
            Filter::DeviceClass | Filter::DeviceKind => self.no_device(survey, filter),
            Filter::Capacity => {
                format!(
                    "{} {} on one node; none of the {nodes} left has as much",
                    self.who(),
                    share(&survey.need)
                )
            }
            Filter::Held => format!(
                "{} that could take it {} held: {}",
                if reaching == 1 { "the one node".to_owned() } else { format!("all {nodes}") },
                if reaching == 1 { "is" } else { "are" },
                self.named(survey, filter)
            ),
            Filter::Free => self.no_free(survey) + &self.held(survey),
        }
    }

    /// Some nodes have room, but not for the whole gang.
    fn short(&self, survey: &Survey<'_>) -> String {
        let text = if survey.slots < self.group.count {
            format!(
                "{} tasks{} start together, each with {}; there is room for {} now",
                self.group.count,
                self.of_group(),
                every(&survey.need),
                survey.slots
            )
        } else {
            format!(
                "each of its {} has room, but not all of them together",
                count(u64::try_from(self.spec.groups.len()).unwrap_or(u64::MAX), "group")
            )
        };
        text + &self.held(survey)
    }

    fn no_device(&self, survey: &Survey<'_>, filter: Filter) -> String {
        let needs = format!("{} {} on one node", self.who(), devices(&survey.need));
        let nearest = survey.nearest.iter().filter(|(lack, _)| lack.filter() == filter).map(|(_, near)| near);
        // Of equally near nodes the first by name.
        match nearest.min_by_key(|(has, name)| (std::cmp::Reverse(*has), *name)) {
            Some((has, name)) if *has > 0 => format!("{needs}; the most on one it may use is {has} ({name})"),
            Some(_) | None => format!("{needs}; no node it may use has any"),
        }
    }

    fn no_free(&self, survey: &Survey<'_>) -> String {
        let nodes = count(survey.reaching(Filter::Free), "node");
        match survey.largest_free {
            Some((free, name)) if free < survey.need.device_count() => format!(
                "{} {} on one node; the largest free block is {free} ({name})",
                self.who(),
                devices(&survey.need)
            ),
            Some(_) | None => format!(
                "{} {} free on one node; none of the {nodes} that could take it has as much free now",
                self.who(),
                every(&survey.need)
            ),
        }
    }

    /// What else would have been room.
    fn held(&self, survey: &Survey<'_>) -> String {
        let held: u32 = survey
            .lacks
            .iter()
            .filter(|(lack, _)| lack.filter() == Filter::Held)
            .map(|(_, count)| *count)
            .sum();
        if held == 0 {
            return String::new();
        }
        format!(
            "; {} more {} held: {}",
            held,
            if held == 1 { "is" } else { "are" },
            self.named(survey, Filter::Held)
        )
    }

    /// The reasons of one filter with their counts, the most frequent first.
    fn named(&self, survey: &Survey<'_>, filter: Filter) -> String {
        let mut reasons: Vec<(Lack<'_>, u32)> =
            survey.lacks.iter().map(|(lack, count)| (*lack, *count)).collect();
        reasons.retain(|(lack, _)| lack.filter() == filter);
        reasons.sort_by_key(|(lack, count)| (std::cmp::Reverse(*count), *lack));
        let more = reasons.len().saturating_sub(MAX_NAMED);
        reasons.truncate(MAX_NAMED);
        let text = |(lack, count): &(Lack<'_>, u32)| {
            format!("{count} {}", lack.reason(&survey.need, &self.spec.jurisdictions))
        };
        let mut named = reasons.iter().map(text).collect::<Vec<_>>().join(", ");
        if more > 0 {
            named.push_str(&format!(" and {more} more reasons"));
        }
        named
    }

    fn who(&self) -> String {
        if self.group.count == 1 && self.spec.groups.len() == 1 {
            String::from("it needs")
        } else if self.group.count == 1 {
            format!("its task{} needs", self.of_group())
        } else {
            format!("each of its {} tasks{} needs", self.group.count, self.of_group())
        }
    }

    fn of_group(&self) -> String {
        if self.spec.groups.len() == 1 { String::new() } else { format!(" of group `{}`", self.group.name) }
    }
}

fn devices(need: &Need) -> String {
    need.devices.as_ref().map_or_else(
        || String::from("no devices"),
        |devices| count(devices.count, &format!("{} device", devices.class)) + &kind(devices),
    )
}

fn share(need: &Need) -> String {
    let cores = if need.cores == 1_000 { "core" } else { "cores" };
    format!("{} {cores} and {} of memory", Millicores(need.cores), Bytes(need.memory))
}

fn every(need: &Need) -> String {
    if need.devices.is_some() { format!("{}, {}", devices(need), share(need)) } else { share(need) }
}
