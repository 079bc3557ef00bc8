//! Tests of what users of the planner rely on. A cluster is written as a few lines of text, so that a case can be read.

mod arrays;
mod beside;
mod budgets;
mod counterfactual;
mod fair;
mod foresight;
mod fractions;
mod golden;
mod nearness;
mod power;
mod preempting;
mod properties;
mod reclaiming;
mod reserving;
mod rules;
mod sharing;
mod variants;
mod verify;
mod warm;
mod week;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_types::{
    Amounts, ArraySpec, Bytes, DeviceClass, DeviceIndex, DeviceRequest, DeviceShare, Disruptions, JobKind,
    JobName, JobSpec, Millicores, NodePhase, Place, Precision, QueueName, RawJobSpec, RawReservationSpec,
    Resources, Restart, Slice, Span, TaskGroup, Time, TopologyRequest, USAGE_HALF_LIFE, Usage, Watts,
    element_of,
};

use crate::*;

const GIB: u64 = 1 << 30;
const NOW: Time = Time(10_000_000_000);

/// Reads `key=value` words.
fn words(line: &str) -> BTreeMap<&str, &str> {
    line.split_whitespace().filter_map(|word| word.split_once('=')).collect()
}

fn number<T: std::str::FromStr + Default>(words: &BTreeMap<&str, &str>, key: &str) -> T {
    words.get(key).map_or_else(T::default, |text| text.parse().ok().expect("a number"))
}

/// `row:a,rack:r1`
fn place(text: &str) -> Place {
    let domain = |part: &str| {
        let (level, name) = part.split_once(':').expect("level:name");
        (level.parse().unwrap(), name.parse().unwrap())
    };
    text.split(',').filter(|part| !part.is_empty()).map(domain).collect()
}

/// `required:row,preferred:rack,8:node,balanced`: slices by their size.
fn topology(text: &str) -> TopologyRequest {
    let mut asks = TopologyRequest::default();
    for part in text.split(',') {
        match part.split_once(':') {
            None => asks.balanced = part == "balanced",
            Some(("required", level)) => asks.required = Some(level.parse().unwrap()),
            Some(("preferred", level)) => asks.preferred = Some(level.parse().unwrap()),
            Some((size, level)) => {
                asks.slices.push(Slice { size: size.parse().unwrap(), level: level.parse().unwrap() });
            }
        }
    }
    asks
}

/// `n1 place=row:a,rack:r1 in=DE phase=Cordoned cores=32 mem=256 gpus=8 class=nvidia gpumem=80 broken=0,1 can=fp8`
fn node(line: &str) -> NodeView {
    let words_of = words(line);
    let (name, _) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let broken: BTreeSet<u32> =
        words_of.get("broken").map_or("", |v| v).split(',').filter_map(|n| n.parse().ok()).collect();
    let can: BTreeSet<Precision> =
        words_of.get("can").map_or("", |v| v).split(',').filter_map(|p| p.parse().ok()).collect();
    let device = |index| DeviceView {
        index: DeviceIndex(index),
        class: words_of.get("class").map_or(DeviceClass::Nvidia, |c| c.parse().unwrap()),
        memory: Bytes(words_of.get("gpumem").map_or(80, |m| m.parse().unwrap()) * GIB),
        healthy: !broken.contains(&index),
        precisions: can.clone(),
        watts: words_of.get("watts").map_or(700, |watts| watts.parse().unwrap()),
    };
    NodeView {
        name: name.parse().unwrap(),
        jurisdiction: words_of.get("in").unwrap_or(&"DE").parse().unwrap(),
        place: place(words_of.get("place").unwrap_or(&"")),
        schedulable: match words_of.get("phase") {
            None => Schedulable::Yes,
            Some(phase) => Schedulable::No(NodePhase::from_word(phase).unwrap()),
        },
        cores: Millicores(words_of.get("cores").map_or(64, |c| c.parse().unwrap()) * 1_000),
        memory: Bytes(words_of.get("mem").map_or(512, |m| m.parse().unwrap()) * GIB),
        devices: (0..number(&words_of, "gpus")).map(device).collect(),
    }
}

/// `nvidia:8,amd:4`
fn counts(text: &str) -> BTreeMap<DeviceClass, u32> {
    let count = |part: &str| {
        let (class, count) = part.split_once(':').expect("class:count");
        (class.parse().unwrap(), count.parse().unwrap())
    };
    text.split(',').filter(|part| !part.is_empty()).map(count).collect()
}

/// `default priority=3 max=8 stopped=true parent=lab nominal=nvidia:8,amd:4 borrow=nvidia:2 lend=amd:0 weight=2 half=86400 run=600 stops=2:3600`:
/// `stops` are two jobs an hour.
fn queue(line: &str) -> QueueView {
    let words_of = words(line);
    QueueView {
        priority: number(&words_of, "priority"),
        stopped: words_of.get("stopped") == Some(&"true"),
        max_devices: number(&words_of, "max"),
        parent: words_of.get("parent").map(|name| name.parse().unwrap()),
        nominal: counts(words_of.get("nominal").unwrap_or(&"")),
        borrowing_limit: counts(words_of.get("borrow").unwrap_or(&"")),
        lending_limit: counts(words_of.get("lend").unwrap_or(&"")),
        min_run: words_of.get("run").map(|seconds| Span::from_secs(seconds.parse().unwrap())),
        disruptions: words_of.get("stops").map(|stops| {
            let (max, per) = stops.split_once(':').unwrap();
            Disruptions { max: max.parse().unwrap(), per: Span::from_secs(per.parse().unwrap()) }
        }),
        half_life: words_of
            .get("half")
            .map_or(USAGE_HALF_LIFE, |half| Span::from_secs(half.parse().unwrap())),
        weight: words_of.get("weight").map_or(1, |weight| weight.parse().unwrap()),
        ..QueueView::new(line.split_whitespace().next().unwrap().parse().unwrap())
    }
}

/// `night nodes=a,b domain=rack:r1 count=2 class=amd from=3600 for=7200 every=86400 until=999 queues=lab,one flex=1 power=9000`, times in seconds
/// from now on.
fn reservation(line: &str) -> ReservationView {
    let words_of = words(line);
    fn all<T: std::str::FromStr + Ord>(text: Option<&&str>) -> BTreeSet<T> {
        let parts = text.map_or("", |text| text).split(',').filter(|part| !part.is_empty());
        parts.map(|part| part.parse().ok().expect("a name")).collect()
    }
    let span = |key: &str| words_of.get(key).map(|text| Span::from_secs(text.parse().expect("a number")));
    let raw = RawReservationSpec {
        nodes: all(words_of.get("nodes")),
        domain: place(words_of.get("domain").unwrap_or(&"")),
        count: words_of.get("count").map(|count| count.parse().unwrap()),
        device_class: words_of.get("class").map(|class| class.parse().unwrap()),
        starts_at: span("from").map(|from| NOW + from),
        duration: span("for"),
        every: span("every"),
        until: span("until").map(|until| NOW + until),
        queues: all(words_of.get("queues")),
        flex: words_of.contains_key("flex"),
        max_power: words_of.get("power").map(|watts| Watts(watts.parse().unwrap())),
    };
    let name = line.split_whitespace().next().unwrap().parse().unwrap();
    ReservationView { name, spec: raw.try_into().unwrap() }
}

fn group(name: &str, count: u32, cores: u64, mem: u64, devices: DeviceRequest) -> TaskGroup {
    TaskGroup {
        min: None,
        name: name.parse().unwrap(),
        count,
        resources: Resources {
            cores: Millicores(cores * 1_000),
            memory: Bytes(mem * GIB),
            devices: (devices.count > 0).then_some(devices),
        },
        variants: Vec::new(),
        topology: None,
    }
}

fn spec(words_of: &BTreeMap<&str, &str>, groups: Vec<TaskGroup>) -> JobSpec {
    RawJobSpec {
        restart: Restart::Gang,
        kind: JobKind::Train,
        queue: words_of.get("queue").unwrap_or(&"default").parse().unwrap(),
        priority: number(words_of, "priority"),
        tenant: "lab".parse().unwrap(),
        purpose: "research".parse().unwrap(),
        jurisdictions: words_of
            .get("in")
            .map_or("", |v| v)
            .split(',')
            .filter_map(|j| j.parse().ok())
            .collect(),
        image: "trainer@1".parse().unwrap(),
        command: Vec::new(),
        env: BTreeMap::new(),
        groups,
        datasets: Vec::new(),
        base_model: None,
        checkpoint: None,
        output: None,
        precision: words_of.get("precision").map(|p| p.parse().unwrap()),
        retries: 0,
        max_run_time: words_of.get("takes").map(|takes| Span::from_secs(takes.parse().unwrap())),
        depends_on: Vec::new(),
        singleton: None,
        not_before: None,
        deadline: None,
        array: None,
        preemptible: words_of.get("stoppable").map(|_| true),
    }
    .try_into()
    .unwrap()
}

/// `train queue=default priority=0 tasks=2 gpus=8 gpumem=80 class=nvidia cores=1 mem=1 in=DE age=60 deny=n1,n2 wait=5`;
/// `deny` denies by rule `no-export`, `takes` is `maxRunTime` in seconds, `age` is in seconds before [`NOW`], `wait` in seconds after it, and
/// `near` is what [`topology`] reads, `share=250` asks for a part of one accelerator for each task, and `side=2x4,1x3x16` adds a group of
/// two tasks with four accelerators and one of a task with three and sixteen cores. `or=amd:2,nvidia:0:8` are variants of the workers:
/// two accelerators of a class, or none and eight cores. `array=9 next=2 room=3` is an array of nine elements, of which those from the third
/// on wait, and three may start. `beside=n2:rack` has to be in the rack of `n2`, and
/// `of=job` is a part of that.
fn job(line: &str, nodes: &[NodeView]) -> JobView {
    let words_of = words(line);
    let or = |key: &str, default: u64| words_of.get(key).map_or(default, |v| v.parse().unwrap());
    let small = |value: u64| u32::try_from(value).unwrap();
    let devices = |count: u32, gib: u64| DeviceRequest {
        class: words_of.get("class").unwrap_or(&"nvidia").parse().unwrap(),
        count,
        memory: Bytes(gib * GIB),
        share: None,
    };
    let (cores, mem) = (or("cores", 1), or("mem", 1));
    let share = DeviceShare::new(number(&words_of, "share"));
    let count = share.map_or(small(or("gpus", 0)), |_| 1);
    let worker = DeviceRequest { share, ..devices(count, or("gpumem", 0)) };
    let mut groups = vec![group("worker", small(or("tasks", 1)), cores, mem, worker)];
    for group in &mut groups {
        group.topology = words_of.get("near").map(|text| topology(text));
    }
    for other in words_of.get("or").map_or("", |others| others).split(',').filter(|other| !other.is_empty()) {
        let parts: Vec<&str> = other.split(':').collect();
        let class = parts[0].parse().unwrap();
        let asks = DeviceRequest { class, count: parts[1].parse().unwrap(), memory: Bytes(0), share: None };
        let cores = parts.get(2).map_or(cores, |cores| cores.parse().unwrap());
        let other = group("worker", 1, cores, mem, asks).resources;
        // Twice the same is no variant.
        if groups[0].resources != other && !groups[0].variants.contains(&other) {
            groups[0].variants.push(other);
        }
    }
    for side in words_of.get("side").map_or("", |sides| sides).split(',').filter(|side| !side.is_empty()) {
        let numbers: Vec<u64> = side.split('x').map(|number| number.parse().unwrap()).collect();
        let cores = numbers.get(2).copied().unwrap_or(cores);
        let name = format!("side-{}", groups.len());
        groups.push(group(&name, small(numbers[0]), cores, mem, devices(small(numbers[1]), 0)));
    }
    let denied: BTreeSet<&str> = words_of.get("deny").map_or("", |v| v).split(',').collect();
    let verdict = |node: &NodeView| match denied.contains(node.name.as_str()) {
        true => (node.name.clone(), Verdict::Deny { rule: "no-export".to_owned() }),
        false => (node.name.clone(), Verdict::Allow),
    };
    let spec = spec(&words_of, groups);
    let array = words_of.get("array").map(|size| {
        let array = ArraySpec { size: size.parse().unwrap(), max_parallel: None, indexes: None };
        let room = words_of.get("room").map_or(u32::MAX, |room| room.parse().unwrap());
        ArrayView { indexes: Arc::new(array.elements()), next: small(or("next", 0)), room }
    });
    JobView {
        name: line.split_whitespace().next().unwrap().parse().unwrap(),
        uid: format!("uid-{}", line.split_whitespace().next().unwrap()),
        queue: spec.queue.clone(),
        spec: Arc::new(spec),
        submitted: NOW - Span::from_secs(or("age", 60)),
        past: Past { ran: Span::from_secs(or("ran", 0)), waited: Span::from_secs(or("waited", 0)) },
        array,
        part_of: words_of.get("beside").map(|text| {
            let (node, level) = text.split_once(':').unwrap();
            let beside = Beside { node: node.parse().unwrap(), level: level.parse().unwrap() };
            let job = words_of.get("of").unwrap_or(&"another").parse().unwrap();
            Arc::new(PartOf { job, beside: Some(beside) })
        }),
        state: JobState::Waiting {
            verdicts: nodes.iter().map(verdict).collect(),
            since: NOW - Span::from_secs(or("age", 60)),
            held: Vec::new(),
            held_in: 0,
            held_since: NOW,
            not_before: words_of.contains_key("wait").then(|| NOW + Span::from_secs(or("wait", 0))),
        },
    }
}

/// A cluster of lines, with a queue `default` unless one is given.
fn cluster(nodes: &[&str], queues: &[&str], jobs: &[&str]) -> Snapshot {
    let nodes: Vec<NodeView> = nodes.iter().map(|line| node(line)).collect();
    let queues = if queues.is_empty() { &["default"] } else { queues };
    let jobs = jobs.iter().map(|line| job(line, &nodes)).collect();
    let queues = queues.iter().map(|line| queue(line)).collect();
    Snapshot { revision: 7, queues, jobs, nodes, reservations: Vec::new() }
}

/// Places that were taken at a time, in the variant wanted most.
fn placed(assignments: &[Assignment], since: Time) -> JobState {
    placed_in(0, assignments, since)
}

/// The same in any.
fn placed_in(variant: u32, assignments: &[Assignment], since: Time) -> JobState {
    JobState::Placed { variant, assignments: assignments.to_vec(), since, unsaved: None, stopping: false }
}

/// Does what a plan says. What is stopped is about to stop.
fn commit(snapshot: &mut Snapshot, plan: &Plan) {
    for preempted in &plan.preempts {
        let JobState::Placed { stopping, .. } = &mut find(snapshot, preempted.job.as_str()).state else {
            panic!("{} does not run", preempted.job);
        };
        *stopping = true;
        if let Cause::Job(_) = preempted.by {
            disrupt(snapshot, &preempted.job, plan.now);
        }
    }
    for gang in &plan.holds {
        let JobState::Waiting { held, held_in, held_since, .. } =
            &mut find(snapshot, gang.job.as_str()).state
        else {
            panic!("{} does not wait", gang.job);
        };
        held.clone_from(&gang.assignments);
        (*held_in, *held_since) = (gang.variant, plan.now);
    }
    for gang in &plan.gangs {
        split(snapshot, gang, plan.now);
        let job = find(snapshot, gang.job.as_str());
        if let JobState::Waiting { since, .. } = &job.state {
            job.past.waited = Span(job.past.waited.0 + plan.now.since(*since).0);
        }
        job.state = placed_in(gang.variant, &gang.assignments, plan.now);
        let job = job.clone();
        record(snapshot, &job, plan.now, Usage::take);
    }
}

/// Records that a job was stopped for another one.
fn disrupt(snapshot: &mut Snapshot, job: &JobName, now: Time) {
    if job.is_part() {
        return;
    }
    let mut up = Some(find(snapshot, job.as_str()).queue.clone());
    while let Some(name) = up.take() {
        let Some(view) = snapshot.queues.iter_mut().find(|view| view.name == name) else { return };
        view.disrupted.extend(view.disruptions.map(|_| now));
        up.clone_from(&view.parent);
    }
}

/// How many stops of a queue count at an instant.
fn counted(view: &QueueView, now: Time) -> usize {
    let per = view.disruptions.map_or(Span(0), |budget| budget.per);
    view.disrupted.iter().filter(|at| **at + per > now).count()
}

/// An element of an array becomes a job that waits, and the array waits for the next one.
fn split(snapshot: &mut Snapshot, gang: &GangPlacement, now: Time) {
    if snapshot.jobs.iter().any(|job| job.name == gang.job) {
        return;
    }
    let (array, _) = element_of(gang.job.as_str()).unwrap();
    let view = find(snapshot, array);
    let element = JobView { name: gang.job.clone(), uid: gang.uid.clone(), array: None, ..view.clone() };
    let array = view.array.as_mut().unwrap();
    assert_eq!(array.index().and_then(|index| view.name.element(index)), Some(gang.job.clone()));
    array.started();
    if let JobState::Waiting { since, .. } = &mut view.state {
        *since = now;
    }
    snapshot.jobs.retain(|job| !job.array.as_ref().is_some_and(ArrayView::is_done));
    snapshot.jobs.push(element);
}

/// One element less is under way of the array that it is of.
fn make_room<'a>(snapshot: &'a mut Snapshot, element: &JobName) -> Option<&'a JobView> {
    let (array, _) = element_of(element.as_str())?;
    let view = snapshot.jobs.iter_mut().find(|job| job.name.as_str() == array)?;
    let counts = view.array.as_mut()?;
    counts.ended();
    Some(view)
}

/// Records that a job got its places, or gave them back.
fn record(snapshot: &mut Snapshot, job: &JobView, now: Time, what: fn(&mut Usage, &Amounts, Time, Span)) {
    let root = |name: &QueueName| {
        let find = |name: &QueueName| snapshot.queues.iter().find(|view| view.name == *name);
        std::iter::successors(find(name), |view| find(view.parent.as_ref()?)).take(9).last()
    };
    let Some(half_life) = root(&job.queue).map(|root| root.half_life) else { return };
    let view = snapshot.queues.iter_mut().find(|view| view.name == job.queue).unwrap();
    what(&mut view.usage, &Amounts::of_gang(&job.spec, job.state.variant()), now, half_life);
}

fn find<'a>(snapshot: &'a mut Snapshot, name: &str) -> &'a mut JobView {
    snapshot.jobs.iter_mut().find(|job| job.name.as_str() == name).unwrap()
}

/// A plan, and why the rest waits.
struct Told {
    plan: Plan,
    explanations: BTreeMap<JobName, Arc<Explanation>>,
}

fn tell(snapshot: &Snapshot, config: &Config, now: Time) -> Told {
    let mut scheduler = Scheduler::new(snapshot, config, now);
    let plan = scheduler.plan(snapshot.revision, now);
    Told { plan, explanations: scheduler.explanations() }
}

/// A job that began to run that many seconds ago on these accelerators of these nodes, one task on each: `a:0-7 b:0-3`.
fn running(line: &str, began: u64, on: &str, nodes: &[NodeView]) -> JobView {
    let seat = |(rank, place): (u32, &str)| {
        let (node, devices) = place.split_once(':').unwrap();
        let (first, last) = devices.split_once('-').unwrap();
        let devices = (first.parse().unwrap()..=last.parse().unwrap()).map(DeviceIndex).collect();
        let share = DeviceShare::new(number(&words(line), "share"));
        Assignment { rank: holdfast_types::Rank(rank), node: node.parse().unwrap(), devices, share }
    };
    let mut view = job(line, nodes);
    let assignments: Vec<Assignment> = (0..).zip(on.split(' ')).map(seat).collect();
    view.state = placed(&assignments, NOW - Span::from_secs(began));
    view
}

fn config() -> Config {
    Config { policy_hash: "law-1".to_owned(), ..Config::default() }
}

fn places(gang: &GangPlacement) -> String {
    let place = |a: &Assignment| {
        let devices: Vec<String> = a.devices.iter().map(|d| d.0.to_string()).collect();
        let share = a.share.map_or_else(String::new, |share| format!("*{share}"));
        format!("{}:{}[{}]{share}", a.rank.0, a.node, devices.join(","))
    };
    let variant = if gang.variant > 0 { format!(" ({})", gang.variant) } else { String::new() };
    format!("{}{variant} -> {}", gang.job, gang.assignments.iter().map(place).collect::<Vec<_>>().join(" "))
}

/// The gangs of a plan, one a line.
fn started(plan: &Plan) -> Vec<String> {
    plan.gangs.iter().map(places).collect()
}

fn explanation<'a>(told: &'a Told, job: &str) -> &'a Explanation {
    told.explanations.get(&job.parse().unwrap()).expect("the job was not placed")
}
