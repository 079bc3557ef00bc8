//! A job as people read it.

use std::fmt::Write as _;

use holdfast_api::millis;
use holdfast_api::v1::{
    ArrayStatus, Job, JobDependency, JobExplanation, JobSpec, JobStatus, Resources, TaskGroup, TaskStatus,
};
use holdfast_types::{Bytes, Millicores, Watts};
use prost_types::Timestamp;

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
        status
            .array
            .as_ref()
            .map_or_else(|| tasks.to_string(), |array| format!("{}/{}", array.active, array.elements)),
        since(status.since.as_ref()),
        since(metadata.created_at.as_ref()),
        why(&status),
    ]);
}

/// Why it is in its phase: what the scheduler said last, where it waits.
fn why(status: &JobStatus) -> String {
    if let Some(array) = status.array.as_ref().filter(|_| status.phase == "Running") {
        return elements(array);
    }
    match &status.explanation {
        Some(explanation) if status.phase == "Pending" && !explanation.summary.is_empty() => {
            explanation.summary.clone()
        }
        Some(_) | None => status.reason.clone(),
    }
}

/// How far an array has come.
fn elements(array: &ArrayStatus) -> String {
    let left = array.elements.saturating_sub(array.next);
    let parts = [
        (left, "wait"),
        (array.active, "under way"),
        (array.succeeded, "ended well"),
        (array.failed, "failed"),
        (array.cancelled, "cancelled"),
    ];
    let some = parts.iter().filter(|(count, _)| *count > 0);
    some.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}

/// Which elements of an array failed, and why those did that are kept.
fn failed_elements(array: &ArrayStatus) -> String {
    let mut text = if array.failed == 0 { String::new() } else { array.failed_indexes.clone() };
    for element in &array.failures {
        let ago = since(element.at.as_ref());
        let _ = write!(text, "\n  element {}, {ago} ago: {}", element.index, element.reason);
    }
    text
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
    let on = |on: &JobDependency| format!("{} {}", on.condition, on.job);
    let depends_on = spec.depends_on.iter().map(on).collect::<Vec<_>>().join(", ");
    let (failed, variant) = (failed_starts(&spec, &status), variant(&spec, &status));
    let restarts = restarts(&spec);
    let array = status.array.as_ref();
    let mut text = String::new();
    for (name, value) in [
        ("job", metadata.name),
        ("phase", phase),
        ("because", why(&status)),
        ("elements", array.map_or_else(String::new, elements)),
        ("failed", array.map_or_else(String::new, failed_elements)),
        ("cancelled", array.map_or_else(String::new, |array| array.cancelled_indexes.clone())),
        ("queue", format!("{}, priority {}", spec.queue, spec.priority)),
        ("tenant", format!("{}, purpose {}", spec.tenant, spec.purpose)),
        ("jurisdictions", spec.jurisdictions.join(", ")),
        ("image", spec.image),
        ("command", spec.command.join(" ")),
        ("datasets", data),
        ("base model", spec.base_model),
        ("depends on", depends_on),
        ("singleton", spec.singleton),
        ("not before", instant(spec.not_before.as_ref())),
        ("deadline", instant(spec.deadline.as_ref())),
        ("starts", starts),
        ("variant", variant),
        ("restarts", restarts),
        ("more tasks", more(&status)),
        ("failed", failed),
        ("checkpoint", checkpoint),
        ("power", power(&status)),
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

/// What it draws at most while it has places, and what it has drawn before: energy in tenths of kilowatt hours.
fn power(status: &JobStatus) -> String {
    let tenths = status.energy_joules / 360_000;
    let energy = format!("{}.{} kWh before", tenths / 10, tenths % 10);
    match (status.power_watts, status.energy_joules) {
        (0, 0) => String::new(),
        (0, _) => format!("up to {energy}"),
        (watts, 0) => format!("up to {}", Watts(watts)),
        (watts, _) => format!("up to {}, {energy}", Watts(watts)),
    }
}

/// In which of its variants a job has started last, and what its tasks have in it; nothing where it has none to choose from.
fn variant(spec: &JobSpec, status: &JobStatus) -> String {
    let groups: Vec<&TaskGroup> = spec.groups.iter().filter(|group| !group.variants.is_empty()).collect();
    if groups.is_empty() || status.fence == 0 {
        return String::new();
    }
    let group = |group: &&TaskGroup| {
        let named = if groups.len() > 1 { format!("{} ", group.name) } else { String::new() };
        named + &resources(&group.resources_in(status.variant))
    };
    format!("{}: {}", status.variant, groups.iter().map(group).collect::<Vec<_>>().join("; "))
}

/// What starts again where a task is over, if that is not the gang.
fn restarts(spec: &JobSpec) -> String {
    let least = |group: &TaskGroup| if group.min == 0 { group.count } else { group.min };
    let least: u32 = spec.groups.iter().map(least).sum();
    let all: u32 = spec.groups.iter().map(|group| group.count).sum();
    match (spec.restart.as_str(), least == all) {
        ("task", true) => "each task alone".to_owned(),
        ("task", false) => format!("each task alone; {least} to {all} tasks"),
        _ => String::new(),
    }
}

/// Why tasks have no place while others run.
fn more(status: &JobStatus) -> String {
    let waiting = status.tasks.iter().filter(|task| task.phase == "Waiting").count();
    match &status.explanation {
        Some(why) if waiting > 0 => format!("{waiting} wait: {}", why.summary),
        _ => String::new(),
    }
}

fn resources(resources: &Resources) -> String {
    let mut text = format!("{} cores, {}", Millicores(resources.cpu_millis), Bytes(resources.memory_bytes));
    if let Some(devices) = &resources.devices {
        let _ = write!(text, ", {} {}", devices.count.max(1), devices.class);
        if devices.share_millis > 0 {
            let _ = write!(text, " ({}m)", devices.share_millis);
        }
    }
    text
}

fn instant(stamp: Option<&Timestamp>) -> String {
    stamp.map_or_else(String::new, |stamp| millis(Some(stamp)).to_string())
}

/// How many starts failed, of how many it has, and why each of those that are kept did.
fn failed_starts(spec: &JobSpec, status: &JobStatus) -> String {
    if status.failures == 0 {
        return String::new();
    }
    let mut text = match spec.kind.as_str() {
        "service" => format!("{} starts", status.failures),
        _ => format!("{} of {} starts", status.failures, u64::from(spec.retries) + 1),
    };
    if let [only] = status.failed_starts.as_slice() {
        let _ = write!(text, ": {}", only.reason);
        return text;
    }
    for start in &status.failed_starts {
        let _ = write!(text, "\n  start {}, {} ago: {}", start.fence, since(start.at.as_ref()), start.reason);
    }
    text
}

fn tasks(tasks: &[TaskStatus]) -> String {
    if tasks.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["RANK", "GROUP", "NODE", "DEVICES", "PHASE", "EXIT", "SINCE", "REASON"]);
    for task in tasks {
        let mut devices = task.devices.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        if task.share_millis > 0 {
            let _ = write!(devices, " ({}m)", task.share_millis);
        }
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

/// A job that is not there, as the next plan would leave it.
pub(super) fn trial(name: &str, job: &Job) -> String {
    let status = job.status.clone().unwrap_or_default();
    if status.phase == "Starting" {
        return format!("job `{name}` would be admitted, and start now\n{}", tasks(&status.tasks));
    }
    if let Some(array) = status.array.filter(|_| status.phase == "Running") {
        return format!(
            "job `{name}` would be admitted, and {} of {} elements start now\n",
            array.active, array.elements
        );
    }
    let why = status
        .explanation
        .map_or_else(|| format!("{}\n", status.reason), |explanation| self::explanation(&explanation));
    format!("job `{name}` would be admitted, and wait\n\n{why}")
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
    use holdfast_api::v1::{DeviceRequest, FailedStart, Metadata};

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

    #[test]
    fn a_job_with_variants_shows_which_it_has() {
        let devices = DeviceRequest { class: "amd".to_owned(), count: 8, ..DeviceRequest::default() };
        let other = Resources { cpu_millis: 250, memory_bytes: 1 << 30, devices: Some(devices) };
        let group = TaskGroup { variants: vec![other], ..TaskGroup::default() };
        let mut job = Job {
            spec: Some(JobSpec { groups: vec![group], ..JobSpec::default() }),
            status: Some(JobStatus { variant: 1, ..JobStatus::default() }),
            ..Job::default()
        };
        assert!(!whole(&job).contains("variant"), "it never started");
        job.status.as_mut().unwrap().fence = 1;
        assert!(whole(&job).contains("variant        1: 250m cores, 1 GiB, 8 amd\n"), "{}", whole(&job));
    }

    #[test]
    fn what_a_job_waits_for_and_why_it_failed_is_shown() {
        let on = |job: &str, condition: &str| JobDependency {
            job: job.to_owned(),
            condition: condition.to_owned(),
        };
        let failed = |fence| FailedStart { fence, reason: format!("exit code {fence}"), at: None };
        let mut job = Job {
            spec: Some(JobSpec {
                kind: "batch".to_owned(),
                retries: 2,
                depends_on: vec![on("a", "afterok"), on("b", "after")],
                singleton: "nightly".to_owned(),
                deadline: Some(Timestamp { seconds: 1_795_219_199, nanos: 0 }),
                ..JobSpec::default()
            }),
            status: Some(JobStatus { failures: 1, failed_starts: vec![failed(1)], ..JobStatus::default() }),
            ..Job::default()
        };
        let shown = whole(&job);
        for line in [
            "depends on     afterok a, after b\n",
            "singleton      nightly\n",
            "deadline       2026-11-20T23:59:59.000Z\n",
            "failed         1 of 3 starts: exit code 1\n",
        ] {
            assert!(shown.contains(line), "{line} in {shown}");
        }
        assert!(!shown.contains("not before"), "{shown}");
        let status = job.status.as_mut().unwrap();
        status.failures = 2;
        status.failed_starts.push(failed(2));
        let expected =
            "failed         2 of 3 starts\n  start 1, - ago: exit code 1\n  start 2, - ago: exit code 2\n";
        assert!(whole(&job).contains(expected), "{}", whole(&job));
    }
}
