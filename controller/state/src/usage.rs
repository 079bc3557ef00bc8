//! What the jobs of each queue hold, and held on average: counted when a job gets its places and when it gives them back, and kept beside
//! the queue. It is no change of the queue that anybody waits for: who watches queues hears nothing, and its revision stays.

use holdfast_api::v1;
use holdfast_types::{Amounts, DeviceClass, Resource, Span, USAGE_HALF_LIFE, Usage};

use crate::act::Act;
use crate::queues::with_above;
use crate::state::State;

/// The feature level from which on it is counted.
pub(crate) const SINCE: u32 = 6;

/// A job has got its places, in one of its variants.
pub(crate) fn takes(act: &mut Act<'_>, spec: &v1::JobSpec, variant: u32) {
    count(act, &spec.queue, |usage, act, half_life| usage.take(&amounts(spec, variant), act.now, half_life));
}

/// A job has given its places back.
pub(crate) fn gives_back(act: &mut Act<'_>, spec: &v1::JobSpec, variant: u32) {
    count(act, &spec.queue, |usage, act, half_life| {
        usage.give_back(&amounts(spec, variant), act.now, half_life)
    });
}

/// From now on it is counted: what is held already is.
pub(crate) fn begin(act: &mut Act<'_>) {
    let is_counted = |job: &&v1::Job| job.status.as_ref().is_some_and(|status| status.placed_at.is_some());
    let specs: Vec<v1::JobSpec> =
        act.state.placed_jobs().filter(is_counted).filter_map(|job| job.spec.clone()).collect();
    for spec in &specs {
        // No job had variants before.
        takes(act, spec, 0);
    }
}

fn count(act: &mut Act<'_>, queue: &str, change: impl Fn(&mut Usage, &Act<'_>, Span)) {
    if act.cluster.feature_level < SINCE {
        return;
    }
    let Some(mut queue) = act.state.queue(queue).cloned() else { return };
    let half_life = half_life(act.state, &queue);
    let status = queue.status.get_or_insert_default();
    let mut usage = status.usage.as_ref().map(Usage::from).unwrap_or_default();
    change(&mut usage, act, half_life);
    status.usage = Some(v1::QueueUsage::from(&usage));
    act.state.keep_queue(queue);
}

/// How long until what the jobs of a queue used counts half: the root of its tree says it.
fn half_life(state: &State, queue: &v1::Queue) -> Span {
    let root = with_above(state, queue).last();
    let said = root.and_then(|root| root.spec.as_ref()).map_or(0, |spec| spec.half_life_ms);
    if said > 0 { Span(said) } else { USAGE_HALF_LIFE }
}

/// What a whole gang takes.
fn amounts(spec: &v1::JobSpec, variant: u32) -> Amounts {
    let mut all = Amounts::default();
    for group in &spec.groups {
        let (tasks, each) = (u64::from(group.count), group.resources_in(variant));
        all.add_tasks(tasks, each.cpu_millis, each.memory_bytes);
        let devices = each.devices.unwrap_or_default();
        if let Ok(class) = devices.class.parse::<DeviceClass>() {
            let each = if devices.share_millis > 0 { devices.share_millis } else { 1_000 };
            let count = u64::from(devices.count).saturating_mul(u64::from(each));
            all.add(Resource::Devices(class), tasks.saturating_mul(count));
        }
    }
    all
}
