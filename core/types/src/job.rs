//! A job as its owner wants it. The manifest is the product: these are the fields people write, and a [`JobSpec`] that
//! exists has been checked whole.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::array::{ArrayError, ArraySpec};
use crate::artifact::ArtifactRef;
use crate::device::Precision;
use crate::gang::{GangError, TaskGroup, check_groups};
use crate::id::{ArtifactName, GroupName, Jurisdiction, PurposeName, QueueName, SingletonName, TenantName};
use crate::restart::{Restart, is_usual};
use crate::start::{Dependency, StartError, check_start};
use crate::time::{Span, Time};

/// The most datasets one job may mount.
pub(crate) const MAX_DATASETS: usize = 64;
/// The most bytes of command, arguments and environment together: half of what Linux passes to a program by default.
pub(crate) const MAX_COMMAND_BYTES: usize = 64 * 1024;

/// What a job is for; it decides the defaults, not the mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// Learns a model from data.
    Train,
    /// Learns a model from data and an earlier model.
    Finetune,
    /// Runs to its end once.
    Batch,
    /// Runs until it is cancelled, and again when it ends.
    Service,
}

/// A dataset mounted read-only at `/data/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DatasetMount {
    /// Which version.
    pub dataset: ArtifactRef,
    /// The name of its mount point; the dataset's own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount: Option<ArtifactName>,
}

/// How checkpoints are kept. A checkpoint is a directory `step-<number>` that appears whole, by rename, below
/// `$HOLDFAST_CHECKPOINT_DIR`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CheckpointPolicy {
    /// How many of the newest are kept.
    #[serde(default = "default_keep")]
    pub keep: u32,
    /// On how many nodes each must be before it counts.
    #[serde(default = "default_copies")]
    pub copies: u32,
}

fn default_keep() -> u32 {
    3
}

fn default_copies() -> u32 {
    2
}

/// A job that has been checked whole: it names at least one task, its groups are distinct, its limits hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawJobSpec", into = "RawJobSpec")]
pub struct JobSpec {
    /// What it is for.
    pub kind: JobKind,
    /// Where it queues.
    pub queue: QueueName,
    /// Higher goes first within a queue.
    pub priority: i32,
    /// On whose behalf.
    pub tenant: TenantName,
    /// What its data is used for.
    pub purpose: PurposeName,
    /// Where it may run; empty leaves it to the law.
    pub jurisdictions: BTreeSet<Jurisdiction>,
    /// The program.
    pub image: ArtifactRef,
    /// Arguments in place of the image's own entry point and command; empty keeps those.
    pub command: Vec<String>,
    /// Environment variables beside those of the image and the platform.
    pub env: BTreeMap<String, String>,
    /// The gang, all of which runs or none.
    pub groups: Vec<TaskGroup>,
    /// The data it reads.
    pub datasets: Vec<DatasetMount>,
    /// The model it starts from, mounted read-only at `/model`.
    pub base_model: Option<ArtifactRef>,
    /// How checkpoints are kept; `None` where it writes none.
    pub checkpoint: Option<CheckpointPolicy>,
    /// The name of the model that rank 0 leaves in `$HOLDFAST_OUTPUT_DIR`; `None` where it leaves none.
    pub output: Option<ArtifactName>,
    /// The number format wanted.
    pub precision: Option<Precision>,
    /// How often the gang starts again after a task failed. Losing a node does not count.
    pub retries: u32,
    /// The longest a start may run before it is stopped.
    pub max_run_time: Option<Span>,
    /// Whether it may be stopped so that others find room, and goes on later; where nobody says, one may that writes checkpoints.
    pub preemptible: Option<bool>,
    /// What must have become of other jobs before it starts.
    pub depends_on: Vec<Dependency>,
    /// Of the tenant's jobs with this name one has its turn at a time, in the order they were submitted.
    pub singleton: Option<SingletonName>,
    /// It does not start before.
    pub not_before: Option<Time>,
    /// It has ended by then, or it fails: at the latest moment to start where `max_run_time` says how long it may take.
    pub deadline: Option<Time>,
    /// It is so many equal gangs, each for itself; `None` where it is one.
    pub array: Option<ArraySpec>,
    /// What starts again when a task failed, or lost its node.
    pub restart: Restart,
}

/// A job as written, before it is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of JobSpec")]
pub struct RawJobSpec {
    pub kind: JobKind,
    #[serde(default = "default_queue")]
    pub queue: QueueName,
    #[serde(default)]
    pub priority: i32,
    pub tenant: TenantName,
    pub purpose: PurposeName,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub jurisdictions: BTreeSet<Jurisdiction>,
    pub image: ArtifactRef,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    pub groups: Vec<TaskGroup>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<DatasetMount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_model: Option<ArtifactRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointPolicy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<ArtifactName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    #[serde(default)]
    pub retries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_run_time: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preemptible: Option<bool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<Dependency>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub singleton: Option<SingletonName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<ArraySpec>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub restart: Restart,
}

fn default_queue() -> QueueName {
    crate::queue::default_queue_name()
}

/// Why a job cannot exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text says what it means")]
pub enum JobSpecError {
    #[error(transparent)]
    Gang(#[from] GangError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Array(#[from] ArrayError),
    #[error("datasets: {count} datasets, at most {MAX_DATASETS} are allowed")]
    TooManyDatasets { count: usize },
    #[error("datasets: `/data/{mount}` is mounted twice")]
    MountTwice { mount: ArtifactName },
    #[error("command and env: {bytes} bytes, at most {MAX_COMMAND_BYTES} are allowed")]
    CommandTooLong { bytes: usize },
    #[error(
        "env: `{name}` is not a name of an environment variable: use letters, digits and `_`, no digit first"
    )]
    EnvName { name: String },
    #[error("env: `{name}` is set by the platform")]
    EnvReserved { name: String },
    #[error("{field}: holds a NUL byte")]
    Nul { field: &'static str },
    #[error("checkpoint.{field}: must be 1 to 16")]
    Checkpoint { field: &'static str },
    #[error(
        "groups: `{name}` has min {min}: a gang that restarts as a whole runs with all of its tasks; say `restart: task`, or leave `min` out"
    )]
    MinOfGang { name: GroupName, min: u32 },
    #[error("maxRunTime: must be longer than 0s")]
    MaxRunTime,
}

/// Variables the platform sets for every task; a job that set them itself would break its own rendezvous.
pub const RESERVED_ENV: [&str; 6] =
    ["MASTER_ADDR", "MASTER_PORT", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"];

impl JobSpec {
    /// How many tasks the gang has.
    #[must_use]
    pub fn tasks(&self) -> u32 {
        self.groups.iter().map(|g| g.count).sum()
    }

    /// Whether it may be stopped so that others find room, and goes on later.
    #[must_use]
    pub fn is_preemptible(&self) -> bool {
        self.preemptible.unwrap_or(self.checkpoint.is_some())
    }

    /// The group of every rank, in order.
    pub fn ranks(&self) -> impl Iterator<Item = &TaskGroup> {
        self.groups.iter().flat_map(|g| std::iter::repeat_n(g, usize::try_from(g.count).unwrap_or(0)))
    }
}

impl TryFrom<RawJobSpec> for JobSpec {
    type Error = JobSpecError;

    fn try_from(raw: RawJobSpec) -> Result<Self, JobSpecError> {
        check_groups(&raw.groups)?;
        check_min(&raw.groups, raw.restart)?;
        check_datasets(&raw.datasets)?;
        check_command(&raw.command, &raw.env)?;
        if let Some(checkpoint) = &raw.checkpoint {
            for (field, value) in [("keep", checkpoint.keep), ("copies", checkpoint.copies)] {
                if !(1..=16).contains(&value) {
                    return Err(JobSpecError::Checkpoint { field });
                }
            }
        }
        if raw.max_run_time == Some(Span(0)) {
            return Err(JobSpecError::MaxRunTime);
        }
        check_start(&raw.depends_on, raw.not_before, raw.deadline, raw.max_run_time)?;
        if let Some(array) = &raw.array {
            check_array(array, raw.kind, raw.output.as_ref())?;
        }
        Ok(Self {
            kind: raw.kind,
            queue: raw.queue,
            priority: raw.priority,
            tenant: raw.tenant,
            purpose: raw.purpose,
            jurisdictions: raw.jurisdictions,
            image: raw.image,
            command: raw.command,
            env: raw.env,
            groups: raw.groups,
            datasets: raw.datasets,
            base_model: raw.base_model,
            checkpoint: raw.checkpoint,
            output: raw.output,
            precision: raw.precision,
            retries: raw.retries,
            max_run_time: raw.max_run_time,
            preemptible: raw.preemptible,
            depends_on: raw.depends_on,
            singleton: raw.singleton,
            not_before: raw.not_before,
            deadline: raw.deadline,
            array: raw.array,
            restart: raw.restart,
        })
    }
}

impl From<JobSpec> for RawJobSpec {
    fn from(spec: JobSpec) -> Self {
        Self {
            kind: spec.kind,
            queue: spec.queue,
            priority: spec.priority,
            tenant: spec.tenant,
            purpose: spec.purpose,
            jurisdictions: spec.jurisdictions,
            image: spec.image,
            command: spec.command,
            env: spec.env,
            groups: spec.groups,
            datasets: spec.datasets,
            base_model: spec.base_model,
            checkpoint: spec.checkpoint,
            output: spec.output,
            precision: spec.precision,
            retries: spec.retries,
            max_run_time: spec.max_run_time,
            preemptible: spec.preemptible,
            depends_on: spec.depends_on,
            singleton: spec.singleton,
            not_before: spec.not_before,
            deadline: spec.deadline,
            array: spec.array,
            restart: spec.restart,
        }
    }
}

fn check_array(array: &ArraySpec, kind: JobKind, output: Option<&ArtifactName>) -> Result<(), ArrayError> {
    if kind == JobKind::Service {
        return Err(ArrayError::Service);
    }
    if output.is_some() {
        return Err(ArrayError::Output);
    }
    array.check()
}

fn check_min(groups: &[TaskGroup], restart: Restart) -> Result<(), JobSpecError> {
    let least = groups.iter().find_map(|group| Some((&group.name, group.min?)));
    match least.filter(|_| restart == Restart::Gang) {
        Some((name, min)) => Err(JobSpecError::MinOfGang { name: name.clone(), min }),
        None => Ok(()),
    }
}

fn check_datasets(datasets: &[DatasetMount]) -> Result<(), JobSpecError> {
    if datasets.len() > MAX_DATASETS {
        return Err(JobSpecError::TooManyDatasets { count: datasets.len() });
    }
    let mut mounts = BTreeSet::new();
    for dataset in datasets {
        let mount = dataset.mount.as_ref().unwrap_or(&dataset.dataset.name);
        if !mounts.insert(mount) {
            return Err(JobSpecError::MountTwice { mount: mount.clone() });
        }
    }
    Ok(())
}

fn check_command(command: &[String], env: &BTreeMap<String, String>) -> Result<(), JobSpecError> {
    let bytes = command.iter().map(|a| a.len() + 1).sum::<usize>()
        + env.iter().map(|(k, v)| k.len() + v.len() + 2).sum::<usize>();
    if bytes > MAX_COMMAND_BYTES {
        return Err(JobSpecError::CommandTooLong { bytes });
    }
    if command.iter().any(|a| a.contains('\0')) {
        return Err(JobSpecError::Nul { field: "command" });
    }
    for (name, value) in env {
        let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !first || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(JobSpecError::EnvName { name: name.chars().take(80).collect() });
        }
        if RESERVED_ENV.contains(&name.as_str()) || name.starts_with("HOLDFAST_") {
            return Err(JobSpecError::EnvReserved { name: name.clone() });
        }
        if value.contains('\0') {
            return Err(JobSpecError::Nul { field: "env" });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minimal() -> serde_json::Value {
        serde_json::json!({
            "kind": "train", "tenant": "lab", "purpose": "research", "image": "trainer@1",
            "groups": [{"name": "worker", "count": 2, "resources":
                {"cores": "500m", "memory": "1GiB", "devices": {"class": "nvidia", "count": 2}}}],
            "datasets": [{"dataset": "corpus@1"}],
            "maxRunTime": "1h",
        })
    }

    fn check(edit: impl FnOnce(&mut serde_json::Value), expected: &str) {
        let mut value = minimal();
        edit(&mut value);
        let error = serde_json::from_value::<JobSpec>(value).unwrap_err().to_string();
        assert!(error.contains(expected), "expected `{expected}` in `{error}`");
    }

    #[test]
    fn a_minimal_job_reads_with_defaults() {
        let spec: JobSpec = serde_json::from_value(minimal()).unwrap();
        assert_eq!((spec.tasks(), spec.queue.as_str(), spec.retries), (2, "default", 0));
        assert_eq!(spec.max_run_time, Some(Span::from_secs(3_600)));
        let again: JobSpec = serde_json::from_value(serde_json::to_value(&spec).unwrap()).unwrap();
        assert_eq!(again, spec);
    }

    #[test]
    fn bad_jobs_are_refused_by_the_name_of_their_field() {
        check(|v| v["gruops"] = 1.into(), "unknown field `gruops`");
        check(|v| v["groups"] = serde_json::json!([]), "at least one group");
        check(|v| v["groups"][0]["count"] = 0.into(), "`worker` asks for 0 tasks");
        check(|v| v["groups"][0]["count"] = 20_000.into(), "20000 tasks, at most 16384");
        check(|v| v["groups"][0]["resources"]["memory"] = "lots".into(), "`lots` is not an amount of bytes");
        check(
            |v| v["groups"][0]["resources"]["devices"]["class"] = "gpu".into(),
            "not a class of accelerator",
        );
        check(|v| v["priority"] = "high".into(), "invalid type: string");
        check(|v| v["env"] = serde_json::json!({"RANK": "1"}), "`RANK` is set by the platform");
        check(|v| v["env"] = serde_json::json!({"1x": "1"}), "`1x` is not a name of an environment variable");
        check(|v| v["command"] = serde_json::json!(["x".repeat(70_000)]), "70001 bytes, at most 65536");
        check(|v| v["purpose"] = "Research!".into(), "purpose `Research!` is not a name");
        check(
            |v| v["datasets"] = serde_json::json!([{"dataset": "corpus@1"}, {"dataset": "corpus@2"}]),
            "`/data/corpus` is mounted twice",
        );
        check(
            |v| v["dependsOn"] = serde_json::json!([{"job": "a"}, {"job": "a", "condition": "after"}]),
            "dependsOn: job `a` is named twice",
        );
        check(
            |v| v["dependsOn"] = serde_json::json!([{"job": "a", "condition": "ok"}]),
            "unknown variant `ok`",
        );
        check(|v| v["notBefore"] = "tomorrow".into(), "`tomorrow` is not a time");
        check(|v| v["checkpoint"] = serde_json::json!({"keep": 0}), "checkpoint.keep: must be 1 to 16");
        check(|v| v["array"] = serde_json::json!({"size": 0}), "array.size: 0 elements, 1 to 100000");
        check(|v| v["array"] = serde_json::json!({"size": 100_001}), "100001 elements");
        check(
            |v| v["array"] = serde_json::json!({"size": 1, "maxParallel": 0}),
            "array.maxParallel: must be",
        );
        check(
            |v| v["array"] = serde_json::json!({"size": 8, "indexes": "3,8"}),
            "element 8 is past the last",
        );
        check(
            |v| (v["array"], v["kind"]) = (serde_json::json!({"size": 2}), "service".into()),
            "a service runs until it is cancelled",
        );
        check(
            |v| (v["array"], v["output"]) = (serde_json::json!({"size": 2}), "model".into()),
            "a version of the same model",
        );
    }
}
