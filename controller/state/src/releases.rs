//! Releases: whose are taken, which there are, and the floor below which none is taken again. The payload is an artifact like any other, so
//! that nodes have it from one another; what proves it is here.

use holdfast_api::store::{
    ArtifactRecord, ImportRelease, ReleaseRecord, ReleaseTrustRecord, TrustReleases, outcome,
};
use holdfast_api::{timestamp, v1};

use crate::act::{Act, Answer};
use crate::state::State;
use crate::{artifacts, record, refuse};

/// The key of the one record of trust.
pub(crate) const TRUST: &str = "trust";
/// The kind of a payload among the artifacts.
pub const RELEASE_KIND: &str = "release";
/// The most releases that are kept.
const MOST_RELEASES: usize = 32;
/// The longest root, and the longest metadata of a release, that is kept.
const MOST_ROOT: usize = 64 << 10;
const MOST_METADATA: usize = 1 << 20;
/// The longest version.
const MOST_VERSION: usize = 64;

impl State {
    /// Whose releases are taken; absent where nobody's are.
    #[must_use]
    pub fn release_trust(&self) -> Option<&ReleaseTrustRecord> {
        self.release_trust.get(TRUST)
    }

    /// Every release, by version.
    pub fn releases(&self) -> impl DoubleEndedIterator<Item = &ReleaseRecord> {
        self.releases.values()
    }

    /// One release, with the nodes that have its payload.
    #[must_use]
    pub fn release(&self, version: &str) -> Option<ReleaseRecord> {
        let mut record = self.releases.get(version)?.clone();
        let artifact = self.artifact(&payload_key(version)).and_then(|row| row.artifact);
        let nodes = artifact.and_then(|artifact| artifact.status).map(|status| status.nodes);
        record.release.get_or_insert_default().status =
            Some(v1::ReleaseStatus { nodes: nodes.unwrap_or_default() });
        Some(record)
    }
}

/// The key of a payload among the artifacts.
#[must_use]
pub fn payload_key(version: &str) -> String {
    format!("{RELEASE_KIND}/{version}@1")
}

fn root_version(state: &State) -> u64 {
    state.release_trust().map_or(0, |trust| trust.root_version)
}

pub(crate) fn trust(act: &mut Act<'_>, trust: TrustReleases) -> Answer {
    let wanted = trust.trust.ok_or_else(|| refuse::undecodable("a trust without a root"))?;
    if let Some(known) = act.state.release_trust()
        && known.root == wanted.root
    {
        return Ok(outcome::Result::ReleaseTrust(known.clone()));
    }
    let known = root_version(act.state);
    if known != trust.over || wanted.root.is_empty() || wanted.root.len() > MOST_ROOT {
        return Err(refuse::trust(&format!("root version {known} is trusted by now")));
    }
    let (version, fingerprint) = (wanted.root_version.to_string(), wanted.fingerprint.clone());
    act.state.release_trust.put(TRUST, wanted.clone(), &mut act.state.changes);
    let name = format!("cluster/{}", act.cluster.name);
    act.event(
        &name,
        "ReleaseRoot",
        format!("releases have to lead to root version {version}, {fingerprint}"),
    );
    let details = [("root-version", version.as_str()), ("fingerprint", fingerprint.as_str())];
    record::mutation(act, "trust-releases", &name, &details);
    Ok(outcome::Result::ReleaseTrust(wanted))
}

pub(crate) fn import(act: &mut Act<'_>, import: ImportRelease) -> Answer {
    let (Some(mut release), Some(metadata), Some(trust)) = (import.release, import.metadata, import.trust)
    else {
        return Err(refuse::undecodable("a release without what proves it"));
    };
    let spec = release.spec.clone().unwrap_or_default();
    check(act, &spec, &trust, import.over)?;
    if prost::Message::encoded_len(&metadata) > MOST_METADATA {
        return Err(refuse::release(&spec.version, "its metadata is too long"));
    }
    if act.state.node(&import.node).is_none() {
        return Err(refuse::not_found("node", &import.node));
    }
    forget_oldest(act, &spec.version)?;
    release.metadata = Some(v1::Metadata {
        kind: "Release".to_owned(),
        name: spec.version.clone(),
        uid: format!("release-{}", spec.number),
        generation: 1,
        revision: act.revision,
        created_at: Some(timestamp(act.now)),
        ..v1::Metadata::default()
    });
    release.status = None;
    act.state.release_trust.put(TRUST, trust, &mut act.state.changes);
    let row = ReleaseRecord { release: Some(release), metadata: Some(metadata) };
    act.state.releases.put(&spec.version, row, &mut act.state.changes);
    payload(act, &spec, &import.node);
    let object = format!("release/{}", spec.version);
    act.event(&object, "Imported", format!("release {} is number {}", spec.version, spec.number));
    let number = spec.number.to_string();
    let details = [
        ("number", number.as_str()),
        ("manifest", spec.manifest.as_str()),
        ("node", import.node.as_str()),
        ("present-as-said", import.at.as_str()),
    ];
    record::mutation(act, "import-release", &object, &details);
    let found = act.state.release(&spec.version).and_then(|row| row.release);
    found.map(outcome::Result::Release).ok_or_else(|| refuse::not_found("release", &spec.version))
}

fn check(
    act: &Act<'_>,
    spec: &v1::ReleaseSpec,
    trust: &ReleaseTrustRecord,
    over: u64,
) -> Result<(), holdfast_types::Problem> {
    let known = act.state.release_trust().cloned().unwrap_or_default();
    // Another import may have come between: what was proved then is not proved now.
    let rolled_back = trust.root_version == known.root_version
        && (trust.timestamp_floor < known.timestamp_floor
            || trust.snapshot_floor < known.snapshot_floor
            || trust.targets_floor < known.targets_floor);
    if known.root_version != over || trust.root_version < known.root_version || rolled_back {
        return Err(refuse::release(&spec.version, "another release was imported since it was proved"));
    }
    if spec.version.is_empty() || spec.version.len() > MOST_VERSION || spec.version.contains(['/', '@', ' '])
    {
        return Err(refuse::release("", "its version is none"));
    }
    let before = act.state.releases.get(&spec.version).and_then(|row| row.release.as_ref()?.spec.as_ref());
    if before.is_some_and(|before| before.manifest != spec.manifest) {
        return Err(refuse::exists("release", &spec.version));
    }
    Ok(())
}

/// The payload among the artifacts; a release that is imported again has it on one node more.
fn payload(act: &mut Act<'_>, spec: &v1::ReleaseSpec, node: &str) {
    let key = payload_key(&spec.version);
    let known = act.state.artifact(&key);
    let mut row = known.unwrap_or_else(|| ArtifactRecord {
        artifact: Some(v1::Artifact {
            metadata: Some(v1::Metadata {
                kind: "Artifact".to_owned(),
                name: key.clone(),
                uid: format!("release-payload-{}", spec.number),
                generation: 1,
                created_at: Some(timestamp(act.now)),
                ..v1::Metadata::default()
            }),
            spec: Some(v1::ArtifactSpec {
                kind: RELEASE_KIND.to_owned(),
                name: spec.version.clone(),
                version: 1,
                manifest: spec.manifest.clone(),
                bytes: spec.bytes,
                files: u64::try_from(spec.files.len()).unwrap_or(u64::MAX),
                copies: 1,
                ..v1::ArtifactSpec::default()
            }),
            status: None,
        }),
        targets: Vec::new(),
    });
    let nodes = &mut row.artifact.get_or_insert_default().status.get_or_insert_default().nodes;
    if !nodes.iter().any(|known| known == node) {
        nodes.push(node.to_owned());
        nodes.sort();
    }
    artifacts::put(act, row);
}

/// Makes room: the oldest release that no node runs and no rollout needs goes.
fn forget_oldest(act: &mut Act<'_>, coming: &str) -> Result<(), holdfast_types::Problem> {
    if act.state.releases.contains(coming) || act.state.releases.len() < MOST_RELEASES {
        return Ok(());
    }
    let in_use = |version: &str| {
        let running = act.state.nodes().filter_map(|row| row.node.as_ref()?.status.as_ref()?.system.as_ref());
        let mut running = running.filter(|system| system.version == version || system.other == version);
        let mut wanted = act.state.rollouts().filter_map(|rollout| rollout.spec.as_ref());
        running.next().is_some() || wanted.any(|spec| spec.release == version)
    };
    let known = act.state.releases.values().filter_map(|row| row.release.as_ref()?.spec.as_ref());
    let oldest = known.filter(|spec| !in_use(&spec.version)).min_by_key(|spec| spec.number).cloned();
    let Some(oldest) = oldest else {
        return Err(refuse::release(
            coming,
            &format!("{MOST_RELEASES} releases are kept, and all are in use"),
        ));
    };
    act.state.releases.remove(&oldest.version, &mut act.state.changes);
    if let Some(spec) = act.state.artifact(&payload_key(&oldest.version)).and_then(|row| row.artifact?.spec) {
        act.state.remove_artifact(&spec, act.revision);
    }
    Ok(())
}
