//! A committed plan: who is to stop is told to, every gang is checked whole against the state as it is now, and taken or left whole.
//!
//! The check knows nothing of the scheduler's reasons; it holds what must be true of any placement.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::store::{
    CommitPlan, DecisionRecord, GangPlacement, PlanOutcome, Preemption, TaskPlacement, outcome,
};
use holdfast_api::{timestamp, v1};
use holdfast_types::{JobPhase, NodeName, NodePhase, PartName, ReservationName, TaskPhase, Watts, part_of};

use crate::act::{Act, Answer};
use crate::alone::Ranks;
use crate::deadlines::is_late;
use crate::phases::{is_array, job_phase, node_phase, task_phase};
use crate::state::State;
use crate::{
    alone, array, artifacts, disruptions, incarnation, level, lifecycle, record, reservations, restarting,
    settling, waits,
};

pub(crate) fn commit(act: &mut Act<'_>, plan: CommitPlan) -> Answer {
    let mut answer = PlanOutcome::default();
    for preemption in &plan.preempts {
        match preempt(act, preemption) {
            Ok(()) => answer.preempted.push(preemption.job.clone()),
            Err(reason) => {
                answer.rejected.insert(preemption.job.clone(), reason);
            }
        }
    }
    for gang in &plan.holds {
        hold(act, gang);
    }
    let mut usage = Usage::of(act.state);
    for gang in &plan.gangs {
        match place(act, &mut usage, gang, &plan) {
            Ok(()) => answer.placed.push(gang.job.clone()),
            Err(reason) => {
                answer.rejected.insert(gang.job.clone(), reason);
            }
        }
    }
    for (name, explanation) in plan.explanations {
        explain(act, &name, explanation);
    }
    Ok(outcome::Result::Plan(answer))
}

/// Tells a job to stop, which waits again when it has.
fn preempt(act: &mut Act<'_>, preemption: &Preemption) -> Result<(), String> {
    if let Some(part) = part_of(&preemption.job) {
        return preempt_task(act, part, preemption);
    }
    let mut job = known(act, &preemption.job, &preemption.job_uid)?.clone();
    let spec = job.spec.as_ref();
    if !spec.is_some_and(|spec| spec.preemptible.unwrap_or(spec.checkpoint.is_some())) {
        return Err("the job may not be stopped for others".to_owned());
    }
    if is_array(&job) || !matches!(job_phase(&job), JobPhase::Starting | JobPhase::Running) {
        return Err(format!("the job is {}", job_phase(&job)));
    }
    if preemption.reservation.is_empty() {
        disruptions::spend(act, spec.map_or("", |spec| spec.queue.as_str()))?;
    }
    job.status.get_or_insert_default().preemptions += 1;
    let reason = format!("stops for {}, and goes on later", by(preemption));
    lifecycle::begin_stop(&mut job, JobPhase::Pending, &reason, act);
    settling::settle(&mut job, act);
    act.state.put_job(job, act.revision);
    let (what, whom) = match preemption.reservation.as_str() {
        "" => ("for", &preemption.by),
        _ => ("for-reservation", &preemption.reservation),
    };
    record::mutation(act, "preempt-job", &format!("job/{}", preemption.job), &[(what, whom)]);
    Ok(())
}

/// Tells a task to stop that its gang can go on without.
fn preempt_task(act: &mut Act<'_>, part: PartName<'_>, preemption: &Preemption) -> Result<(), String> {
    let mut job = alone::job_of(act, part, &preemption.job_uid)?;
    let first = job.spec.as_ref().map(alone::first_ranks).unwrap_or_default();
    let rank = part.rank.filter(|rank| !first.contains(rank)).ok_or("the gang cannot go on without it")?;
    let tasks = job.status.as_ref().map_or(&[][..], |status| status.tasks.as_slice());
    let runs = |task: &v1::TaskStatus| task.rank == rank && !task.leaving && !task_phase(task).is_terminal();
    if !tasks.iter().any(runs) {
        return Err(format!("task {rank} has no place"));
    }
    let reason = format!("stops for {}, and comes back when there is room", by(preemption));
    restarting::leave(&mut job, act, &reason, |task| task.rank == rank);
    act.state.put_job(job, act.revision);
    Ok(())
}

/// For whom somebody stops.
fn by(preemption: &Preemption) -> String {
    match preemption.reservation.as_str() {
        "" => format!("job `{}`", preemption.by),
        reservation => format!("reservation `{reservation}`"),
    }
}

/// Keeps which places are held for a job that waits. Nothing rests on it but what the next plan says.
fn hold(act: &mut Act<'_>, gang: &GangPlacement) {
    let Some(job) = known(act, &gang.job, &gang.job_uid).ok().filter(|job| array::awaits_place(job)) else {
        return;
    };
    let mut job = job.clone();
    let status = job.status.get_or_insert_default();
    let place = |task: &TaskPlacement| {
        let TaskPlacement { rank, node, devices, share_millis } = task.clone();
        v1::HeldPlace { rank, node, devices, share_millis, variant: gang.variant }
    };
    status.held = gang.tasks.iter().map(place).collect();
    status.held_since = (!status.held.is_empty()).then(|| timestamp(act.now));
    act.state.put_job(job, act.revision);
}

fn known<'a>(act: &'a Act<'_>, name: &str, uid: &str) -> Result<&'a v1::Job, String> {
    let job = act.state.job(name).ok_or("the job does not exist any more")?;
    if job.metadata.as_ref().map_or("", |m| m.uid.as_str()) != uid {
        return Err("the job was deleted and made again".to_owned());
    }
    Ok(job)
}

fn explain(act: &mut Act<'_>, name: &str, explanation: v1::JobExplanation) {
    let part = part_of(name);
    let Some(job) = act.state.job(part.map_or(name, |part| part.job)) else { return };
    let known = job.status.as_ref().and_then(|s| s.explanation.as_ref());
    // A plan may be of an older job of that name; one that waits for others is in none.
    let waits = job.status.as_ref().is_some_and(|status| !status.waits_for.is_empty());
    let awaits = if part.is_some() { alone::awaits_place(job) } else { array::awaits_place(job) };
    if waits || !awaits || known == Some(&explanation) {
        return;
    }
    let mut job = job.clone();
    let is_pending = job_phase(&job) == JobPhase::Pending;
    let status = job.status.get_or_insert_default();
    if is_pending {
        status.reason.clone_from(&explanation.summary);
    }
    status.explanation = Some(explanation);
    act.state.put_job(job, act.revision);
}

fn place(
    act: &mut Act<'_>,
    usage: &mut Usage,
    gang: &GangPlacement,
    plan: &CommitPlan,
) -> Result<(), String> {
    if let Some(reason) = incarnation::quiet(act) {
        return Err(reason);
    }
    if let Some(part) = part_of(&gang.job) {
        return place_task(act, usage, (gang, part), plan);
    }
    let element = array::element(act, gang).transpose()?;
    let is_new = element.is_some();
    let mut job = element.map_or_else(|| waiting(act, gang), Ok)?;
    check_variant(&job, gang.variant)?;
    let first = job.spec.as_ref().map(alone::first_ranks).unwrap_or_default();
    let (mut ranks, gang) = (ranks(&job, gang.variant), &alone::numbered(gang, &first));
    let rest = alone::rest(act, &ranks, &first);
    ranks.retain(|rank, _| first.contains(rank));
    check_whole(&ranks, gang)?;
    check_open(&reservations::closed(act, &job), gang)?;
    let taken = fit(act, usage, &ranks, gang)?;
    check_power(&reservations::caps(act, &job), usage, &taken)?;
    let watts = gang_watts(usage, &taken);
    usage.nodes.extend(taken);
    let resume = artifacts::resume_point(act, &job);
    let status = job.status.get_or_insert_default();
    status.fence += 1;
    status.resume = resume;
    status.variant = gang.variant;
    if act.cluster.feature_level >= level::ENERGY {
        status.power_watts = watts;
    }
    status.explanation = None;
    status.tasks = gang
        .tasks
        .iter()
        .map(|t| v1::TaskStatus {
            rank: t.rank,
            group: ranks.get(&t.rank).map(|(group, _)| group.clone()).unwrap_or_default(),
            node: t.node.clone(),
            devices: t.devices.clone(),
            share_millis: t.share_millis,
            phase: TaskPhase::Assigned.to_string(),
            since: Some(timestamp(act.now)),
            ..v1::TaskStatus::default()
        })
        .chain(rest)
        .collect();
    status.tasks.sort_by_key(|task| task.rank);
    let on: BTreeSet<&str> = gang.tasks.iter().map(|t| t.node.as_str()).collect();
    let on = on.into_iter().collect::<Vec<_>>().join(", ");
    lifecycle::set_phase(&mut job, JobPhase::Starting, &format!("placed on {on}"), act);
    if is_new {
        array::started(act, &job);
    }
    act.state.put_job(job, act.revision);
    record::decision(act, placed(plan, format!("job/{} on {on}", gang.job)), None);
    Ok(())
}

/// Gives one task of a job that runs a place.
fn place_task(
    act: &mut Act<'_>,
    usage: &mut Usage,
    (gang, part): (&GangPlacement, PartName<'_>),
    plan: &CommitPlan,
) -> Result<(), String> {
    let mut job = alone::job_of(act, part, &gang.job_uid)?;
    let rank = alone::waiting(&job, part)?;
    let mut ranks = ranks(&job, job.status.as_ref().map_or(0, |status| status.variant));
    ranks.retain(|known, _| *known == rank);
    let gang = alone::numbered(gang, &BTreeSet::from([rank]));
    check_whole(&ranks, &gang)?;
    check_open(&reservations::closed(act, &job), &gang)?;
    let taken = fit(act, usage, &ranks, &gang)?;
    check_power(&reservations::caps(act, &job), usage, &taken)?;
    usage.nodes.extend(taken);
    let resume = artifacts::resume_point(act, &job);
    for task in &gang.tasks {
        restarting::started(act, &mut job, task);
        record::decision(act, placed(plan, format!("job/{} task {rank} on {}", part.job, task.node)), None);
    }
    let status = job.status.get_or_insert_default();
    status.resume = resume;
    status.explanation = None;
    act.state.put_job(job, act.revision);
    Ok(())
}

/// That the law allows a place.
fn placed(plan: &CommitPlan, object: String) -> DecisionRecord {
    DecisionRecord {
        action: "place".to_owned(),
        object,
        verdict: "allow".to_owned(),
        bundle: plan.policy_hash.clone(),
        actor: "system".to_owned(),
        ..DecisionRecord::default()
    }
}

/// The job of a gang, which waits to be placed.
fn waiting(act: &Act<'_>, gang: &GangPlacement) -> Result<v1::Job, String> {
    let job = known(act, &gang.job, &gang.job_uid)?;
    if is_array(job) {
        return Err("the elements of an array are placed, not the array".to_owned());
    }
    if job_phase(job) != JobPhase::Pending {
        return Err(format!("the job is {}", job_phase(job)));
    }
    if let Some(reason) = waits::not_yet(job, act.now) {
        return Err(reason);
    }
    if is_late(job, act.now) {
        return Err("the job cannot end by its deadline any more".to_owned());
    }
    Ok(job.clone())
}

/// Whether none of the nodes is kept for others while the job would run.
fn check_open(closed: &[(ReservationName, BTreeSet<NodeName>)], gang: &GangPlacement) -> Result<(), String> {
    let keeps = |node: &str| closed.iter().find(|(_, nodes)| nodes.iter().any(|name| name.as_str() == node));
    match gang.tasks.iter().find_map(|task| Some((task, keeps(&task.node)?))) {
        Some((task, (name, _))) => {
            Err(format!("node {} is kept for others by reservation `{name}`", task.node))
        }
        None => Ok(()),
    }
}

/// Whether no more is drawn below each cap than it allows once a gang is on its nodes.
fn check_power(
    caps: &[reservations::Cap],
    usage: &Usage,
    taken: &BTreeMap<String, NodeUsage>,
) -> Result<(), String> {
    for cap in caps {
        let then = |node: &NodeName| {
            taken.get(node.as_str()).map_or_else(|| usage.watts(node.as_str()), |t| t.watts)
        };
        let drawn = Watts(cap.nodes.iter().map(then).sum());
        if drawn > cap.limit && cap.nodes.iter().any(|node| taken.contains_key(node.as_str())) {
            return Err(format!("{drawn} would be drawn below `{}`, which allows {}", cap.name, cap.limit));
        }
    }
    Ok(())
}

/// What a gang draws by itself.
fn gang_watts(usage: &Usage, taken: &BTreeMap<String, NodeUsage>) -> u64 {
    taken.iter().map(|(node, then)| then.watts.saturating_sub(usage.watts(node))).sum()
}

/// What the task of each rank needs in a variant of the gang.
fn ranks(job: &v1::Job, variant: u32) -> Ranks {
    let groups = job.spec.as_ref().map_or(&[][..], |s| s.groups.as_slice());
    let each = groups.iter().flat_map(|g| {
        let resources = g.resources_in(variant);
        (0..g.count).map(move |_| (g.name.clone(), resources.clone()))
    });
    (0..).zip(each).collect()
}

fn check_variant(job: &v1::Job, variant: u32) -> Result<(), String> {
    let groups = job.spec.as_ref().map_or(&[][..], |spec| spec.groups.as_slice());
    let others = groups.iter().map(|group| group.variants.len()).max().unwrap_or(0);
    let is_known = usize::try_from(variant).is_ok_and(|variant| variant <= others);
    if is_known {
        Ok(())
    } else {
        Err(format!("the gang was placed in variant {variant}, and the job has none after {others}"))
    }
}

fn check_whole(ranks: &Ranks, gang: &GangPlacement) -> Result<(), String> {
    let given: BTreeSet<u32> = gang.tasks.iter().map(|t| t.rank).collect();
    if given.len() == gang.tasks.len() && given.iter().eq(ranks.keys()) {
        Ok(())
    } else {
        Err(format!("the gang has {} tasks, {} were placed", ranks.len(), gang.tasks.len()))
    }
}

/// What is in use on each node.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    nodes: BTreeMap<String, NodeUsage>,
}

#[derive(Debug, Default, Clone)]
struct NodeUsage {
    cpu_millis: u64,
    memory_bytes: u64,
    /// The most that it draws, where anything caps that; and else what has come since.
    watts: u64,
    /// Thousandths of each accelerator.
    devices: BTreeMap<u32, u32>,
}

/// A whole accelerator, in thousandths.
const WHOLE: u32 = 1_000;

impl Usage {
    /// The most that what has places on a node draws.
    pub(crate) fn watts(&self, node: &str) -> u64 {
        self.nodes.get(node).map_or(0, |usage| usage.watts)
    }

    /// What those take that have places.
    pub(crate) fn of(state: &State) -> Self {
        let (mut usage, is_capped) = (Self::default(), reservations::is_capped(state));
        for job in state.placed_jobs() {
            let ranks = ranks(job, job.status.as_ref().map_or(0, |status| status.variant));
            let tasks = job.status.as_ref().map_or(&[][..], |s| s.tasks.as_slice());
            for task in tasks.iter().filter(|t| !task_phase(t).is_terminal()) {
                let resources = ranks.get(&task.rank).map(|(_, r)| r.clone()).unwrap_or_default();
                let watts = is_capped.then(|| reservations::task_watts(state.node(&task.node), &resources));
                usage.nodes.entry(task.node.clone()).or_default().add(
                    &resources,
                    &task.devices,
                    watts.unwrap_or(0),
                );
            }
        }
        usage
    }
}

impl NodeUsage {
    fn add(&mut self, resources: &v1::Resources, devices: &[u32], watts: u64) {
        self.watts = self.watts.saturating_add(watts);
        self.cpu_millis = self.cpu_millis.saturating_add(resources.cpu_millis);
        self.memory_bytes = self.memory_bytes.saturating_add(resources.memory_bytes);
        for device in devices {
            let given = self.devices.entry(*device).or_default();
            *given = given.saturating_add(thousandths(resources));
        }
    }
}

/// How much of each of its accelerators a task has, in thousandths.
fn thousandths(resources: &v1::Resources) -> u32 {
    resources.devices.as_ref().map_or(WHOLE, |d| if d.share_millis == 0 { WHOLE } else { d.share_millis })
}

/// What is in use on the nodes of a gang once it is there.
fn fit(
    act: &Act<'_>,
    usage: &Usage,
    ranks: &Ranks,
    gang: &GangPlacement,
) -> Result<BTreeMap<String, NodeUsage>, String> {
    let mut taken = BTreeMap::new();
    for task in &gang.tasks {
        let Some(record) = act.state.node(&task.node) else {
            return Err(format!("node {} does not exist", task.node));
        };
        let phase = node_phase(record);
        if phase != NodePhase::Ready {
            return Err(format!("node {} is {phase}", task.node));
        }
        let status = record.node.as_ref().and_then(|n| n.status.as_ref());
        let Some(inventory) = status.and_then(|s| s.inventory.as_ref()) else {
            return Err(format!("node {} has not reported what it has", task.node));
        };
        let resources = ranks.get(&task.rank).map(|(_, r)| r.clone()).unwrap_or_default();
        let before = || usage.nodes.get(&task.node).cloned().unwrap_or_default();
        let used: &mut NodeUsage = taken.entry(task.node.clone()).or_insert_with(before);
        check_devices(inventory, used, &resources, task)?;
        used.add(&resources, &task.devices, reservations::task_watts(Some(record), &resources));
        if used.cpu_millis > inventory.cpu_millis || used.memory_bytes > inventory.memory_bytes {
            return Err(format!("node {} has not enough processors or memory left", task.node));
        }
    }
    Ok(taken)
}

fn check_devices(
    inventory: &v1::NodeInventory,
    used: &NodeUsage,
    resources: &v1::Resources,
    task: &TaskPlacement,
) -> Result<(), String> {
    let wanted = resources.devices.as_ref().map_or(0, |d| if d.share_millis > 0 { 1 } else { d.count });
    let share = resources.devices.as_ref().map_or(0, |d| d.share_millis);
    if share != task.share_millis {
        let given = task.share_millis;
        return Err(format!("task {} asks for {share}m of its device, {given}m was given", task.rank));
    }
    let distinct: BTreeSet<u32> = task.devices.iter().copied().collect();
    if distinct.len() != task.devices.len() || u32::try_from(distinct.len()).ok() != Some(wanted) {
        return Err(format!("task {} needs {wanted} devices, {} were given", task.rank, distinct.len()));
    }
    for index in distinct {
        let part = thousandths(resources);
        let free = WHOLE.saturating_sub(used.devices.get(&index).copied().unwrap_or(0));
        if share == 0 && free < WHOLE {
            return Err(format!("device {index} of node {} is in use", task.node));
        }
        if free < part {
            return Err(format!("device {index} of node {} has {free}m free, not {part}m", task.node));
        }
        let device = inventory.devices.iter().find(|d| d.index == index);
        let fits = device.is_some_and(|d| {
            let brings = u128::from(d.memory_bytes) * u128::from(part) / u128::from(WHOLE);
            let enough = |w: &v1::DeviceRequest| brings >= u128::from(w.memory_bytes);
            resources.devices.as_ref().is_some_and(|w| d.class == w.class && enough(w))
        });
        if !fits {
            return Err(format!("device {index} of node {} is not what the task needs", task.node));
        }
    }
    Ok(())
}
