//! Jobs of many elements, which become jobs when they start.

use proptest::prelude::*;

use crate::ElementEnd;
use crate::phases::job_phase;

use super::*;

fn array(size: u32, max_parallel: u32, indexes: &str) -> v1::JobSpec {
    let array = v1::ArraySpec { size, max_parallel, indexes: indexes.to_owned() };
    let spec = job_spec(1, 0);
    v1::JobSpec { output: String::new(), array: Some(array), kind: "batch".to_owned(), ..spec }
}

impl World {
    fn counts(&self, name: &str) -> v1::ArrayStatus {
        self.status(name).array.unwrap()
    }

    fn ended(&self, name: &str, end: ElementEnd) -> String {
        let indexes = self.state.elements_that(self.state.job(name).unwrap(), end);
        indexes.map_or_else(String::new, |indexes| indexes.to_string())
    }

    fn start(&mut self, name: &str, node: &str) -> Result<(), String> {
        self.place(name, &[node]).rejected.remove(name).map_or(Ok(()), Err)
    }
}

#[test]
fn elements_become_jobs_as_they_start_and_the_array_counts_how_they_end() {
    let mut world = World::new();
    world.submit("sweep", array(1_000, 2, "0,7,900-901"));
    assert_eq!((world.phase("sweep").as_str(), world.counts("sweep").elements), ("Pending", 4));
    let not_next = Err("element 7 is not the next one of array `sweep` to start".to_owned());
    assert_eq!(world.start("sweep.7", "de-1"), not_next);
    assert_eq!(world.start("sweep.0", "de-1"), Ok(()));
    assert_eq!(world.phase("sweep"), "Running");
    let element = world.state.job("sweep.0").unwrap().clone();
    let status = element.status.unwrap();
    assert_eq!((status.phase.as_str(), status.submitted_by.as_str()), ("Starting", "alice"));
    assert_eq!(
        (element.spec.unwrap().array, status.element.map(|e| (e.index, e.size))),
        (None, Some((0, 1_000)))
    );
    assert_eq!(world.start("sweep.7", "de-2"), Ok(()));
    assert_eq!(world.start("sweep.900", "de-3"), Err("no element of array `sweep` may start now".to_owned()));
    world.report("sweep.0", 1, 0, "de-1", "Running");
    world.report("sweep.0", 1, 0, "de-1", "Succeeded");
    world.report("sweep.7", 1, 0, "de-2", "Failed");
    let counts = world.counts("sweep");
    assert_eq!((counts.next, counts.active, counts.succeeded, counts.failed), (2, 0, 1, 1));
    assert_eq!(counts.failures[0].index, 7);
    assert_eq!(world.start("sweep.900", "de-1"), Ok(()));
    assert_eq!(world.start("sweep.901", "de-2"), Ok(()));
    for (name, node) in [("sweep.900", "de-1"), ("sweep.901", "de-2")] {
        assert_eq!(world.phase("sweep"), "Running");
        world.report(name, 1, 0, node, "Succeeded");
    }
    assert_eq!(world.phase("sweep"), "Failed");
    let reason = "1 of 4 elements failed, such as 7: failed 1 of 1 starts: task 0 on de-2: told Failed";
    assert_eq!(world.status("sweep").reason, reason);
    assert_eq!(world.ended("sweep", ElementEnd::Failed), "7");
    assert_eq!(world.ended("sweep", ElementEnd::Well), "0,900-901");
    assert!(world.status("sweep").ran_ms > 0);
}

#[test]
fn an_element_starts_again_as_any_job_does_and_is_over_once() {
    let mut world = World::new();
    world.submit("sweep", v1::JobSpec { retries: 1, ..array(1, 0, "") });
    assert_eq!(world.start("sweep.0", "de-1"), Ok(()));
    world.report("sweep.0", 1, 0, "de-1", "Failed");
    assert_eq!((world.phase("sweep.0").as_str(), world.counts("sweep").active), ("Pending", 1));
    world.now += 60_000;
    assert_eq!(world.start("sweep.0", "de-2"), Ok(()));
    world.alive("de-2", false);
    assert_eq!((world.phase("sweep.0").as_str(), world.phase("sweep").as_str()), ("Pending", "Running"));
    world.now += 60_000;
    assert_eq!(world.start("sweep.0", "de-3"), Ok(()));
    world.report("sweep.0", 3, 0, "de-3", "Succeeded");
    let counts = world.counts("sweep");
    assert_eq!((counts.active, counts.succeeded, counts.failed), (0, 1, 0));
    assert_eq!(
        (world.phase("sweep").as_str(), world.status("sweep").reason.as_str()),
        ("Succeeded", "all 1 elements ended well")
    );
}

#[test]
fn cancelling_an_array_ends_what_never_started_and_stops_what_did() {
    let mut world = World::new();
    world.submit("sweep", array(100_000, 0, ""));
    world.cancel("sweep");
    assert_eq!((world.phase("sweep").as_str(), world.counts("sweep").cancelled), ("Cancelled", 100_000));
    world.submit("other", array(2_500, 0, ""));
    assert_eq!(world.start("other.0", "de-1"), Ok(()));
    assert_eq!(world.start("other.1", "de-2"), Ok(()));
    world.report("other.0", 1, 0, "de-1", "Succeeded");
    world.cancel("other");
    assert_eq!((world.phase("other").as_str(), world.phase("other.1").as_str()), ("Stopping", "Stopping"));
    assert_eq!(world.start("other.2", "de-1"), Err("no element of array `other` may start now".to_owned()));
    world.report("other.1", 1, 0, "de-2", "Stopped");
    assert_eq!((world.phase("other").as_str(), world.phase("other.1").as_str()), ("Cancelled", "Cancelled"));
    assert_eq!(world.ended("other", ElementEnd::Cancelled), "1-2499");
    assert_eq!(world.ended("other", ElementEnd::Well), "0");
    world.delete("other");
    world.delete("sweep");
    let left = world.state.records().filter(|(key, _)| key.starts_with(b"j/") || key.starts_with(b"y/"));
    assert_eq!(left.count(), 0, "nothing of an array stays when it goes");
}

#[test]
fn one_element_that_is_cancelled_leaves_the_others_alone() {
    let mut world = World::new();
    world.submit("sweep", array(2, 0, ""));
    assert_eq!(world.start("sweep.0", "de-1"), Ok(()));
    world.cancel("sweep.0");
    world.report("sweep.0", 1, 0, "de-1", "Stopped");
    assert_eq!((world.phase("sweep").as_str(), world.counts("sweep").cancelled), ("Running", 1));
    assert_eq!(world.start("sweep.1", "de-1"), Ok(()));
    world.report("sweep.1", 1, 0, "de-1", "Succeeded");
    let reason = "1 of 2 elements were cancelled";
    assert_eq!((world.phase("sweep").as_str(), world.status("sweep").reason.as_str()), ("Failed", reason));
}

#[test]
fn what_waits_for_an_array_waits_for_all_of_it() {
    let mut world = World::new();
    world.submit("sweep", array(2, 0, ""));
    let on = v1::JobDependency { job: "sweep".to_owned(), condition: "afterok".to_owned() };
    let plain = v1::JobSpec { array: None, ..array(1, 0, "") };
    world.submit("collect", v1::JobSpec { depends_on: vec![on], ..plain });
    for (name, node) in [("sweep.0", "de-1"), ("sweep.1", "de-2")] {
        assert_eq!(world.status("collect").reason, "waits for job `sweep` to succeed");
        assert_eq!(world.start(name, node), Ok(()));
        world.report(name, 1, 0, node, "Succeeded");
    }
    assert_eq!(world.status("collect").reason, "waits for a place");
}

#[test]
fn what_cannot_start_by_the_deadline_fails_and_what_runs_may_still_keep_it() {
    let mut world = World::new();
    let deadline = holdfast_api::timestamp(Time(world.now + 10_000));
    let spec = v1::JobSpec { deadline: Some(deadline), max_run_time_ms: 5_000, ..array(3, 0, "") };
    world.submit("sweep", spec);
    assert_eq!(world.start("sweep.0", "de-1"), Ok(()));
    world.now += 5_000;
    let overdue =
        |world: &World| world.state.overdue(Time(world.now)).map(|job| job.name).collect::<Vec<_>>();
    assert_eq!(overdue(&world), ["sweep"]);
    let jobs = world.state.overdue(Time(world.now)).collect();
    world.done(command::Body::FailOverdue(store::FailOverdue { jobs }));
    assert_eq!((world.phase("sweep").as_str(), world.counts("sweep").failed), ("Running", 2));
    assert!(world.overdue().is_empty());
    world.report("sweep.0", 1, 0, "de-1", "Succeeded");
    assert_eq!((world.phase("sweep").as_str(), world.phase("sweep.0").as_str()), ("Failed", "Succeeded"));
    assert_eq!(world.ended("sweep", ElementEnd::Failed), "1-2");
}

#[test]
fn nobody_takes_the_name_of_an_element() {
    let mut world = World::new();
    world.submit("sweep.3", job_spec(1, 0));
    assert_eq!(
        world.refusal("sweep", array(2, 0, "")),
        "E2200 job `sweep.3` is called as an element of it would be"
    );
    world.submit("grid", array(2, 0, ""));
    assert_eq!(world.refusal("grid.7", job_spec(1, 0)), "E2200 that is element 7 of array `grid`");
    world.submit("grid.x", job_spec(1, 0));
    let long = "a".repeat(60);
    assert!(world.refusal(&long, array(1_000, 0, "")).contains("65 characters: 1 to 63"));
}

#[test]
fn elements_of_arrays_drive_no_other_job_out_of_what_is_kept() {
    let mut world = World::quiet();
    world.submit("first", v1::JobSpec { array: None, ..array(1, 0, "") });
    world.cancel("first");
    let most = u32::try_from(MOST_ENDED).unwrap();
    world.submit("sweep", array(most + 8, 0, ""));
    for index in 0..most + 8 {
        assert_eq!(world.start(&format!("sweep.{index}"), "de-1"), Ok(()));
        world.report(&format!("sweep.{index}"), 1, 0, "de-1", "Succeeded");
    }
    assert_eq!((world.phase("first").as_str(), world.phase("sweep").as_str()), ("Cancelled", "Succeeded"));
    assert_eq!(world.state.elements(world.state.job("sweep").unwrap()).count(), MOST_ENDED);
    assert_eq!(world.ended("sweep", ElementEnd::Well), format!("0-{}", most + 7));
}

#[test]
fn an_array_outlives_the_state_it_was_started_under_and_its_elements_are_fenced() {
    let mut world = World::new();
    world.submit("sweep", array(2, 0, ""));
    assert_eq!(world.start("sweep.0", "de-1"), Ok(()));
    let begin = store::BeginIncarnation { incarnation: 2, reason: "test".to_owned(), quiet_ms: 1 };
    world.done(command::Body::BeginIncarnation(begin));
    assert_eq!((world.phase("sweep").as_str(), world.phase("sweep.0").as_str()), ("Running", "Pending"));
    world.alive("de-1", true);
    assert_eq!(world.start("sweep.1", "de-1"), Ok(()));
    assert!(
        world.status("sweep.1").fence > 1 << 20,
        "an element may have started under the state that is gone"
    );
}

#[test]
fn a_cluster_whose_members_may_not_know_arrays_keeps_none() {
    World::kept_from_the_sixth(array(2, 0, ""));
}

/// What can happen to an array.
#[derive(Debug, Clone, Copy)]
enum Act {
    Start,
    End(u8, &'static str),
    Lose(u8),
    Cancel(u8),
    CancelAll,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => Just(Act::Start),
        4 => any::<u8>().prop_map(|which| Act::End(which, "Succeeded")),
        2 => any::<u8>().prop_map(|which| Act::End(which, "Failed")),
        1 => any::<u8>().prop_map(|which| Act::End(which, "Stopped")),
        1 => (0..3_u8).prop_map(Act::Lose),
        1 => any::<u8>().prop_map(Act::Cancel),
        1 => Just(Act::CancelAll),
    ]
}

const NODES: [&str; 3] = ["de-1", "de-2", "de-3"];

impl World {
    /// The elements that have not ended.
    fn active(&self) -> Vec<v1::Job> {
        let array = self.state.job("sweep").unwrap();
        self.state.elements(array).filter(|job| !job_phase(job).is_terminal()).cloned().collect()
    }

    fn happen(&mut self, act: Act) {
        let active = self.active();
        let chosen =
            |which: u8| active.get(usize::from(which) % active.len().max(1)).cloned().unwrap_or_default();
        match act {
            Act::Start => {
                let counts = self.counts("sweep");
                let waits = active.iter().find(|job| job_phase(job) == holdfast_types::JobPhase::Pending);
                let next = format!("sweep.{}", counts.next);
                let name = waits.map_or(next, |job| job.metadata.clone().unwrap().name);
                self.now += 60_000;
                NODES.iter().any(|node| self.start(&name, node).is_ok());
            }
            Act::End(which, phase) => {
                let (metadata, status) = (chosen(which).metadata, chosen(which).status.unwrap_or_default());
                for task in status.tasks {
                    self.report(&metadata.clone().unwrap().name, status.fence, 0, &task.node, phase);
                }
            }
            Act::Lose(node) => {
                self.alive(NODES[usize::from(node)], false);
                self.alive(NODES[usize::from(node)], true);
            }
            Act::Cancel(which) => {
                if let Some(metadata) = chosen(which).metadata {
                    self.cancel(&metadata.name);
                }
            }
            Act::CancelAll if !job_phase(self.state.job("sweep").unwrap()).is_terminal() => {
                self.cancel("sweep")
            }
            Act::CancelAll => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_an_array_counts_is_so_whatever_happens(
        acts in prop::collection::vec(act(), 0..60), size in 1..9_u32, most in 0..4_u32,
    ) {
        let mut world = World::new();
        world.submit("sweep", v1::JobSpec { retries: 1, ..array(size, most, "") });
        for act in acts {
            world.happen(act);
            let (counts, active) = (world.counts("sweep"), world.active());
            let ended = counts.succeeded + counts.failed + counts.cancelled;
            prop_assert_eq!(usize::try_from(counts.active).unwrap(), active.len());
            prop_assert_eq!(counts.active + ended + (counts.elements - counts.next), size);
            prop_assert!(most == 0 || counts.active <= most);
            let job = world.state.job("sweep").unwrap();
            let kept = |end| world.state.elements_that(job, end).map_or(0, |indexes| indexes.count());
            prop_assert_eq!(kept(ElementEnd::Well), counts.succeeded);
            prop_assert_eq!(kept(ElementEnd::Failed), counts.failed);
            prop_assert_eq!(kept(ElementEnd::Cancelled), counts.cancelled);
            prop_assert_eq!(job_phase(job).is_terminal(), ended == size);
        }
    }
}

#[test]
fn a_watch_is_told_once_of_an_array_whose_elements_end_together() {
    let mut world = World::new();
    world.submit("sweep", v1::JobSpec { retries: 1, ..array(2, 0, "") });
    for (name, node) in [("sweep.0", "de-1"), ("sweep.1", "de-2")] {
        assert_eq!(world.start(name, node), Ok(()));
        world.report(name, 1, 0, node, "Failed");
    }
    let revision = world.state.revision();
    world.cancel("sweep");
    assert_eq!(world.counts("sweep").cancelled, 2);
    let mut told = std::collections::BTreeMap::<(u64, String), u32>::new();
    for item in world.state.changes_since(revision).unwrap() {
        *told.entry((item.revision, item.name.clone())).or_default() += 1;
    }
    assert!(told.values().all(|times| *times == 1), "{told:?}");
    let last =
        world.state.changes_since(revision).unwrap().filter(|item| item.name == "sweep").last().unwrap();
    let kept = v1::Job::decode(&**last.resource.as_ref().unwrap()).unwrap();
    assert_eq!(Some(&kept), world.state.job("sweep"), "what is told last is what is");
}
