//! What a rollout wants of this node is done one step after another; what came of it is told with every session.

use std::sync::Arc;
use std::time::Duration;

use camino::Utf8Path;
use holdfast_api::internal::UpdateAssignment;
use holdfast_api::v1::{NodeSystem, NodeUpdate, ReleaseMetadata};
use holdfast_release::{Boot, Floor, Manifest, Metadata, Trusted, Verified, verify};
use holdfast_types::Time;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::config::SlotsConfig;
use super::files::Files;
use super::install;
use super::machine::{Machine, Reset, Running};
use super::progress::{Progress, Records};
use super::simulated;
use crate::library::Library;

/// How often what runs is looked at, and a step is tried again.
const LOOK: Duration = Duration::from_secs(1);

/// The system of this machine, as its session tells it.
#[derive(Clone)]
pub(crate) struct Slots {
    config: SlotsConfig,
    records: Records,
    told: Arc<Mutex<Option<NodeSystem>>>,
}

impl Slots {
    /// Of a machine with slots.
    pub(crate) fn new(config: SlotsConfig, directory: &Utf8Path) -> Self {
        let slots = Self { config, records: Records::new(directory), told: Arc::default() };
        if slots.config.simulated
            && let Err(error) = simulated::prepare(
                &slots.config,
                &mut Files::new(slots.config.clone()),
                env!("CARGO_PKG_VERSION"),
            )
        {
            tracing::error!(%error, "the files that stand for a machine cannot be made");
        }
        slots.look();
        slots
    }

    /// What the machine runs from.
    pub(crate) fn system(&self) -> Option<NodeSystem> {
        self.told.lock().clone()
    }

    /// Looks at what runs; whether it is something else than before.
    fn look(&self) -> bool {
        let mut machine = Files::new(self.config.clone());
        let found = match machine.running() {
            Ok(running) => Some(system(&running, &mut machine, &self.records.progress())),
            Err(error) => {
                tracing::warn!(%error, "init does not say what runs");
                None
            }
        };
        let mut told = self.told.lock();
        let changed = *told != found;
        *told = found;
        changed
    }
}

fn system(running: &Running, machine: &mut dyn Machine, progress: &Progress) -> NodeSystem {
    let mut meta = machine.meta().unwrap_or_default();
    let other = Boot::new(&mut meta).version(running.slot().other()).unwrap_or_default().to_owned();
    let update = NodeUpdate {
        rollout: progress.rollout.clone(),
        attempt: progress.attempt,
        phase: progress.phase.clone(),
        reason: progress.reason.clone(),
    };
    NodeSystem {
        version: running.version.clone(),
        slot: running.slot.clone(),
        healthy: running.healthy,
        boot: running.boot.clone(),
        fallback: running.fallback.clone(),
        unlocked_by: running.unlocked_by.clone(),
        resets: running.resets,
        other,
        update: (!progress.rollout.is_empty()).then_some(update),
    }
}

/// What the controllers want of the system of this machine.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Wanted {
    /// What a rollout wants of it.
    pub(crate) update: Option<UpdateAssignment>,
    /// What it is to forget.
    pub(crate) reset: Option<Reset>,
}

/// Does what is wanted until it is cancelled.
pub(crate) async fn run(
    slots: Slots,
    library: Library,
    mut wanted: watch::Receiver<Wanted>,
    news: Arc<Notify>,
    stop: CancellationToken,
) {
    loop {
        let want = wanted.borrow_and_update().clone();
        match (want.reset, want.update) {
            (Some(what), _) => reset(&slots, what).await,
            (None, Some(update)) => step(&slots, &library, update).await,
            (None, None) => {}
        }
        let looking = slots.clone();
        let changed = tokio::task::spawn_blocking(move || looking.look()).await.unwrap_or(false);
        if changed {
            news.notify_one();
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = wanted.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Asks for it until what runs says that it will.
async fn reset(slots: &Slots, what: Reset) {
    let slots = slots.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let mut machine = Files::new(slots.config);
        if machine.running().is_ok_and(|running| running.resets) { Ok(()) } else { machine.reset(what) }
    });
    match asked.await.map_err(std::io::Error::other) {
        Ok(Ok(())) => {}
        Ok(Err(error)) | Err(error) => tracing::error!(%error, "init cannot be asked to reset the machine"),
    }
}

async fn step(slots: &Slots, library: &Library, want: UpdateAssignment) {
    let mut progress = slots.records.progress();
    if (progress.rollout.as_str(), progress.attempt) != (want.rollout.as_str(), want.attempt) {
        progress = Progress { rollout: want.rollout.clone(), attempt: want.attempt, ..Progress::default() };
    }
    if matches!(progress.phase.as_str(), "Failed" | "Returned") {
        return;
    }
    // Fetching is the library's: the payload is among what this node keeps.
    let payload = match (&want.payload, want.step.as_str()) {
        (Some(payload), "write") if progress.phase.is_empty() => match library.view(payload).await {
            Ok(place) => Some(place),
            Err(problem) => {
                tracing::warn!(%problem, "the payload of a release cannot be laid out yet");
                return;
            }
        },
        _ => None,
    };
    let slots = slots.clone();
    let done = tokio::task::spawn_blocking(move || {
        let mut machine = Files::new(slots.config.clone());
        let after = carry_out(&mut machine, &slots, &want, payload.as_deref(), progress.clone());
        if after != progress
            && let Err(error) = slots.records.keep(&after)
        {
            tracing::error!(%error, "how far an update is cannot be kept");
        }
    });
    if let Err(error) = done.await {
        tracing::error!(%error, "a step of an update was cut short");
    }
}

/// One step of a rollout; how far the node is then.
fn carry_out(
    machine: &mut Files,
    slots: &Slots,
    want: &UpdateAssignment,
    payload: Option<&Utf8Path>,
    progress: Progress,
) -> Progress {
    let ended = match want.step.as_str() {
        // The other slot is the way back until what runs has shown that it works.
        "write" if progress.phase.is_empty() && machine.running().is_ok_and(|now| now.healthy) => {
            match payload {
                Some(payload) => write(machine, slots, want, payload).map(|()| "Written"),
                None => return progress,
            }
        }
        "boot" => return boot(machine, slots, &want.release, progress),
        "return" => return back(machine, slots, &want.from, progress),
        _ => return progress,
    };
    match ended {
        Ok(phase) => Progress { phase: phase.to_owned(), ..progress },
        Err(reason) => {
            tracing::error!(reason, release = want.release, "a release is not written");
            failed(progress, reason)
        }
    }
}

fn failed(progress: Progress, reason: String) -> Progress {
    Progress { phase: "Failed".to_owned(), reason, ..progress }
}

/// Proves a release once more, by what this node trusts itself, and writes it to the other slot.
fn write(
    machine: &mut Files,
    slots: &Slots,
    want: &UpdateAssignment,
    payload: &Utf8Path,
) -> Result<(), String> {
    let metadata = want.metadata.as_ref().ok_or("nothing proves the release")?;
    let verified = prove(slots, metadata)?;
    let manifest = verified.manifest(&metadata.manifest).map_err(|error| error.to_string())?;
    if manifest.version != want.release {
        return Err(format!("the payload is of release {}, {} was wanted", manifest.version, want.release));
    }
    Verified::brings(&manifest, &slots.config.extensions).map_err(|error| error.to_string())?;
    check_payload(&manifest, payload)?;
    let running = machine.running().map_err(install::told("ask init what runs"))?;
    install::write(machine, &running, &manifest, payload)?;
    slots.records.keep_trusted(&verified.trusted).map_err(install::told("keep what is trusted"))
}

fn prove(slots: &Slots, metadata: &ReleaseMetadata) -> Result<Verified, String> {
    let told = |error: holdfast_release::BundleError| error.to_string();
    let kept = slots.records.trusted().map_err(install::told("read whose releases are taken"))?;
    let trusted = match (kept, &slots.config.release_root) {
        (Some(trusted), _) => trusted,
        (None, Some(path)) => {
            let root = std::fs::read(path).map_err(install::told("read the root of releases"))?;
            Trusted::first(&root).map_err(told)?
        }
        (None, None) => {
            Trusted::first(metadata.roots.first().ok_or("the release has no root")?).map_err(told)?
        }
    };
    let version = |root: &Vec<u8>| Trusted { root: root.clone(), floor: Floor::default() }.root_version();
    let roots: Result<_, _> = metadata.roots.iter().map(|root| Ok((version(root)?, root.clone()))).collect();
    let metadata = Metadata {
        roots: roots.map_err(told)?,
        timestamp: metadata.timestamp.clone(),
        snapshot: metadata.snapshot.clone(),
        targets: metadata.targets.clone(),
    };
    // Whether it was in time was decided when it was imported; what is older than the last one is refused here as well.
    verify(&trusted, &metadata, Time(0)).map_err(told)
}

/// Every file that is about to be used, before the slot is touched.
fn check_payload(manifest: &Manifest, payload: &Utf8Path) -> Result<(), String> {
    use sha2::Digest as _;
    for (name, sum) in
        manifest.files.iter().filter(|(name, _)| name.as_str() != holdfast_release::INSTALL_KERNEL)
    {
        let mut file = std::fs::File::open(payload.join(name)).map_err(install::told("read the payload"))?;
        let mut hash = sha2::Sha256::new();
        let bytes = std::io::copy(&mut file, &mut hash).map_err(install::told("read the payload"))?;
        if bytes != sum.bytes || <[u8; 32]>::from(hash.finalize()) != sum.sha256.0 {
            return Err(format!("`{name}` of the payload is not what was signed"));
        }
    }
    Ok(())
}

fn boot(machine: &mut Files, slots: &Slots, release: &str, progress: Progress) -> Progress {
    let running = match machine.running() {
        Ok(running) => running,
        Err(error) => return failed(progress, format!("ask init what runs: {error}")),
    };
    // What is not healthy yet may still fall back, and until then nobody gets at the kernels.
    if running.version == release || progress.asked == running.boot || !running.healthy {
        return progress;
    }
    if !progress.asked.is_empty() {
        let why = Some(running.fallback).filter(|why| !why.is_empty());
        let why = why.or_else(|| install::tried(machine, release));
        let why = why.unwrap_or_else(|| "nobody says why".to_owned());
        return failed(progress, format!("it booted {} again: {why}", running.version));
    }
    let asked = Progress { asked: running.boot, ..progress.clone() };
    // Before the restart: whoever comes back has to know that he was sent away.
    if let Err(error) = slots.records.keep(&asked) {
        return failed(progress, format!("keep that a restart is asked for: {error}"));
    }
    match install::boot(machine, release) {
        Ok(()) => asked,
        Err(reason) => failed(asked, reason),
    }
}

fn back(machine: &mut Files, slots: &Slots, version: &str, progress: Progress) -> Progress {
    let running = match machine.running() {
        Ok(running) => running,
        Err(error) => return failed(progress, format!("ask init what runs: {error}")),
    };
    if !running.healthy || (running.version != version && progress.asked == running.boot) {
        return progress;
    }
    let asked = Progress { asked: running.boot.clone(), ..progress.clone() };
    if let Err(error) = slots.records.keep(&asked) {
        return failed(progress, format!("keep that a restart is asked for: {error}"));
    }
    match install::back(machine, &running, version) {
        Ok(true) => asked,
        Ok(false) => Progress { phase: "Returned".to_owned(), reason: String::new(), ..progress },
        Err(reason) => failed(asked, reason),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ed25519_dalek::SigningKey;
    use holdfast_release::{BundleRole, Draft, Keyholder, PAYLOAD_NAMES, Target, Unsigned};

    use super::*;

    const LATER: Time = Time(1_900_000_000_000);

    /// The root of a site with one key for everything, and a release of it.
    fn site(seed: u8) -> (Vec<u8>, ReleaseMetadata) {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let keys = BundleRole::ALL.map(|role| (role, (vec![key.public()], 1)));
        let root = Unsigned::root(1, LATER, &keys.into()).sign(&[&key]).unwrap();
        let holders: BTreeMap<BundleRole, Vec<&dyn Keyholder>> =
            BundleRole::ALL.map(|role| (role, vec![&key as &dyn Keyholder])).into();
        let file = |name: &&str| ((*name).to_owned(), Target { length: 0, sha256: [0; 32] });
        let targets = PAYLOAD_NAMES.iter().map(file).collect();
        let draft = Draft { number: 1, expires: LATER, targets };
        let made = draft.sign([(1, root.clone())].into(), &holders).unwrap();
        let metadata = ReleaseMetadata {
            roots: made.roots.into_values().collect(),
            timestamp: made.timestamp,
            snapshot: made.snapshot,
            targets: made.targets,
            ..ReleaseMetadata::default()
        };
        (root, metadata)
    }

    #[test]
    fn a_node_takes_releases_of_the_site_that_built_its_image_and_of_nobody_else() {
        let temp = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(temp.path()).unwrap();
        let ((root, own), (_, foreign)) = (site(1), site(2));
        std::fs::write(place.join("root.json"), root).unwrap();
        let slots = |release_root| Slots {
            config: SlotsConfig {
                parts: place.join("parts"),
                esp: place.join("esp"),
                boot: place.join("boot.json"),
                restart: place.join("restart"),
                reset: place.join("reset"),
                release_root,
                extensions: Vec::new(),
                simulated: false,
            },
            records: Records::new(place),
            told: Arc::default(),
        };
        let (told, untold) = (slots(Some(place.join("root.json"))), slots(None));
        let refused = prove(&told, &foreign).unwrap_err();
        assert!(refused.contains("the keys that are trusted"), "{refused}");
        prove(&told, &own).unwrap();
        // Where no image says whose it is, the first that comes is taken, and then nobody else's.
        let first = prove(&untold, &foreign).unwrap();
        untold.records.keep_trusted(&first.trusted).unwrap();
        prove(&untold, &own).unwrap_err();
    }
}
