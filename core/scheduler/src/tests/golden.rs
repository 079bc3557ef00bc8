//! A day in a small cluster, told by the planner: the transcript is committed, so a change of any decision or sentence
//! is read by whoever makes it.

use std::fmt::Write as _;

use super::*;

const NODES: [&str; 6] = [
    "berlin-1 in=DE gpus=8",
    "berlin-2 in=DE gpus=8 broken=3",
    "berlin-3 in=DE gpus=8 phase=Cordoned",
    "oslo-1 in=NO gpus=4 gpumem=40",
    "paris-1 in=FR gpus=8 class=amd gpumem=192",
    "paris-2 in=FR cores=128",
];
const QUEUES: [&str; 3] = ["default max=32", "urgent priority=10", "nightly priority=-5 stopped=true"];
const MORNING: [&str; 7] = [
    "etl cores=16 mem=64 age=300",
    "finetune gpus=2 gpumem=80 in=DE age=240 deny=berlin-2",
    "pretrain tasks=2 gpus=8 in=DE age=200",
    "serve queue=urgent gpus=1 gpumem=40 age=10",
    "vision gpus=8 class=amd age=100 deny=paris-1,oslo-1",
    "report queue=nightly age=50",
    "eval gpus=4 age=30",
];
const NOON: [&str; 2] = ["sweep tasks=4 gpus=1 age=20", "huge gpus=8 gpumem=141 age=10"];

fn tell_of(transcript: &mut String, title: &str, Told { plan, explanations }: &Told) {
    writeln!(transcript, "== {title}: revision {}, {}", plan.base_revision, plan.now).unwrap();
    for stopped in &plan.preempts {
        writeln!(transcript, "stop  {} for {}", stopped.job, stopped.by).unwrap();
    }
    for gang in started(plan) {
        writeln!(transcript, "start {gang}").unwrap();
    }
    for gang in &plan.holds {
        writeln!(transcript, "hold  {}", places(gang)).unwrap();
    }
    for (job, explanation) in explanations {
        write!(transcript, "\nwait  {job}: {explanation}").unwrap();
    }
    writeln!(transcript, "\nplan {}\n", plan.hash).unwrap();
}

#[test]
fn a_day_in_a_small_cluster_is_told_as_committed() {
    let mut transcript = String::new();
    let mut snapshot = cluster(&NODES, &QUEUES, &MORNING);
    let morning = tell(&snapshot, &config(), NOW);
    tell_of(&mut transcript, "morning", &morning);

    commit(&mut snapshot, &morning.plan);
    snapshot.revision += 1;
    let views = snapshot.nodes.clone();
    snapshot.jobs.extend(NOON.map(|line| job(line, &views)));
    let noon = tell(&snapshot, &config(), NOW + Span::from_secs(4_000));
    tell_of(&mut transcript, "noon", &noon);

    commit(&mut snapshot, &noon.plan);
    snapshot.revision += 1;
    snapshot.nodes[2].schedulable = Schedulable::Yes;
    snapshot.jobs.retain(|job| !["serve", "eval"].contains(&job.name.as_str()));
    let views = snapshot.nodes.clone();
    snapshot.jobs.push(job("late gpus=8 in=DE,NO", &views));
    let evening = tell(&snapshot, &config(), NOW + Span::from_secs(8_000));
    tell_of(&mut transcript, "evening, a node is back and held for the pretraining", &evening);

    commit(&mut snapshot, &evening.plan);
    snapshot.revision += 1;
    snapshot.jobs.retain(|job| !["finetune", "sweep"].contains(&job.name.as_str()));
    let night = tell(&snapshot, &config(), NOW + Span::from_secs(9_000));
    tell_of(&mut transcript, "night, the node it waited for is empty", &night);

    let committed = include_str!("small_cluster.txt");
    assert!(transcript == committed, "the transcript differs; it is now:\n{transcript}");
}
