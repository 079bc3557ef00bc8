//! Between the wire and the domain. A message becomes a domain value here or is refused by the name of its field.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use holdfast_types::{
    Amounts, ArraySpec, AsProblem, Bytes, CheckpointPolicy, DatasetMount, Dependency, DeviceClass,
    DeviceRequest, DeviceShare, Disruptions, JobKind, JobSpec, JobSpecError, LegalLabel, Millicores, Problem,
    QueueSpec, QueueSpecError, RawJobSpec, RawQueueSpec, ReservationError, Resources, Restart, Slice, Span,
    TaskGroup, Time, TopologyLevel, TopologyRequest, Usage,
};

use crate::generated::holdfast::v1;
use crate::problem::invalid_request;

/// Why a message is not a value of the domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// A field's text is not of its type.
    #[error("{field}: {reason}")]
    Field {
        /// The field as the manifest names it.
        field: String,
        /// What is wrong, naming the value.
        reason: String,
    },
    /// The fields are fine one by one, the whole is not.
    #[error(transparent)]
    Spec(#[from] JobSpecError),
    /// The same of a queue.
    #[error(transparent)]
    Queue(#[from] QueueSpecError),
    /// The same of a reservation.
    #[error(transparent)]
    Reservation(#[from] ReservationError),
}

impl AsProblem for ConvertError {
    fn problem(&self) -> Problem {
        invalid_request(self.to_string())
    }
}

pub(crate) fn field<T>(name: &str, text: &str) -> Result<T, ConvertError>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse()
        .map_err(|error: T::Err| ConvertError::Field { field: name.to_owned(), reason: error.to_string() })
}

pub(crate) fn optional<T>(name: &str, text: &str) -> Result<Option<T>, ConvertError>
where
    T: FromStr,
    T::Err: Display,
{
    if text.is_empty() { Ok(None) } else { field(name, text).map(Some) }
}

/// The wire form of an instant.
#[must_use]
pub fn timestamp(time: Time) -> prost_types::Timestamp {
    let seconds = i64::try_from(time.0 / 1_000).unwrap_or(i64::MAX);
    let nanos = i32::try_from(time.0 % 1_000 * 1_000_000).unwrap_or(0);
    prost_types::Timestamp { seconds, nanos }
}

/// The instant of a wire form; the epoch where it is absent or before it.
#[must_use]
pub fn millis(timestamp: Option<&prost_types::Timestamp>) -> Time {
    let Some(stamp) = timestamp else { return Time(0) };
    let seconds = u64::try_from(stamp.seconds).unwrap_or(0);
    let nanos = u64::try_from(stamp.nanos).unwrap_or(0);
    Time(seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000))
}

/// An instant that somebody wrote. What a millisecond cannot hold is cut off, as it is in a manifest.
fn instant(name: &str, stamp: Option<&prost_types::Timestamp>) -> Result<Option<Time>, ConvertError> {
    let Some(stamp) = stamp else { return Ok(None) };
    if stamp.seconds < 0 || !(0..1_000_000_000).contains(&stamp.nanos) {
        let reason = format!("{}.{:09} is not a time after 1970", stamp.seconds, stamp.nanos);
        return Err(ConvertError::Field { field: name.to_owned(), reason });
    }
    Ok(Some(millis(Some(stamp))))
}

/// The wire form of a label.
#[must_use]
pub fn legal_label(label: &LegalLabel) -> v1::LegalLabel {
    v1::LegalLabel {
        labels: label.labels.iter().map(ToString::to_string).collect(),
        residency: label.residency.iter().map(ToString::to_string).collect(),
        purposes: label.purposes.iter().map(ToString::to_string).collect(),
        level: label.level,
    }
}

/// The label of a wire form.
///
/// # Errors
///
/// Where a name in it is not one.
pub fn legal_label_from(label: &v1::LegalLabel) -> Result<LegalLabel, ConvertError> {
    Ok(LegalLabel {
        labels: label.labels.iter().map(|l| field("label.labels", l)).collect::<Result<_, _>>()?,
        residency: label.residency.iter().map(|j| field("label.residency", j)).collect::<Result<_, _>>()?,
        purposes: label.purposes.iter().map(|p| field("label.purposes", p)).collect::<Result<_, _>>()?,
        level: label.level,
    })
}

fn kind_from(text: &str) -> Result<JobKind, ConvertError> {
    match text {
        "train" => Ok(JobKind::Train),
        "finetune" => Ok(JobKind::Finetune),
        "batch" => Ok(JobKind::Batch),
        "service" => Ok(JobKind::Service),
        other => Err(ConvertError::Field {
            field: "kind".to_owned(),
            reason: format!("`{other}` is not a kind of job: use train, finetune, batch or service"),
        }),
    }
}

fn kind_word(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Train => "train",
        JobKind::Finetune => "finetune",
        JobKind::Batch => "batch",
        JobKind::Service => "service",
    }
}

impl TryFrom<&v1::JobSpec> for JobSpec {
    type Error = ConvertError;

    fn try_from(spec: &v1::JobSpec) -> Result<Self, ConvertError> {
        let raw = RawJobSpec {
            kind: kind_from(&spec.kind)?,
            queue: optional("queue", &spec.queue)?.unwrap_or_else(holdfast_types::default_queue_name),
            priority: spec.priority,
            tenant: field("tenant", &spec.tenant)?,
            purpose: field("purpose", &spec.purpose)?,
            jurisdictions: spec
                .jurisdictions
                .iter()
                .map(|j| field("jurisdictions", j))
                .collect::<Result<_, _>>()?,
            image: field("image", &spec.image)?,
            command: spec.command.clone(),
            env: spec.env.clone().into_iter().collect::<BTreeMap<_, _>>(),
            groups: spec.groups.iter().map(TaskGroup::try_from).collect::<Result<_, _>>()?,
            datasets: spec.datasets.iter().map(dataset_from).collect::<Result<_, _>>()?,
            base_model: optional("baseModel", &spec.base_model)?,
            checkpoint: spec.checkpoint.as_ref().map(|c| CheckpointPolicy { keep: c.keep, copies: c.copies }),
            output: optional("output", &spec.output)?,
            precision: optional("precision", &spec.precision)?,
            retries: spec.retries,
            max_run_time: (spec.max_run_time_ms > 0).then_some(Span(spec.max_run_time_ms)),
            preemptible: spec.preemptible,
            depends_on: spec.depends_on.iter().map(Dependency::try_from).collect::<Result<_, _>>()?,
            singleton: optional("singleton", &spec.singleton)?,
            not_before: instant("notBefore", spec.not_before.as_ref())?,
            deadline: instant("deadline", spec.deadline.as_ref())?,
            array: spec.array.as_ref().map(ArraySpec::try_from).transpose()?,
            restart: optional("restart", &spec.restart)?.unwrap_or_default(),
        };
        Ok(JobSpec::try_from(raw)?)
    }
}

impl TryFrom<&v1::ArraySpec> for ArraySpec {
    type Error = ConvertError;

    fn try_from(array: &v1::ArraySpec) -> Result<Self, ConvertError> {
        Ok(ArraySpec {
            size: array.size,
            max_parallel: (array.max_parallel > 0).then_some(array.max_parallel),
            indexes: optional("array.indexes", &array.indexes)?,
        })
    }
}

impl From<&ArraySpec> for v1::ArraySpec {
    fn from(array: &ArraySpec) -> Self {
        v1::ArraySpec {
            size: array.size,
            max_parallel: array.max_parallel.unwrap_or(0),
            indexes: array.indexes.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }
}

fn dataset_from(dataset: &v1::DatasetMount) -> Result<DatasetMount, ConvertError> {
    Ok(DatasetMount {
        dataset: field("datasets.dataset", &dataset.dataset)?,
        mount: optional("datasets.mount", &dataset.mount)?,
    })
}

impl TryFrom<&v1::JobDependency> for Dependency {
    type Error = ConvertError;

    fn try_from(dependency: &v1::JobDependency) -> Result<Self, ConvertError> {
        Ok(Dependency {
            job: field("dependsOn.job", &dependency.job)?,
            condition: optional("dependsOn.condition", &dependency.condition)?.unwrap_or_default(),
        })
    }
}

impl From<&Dependency> for v1::JobDependency {
    fn from(dependency: &Dependency) -> Self {
        v1::JobDependency { job: dependency.job.to_string(), condition: dependency.condition.to_string() }
    }
}

impl TryFrom<&v1::TaskGroup> for TaskGroup {
    type Error = ConvertError;

    fn try_from(group: &v1::TaskGroup) -> Result<Self, ConvertError> {
        let resources = match &group.resources {
            Some(resources) => Resources::try_from(resources)?,
            None => Resources::default(),
        };
        let topology = group.topology.as_ref().map(TopologyRequest::try_from).transpose()?;
        let variants = group.variants.iter().map(Resources::try_from).collect::<Result<_, _>>()?;
        let name = field("groups.name", &group.name)?;
        let min = (group.min > 0).then_some(group.min);
        Ok(TaskGroup { name, count: group.count, min, resources, variants, topology })
    }
}

impl TryFrom<&v1::TopologyRequest> for TopologyRequest {
    type Error = ConvertError;

    fn try_from(asks: &v1::TopologyRequest) -> Result<Self, ConvertError> {
        let slice = |slice: &v1::TopologySlice| {
            let level = field("groups.topology.slices.level", &slice.level)?;
            Ok(Slice { size: slice.size, level })
        };
        Ok(TopologyRequest {
            required: optional("groups.topology.required", &asks.required)?,
            preferred: optional("groups.topology.preferred", &asks.preferred)?,
            slices: asks.slices.iter().map(slice).collect::<Result<_, ConvertError>>()?,
            balanced: asks.balanced,
        })
    }
}

impl From<&TopologyRequest> for v1::TopologyRequest {
    fn from(asks: &TopologyRequest) -> Self {
        let text = |level: Option<TopologyLevel>| level.map_or_else(String::new, |level| level.to_string());
        let slice = |slice: &Slice| v1::TopologySlice { size: slice.size, level: slice.level.to_string() };
        v1::TopologyRequest {
            required: text(asks.required),
            preferred: text(asks.preferred),
            slices: asks.slices.iter().map(slice).collect(),
            balanced: asks.balanced,
        }
    }
}

impl TryFrom<&v1::Resources> for Resources {
    type Error = ConvertError;

    fn try_from(resources: &v1::Resources) -> Result<Self, ConvertError> {
        let defaults = Resources::default();
        let devices = match &resources.devices {
            Some(devices) => Some(device_request(devices)?),
            None => None,
        };
        // Zero is absent in proto3; a task without processor or memory cannot exist.
        let or_default = |value: u64, default: u64| if value == 0 { default } else { value };
        Ok(Resources {
            cores: Millicores(or_default(resources.cpu_millis, defaults.cores.0)),
            memory: Bytes(or_default(resources.memory_bytes, defaults.memory.0)),
            devices,
        })
    }
}

fn device_request(devices: &v1::DeviceRequest) -> Result<DeviceRequest, ConvertError> {
    let share = match devices.share_millis {
        0 => None,
        thousandths => Some(field("groups.resources.devices.share", &format!("{thousandths}m"))?),
    };
    Ok(DeviceRequest {
        class: field("groups.resources.devices.class", &devices.class)?,
        // A part is of one, whether or not it is said.
        count: if share.is_some() { devices.count.max(1) } else { devices.count },
        memory: Bytes(devices.memory_bytes),
        share,
    })
}

impl From<&Resources> for v1::Resources {
    fn from(resources: &Resources) -> Self {
        v1::Resources {
            cpu_millis: resources.cores.0,
            memory_bytes: resources.memory.0,
            devices: resources.devices.as_ref().map(|d| v1::DeviceRequest {
                class: d.class.to_string(),
                count: d.count,
                memory_bytes: d.memory.0,
                share_millis: d.share.map_or(0, DeviceShare::thousandths),
            }),
        }
    }
}

impl From<&JobSpec> for v1::JobSpec {
    fn from(spec: &JobSpec) -> Self {
        let text = |value: Option<String>| value.unwrap_or_default();
        v1::JobSpec {
            kind: kind_word(spec.kind).to_owned(),
            queue: spec.queue.to_string(),
            priority: spec.priority,
            tenant: spec.tenant.to_string(),
            purpose: spec.purpose.to_string(),
            jurisdictions: spec.jurisdictions.iter().map(ToString::to_string).collect(),
            image: spec.image.to_string(),
            command: spec.command.clone(),
            env: spec.env.clone().into_iter().collect(),
            groups: spec
                .groups
                .iter()
                .map(|g| v1::TaskGroup {
                    name: g.name.to_string(),
                    count: g.count,
                    resources: Some(v1::Resources::from(&g.resources)),
                    topology: g.topology.as_ref().map(v1::TopologyRequest::from),
                    variants: g.variants.iter().map(v1::Resources::from).collect(),
                    min: g.min.unwrap_or(0),
                })
                .collect(),
            datasets: spec
                .datasets
                .iter()
                .map(|d| v1::DatasetMount {
                    dataset: d.dataset.to_string(),
                    mount: text(d.mount.as_ref().map(ToString::to_string)),
                })
                .collect(),
            base_model: text(spec.base_model.as_ref().map(ToString::to_string)),
            checkpoint: spec
                .checkpoint
                .as_ref()
                .map(|c| v1::CheckpointPolicy { keep: c.keep, copies: c.copies }),
            output: text(spec.output.as_ref().map(ToString::to_string)),
            precision: text(spec.precision.map(|p| p.to_string())),
            retries: spec.retries,
            max_run_time_ms: spec.max_run_time.map_or(0, |s| s.0),
            preemptible: spec.preemptible,
            depends_on: spec.depends_on.iter().map(v1::JobDependency::from).collect(),
            singleton: text(spec.singleton.as_ref().map(ToString::to_string)),
            not_before: spec.not_before.map(timestamp),
            deadline: spec.deadline.map(timestamp),
            array: spec.array.as_ref().map(v1::ArraySpec::from),
            restart: if spec.restart == Restart::default() {
                String::new()
            } else {
                spec.restart.to_string()
            },
        }
    }
}

fn counts(name: &str, wire: &BTreeMap<String, u32>) -> Result<BTreeMap<DeviceClass, u32>, ConvertError> {
    wire.iter().map(|(class, count)| Ok((field(name, class)?, *count))).collect()
}

impl TryFrom<&v1::QueueSpec> for QueueSpec {
    type Error = ConvertError;

    fn try_from(spec: &v1::QueueSpec) -> Result<Self, ConvertError> {
        let raw = RawQueueSpec {
            priority: spec.priority,
            stopped: spec.stopped,
            max_devices: spec.max_devices,
            parent: optional("parent", &spec.parent)?,
            nominal: counts("nominal", &spec.nominal)?,
            borrowing_limit: counts("borrowingLimit", &spec.borrowing_limit)?,
            lending_limit: counts("lendingLimit", &spec.lending_limit)?,
            weight: spec.weight.max(1),
            half_life: (spec.half_life_ms > 0).then_some(Span(spec.half_life_ms)),
            min_run_time: spec.min_run_time_ms.map(Span),
            disruptions: spec.disruptions.as_ref().map(Disruptions::from),
        };
        Ok(raw.try_into()?)
    }
}

impl From<&QueueSpec> for v1::QueueSpec {
    fn from(spec: &QueueSpec) -> Self {
        let counts = |counts: &BTreeMap<DeviceClass, u32>| {
            counts.iter().map(|(class, count)| (class.to_string(), *count)).collect()
        };
        v1::QueueSpec {
            priority: spec.priority,
            stopped: spec.stopped,
            max_devices: spec.max_devices,
            parent: spec.parent.as_ref().map(ToString::to_string).unwrap_or_default(),
            nominal: counts(&spec.nominal),
            borrowing_limit: counts(&spec.borrowing_limit),
            lending_limit: counts(&spec.lending_limit),
            // What every queue weighs that says nothing is not said.
            weight: if spec.weight == 1 { 0 } else { spec.weight },
            half_life_ms: spec.half_life.map_or(0, |span| span.0),
            min_run_time_ms: spec.min_run_time.map(|span| span.0),
            disruptions: spec.disruptions.as_ref().map(v1::DisruptionBudget::from),
        }
    }
}

impl From<&v1::DisruptionBudget> for Disruptions {
    fn from(budget: &v1::DisruptionBudget) -> Self {
        Self { max: budget.max, per: Span(budget.per_ms) }
    }
}

impl From<&Disruptions> for v1::DisruptionBudget {
    fn from(budget: &Disruptions) -> Self {
        Self { max: budget.max, per_ms: budget.per.0 }
    }
}

impl From<&v1::QueueUsage> for Usage {
    fn from(usage: &v1::QueueUsage) -> Self {
        let (holds, average) = (Amounts::from_words(&usage.holds), Amounts::from_words(&usage.average));
        Self { at: millis(usage.at.as_ref()), holds, average }
    }
}

impl From<&Usage> for v1::QueueUsage {
    fn from(usage: &Usage) -> Self {
        let (holds, average) = (usage.holds.to_words(), usage.average.to_words());
        Self { at: Some(timestamp(usage.at)), holds, average }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_survives_the_wire() {
        let spec: JobSpec = serde_json::from_value(serde_json::json!({
            "kind": "finetune", "tenant": "lab", "purpose": "research", "image": "trainer@1", "priority": -3,
            "jurisdictions": ["DE"], "command": ["/bin/x"], "env": {"A": "b"}, "baseModel": "m@2", "output": "o",
            "groups": [{"name": "worker", "count": 2, "resources": {"devices": {"class": "amd", "share": "250m"}}}],
            "datasets": [{"dataset": "corpus@1", "mount": "c"}], "checkpoint": {}, "precision": "bf16",
            "retries": 2, "maxRunTime": "1h", "preemptible": false, "singleton": "nightly",
            "dependsOn": [{"job": "a"}, {"job": "b", "condition": "after"}, {"job": "c", "condition": "afternotok"}],
            "notBefore": "2026-11-23T18:00:00Z", "deadline": "2026-11-24T06:00:00+01:00",
        }))
        .unwrap();
        assert_eq!(JobSpec::try_from(&v1::JobSpec::from(&spec)), Ok(spec));
    }

    #[test]
    fn a_queue_survives_the_wire() {
        let spec: QueueSpec = serde_json::from_value(serde_json::json!({
            "priority": 3, "maxDevices": 9, "parent": "lab", "nominal": {"nvidia": 8, "amd": 0},
            "borrowingLimit": {"nvidia": 4}, "lendingLimit": {"amd": 0}, "weight": 3,
            "disruptions": {"max": 3, "per": "1h"},
        }))
        .unwrap();
        assert_eq!(QueueSpec::try_from(&v1::QueueSpec::from(&spec)), Ok(spec));
        let wire = v1::QueueSpec { nominal: [("cpu".to_owned(), 1)].into(), ..v1::QueueSpec::default() };
        let error = QueueSpec::try_from(&wire).unwrap_err().to_string();
        assert!(error.starts_with("nominal: `cpu` is not a class"), "{error}");
    }

    #[test]
    fn a_bad_field_is_named() {
        let wire = v1::JobSpec { kind: "trian".to_owned(), ..v1::JobSpec::default() };
        let error = JobSpec::try_from(&wire).unwrap_err().to_string();
        assert!(error.starts_with("kind: `trian` is not a kind of job"), "{error}");
        let spec: JobSpec = serde_json::from_value(serde_json::json!({
            "kind": "batch", "tenant": "lab", "purpose": "research", "image": "x@1",
            "groups": [{"name": "worker", "count": 1}],
        }))
        .unwrap();
        let error = |edit: fn(&mut v1::JobSpec)| {
            let mut wire = v1::JobSpec::from(&spec);
            edit(&mut wire);
            JobSpec::try_from(&wire).unwrap_err().to_string()
        };
        let said = error(|w| w.deadline = Some(prost_types::Timestamp { seconds: -1, ..Default::default() }));
        assert_eq!(said, "deadline: -1.000000000 is not a time after 1970");
        let said = error(|w| {
            w.depends_on.push(v1::JobDependency { job: "a".to_owned(), condition: "ok".to_owned() });
        });
        assert!(said.starts_with("dependsOn.condition: `ok` is not a condition"), "{said}");
    }

    #[test]
    fn instants_survive_the_wire() {
        for time in [Time(0), Time(1), Time(1_795_219_199_999)] {
            assert_eq!(millis(Some(&timestamp(time))), time);
        }
    }
}
