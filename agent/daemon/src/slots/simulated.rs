//! A restart without a machine: what loader, first stage and health gate do with the files that stand for the disk. Releases
//! named in the file `sick` beside the parts do not get healthy.

use std::fs;
use std::io;

use holdfast_release::{Boot, Role, Slot, Verdict, decide};

use super::config::SlotsConfig;
use super::kernels::{counter, is_spent, version_of};
use super::machine::{Machine, Running};

/// A machine that has not come up after so many starts never will.
const MOST_STARTS: usize = 24;

/// What the loader takes: the newest whose tries are not used up, else whatever there is.
fn choose(names: &[String]) -> Option<String> {
    let mut all: Vec<&String> = names.iter().filter(|name| name.ends_with(".efi")).collect();
    all.sort_by_key(|name| (!is_spent(name), version_of(name).map(numbers)));
    all.last().map(|name| (*name).clone())
}

fn numbers(version: &str) -> Vec<u64> {
    version.split(['.', '-', '~']).map(|part| part.parse().unwrap_or(0)).collect()
}

/// Bytes of the files that stand for the parts.
const PARTS: [(Role, u64); 6] = [
    (Role::Meta, 2 << 20),
    (Role::RootA, 256 << 20),
    (Role::HashA, 8 << 20),
    (Role::RootB, 256 << 20),
    (Role::HashB, 8 << 20),
    (Role::Ext, 256 << 20),
];

/// Makes the files that stand for a machine which was installed with this version, where there are none.
pub(super) fn prepare(config: &SlotsConfig, machine: &mut dyn Machine, version: &str) -> io::Result<()> {
    if config.boot.exists() {
        return Ok(());
    }
    fs::create_dir_all(&config.parts)?;
    for (role, bytes) in PARTS {
        // Without their bytes: a file takes the room of what is written to it.
        fs::File::create(config.parts.join(role.label()))?.set_len(bytes)?;
    }
    for directory in ["EFI/Linux", "EFI/BOOT"] {
        fs::create_dir_all(config.esp.join(directory))?;
    }
    machine.put_kernel(&format!("holdfast-{version}.efi"), &mut b"simulated".as_slice())?;
    let mut meta = machine.meta()?;
    let mut boot = Boot::new(&mut meta);
    boot.written(Slot::A, version).map_err(io::Error::other)?;
    boot.healthy(Slot::A).map_err(io::Error::other)?;
    machine.put_meta(&mut meta)?;
    let running = Running {
        version: version.to_owned(),
        slot: Slot::A.to_string(),
        boot: "1".to_owned(),
        healthy: true,
        ..Running::default()
    };
    tell(config, &running)
}

/// Says what runs, as init would.
fn tell(config: &SlotsConfig, running: &Running) -> io::Result<()> {
    fs::write(&config.boot, serde_json::to_vec(running).map_err(io::Error::other)?)
}

/// Says that it will forget everything. What there is of it are files that somebody tries things out with: they stay.
pub(super) fn reset(config: &SlotsConfig, running: Running) -> io::Result<()> {
    tell(config, &Running { resets: true, ..running })
}

/// Starts until a system is healthy, and says what runs then.
pub(super) fn boot(config: &SlotsConfig, machine: &mut dyn Machine) -> io::Result<()> {
    let before = machine.running().ok();
    let sick = fs::read_to_string(config.parts.join("sick")).unwrap_or_default();
    let number: u64 = before.as_ref().and_then(|running| running.boot.parse().ok()).unwrap_or(0);
    let (mut fallback, mut next) = (String::new(), None);
    for start in 1..=MOST_STARTS {
        let names = machine.kernels()?;
        let name = next.take().or_else(|| choose(&names));
        let name = name.ok_or_else(|| io::Error::other("there is no kernel to boot"))?;
        let version = version_of(&name).unwrap_or_default().to_owned();
        let counted = match counter(&name) {
            Some((left, done)) if left > 0 => {
                let to = format!("holdfast-{version}+{}-{}.efi", left - 1, done + 1);
                machine.rename_kernel(&name, &to)?;
                to
            }
            _ => name,
        };
        let mut meta = machine.meta()?;
        let slot =
            [Slot::A, Slot::B].into_iter().find(|slot| Boot::new(&mut meta).version(*slot) == Some(&version));
        let Some(slot) = slot else {
            fallback = format!("no slot proves release {version}");
            machine.remove_kernel(&counted)?;
            continue;
        };
        let verdict = decide(&mut meta, slot).map_err(io::Error::other)?;
        machine.put_meta(&mut meta)?;
        match verdict {
            Verdict::Go(attempt) if sick.lines().any(|line| line.trim() == version) => {
                fallback =
                    format!("release {version}, attempt {} of {}: not healthy", attempt.number, attempt.most);
                Boot::new(&mut meta).failed(&fallback).map_err(io::Error::other)?;
                machine.put_meta(&mut meta)?;
            }
            Verdict::Go(_) => {
                let plain = format!("holdfast-{version}.efi");
                if counted != plain {
                    machine.rename_kernel(&counted, &plain)?;
                }
                Boot::new(&mut meta).healthy(slot).map_err(io::Error::other)?;
                machine.put_meta(&mut meta)?;
                let boot = (number + u64::try_from(start).unwrap_or(1)).to_string();
                let slot = slot.to_string();
                let running = Running { version, slot, boot, healthy: true, fallback, ..Running::default() };
                return tell(config, &running);
            }
            Verdict::Switch(other) => {
                let version = Boot::new(&mut meta).version(other).unwrap_or_default().to_owned();
                next = machine.kernels()?.into_iter().find(|name| version_of(name) == Some(&version));
            }
            Verdict::Recover => return Err(io::Error::other("neither slot boots")),
        }
    }
    Err(io::Error::other("no system gets healthy"))
}
