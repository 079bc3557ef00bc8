//! From what the controllers want to what the sandbox runs: the law is asked, bytes are fetched, the specification made.

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::internal::{AgentDecision, ReplicaAssignment, TaskAssignment};
use holdfast_api::v1;
use holdfast_artifact::oci::ImageConfig;
use holdfast_runtime::{Access, DataMount, Env, Limits, Network, RendezvousRole, TaskId, TaskSpec};
use holdfast_types::{Bytes, Millicores, Problem, ProblemKind};

use crate::clock::now;
use crate::gang::{self, Gang};
use crate::library::{Program, blocking};
use crate::place::Place;
use crate::{share, variant};

/// The port of every gang's rendezvous, inside its sandboxes: the default of torchrun.
const RENDEZVOUS_PORT: u16 = 29_500;
/// The most processes of one task.
const PIDS: u64 = 4_096;

fn missing(what: &str) -> Problem {
    Problem::new(6240, ProblemKind::Refused, format!("the assignment names no {what}"))
}

/// Makes everything ready that a start needs.
pub(crate) async fn prepare(
    place: &Place,
    id: &TaskId,
    assignment: &TaskAssignment,
) -> Result<TaskSpec, Problem> {
    let image = assignment.image.as_ref().ok_or_else(|| missing("image"))?;
    let mut used: Vec<&ReplicaAssignment> = vec![image];
    used.extend(assignment.datasets.iter().filter_map(|d| d.artifact.as_ref()));
    used.extend(assignment.base_model.as_ref());
    used.extend(assignment.resume.as_ref());
    for artifact in used {
        check_law(place, id, assignment, artifact)?;
    }
    let program = place.library.program(image).await?;
    let mut mounts = Vec::new();
    for dataset in &assignment.datasets {
        let artifact = dataset.artifact.as_ref().ok_or_else(|| missing("dataset"))?;
        mounts.push(read_only(place.library.view(artifact).await?, &format!("/data/{}", dataset.mount)));
    }
    if let Some(model) = &assignment.base_model {
        mounts.push(read_only(place.library.view(model).await?, "/model"));
    }
    if let Some(resume) = &assignment.resume {
        mounts.push(read_only(place.library.view(resume).await?, "/resume"));
    }
    let work = place.work(id);
    for (name, target) in [("checkpoint", "/checkpoint"), ("output", "/output")] {
        mounts.push(DataMount { source: work.join(name), target: target.into(), mode: Access::ReadWrite });
    }
    let spec = specify(place, id, assignment, &program, mounts);
    write_down(place, id, assignment, work).await?;
    Ok(spec)
}

fn read_only(source: Utf8PathBuf, target: &str) -> DataMount {
    DataMount { source, target: target.into(), mode: Access::ReadOnly }
}

/// Asks the law at this node's own door; a refusal is final and recorded, whoever placed the task here.
fn check_law(
    place: &Place,
    id: &TaskId,
    assignment: &TaskAssignment,
    artifact: &ReplicaAssignment,
) -> Result<(), Problem> {
    let spec = artifact.spec.clone().unwrap_or_default();
    let decision = place.law.may_use(assignment, &spec, (&place.node, &place.jurisdiction), now())?;
    let record = AgentDecision {
        number: 0,
        action: "use".to_owned(),
        object: artifact.key.clone(),
        job: assignment.job.clone(),
        verdict: decision.verdict.to_string(),
        reasons: decision
            .reasons
            .iter()
            .map(|r| v1::Reason { rule: r.rule.clone(), text: r.text.clone() })
            .collect(),
        bundle: decision.bundle.to_string(),
    };
    place.decisions.take(id, record);
    if decision.is_allow() {
        return Ok(());
    }
    Err(decision.refusal(format!("job `{}` may not use {} here", assignment.job, artifact.key)))
}

fn specify(
    place: &Place,
    id: &TaskId,
    assignment: &TaskAssignment,
    program: &Program,
    mounts: Vec<DataMount>,
) -> TaskSpec {
    let wanted = assignment.spec.clone().unwrap_or_default();
    let resources = assignment.resources.clone().unwrap_or_default();
    let role = if assignment.rank == 0 { RendezvousRole::Serve } else { RendezvousRole::Connect };
    let network = if assignment.world > 1 {
        Network::Rendezvous { port: RENDEZVOUS_PORT, role }
    } else {
        Network::None
    };
    let nodes = assignment.devices.iter().filter_map(|d| place.devices.get(d)).flatten().cloned();
    let base = TaskSpec::new(id.clone(), program.rootfs.clone(), argv(&wanted, &program.config));
    TaskSpec {
        env: Env(env(place, assignment, &wanted, &program.config)),
        cwd: if program.config.workdir.is_empty() {
            "/".into()
        } else {
            program.config.workdir.clone().into()
        },
        mounts,
        limits: Limits {
            memory: Some(Bytes(resources.memory_bytes)).filter(|b| b.0 > 0),
            cpu: Some(Millicores(resources.cpu_millis)).filter(|c| c.0 > 0),
            pids: Some(PIDS),
        },
        network,
        hostname: format!("{}-{}", assignment.job, assignment.rank).chars().take(63).collect(),
        devices: nodes.collect(),
        fenced: true,
        ..base
    }
}

fn argv(wanted: &v1::JobSpec, image: &ImageConfig) -> Vec<String> {
    if wanted.command.is_empty() {
        image.entrypoint.iter().chain(&image.cmd).cloned().collect()
    } else {
        wanted.command.clone()
    }
}

fn env(
    place: &Place,
    assignment: &TaskAssignment,
    wanted: &v1::JobSpec,
    image: &ImageConfig,
) -> Vec<(String, String)> {
    let devices: Vec<String> = assignment.devices.iter().map(ToString::to_string).collect();
    let mut out: Vec<(String, String)> = image.env.clone();
    if !out.iter().any(|(name, _)| name == "PATH") {
        out.push(("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned()));
    }
    out.extend(wanted.env.iter().map(|(k, v)| (k.clone(), v.clone())));
    let own = [
        ("MASTER_ADDR", "127.0.0.1".to_owned()),
        ("MASTER_PORT", RENDEZVOUS_PORT.to_string()),
        ("RANK", assignment.rank.to_string()),
        ("WORLD_SIZE", assignment.world.to_string()),
        ("LOCAL_RANK", assignment.local_rank.to_string()),
        ("LOCAL_WORLD_SIZE", assignment.local_world.to_string()),
        ("HOLDFAST_JOB", assignment.job.clone()),
        ("HOLDFAST_JOB_UID", assignment.job_uid.clone()),
        ("HOLDFAST_FENCE", assignment.fence.to_string()),
        ("HOLDFAST_NODE", place.node.to_string()),
        ("HOLDFAST_DATA", "/data".to_owned()),
        ("HOLDFAST_CHECKPOINT_DIR", "/checkpoint".to_owned()),
        ("HOLDFAST_OUTPUT_DIR", "/output".to_owned()),
        ("HOLDFAST_DEVICES", devices.join(",")),
    ];
    out.extend(own.map(|(name, value)| (name.to_owned(), value)));
    // What the job says itself of another service than ours is its own affair.
    let shared = share::env(assignment).into_iter().filter(|(name, _)| !wanted.env.contains_key(*name));
    out.extend(shared.map(|(name, value)| (name.to_owned(), value)));
    out.extend(variant::env(assignment).map(|(name, value)| (name.to_owned(), value)));
    out.extend(assignment.element.iter().flat_map(element_env));
    out.extend(least_env(wanted));
    if assignment.resume.is_some() {
        out.push(("HOLDFAST_RESUME_DIR".to_owned(), "/resume".to_owned()));
    }
    if place.simulated && !devices.is_empty() {
        out.push(("HOLDFAST_SIMULATED_DEVICES".to_owned(), "1".to_owned()));
    }
    out
}

/// What the tasks of an element are told of the array.
fn element_env(element: &v1::ArrayElement) -> [(String, String); 2] {
    [("HOLDFAST_ARRAY_INDEX", element.index), ("HOLDFAST_ARRAY_SIZE", element.size)]
        .map(|(name, number)| (name.to_owned(), number.to_string()))
}

/// With how many of its tasks the gang goes on, where that is fewer than all.
fn least_env(wanted: &v1::JobSpec) -> Option<(String, String)> {
    let least = |group: &v1::TaskGroup| if group.min == 0 { group.count } else { group.min };
    let is_elastic = wanted.groups.iter().any(|group| group.min > 0);
    let sum = || wanted.groups.iter().map(least).sum::<u32>().to_string();
    is_elastic.then(|| ("HOLDFAST_MIN_WORLD_SIZE".to_owned(), sum()))
}

/// Leaves on disk what a later agent and the relay need to know of this start.
async fn write_down(
    place: &Place,
    id: &TaskId,
    assignment: &TaskAssignment,
    work: Utf8PathBuf,
) -> Result<(), Problem> {
    let directory = place.directory.clone();
    let (id, assignment) = (id.clone(), assignment.clone());
    blocking(move || {
        let failed = |error: std::io::Error| {
            Problem::new(6241, ProblemKind::Failed, format!("task {id} cannot be written down"))
                .because(error.to_string())
        };
        for name in ["checkpoint", "output"] {
            std::fs::create_dir_all(work.join(name)).map_err(failed)?;
        }
        write_gang(&directory, &id, &assignment).map_err(failed)
    })
    .await
}

/// Writes a start down with the places of its gang.
pub(crate) fn write_gang(
    directory: &Utf8Path,
    id: &TaskId,
    assignment: &TaskAssignment,
) -> std::io::Result<()> {
    let bytes = prost::Message::encode_to_vec(assignment);
    gang::write_whole(&directory.join("assignments"), id.as_str(), &bytes)?;
    if assignment.world > 1 {
        let gang = Gang::of(assignment).to_text();
        gang::write_whole(&directory.join("gangs"), id.as_str(), gang.as_bytes())?;
    }
    Ok(())
}

/// The finished checkpoints in a directory, by step. A checkpoint appears whole, by rename, under its final name.
pub(crate) fn steps(place: &Utf8Path) -> Vec<(u64, Utf8PathBuf)> {
    let Ok(entries) = place.read_dir_utf8() else { return Vec::new() };
    let mut found: Vec<(u64, Utf8PathBuf)> = entries
        .filter_map(Result::ok)
        .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
        .filter_map(|e| Some((e.file_name().strip_prefix("step-")?.parse().ok()?, e.path().to_owned())))
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_told_its_number_from_0_and_of_how_many() {
        let element = v1::ArrayElement { index: 17, size: 40, ..v1::ArrayElement::default() };
        let told = element_env(&element).map(|(name, value)| format!("{name}={value}"));
        assert_eq!(told, ["HOLDFAST_ARRAY_INDEX=17", "HOLDFAST_ARRAY_SIZE=40"]);
    }

    #[test]
    fn only_finished_checkpoints_are_seen() {
        let temporary = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(temporary.path()).unwrap();
        for name in ["step-00000100", "step-50", ".tmp-step-150", "step-x", "other"] {
            std::fs::create_dir(place.join(name)).unwrap();
        }
        std::fs::write(place.join("step-200"), "a file").unwrap();
        let seen: Vec<u64> = steps(place).into_iter().map(|(step, _)| step).collect();
        assert_eq!(seen, [50, 100]);
        assert!(steps(&place.join("absent")).is_empty());
    }
}
