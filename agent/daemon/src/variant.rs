//! What a task is told of the variant of its gang that was started: one program may have to do otherwise in each.

use holdfast_api::internal::TaskAssignment;

/// The environment of a task of a job that has variants.
pub(crate) fn env(assignment: &TaskAssignment) -> Option<(&'static str, String)> {
    let mut groups = assignment.spec.iter().flat_map(|spec| &spec.groups);
    let is_varied = groups.any(|group| !group.variants.is_empty());
    is_varied.then(|| ("HOLDFAST_VARIANT", assignment.variant.to_string()))
}

#[cfg(test)]
mod tests {
    use holdfast_api::v1::{JobSpec, Resources, TaskGroup};

    use super::*;

    #[test]
    fn every_task_of_a_job_with_variants_is_told_which_it_is() {
        let varied = TaskGroup { variants: vec![Resources::default()], ..TaskGroup::default() };
        let of = |groups: Vec<TaskGroup>, variant| {
            let spec = Some(JobSpec { groups, ..JobSpec::default() });
            env(&TaskAssignment { spec, variant, ..TaskAssignment::default() })
        };
        let said = |variant: &str| Some(("HOLDFAST_VARIANT", variant.to_owned()));
        assert_eq!(of(vec![TaskGroup::default(), varied.clone()], 1), said("1"));
        assert_eq!(of(vec![varied], 0), said("0"));
        assert_eq!(of(vec![TaskGroup::default()], 0), None);
    }
}
