//! Artifacts: versions committed by people, checkpoints and outputs committed for jobs, and who has the bytes.

use std::collections::BTreeSet;

use holdfast_api::store::{ArtifactRecord, CommitCheckpoint, CommitVersion, Done, SetReplicas, outcome};
use holdfast_api::{internal, timestamp, v1};
use holdfast_types::NodePhase;

use crate::act::{Act, Answer};
use crate::alone::fence_of_rank;
use crate::level::TURNS;
use crate::phases::{job_phase, node_phase};
use crate::state::State;
use crate::{record, refuse};

/// On how many nodes an output should be, where its job says nothing.
const OUTPUT_COPIES: u32 = 2;

pub(crate) fn commit(act: &mut Act<'_>, commit: CommitVersion) -> Answer {
    let Some(mut spec) = commit.spec else { return Err(refuse::undecodable("a version without a spec")) };
    let series = format!("{}/{}", spec.kind, spec.name);
    let newest = act.state.newest(&series).as_ref().and_then(version_of);
    if newest.is_some() && !commit.new_version {
        return Err(refuse::exists("artifact", &series)
            .because(format!("its newest version is {}", newest.unwrap_or(0)))
            .next(format!("holdfast {} import {} --new-version ...", spec.kind, spec.name)));
    }
    spec.version = newest.unwrap_or(0) + 1;
    let key = create(act, spec, &commit.uid, &commit.node);
    record::mutation(act, "commit-version", &format!("artifact/{key}"), &[("node", &commit.node)]);
    answer(act, &key)
}

/// Makes the record of a version whose bytes are on one node.
fn create(act: &mut Act<'_>, spec: v1::ArtifactSpec, uid: &str, node: &str) -> String {
    let key = format!("{}/{}@{}", spec.kind, spec.name, spec.version);
    let artifact = v1::Artifact {
        metadata: Some(v1::Metadata {
            kind: "Artifact".to_owned(),
            name: key.clone(),
            uid: uid.to_owned(),
            generation: 1,
            created_at: Some(timestamp(act.now)),
            ..v1::Metadata::default()
        }),
        spec: Some(spec),
        status: Some(v1::ArtifactStatus { nodes: vec![node.to_owned()], ..v1::ArtifactStatus::default() }),
    };
    let mut row = ArtifactRecord { artifact: Some(artifact), targets: Vec::new() };
    count(act, &mut row);
    act.state.put_artifact(row, act.revision);
    act.event(&format!("artifact/{key}"), "Committed", format!("{key} committed, bytes on {node}"));
    key
}

/// A checkpoint that an agent holds whole. It counts once it is on as many nodes as the job wants.
pub(crate) fn checkpoint(act: &mut Act<'_>, commit: CommitCheckpoint) -> Answer {
    let done = Ok(outcome::Result::Done(Done {}));
    let Some(report) = commit.checkpoint else { return done };
    let Some(job) = act.state.job(&report.job).cloned() else { return done };
    let (Some(metadata), Some(spec), Some(status)) = (&job.metadata, &job.spec, &job.status) else {
        return done;
    };
    let Some(policy) = &spec.checkpoint else { return done };
    // A start that is over may not add to the job's history: that is what the fence is for.
    // Checkpoints are of rank 0.
    let current = metadata.uid == report.job_uid && fence_of_rank(status, 0) == report.fence;
    if !current || !job_phase(&job).holds_places() {
        return done;
    }
    // Agents say what they have again and again: what is behind the checkpoint that counts, or known, changes nothing.
    if act.state.has_checkpoint(&report) {
        return done;
    }
    let series = format!("checkpoint/{}", report.job);
    let version = act.state.newest(&series).as_ref().and_then(version_of).unwrap_or(0) + 1;
    let artifact = v1::ArtifactSpec {
        kind: "checkpoint".to_owned(),
        name: report.job.clone(),
        version,
        manifest: report.manifest,
        bytes: report.bytes,
        files: report.files,
        label: status.label.clone(),
        tenant: spec.tenant.clone(),
        owner: status.submitted_by.clone(),
        step: report.step,
        lineage: Some(Box::new(lineage(&job))),
        copies: policy.copies,
        ..v1::ArtifactSpec::default()
    };
    let uid = format!("checkpoint-{}-{}", report.job_uid, version);
    create(act, artifact, &uid, &commit.node);
    adopt_checkpoint(act, &report.job);
    done
}

impl State {
    /// Whether a reported checkpoint is known, or no longer of interest because a newer one of its job counts.
    #[must_use]
    pub fn has_checkpoint(&self, report: &internal::CheckpointReport) -> bool {
        let status = self.job(&report.job).and_then(|job| job.status.as_ref());
        if status.is_some_and(|s| report.step <= s.checkpoint_step) {
            return true;
        }
        self.versions(&format!("checkpoint/{}", report.job)).filter_map(|row| row.artifact?.spec).any(|s| {
            // Another start may reach the same step after the first one's copy was lost: that one is new.
            let lineage = s.lineage.as_ref();
            s.step == report.step
                && lineage.is_some_and(|l| l.job_uid == report.job_uid && l.fence == report.fence)
        })
    }
}

/// The model that a job left.
pub(crate) fn output(act: &mut Act<'_>, job: &mut v1::Job, node: &str, output: &internal::OutputReport) {
    let Some(spec) = job.spec.clone() else { return };
    if spec.output.is_empty() {
        return;
    }
    let series = format!("model/{}", spec.output);
    let version = act.state.newest(&series).as_ref().and_then(version_of).unwrap_or(0) + 1;
    let status = job.status.get_or_insert_default();
    let artifact = v1::ArtifactSpec {
        kind: "model".to_owned(),
        name: spec.output.clone(),
        version,
        manifest: output.manifest.clone(),
        bytes: output.bytes,
        files: output.files,
        label: status.label.clone(),
        tenant: spec.tenant.clone(),
        owner: status.submitted_by.clone(),
        copies: spec.checkpoint.as_ref().map_or(OUTPUT_COPIES, |c| c.copies),
        ..v1::ArtifactSpec::default()
    };
    status.output = format!("{}@{version}", spec.output);
    let artifact = v1::ArtifactSpec { lineage: Some(Box::new(lineage(job))), ..artifact };
    let uid = format!("model-{}", job.metadata.as_ref().map_or("", |m| m.uid.as_str()));
    let key = create(act, artifact, &uid, node);
    record::mutation(act, "commit-output", &format!("artifact/{key}"), &[("node", node)]);
}

/// What something was made of, from what the controllers themselves placed and the agents mounted.
fn lineage(job: &v1::Job) -> v1::Lineage {
    let spec = job.spec.clone().unwrap_or_default();
    let status = job.status.clone().unwrap_or_default();
    let metadata = job.metadata.clone().unwrap_or_default();
    let on: BTreeSet<String> = status.tasks.iter().map(|t| t.node.clone()).collect();
    v1::Lineage {
        datasets: spec.datasets.iter().map(|d| d.dataset.clone()).collect(),
        base_model: spec.base_model,
        image: spec.image,
        job: metadata.name,
        job_uid: metadata.uid,
        fence: fence_of_rank(&status, 0),
        nodes: on.into_iter().collect(),
        bundle: status.bundle,
        checkpoint: status.resume,
    }
}

/// Nodes say what they have verified; planners say who should fetch.
pub(crate) fn replicas(act: &mut Act<'_>, replicas: SetReplicas) -> Answer {
    let mut touched: BTreeSet<String> = BTreeSet::new();
    for key in &replicas.have {
        let node = &replicas.node;
        let added = edit(act, key, |record| {
            record.targets.retain(|t| t != node);
            let nodes = &mut record.artifact.get_or_insert_default().status.get_or_insert_default().nodes;
            if !nodes.contains(node) {
                nodes.push(node.clone());
                nodes.sort();
            }
        });
        if added && key.starts_with("checkpoint/") {
            touched
                .extend(key.strip_prefix("checkpoint/").and_then(|k| k.split('@').next()).map(str::to_owned));
        }
    }
    for target in &replicas.targets {
        add_target(act, &target.artifact, &target.node);
    }
    for job in touched {
        adopt_checkpoint(act, &job);
    }
    Ok(outcome::Result::Done(Done {}))
}

/// Puts a version whose nodes were set.
pub(crate) fn put(act: &mut Act<'_>, mut row: ArtifactRecord) {
    count(act, &mut row);
    act.state.put_artifact(row, act.revision);
}

/// A node should fetch a version.
pub(crate) fn add_target(act: &mut Act<'_>, key: &str, node: &str) {
    edit(act, key, |record| {
        let has = record.artifact.as_ref().and_then(|a| a.status.as_ref());
        let there = has.is_some_and(|s| s.nodes.iter().any(|name| name == node));
        if !there && !record.targets.iter().any(|name| name == node) {
            record.targets.push(node.to_owned());
        }
    });
}

fn edit(act: &mut Act<'_>, key: &str, change: impl FnOnce(&mut ArtifactRecord)) -> bool {
    let Some(before) = act.state.artifact(key) else { return false };
    let mut after = before.clone();
    change(&mut after);
    count(act, &mut after);
    let changed = after != before;
    if changed {
        act.state.put_artifact(after, act.revision);
    }
    changed
}

/// Sets the phase of a version from the nodes that have it and are not lost.
fn count(act: &Act<'_>, row: &mut ArtifactRecord) {
    let now = timestamp(act.now);
    let Some(artifact) = row.artifact.as_mut() else { return };
    let wanted = artifact.spec.as_ref().map_or(1, |s| s.copies.max(1));
    let status = artifact.status.get_or_insert_default();
    let live = status.nodes.iter().filter(|n| is_live(act, n)).count();
    let phase = match u32::try_from(live) {
        Ok(0) => "Missing",
        Ok(n) if n < wanted => "Committed",
        _ => "Available",
    };
    if status.phase != phase {
        phase.clone_into(&mut status.phase);
        status.since = Some(now);
    }
    status.reason = format!("on {live} of {wanted} nodes");
}

fn is_live(act: &Act<'_>, node: &str) -> bool {
    let phase = act.state.node(node).map(node_phase);
    phase.is_some_and(|p| !matches!(p, NodePhase::Lost | NodePhase::Retired | NodePhase::Pending))
}

/// Counts the versions that a node has again after it came or went.
pub(crate) fn recount(act: &mut Act<'_>, node: &str) {
    let has = |artifact: &v1::Artifact| {
        artifact.status.as_ref().is_some_and(|status| status.nodes.iter().any(|name| name == node))
    };
    let keys = keys_of(act.state.artifacts_mentioning(node), has);
    recount_these(act, &keys);
}

/// The versions that no other node has which lives.
pub(crate) fn only_on(act: &Act<'_>, node: &str) -> Vec<String> {
    let only = |artifact: &v1::Artifact| {
        let nodes = artifact.status.as_ref().map_or(&[][..], |status| status.nodes.as_slice());
        let elsewhere = nodes.iter().any(|name| name != node && is_live(act, name));
        nodes.iter().any(|name| name == node) && !elsewhere
    };
    keys_of(act.state.artifacts_mentioning(node), only)
}

/// Counts every version again.
pub(crate) fn recount_all(act: &mut Act<'_>) {
    let keys = keys_of(act.state.artifacts(), |_| true);
    recount_these(act, &keys);
}

fn keys_of(
    rows: impl Iterator<Item = ArtifactRecord>,
    wanted: impl Fn(&v1::Artifact) -> bool,
) -> Vec<String> {
    let artifacts = rows.filter_map(|row| row.artifact).filter(|artifact| wanted(artifact));
    artifacts.filter_map(|artifact| Some(artifact.metadata?.name)).collect()
}

fn recount_these(act: &mut Act<'_>, keys: &[String]) {
    for key in keys {
        edit(act, key, |_| {});
    }
}

/// Makes the newest checkpoint that is available the job's, and forgets those beyond what the job keeps.
fn adopt_checkpoint(act: &mut Act<'_>, name: &str) {
    let Some(mut job) = act.state.job(name).cloned() else { return };
    let available = checkpoints(act, &job, &["Available"]);
    let Some(newest) = available.last() else { return };
    let status = job.status.get_or_insert_default();
    if newest.step > status.checkpoint_step || status.checkpoint.is_empty() {
        status.checkpoint = format!("{}@{}", newest.name, newest.version);
        status.checkpoint_step = newest.step;
        if act.state.feature_level() >= TURNS {
            status.checkpoint_at = Some(timestamp(act.now));
        }
        let text = format!("checkpoint of step {} is on {} nodes", newest.step, newest.copies);
        act.event(&format!("job/{name}"), "Checkpoint", text);
        let keep = job.spec.as_ref().and_then(|s| s.checkpoint.as_ref()).map_or(1, |c| c.keep.max(1));
        let resume = job.status.as_ref().map(|s| s.resume.clone()).unwrap_or_default();
        act.state.put_job(job, act.revision);
        let surplus = available.len().saturating_sub(usize::try_from(keep).unwrap_or(1));
        for old in available.iter().take(surplus).filter(|c| format!("{}@{}", c.name, c.version) != resume) {
            act.state.remove_artifact(old, act.revision);
        }
    }
}

/// The newest checkpoint of the job that some live node has.
pub(crate) fn resume_point(act: &Act<'_>, job: &v1::Job) -> String {
    let usable = checkpoints(act, job, &["Available", "Committed"]);
    usable.last().map(|c| format!("{}@{}", c.name, c.version)).unwrap_or_default()
}

/// The checkpoints of this life of the job in these phases, by step.
fn checkpoints(act: &Act<'_>, job: &v1::Job, phases: &[&str]) -> Vec<v1::ArtifactSpec> {
    let uid = job.metadata.as_ref().map_or("", |m| m.uid.as_str());
    let name = job.metadata.as_ref().map_or("", |m| m.name.as_str());
    let mut found: Vec<v1::ArtifactSpec> = act
        .state
        .versions(&format!("checkpoint/{name}"))
        .filter_map(|row| row.artifact)
        .filter(|a| a.status.as_ref().is_some_and(|s| phases.contains(&s.phase.as_str())))
        .filter_map(|a| a.spec)
        .filter(|s| lineage_uid(s) == uid)
        .collect();
    found.sort_by_key(|s| (s.step, s.version));
    found
}

fn lineage_uid(spec: &v1::ArtifactSpec) -> &str {
    spec.lineage.as_ref().map_or("", |l| l.job_uid.as_str())
}

pub(crate) fn spec_of(record: &ArtifactRecord) -> Option<&v1::ArtifactSpec> {
    record.artifact.as_ref()?.spec.as_ref()
}

fn version_of(record: &ArtifactRecord) -> Option<u64> {
    spec_of(record).map(|s| s.version)
}

fn answer(act: &Act<'_>, key: &str) -> Answer {
    let found = act.state.artifact(key).and_then(|row| row.artifact);
    found.map(outcome::Result::Artifact).ok_or_else(|| refuse::not_found("artifact", key))
}
