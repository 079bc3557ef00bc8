//! The sentence for a gang that found no room. It must not know where the numbers come from.

use holdfast_types::{Bytes, JobSpec, Millicores, ReservationName, TaskGroup};

use crate::lack::{Filter, Lack, count, kind, list};
use crate::near::Nearness;
use crate::need::Need;
use crate::survey::Survey;

/// The group a sentence is about.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) spec: &'a JobSpec,
    pub(crate) group: &'a TaskGroup,
    pub(crate) near: Option<Nearness>,
    /// Below which all of its tasks would draw too much together, wherever they are.
    pub(crate) cap: Option<&'a ReservationName>,
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
        match filter {
            Filter::Jurisdictions => {
                format!("it may run only in {}, where no node is", list(&self.spec.jurisdictions))
            }
            Filter::Law => format!("the law allows no node it could use: {}", self.named(survey, filter)),
            Filter::NodePhase => {
                format!("no node that the law allows takes work: {}", self.named(survey, filter))
            }
            Filter::Reserved => {
                let until = match self.spec.max_run_time {
                    Some(takes) => format!("while it would run, for up to {takes}"),
                    None => String::from("some time, and it states no maxRunTime"),
                };
                let named = self.named(survey, filter);
                format!("every node that it could use is reserved for others {until}: {named}")
            }
            Filter::Nearness => {
                format!("no node near enough to its other tasks takes it: {}", self.named(survey, filter))
            }
            Filter::DeviceClass | Filter::DeviceKind => self.no_device(survey),
            Filter::Capacity => format!(
                "{} {} on one node; no node it may use has as much ({reaching} too small)",
                self.who(),
                share(&survey.need)
            ),
            Filter::Held => {
                format!("every node that could take it is held: {}", self.named(survey, filter))
            }
            Filter::Free => self.no_free(survey) + &self.held(survey),
            Filter::Power => {
                let named = self.named(survey, filter);
                format!("where it has room it would draw too much: {named}") + &self.held(survey)
            }
        }
    }

    /// Some nodes have room, but not for the whole gang.
    fn short(&self, survey: &Survey<'_>) -> String {
        let near = self.near.as_ref().filter(|near| !near.fits);
        let text = if let Some(near) = near {
            near.sentence(self.group, &self.of_group(), &every(&survey.need))
        } else if survey.slots < self.group.count {
            format!(
                "{} tasks{} start together, each with {}; there is room for {} now",
                self.group.count,
                self.of_group(),
                every(&survey.need),
                survey.slots
            )
        } else if let Some(cap) = self.cap {
            format!(
                "each of its {} tasks{} has room, but together they would draw too much below `{cap}`",
                self.group.count,
                self.of_group()
            )
        } else {
            format!(
                "each of its {} has room, but not all of them together",
                count(u64::try_from(self.spec.groups.len()).unwrap_or(u64::MAX), "group")
            )
        };
        text + &self.held(survey)
    }

    fn no_device(&self, survey: &Survey<'_>) -> String {
        let needs = format!("{} {} on one node", self.who(), devices(&survey.need));
        match survey.most_serving {
            Some((most, name)) if most > 0 => {
                format!("{needs}; the most on one it may use is {most} ({name})")
            }
            Some(_) | None => format!("{needs}; no node it may use has any"),
        }
    }

    fn no_free(&self, survey: &Survey<'_>) -> String {
        let needs = format!("{} {} on one node", self.who(), devices(&survey.need));
        if let Some(part) = self.no_part(survey) {
            return part;
        }
        match survey.largest_free {
            Some((0, _)) if survey.need.devices.is_some() => {
                format!("{needs}; all that could serve it are in use")
            }
            Some((free, name)) if free < survey.need.device_count() => {
                format!("{needs}; the largest free block is {free} ({name})")
            }
            Some(_) | None => format!(
                "{} {} free on one node; none has as much now ({} could take it)",
                self.who(),
                every(&survey.need),
                count(survey.reaching(Filter::Free), "node")
            ),
        }
    }

    /// Where some accelerators have a part free, and none a large enough one.
    fn no_part(&self, survey: &Survey<'_>) -> Option<String> {
        let (share, (free, name)) = (survey.need.share()?, survey.largest_free?);
        (free > 0 && free < share.thousandths()).then(|| {
            let needs = format!("{} {}", self.who(), devices(&survey.need));
            format!("{needs}; no accelerator has {share} free; the most free on one is {free}m ({name})")
        })
    }

    /// What else would have been room.
    fn held(&self, survey: &Survey<'_>) -> String {
        let mut text = String::new();
        for (filter, word) in [(Filter::Reserved, "reserved for others"), (Filter::Held, "held")] {
            let lacks = survey.lacks.iter().filter(|(lack, _)| lack.filter() == filter);
            let verb = match lacks.map(|(_, count)| *count).sum::<u32>() {
                0 => continue,
                1 => String::from("1 more is"),
                many => format!("{many} more are"),
            };
            text.push_str(&format!("; {verb} {word}: {}", self.named(survey, filter)));
        }
        text
    }

    /// The reasons of one filter with their counts, the most frequent first.
    fn named(&self, survey: &Survey<'_>, filter: Filter) -> String {
        let mut reasons: Vec<(Lack<'_>, u32)> =
            survey.lacks.iter().map(|(lack, count)| (*lack, *count)).collect();
        reasons.retain(|(lack, _)| lack.filter() == filter);
        reasons.sort_by_key(|(lack, count)| (std::cmp::Reverse(*count), *lack));
        let more = reasons.len().saturating_sub(MAX_NAMED);
        reasons.truncate(MAX_NAMED);
        let text = |(lack, count): &(Lack<'_>, u32)| match lack {
            Lack::Law(rule) => format!("{count} denied by rule `{rule}`"),
            Lack::Held(job) => format!("{count} for `{job}`"),
            Lack::Reserved(reservation) => format!("{count} by `{reservation}`"),
            Lack::Power(cap) => format!("{} below `{cap}`", self::count(*count, "node")),
            other => format!("{count} {}", other.reason(&survey.need, &self.spec.jurisdictions)),
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
        |devices| match devices.share {
            Some(share) => format!("{share} of one {} device", devices.class) + &kind(devices),
            None => count(devices.count, &format!("{} device", devices.class)) + &kind(devices),
        },
    )
}

fn share(need: &Need) -> String {
    let cores = if need.cores == 1_000 { "core" } else { "cores" };
    format!("{} {cores} and {} of memory", Millicores(need.cores), Bytes(need.memory))
}

fn every(need: &Need) -> String {
    if need.devices.is_some() { format!("{}, {}", devices(need), share(need)) } else { share(need) }
}
