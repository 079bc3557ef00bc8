//! A job as people read it.

use std::fmt::Write as _;

use holdfast_api::v1::{Job, JobExplanation, JobStatus, TaskStatus};

use crate::output::{Table, since};

/// The table of jobs.
pub(super) fn table() -> Table {
    Table::new(&["NAME", "QUEUE", "KIND", "PHASE", "TASKS", "SINCE", "AGE", "REASON"])
}

/// A job as a row.
pub(super) fn row(table: &mut Table, job: &Job) {
    let metadata = job.metadata.clone().unwrap_or_default();
    let spec = job.spec.clone().unwrap_or_default();
    let status = job.status.clone().unwrap_or_default();
    let tasks: u64 = spec.groups.iter().map(|g| u64::from(g.count)).sum();
    table.row([
        metadata.name,
        spec.queue,
        spec.kind,
        status.phase.clone(),
        tasks.to_string(),
        since(status.since.as_ref()),
        since(metadata.created_at.as_ref()),
        why(&status),
    ]);
}

/// Why it is in its phase: what the scheduler said last, where it waits.
fn why(status: &JobStatus) -> String {
    match &status.explanation {
        Some(explanation) if status.phase == "Pending" && !explanation.summary.is_empty() => {
            explanation.summary.clone()
        }
        Some(_) | None => status.reason.clone(),
    }
}

/// How a job ended, in a few lines.
pub(super) fn summary(job: &Job) -> String {
    let (metadata, status) =
        (job.metadata.clone().unwrap_or_default(), job.status.clone().unwrap_or_default());
    let mut text = format!("job `{}`: {}", metadata.name, status.phase);
    if !status.reason.is_empty() {
        let _ = write!(text, ", {}", status.reason);
    }
    text.push('\n');
    if !status.output.is_empty() {
        let _ = writeln!(text, "output: model {}", status.output);
    }
    text
}

/// Everything about a job.
pub(super) fn whole(job: &Job) -> String {
    let metadata = job.metadata.clone().unwrap_or_default();
    let spec = job.spec.clone().unwrap_or_default();
    let status = job.status.clone().unwrap_or_default();
    let phase = format!("{}, since {}", status.phase, since(status.since.as_ref()));
    let data = spec.datasets.iter().map(|d| d.dataset.clone()).collect::<Vec<_>>().join(", ");
    let checkpoint = match status.checkpoint.as_str() {
        "" => String::new(),
        name => format!("{name}, step {}", status.checkpoint_step),
    };
    let starts = format!("{}, {} failed, {} moved", status.fence, status.failures, status.restarts);
    let mut text = String::new();
    for (name, value) in [
        ("job", metadata.name),
        ("phase", phase),
        ("because", why(&status)),
        ("queue", format!("{}, priority {}", spec.queue, spec.priority)),
        ("tenant", format!("{}, purpose {}", spec.tenant, spec.purpose)),
        ("jurisdictions", spec.jurisdictions.join(", ")),
        ("image", spec.image),
        ("command", spec.command.join(" ")),
        ("datasets", data),
        ("base model", spec.base_model),
        ("starts", starts),
        ("checkpoint", checkpoint),
        ("output", status.output.clone()),
        ("submitted by", status.submitted_by.clone()),
        ("law", status.bundle.clone()),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<15}{value}");
        }
    }
    text + &tasks(&status.tasks)
}

fn tasks(tasks: &[TaskStatus]) -> String {
    if tasks.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["RANK", "GROUP", "NODE", "DEVICES", "PHASE", "EXIT", "SINCE", "REASON"]);
    for task in tasks {
        let devices = task.devices.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let ended = matches!(task.phase.as_str(), "Succeeded" | "Failed");
        let mut reason = task.reason.clone();
        if !task.unenforced.is_empty() {
            let _ = write!(reason, " (not enforced: {})", task.unenforced.join(", "));
        }
        table.row([
            task.rank.to_string(),
            task.group.clone(),
            task.node.clone(),
            devices,
            task.phase.clone(),
            if ended { task.exit_code.to_string() } else { String::new() },
            since(task.since.as_ref()),
            reason.trim().to_owned(),
        ]);
    }
    format!("\n{table}")
}

/// Why a job is where it is.
pub(super) fn explanation(explanation: &JobExplanation) -> String {
    if !explanation.text.is_empty() {
        return format!("{}\n", explanation.text.trim_end());
    }
    let mut text = format!("{}\n", explanation.summary);
    for step in &explanation.waterfall {
        let mut removed: Vec<_> = step.removed.iter().collect();
        removed.sort();
        let removed: Vec<String> =
            removed.iter().map(|(reason, count)| format!("-{count} {reason}")).collect();
        let _ = writeln!(text, "{:>7}  {}  {}", step.remaining, step.filter, removed.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1::{JobSpec, Metadata, TaskGroup};

    #[test]
    fn a_waiting_job_shows_what_the_scheduler_said() {
        let job = Job {
            metadata: Some(Metadata { name: "big".to_owned(), ..Metadata::default() }),
            spec: Some(JobSpec {
                kind: "train".to_owned(),
                queue: "default".to_owned(),
                groups: vec![TaskGroup { count: 4, ..TaskGroup::default() }],
                ..JobSpec::default()
            }),
            status: Some(JobStatus {
                phase: "Pending".to_owned(),
                reason: "submitted".to_owned(),
                explanation: Some(JobExplanation {
                    summary: "it needs 8 nvidia devices on one node".to_owned(),
                    ..JobExplanation::default()
                }),
                ..JobStatus::default()
            }),
        };
        let mut rows = table();
        row(&mut rows, &job);
        let expected = "\
NAME  QUEUE    KIND   PHASE    TASKS  SINCE  AGE  REASON
big   default  train  Pending  4      -      -    it needs 8 nvidia devices on one node
";
        assert_eq!(rows.to_string(), expected);
        assert!(whole(&job).contains("because        it needs 8 nvidia devices on one node\n"));
    }
}
