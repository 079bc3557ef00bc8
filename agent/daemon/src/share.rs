//! A part of an accelerator: what a task is told of it, and that nothing holds the task to it. The device files are those of the
//! whole accelerator, and its driver keeps tasks apart in memory, not in how much of it each uses.

use holdfast_api::internal::TaskAssignment;
use holdfast_types::{DeviceClass, DeviceShare};

/// The limit as a task's status names it among those that are not enforced.
const UNENFORCED: &str = "device share";
/// What NVIDIA's Multi-Process Service reads, where a task runs under it: a whole percentage of the processors of one device.
const MPS: &str = "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE";

fn share(assignment: &TaskAssignment) -> Option<(DeviceShare, &str)> {
    let devices = assignment.resources.as_ref()?.devices.as_ref()?;
    Some((DeviceShare::new(devices.share_millis)?, &devices.class))
}

/// The environment of a task that has a part of an accelerator.
pub(crate) fn env(assignment: &TaskAssignment) -> Vec<(&'static str, String)> {
    let Some((share, class)) = share(assignment) else { return Vec::new() };
    let mut env = vec![("HOLDFAST_DEVICE_SHARE", share.to_string())];
    if class == DeviceClass::Nvidia.as_str() {
        env.push((MPS, share.thousandths().div_ceil(10).to_string()));
    }
    env
}

/// The limit that nobody holds a task to, if it has a part of an accelerator.
pub(crate) fn unenforced(assignment: &TaskAssignment) -> Option<String> {
    share(assignment).map(|_| UNENFORCED.to_owned())
}

#[cfg(test)]
mod tests {
    use holdfast_api::v1;

    use super::*;

    fn assignment(class: &str, share_millis: u32) -> TaskAssignment {
        let devices =
            v1::DeviceRequest { class: class.to_owned(), count: 1, share_millis, ..Default::default() };
        let resources = v1::Resources { devices: Some(devices), ..Default::default() };
        TaskAssignment { resources: Some(resources), ..TaskAssignment::default() }
    }

    #[test]
    fn a_task_with_a_part_is_told_so_and_that_nothing_holds_it_to_it() {
        let of = |class: &str, share| env(&assignment(class, share));
        let said = |share: &str| ("HOLDFAST_DEVICE_SHARE", share.to_owned());
        assert_eq!(of("nvidia", 251), [said("251m"), (MPS, "26".to_owned())]);
        assert_eq!(of("amd", 250), [said("250m")]);
        assert_eq!(of("nvidia", 0), []);
        assert_eq!(env(&TaskAssignment::default()), []);
        assert_eq!(unenforced(&assignment("amd", 1)).as_deref(), Some("device share"));
        assert_eq!(unenforced(&assignment("amd", 0)), None);
    }
}
