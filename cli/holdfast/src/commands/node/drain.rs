//! Waiting for a node that is being drained to be empty.

use std::collections::BTreeMap;

use holdfast_api::v1::jobs_client::JobsClient;
use holdfast_api::v1::watch_event::Resource;
use holdfast_api::v1::{Job, JobList, ListJobsRequest};
use holdfast_types::{Problem, ProblemKind, TaskPhase};

use crate::commands::listing::{self, Selector, Watched};
use crate::commands::wait::within;
use crate::session::{Session, call};

/// Returns when no task is on the node any more, or a problem when `--timeout` has passed.
pub(super) async fn until_empty(session: &Session, node: &str) -> Result<(), Problem> {
    within(session.globals.timeout, follow(session, node), |limit| {
        Problem::new(7044, ProblemKind::Unreachable, format!("node `{node}` is not empty in time"))
            .because(format!("--timeout is {limit}; the drain goes on"))
            .next(format!("holdfast node show {node}"))
            .next("holdfast job list --phase Running")
    })
    .await
}

async fn follow(session: &Session, node: &str) -> Result<(), Problem> {
    let selector = Selector::default();
    let all = &selector;
    let list: JobList = listing::all(|token| async move {
        let request = ListJobsRequest { list: Some(all.page(&token)), ..ListJobsRequest::default() };
        call!(session, JobsClient, list, request)
    })
    .await?;
    let mut left = BTreeMap::new();
    list.items.iter().for_each(|job| note(&mut left, job, node));
    let mut watch = listing::changes(session, Watched { kind: "Job", name: "", revision: list.revision });
    while !left.is_empty() {
        let tasks: usize = left.values().sum();
        session.printer.note(format!("{tasks} tasks of {} jobs are still on `{node}`", left.len()));
        let before = left.clone();
        while left == before {
            let event = watch.next().await?;
            match &event.resource {
                Some(Resource::Job(job)) if event.r#type == "put" => note(&mut left, job, node),
                Some(_) | None => {
                    left.remove(&event.name);
                }
            }
        }
    }
    Ok(())
}

/// Counts the tasks of a job that are on the node.
fn note(left: &mut BTreeMap<String, usize>, job: &Job, node: &str) {
    let name = job.metadata.as_ref().map(|m| m.name.clone()).unwrap_or_default();
    let tasks = job.status.as_ref().map(|s| s.tasks.as_slice()).unwrap_or_default();
    let is_over = |phase: &str| TaskPhase::from_word(phase).is_some_and(TaskPhase::is_terminal);
    let count = tasks.iter().filter(|t| t.node == node && !is_over(&t.phase)).count();
    if count == 0 {
        left.remove(&name)
    } else {
        left.insert(name, count)
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1::{JobStatus, Metadata, TaskStatus};

    #[test]
    fn only_tasks_that_may_run_on_the_node_count() {
        let task = |node: &str, phase: &str| TaskStatus {
            node: node.to_owned(),
            phase: phase.to_owned(),
            ..TaskStatus::default()
        };
        let mut job = Job {
            metadata: Some(Metadata { name: "x".to_owned(), ..Metadata::default() }),
            spec: None,
            status: Some(JobStatus {
                tasks: vec![task("n1", "Running"), task("n1", "Stopped"), task("n2", "Running")],
                ..JobStatus::default()
            }),
        };
        let mut left = BTreeMap::new();
        note(&mut left, &job, "n1");
        assert_eq!(left, BTreeMap::from([("x".to_owned(), 1)]));
        job.status = None;
        note(&mut left, &job, "n1");
        assert!(left.is_empty());
    }
}
