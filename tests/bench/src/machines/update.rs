//! A release as one file, proved and brought to the slot that does not run, beside what others do with the same bytes: RAUC with its
//! bundle and SWUpdate with its archive, each signed with a key of this run. Every side proves the signature and the hash of all it
//! takes and writes the root and the kernel; ours reads back what it wrote as well, and the others do not.

mod rauc;
mod side;
mod swupdate;

use std::fs::File;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;
use holdfast_disk::{Access, Disk};
use holdfast_machine::{Images, images};
use holdfast_release::writer::{self, Job};
use holdfast_release::{Bundle, KERNEL, MANIFEST, Manifest, ROOT, ROOT_TREE, Trusted};
use holdfast_types::Time;

use self::side::{SLOTS, Side, emptied};
use super::known::{MB, builder, run};
use crate::control::arena::median;
use crate::control::host::cpu_of;
use crate::measure::{Bench, Measurement};

/// How often each side does its work, in alternation.
const TURNS: usize = 5;

/// What came of all turns.
struct Turns {
    bytes: u64,
    install: Vec<f64>,
}

/// All sides, asked once for all rows.
struct Compared {
    ours: Turns,
    rauc: Result<Turns, String>,
    swupdate: Result<Turns, String>,
}

/// How large the file is that is carried, beside RAUC's.
pub(super) fn bundle_bytes(bench: &Bench) -> Result<Measurement> {
    let all = compared(bench)?;
    let peer = all.rauc.as_ref().map(|peer| peer.bytes as f64 / MB).map_err(Clone::clone);
    let mut measured = Measurement::new(all.ours.bytes as f64 / MB, "MB", peer);
    if let Ok(peer) = &all.swupdate {
        measured.details.push(format!("SWUpdate's has {:.1} MB", peer.bytes as f64 / MB));
    }
    Ok(measured)
}

/// What an installation takes, beside RAUC.
pub(super) fn against_rauc(bench: &Bench) -> Result<Measurement> {
    let all = compared(bench)?;
    Ok(against(&all.ours, &all.rauc))
}

/// What an installation takes, beside SWUpdate.
pub(super) fn against_swupdate(bench: &Bench) -> Result<Measurement> {
    let all = compared(bench)?;
    Ok(against(&all.ours, &all.swupdate))
}

fn against(ours: &Turns, peer: &Result<Turns, String>) -> Measurement {
    let peer = peer.as_ref();
    let theirs = peer.map(|peer| median(peer.install.clone())).map_err(Clone::clone);
    let mut measured = Measurement::new(median(ours.install.clone()), "CPU-s", theirs);
    measured.ratio =
        peer.ok().map(|peer| median(ours.install.iter().zip(&peer.install).map(|(a, b)| a / b).collect()));
    measured
}

fn compared(bench: &Bench) -> Result<std::sync::Arc<Compared>> {
    bench.once("updates", || {
        let images = images()?;
        let mut ours = Ours::new(bench, &images)?;
        let scratch = bench.scratch.join("updates");
        std::fs::create_dir_all(&scratch)?;
        let mut rauc = rauc::Rauc::new(&scratch, &images).map_err(|error| format!("{error:#}"));
        let mut swupdate = swupdate::SwUpdate::new(&scratch, &images).map_err(|error| format!("{error:#}"));
        let turns = |side: &dyn Side| Ok::<_, anyhow::Error>(Turns { bytes: side.bytes()?, install: vec![] });
        let mut all = Compared {
            ours: turns(&ours)?,
            rauc: rauc.as_ref().map_err(Clone::clone).and_then(|side| turns(side).map_err(shown)),
            swupdate: swupdate.as_ref().map_err(Clone::clone).and_then(|side| turns(side).map_err(shown)),
        };
        for _ in 0..TURNS {
            turn(&mut ours, &mut all.ours)?;
            if let (Ok(side), Ok(turns)) = (&mut rauc, &mut all.rauc) {
                turn(side, turns)?;
            }
            if let (Ok(side), Ok(turns)) = (&mut swupdate, &mut all.swupdate) {
                turn(side, turns)?;
            }
        }
        Ok(all)
    })
}

fn shown(error: anyhow::Error) -> String {
    format!("{error:#}")
}

fn turn(side: &mut dyn Side, turns: &mut Turns) -> Result<()> {
    turns.install.push(side.install()?.as_secs_f64());
    Ok(())
}

/// As a site does it: a controller proves the bundle, an agent writes what it was given and reads it back.
struct Ours {
    bundle: Utf8PathBuf,
    payload: Utf8PathBuf,
    slots: Utf8PathBuf,
    trusted: Trusted,
    manifest: Manifest,
}

impl Ours {
    fn new(bench: &Bench, images: &Images) -> Result<Self> {
        let slots = bench.scratch.join("ours");
        std::fs::create_dir_all(&slots)?;
        let bundle = slots.join("release.bundle");
        let builder = builder()?;
        let payload = images.dir().to_owned();
        let keys = images.keys();
        let arguments = ["bundle", payload.as_str(), "--keys", keys.as_str(), "--number", "1", "--out"];
        run(&slots, &builder, &[&arguments[..], &[bundle.as_str()]].concat())?;
        let trusted = Trusted::first(&std::fs::read(keys.join("1.root.json"))?)?;
        Ok(Self { bundle, payload, slots, trusted, manifest: images.manifest(MANIFEST)? })
    }

    fn prove(&self) -> Result<()> {
        let mut bundle = Bundle::open(File::open(&self.bundle)?)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let verified = bundle.verify(&self.trusted, Time(u64::try_from(now.as_millis())?))?;
        for name in verified.targets.keys() {
            bundle.copy(&verified, name, &mut |_| Ok(()))?;
        }
        Ok(())
    }

    fn write(&self, name: &str, slot: &str) -> Result<()> {
        let sum = self.manifest.file(name).with_context(|| format!("there is no {name}"))?;
        let mut target = Disk::open(&self.slots.join(slot), Access::Write)?;
        let job = Job {
            what: name.to_owned(),
            at: 0,
            room: u64::MAX,
            bytes: sum.bytes,
            sha256: Some(sum.sha256),
            // As an agent says it, so that only what differs is written.
            verified: sum.bytes,
        };
        let mut source = File::open(self.payload.join(name))?;
        writer::write(&job, &mut source, &mut target, &mut |_| ControlFlow::Continue(()))?;
        Ok(())
    }
}

impl Side for Ours {
    fn bytes(&self) -> Result<u64> {
        Ok(std::fs::metadata(&self.bundle)?.len())
    }

    fn install(&mut self) -> Result<Duration> {
        emptied(&self.slots)?;
        let own = std::process::id();
        let before = cpu_of(own)?;
        self.prove()?;
        for (name, slot) in [ROOT, ROOT_TREE, KERNEL].into_iter().zip(SLOTS) {
            self.write(name, slot)?;
        }
        Ok(cpu_of(own)?.saturating_sub(before))
    }
}
