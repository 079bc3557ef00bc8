//! Jobs of which each task is placed for itself once the gang has started: how planners call those tasks, apart from the job. It must not
//! know where they run.

use crate::gang::TaskGroup;
use crate::id::{GroupName, JobName};
use crate::job::JobSpec;
use crate::restart::Restart;

/// What no job's name has in it, so that nobody's job is called as a part of another.
const MARK: char = '/';

/// What the name of a part is made of: the job, the group, and the rank where it is one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartName<'a> {
    /// The job.
    pub job: &'a str,
    /// The group of its tasks.
    pub group: &'a str,
    /// The rank of the task; `None` for those of the group that have no place.
    pub rank: Option<u32>,
}

/// The name, or the uid, of the tasks of a group that have no place: they wait as the elements of an array do, numbered by rank.
#[must_use]
pub fn part_name(job: &str, group: &str) -> String {
    // The last mark tells the number after it from the end of the group's name.
    format!("{job}{MARK}{group}{MARK}")
}

/// What a name, or a uid, of a part is made of; `None` for that of a job.
#[must_use]
pub fn part_of(name: &str) -> Option<PartName<'_>> {
    let (job, rest) = name.split_once(MARK)?;
    let (group, rank) = rest.split_once(MARK)?;
    let rank = match rank {
        "" => None,
        rank => Some(rank.strip_prefix('.')?.parse().ok()?),
    };
    Some(PartName { job, group, rank })
}

impl JobName {
    /// The tasks of a group of the job that have no place.
    #[must_use]
    pub fn part(&self, group: &GroupName) -> Self {
        Self::made(part_name(self.as_str(), group.as_str()))
    }

    /// Whether it stands for a part of a job.
    #[must_use]
    pub fn is_part(&self) -> bool {
        self.as_str().contains(MARK)
    }

    /// The name of the job, where this is one of a part.
    #[must_use]
    pub fn whole(&self) -> Self {
        part_of(self.as_str()).map_or_else(|| self.clone(), |part| Self::made(part.job.to_owned()))
    }
}

impl TaskGroup {
    /// With how many tasks the gang starts: those after the first so many come when there is room, and go first.
    #[must_use]
    pub fn least(&self) -> u32 {
        self.min.unwrap_or(self.count)
    }
}

impl JobSpec {
    /// Whether each task starts again for itself.
    #[must_use]
    pub fn restarts_tasks(&self) -> bool {
        self.restart == Restart::Task
    }

    /// The job as if it asked for no more than it starts with.
    #[must_use]
    pub fn at_least(&self) -> Self {
        let group = |group: &TaskGroup| TaskGroup { count: group.least(), min: None, ..group.clone() };
        Self { groups: self.groups.iter().map(group).collect(), ..self.clone() }
    }

    /// The job as if one task of a group was all of it, in one variant; `None` where there is no such group.
    #[must_use]
    pub fn one_of(&self, group: &str, variant: u32) -> Option<Self> {
        let of = self.groups.iter().find(|of| of.name.as_str() == group)?;
        let one = TaskGroup {
            count: 1,
            min: None,
            resources: of.resources_in(variant).clone(),
            variants: Vec::new(),
            topology: None,
            ..of.clone()
        };
        Some(Self { groups: vec![one], ..self.clone() })
    }

    /// The ranks of the tasks that the gang starts with.
    pub fn first_ranks(&self) -> impl Iterator<Item = u32> {
        let starts = self.groups.iter().scan(0_u32, |first, group| {
            let start = *first;
            *first = start.saturating_add(group.count);
            Some((start, group.least()))
        });
        starts.flat_map(|(start, least)| start..start.saturating_add(least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_called_as_no_job_is() {
        let job: JobName = "train.3".parse().unwrap();
        let part = job.part(&"w.7".parse().unwrap());
        assert!(part.is_part() && !job.is_part());
        assert!(part.as_str().parse::<JobName>().is_err());
        assert_eq!(part_of(part.as_str()), Some(PartName { job: "train.3", group: "w.7", rank: None }));
        let task = part.element(9).unwrap();
        assert_eq!(part_of(task.as_str()), Some(PartName { job: "train.3", group: "w.7", rank: Some(9) }));
        assert_eq!(task.array(), Some((part.clone(), 9)));
        assert_eq!((task.whole(), part.whole(), job.whole()), (job.clone(), job.clone(), job.clone()));
        for name in ["train", "train/", "train/w", "train/w/7", "train/w/.x", "train/w/."] {
            assert_eq!(part_of(name), None, "{name}");
        }
    }

    #[test]
    fn a_gang_starts_with_the_first_tasks_of_each_group() {
        let job = serde_json::json!({
            "kind": "service", "tenant": "lab", "purpose": "research", "image": "trainer@1", "restart": "task",
            "groups": [{"name": "a", "count": 4, "min": 2}, {"name": "b", "count": 3}, {"name": "c", "count": 2, "min": 1}],
        });
        let spec: JobSpec = serde_json::from_value(job).unwrap();
        assert_eq!(spec.first_ranks().collect::<Vec<_>>(), [0, 1, 4, 5, 6, 7]);
        assert_eq!(spec.at_least().tasks(), 6);
        assert_eq!(spec.one_of("c", 0).unwrap().tasks(), 1);
        assert_eq!(spec.one_of("d", 0), None);
    }
}
