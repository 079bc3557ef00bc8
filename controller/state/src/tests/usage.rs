//! What is counted of a queue while its jobs come and go.

use holdfast_types::{DeviceClass, Resource, Span, Usage};

use super::*;

const GPU: Resource = Resource::Devices(DeviceClass::Nvidia);
const DAY: u64 = 86_400_000;

fn usage(world: &World, queue: &str) -> Usage {
    let status = world.state.queue(queue).and_then(|queue| queue.status.clone()).unwrap();
    status.usage.as_ref().map(Usage::from).unwrap_or_default()
}

/// In thousandths of an accelerator.
fn average(world: &World, queue: &str, half_life: u64) -> u64 {
    usage(world, queue).average_at(Time(world.now), Span(half_life)).get(GPU) >> holdfast_types::PART_BITS
}

#[test]
fn a_queue_knows_what_its_jobs_held_on_average_and_is_not_changed_by_it() {
    let mut world = World::new();
    let spec = v1::QueueSpec { half_life_ms: DAY, ..v1::QueueSpec::default() };
    let put =
        |name: &str, spec| store::PutQueue { name: name.to_owned(), spec: Some(spec), ..Default::default() };
    world.done(command::Body::PutQueue(put("lab", spec)));
    let below = v1::QueueSpec { parent: "lab".to_owned(), ..v1::QueueSpec::default() };
    world.done(command::Body::PutQueue(put("below", below)));
    let revision = |world: &World| world.state.queue("below").unwrap().metadata.as_ref().unwrap().revision;
    let before = revision(&world);
    world.submit("one", v1::JobSpec { queue: "below".to_owned(), ..job_spec(1, 0) });
    assert_eq!(world.place("one", &["de-1"]).placed, ["one"]);
    assert_eq!(usage(&world, "below").holds.get(GPU), 2_000);
    assert_eq!(average(&world, "below", DAY), 0);
    world.now += DAY;
    // That of the root counts.
    world.report("one", 1, 0, "de-1", "Running");
    assert_eq!(usage(&world, "below").holds.get(GPU), 2_000, "who runs holds no more than who starts");
    world.report("one", 1, 0, "de-1", "Failed");
    assert_eq!((usage(&world, "below").holds.get(GPU), average(&world, "below", DAY)), (0, 1_000));
    world.now += 2 * DAY;
    assert_eq!(average(&world, "below", DAY), 250);
    let told = world.state.changes_since(before).unwrap().filter(|item| item.kind == "Queue").count();
    assert_eq!((revision(&world), told), (before, 0), "nobody who watches queues hears of it");
    // It stays where the queue is written anew.
    let below = v1::QueueSpec { parent: "lab".to_owned(), weight: 7, ..v1::QueueSpec::default() };
    world.done(command::Body::PutQueue(put("below", below)));
    assert!(average(&world, "below", DAY) > 200);
}

#[test]
fn what_is_held_when_the_level_comes_is_counted() {
    let mut world = World::of_level(5);
    world.join("de-1", "DE");
    let weighed = v1::QueueSpec { weight: 2, ..v1::QueueSpec::default() };
    let put = store::PutQueue { name: "q".to_owned(), spec: Some(weighed), ..Default::default() };
    assert_eq!(world.refused(command::Body::PutQueue(put.clone())), 1130);
    world.submit("one", job_spec(1, 0));
    assert_eq!(world.place("one", &["de-1"]).placed, ["one"]);
    assert_eq!(usage(&world, "default"), Usage::default());
    world.done(command::Body::RaiseLevel(store::RaiseLevel { level: 6 }));
    assert_eq!(usage(&world, "default").holds.get(GPU), 2_000);
    world.done(command::Body::PutQueue(put));
    world.report("one", 1, 0, "de-1", "Failed");
    assert_eq!(usage(&world, "default").holds.get(GPU), 0);
}
