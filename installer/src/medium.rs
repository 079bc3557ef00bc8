//! On the medium: looks at the machine, installs as the configuration says or asks, and starts it again or turns it off.

use std::fs::File;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use camino::Utf8Path;
use holdfast_disk::{Access, Disk};
use holdfast_firmware::{Esp, Variables, put_first};
use holdfast_release::machine::{After, Machine, Name, parse};
use holdfast_release::{Guid, Role};
use holdfast_seal::{PublicKey, RecoveryKey};
use rustix::fs::FlockOperation;
use rustix::system::RebootCommand;
use serde_json::json;

use crate::brain::{Confirmed, Consent, Detected, Locks, Planned, Refusal, amount, disk_line, sides};
use crate::console;
use crate::event::{Events, shown};
use crate::hands::{Admission, Formatter, Payload, Vault, Work, install, probe};
use crate::scratch::Scratch;
use crate::sources::{self, Found, VOLUME};
use crate::ui;

/// Where the medium is mounted.
const MEDIA: &str = "/run/media";
/// Its directory with the release.
const RELEASE: &str = "holdfast";
/// Whose signatures let a TPM open STATE.
const SIGNER: &str = "/usr/lib/holdfast/measured.pem";
/// Held by the one that installs: the program runs on each console.
const LOCK: &str = "/run/holdfast-installer.lock";
/// How this ends where another console has installed: what comes then is said there.
pub(crate) const ELSEWHERE: u8 = 3;
/// Is there once a configuration was found or the machine is installed, so that nobody is asked.
const ANSWERED: &str = "/run/holdfast-installer.answered";
/// Is there while somebody is asked: process 1 starts what listens then, and at no other time.
const ASKED: &str = "/run/holdfast-installer.asked";
/// How long somebody who only looks may hold the lock, and how often it is tried meanwhile.
const LOOKS: Duration = Duration::from_secs(20);
const TRY: Duration = Duration::from_millis(200);
/// Bytes between two lines about how far it is.
const TOLD: u64 = 32 << 20;
const KEPT: [(&str, &str); 2] = [(MEDIA, "the medium"), (VOLUME, "the configuration")];

/// Installs: as a configuration says, otherwise as somebody says at this terminal.
pub(crate) fn run() -> ExitCode {
    let mut events = Events::log();
    match installed(&mut events) {
        Ok(Some(after)) => leave(after),
        Ok(None) => ExitCode::from(ELSEWHERE),
        Err(error) => {
            // Another volume may be connected before the next try.
            let _ = std::fs::remove_file(ANSWERED);
            let refusal = error.downcast_ref::<Refusal>();
            let word = refusal.map_or("failed", Refusal::word);
            events.say("install.refused", &json!({ "reason": word, "why": format!("{error:#}") }));
            for disk in refusal.map(Refusal::disks).unwrap_or_default() {
                events.say("install.candidate", &json!({ "disk": disk }));
            }
            ExitCode::FAILURE
        }
    }
}

/// What is to be done then; nothing where another console has done it.
fn installed(events: &mut Events) -> anyhow::Result<Option<After>> {
    let payload = payload()?;
    let locked = lock()?;
    if is_answered() {
        return Ok(None);
    }
    let facts = probe(Utf8Path::new("/"), &kept());
    let cmdline = sources::read(Utf8Path::new("/proc/cmdline"))?;
    let found = sources::find(&cmdline, &facts, &Utf8Path::new(MEDIA).join(RELEASE))?;
    // The volume is known to be kept only once it is mounted.
    let detected = detected(&payload);
    tell(&detected, events);
    let Some(found) = found else {
        drop(locked);
        File::create(ASKED).with_context(|| format!("write `{ASKED}`"))?;
        events.line("no configuration was found: somebody is asked");
        return console::ask(detected, write_asked).map(|()| Some(After::Reboot));
    };
    answered()?;
    let machine = parse(&found.text).with_context(|| format!("`{}`", found.from))?;
    let admission = admission(&machine, &found)?;
    let install = machine.spec.install.clone();
    let planned = detected.plan(machine)?;
    show(&planned, &found.from, events);
    let wipe = install.as_ref().and_then(|install| install.wipe.clone());
    let confirmed = planned.confirm(&Consent::Configured(wipe))?;
    let name = confirmed.planned().machine().metadata.name.clone();
    if let Some(key) = write(confirmed, &payload, admission.as_ref(), events, &mut |_| {})? {
        show_key(&name, &key)?;
    }
    done(&name, events)?;
    Ok(Some(install.map(|install| install.after).unwrap_or_default()))
}

/// The key of a machine that nobody was asked about, or where nobody took it.
pub(crate) fn show_key(machine: &Name, key: &RecoveryKey) -> anyhow::Result<()> {
    shown("install.recovery-key", &json!({ "machine": machine.to_string(), "key": key.text() }))
}

/// Nobody is asked any more.
fn answered() -> anyhow::Result<()> {
    let _ = std::fs::remove_file(ASKED);
    File::create(ANSWERED).map(drop).with_context(|| format!("write `{ANSWERED}`"))
}

/// Whether a configuration was found, or the machine is installed.
pub(crate) fn is_answered() -> bool {
    Utf8Path::new(ANSWERED).exists()
}

/// What there is, and what would be installed.
pub(crate) fn detected(payload: &Payload) -> Detected {
    Detected { facts: probe(Utf8Path::new("/"), &kept()), release: payload.release() }
}

pub(crate) fn payload() -> anyhow::Result<Payload> {
    Ok(Payload::open(&Utf8Path::new(MEDIA).join(RELEASE))?)
}

fn kept() -> [(&'static Utf8Path, &'static str); 2] {
    KEPT.map(|(place, why)| (Utf8Path::new(place), why))
}

/// Waits until nobody else installs.
fn lock() -> anyhow::Result<File> {
    let file = File::create(LOCK).with_context(|| format!("make `{LOCK}`"))?;
    rustix::fs::flock(&file, FlockOperation::LockExclusive).with_context(|| format!("lock `{LOCK}`"))?;
    Ok(file)
}

/// The right to install this machine, which was asked for; nothing where somebody else installs it, or did already.
pub(crate) fn claim() -> anyhow::Result<Option<File>> {
    let file = File::create(LOCK).with_context(|| format!("make `{LOCK}`"))?;
    let began = Instant::now();
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok((!is_answered()).then_some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) if began.elapsed() >= LOOKS => return Ok(None),
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::park_timeout(TRY),
            Err(error) => return Err(error).with_context(|| format!("lock `{LOCK}`")),
        }
    }
}

/// Writes what somebody confirmed at a terminal; the name of the machine.
fn write_asked(confirmed: Confirmed, on: &mut dyn FnMut(ui::Work)) -> anyhow::Result<ui::Installed> {
    let claimed =
        claim()?.context("another console or somebody at his desk installs this machine, or did already")?;
    let payload = payload()?;
    let machine = confirmed.planned().machine().clone();
    let beside = Utf8Path::new(VOLUME).to_owned();
    let found = Found { from: String::new(), text: String::new(), beside: Some(beside) };
    let admission = admission(&machine, &found)?;
    let mut events = Events::log();
    let recovery = write(confirmed, &payload, admission.as_ref(), &mut events, on)?;
    done(&machine.metadata.name, &mut events)?;
    // Nobody else installs before the machine starts again.
    std::mem::forget(claimed);
    Ok(ui::Installed { machine: machine.metadata.name.to_string(), recovery })
}

/// Says what was found: that a disk holds an installation already, most of all.
fn tell(detected: &Detected, events: &mut Events) {
    let installed: Vec<String> = detected.installed().map(disk_line).collect();
    for disk in &installed {
        events.line(&format!("an installation is there already, and is not booted by this medium: {disk}"));
    }
    let facts = &detected.facts;
    events.say(
        "install.detected",
        &json!({ "disks": facts.disks.len(), "installed": installed.len(),
            "memory": amount(facts.memory), "version": detected.release.version }),
    );
}

pub(crate) fn show(planned: &Planned, from: &str, events: &mut Events) {
    for check in planned.checks() {
        events.line(&check.line());
    }
    for line in sides(planned) {
        events.line(&line);
    }
    let machine = planned.machine().metadata.name.to_string();
    let disk = disk_line(planned.disk());
    events.say(
        "install.planned",
        &json!({ "machine": machine, "disk": disk, "configuration": from,
            "encryption": planned.locks().word() }),
    );
}

/// The file that lets the machine in, from beside its configuration.
fn admission(machine: &Machine, found: &Found) -> anyhow::Result<Option<Admission>> {
    let Some(name) = &machine.spec.cluster.admission_file else { return Ok(None) };
    let beside = found.beside.as_ref().context("a configuration that was fetched has no file beside it")?;
    let text = sources::read(&beside.join(name))?;
    Ok(Some(Admission { name: name.clone(), content: text.into_bytes() }))
}

/// Writes a confirmed plan and says what came of it.
pub(crate) fn write(
    confirmed: Confirmed,
    payload: &Payload,
    admission: Option<&Admission>,
    events: &mut Events,
    on: &mut dyn FnMut(ui::Work),
) -> anyhow::Result<Option<RecoveryKey>> {
    events.say("install.confirmed", &json!({ "disk": disk_line(confirmed.planned().disk()) }));
    let scratch = Scratch::new(Utf8Path::new("/run"))?;
    let path = confirmed.planned().disk().path.clone();
    let mut disk = Disk::open(&path, Access::Write).with_context(|| format!("open `{path}`"))?;
    let formatter = Formatter::default();
    let vault = vault(confirmed.planned())?;
    let work =
        Work { payload, scratch: &scratch.path, formatter: &formatter, admission, vault: vault.as_ref() };
    let (began, mut told) = (Instant::now(), 0);
    let written = install(confirmed, &work, &mut disk, &mut |progress| {
        let seconds = began.elapsed().as_secs();
        let (done, total) = (progress.done, progress.total);
        on(ui::Work { what: progress.what.to_owned(), done, total, seconds });
        if done >= told + TOLD {
            told = done;
            let rate = amount(done / seconds.max(1));
            events.line(&format!("{} of {}, {rate}/s: {}", amount(done), amount(total), progress.what));
        }
    })?;
    let seconds = began.elapsed().as_secs();
    events.say(
        "install.written",
        &json!({ "bytes": written.bytes, "again": written.again, "seconds": seconds }),
    );
    let variables = Variables::machine();
    if let Some(esp) = esp(&written.planned, &written.id).filter(|_| variables.exist()) {
        match put_first(&variables, &esp) {
            Ok(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(|number| format!("{number:04X}")).collect();
                events.line(&format!("the firmware boots it first, as entries {}", numbers.join(", ")));
            }
            Err(error) => events.line(&format!("the firmware finds it by itself: {error}")),
        }
    }
    Ok(vault.map(|vault| vault.recovery().clone()))
}

/// What encrypts the volumes of this machine.
fn vault(planned: &Planned) -> anyhow::Result<Option<Vault>> {
    let signer = match planned.locks() {
        Locks::Nothing => return Ok(None),
        Locks::RecoveryKey => None,
        Locks::Tpm => {
            let text = std::fs::read_to_string(SIGNER).with_context(|| {
                format!("read `{SIGNER}`: a release without a key of measurements has `encryption = \"recoveryKey\"` alone")
            })?;
            Some(PublicKey::parse(&text)?)
        }
    };
    Ok(Some(Vault::new(signer)?))
}

pub(crate) fn done(name: &Name, events: &mut Events) -> anyhow::Result<()> {
    answered()?;
    events.say("install.done", &json!({ "machine": name.to_string() }));
    Ok(())
}

fn esp(planned: &Planned, id: &str) -> Option<Esp> {
    let layout = planned.layout();
    let part = layout.part(Role::Esp)?;
    let sector = u64::from(layout.sector).max(1);
    let id = Guid::named(id, Role::Esp.label());
    Some(Esp { number: 1, first: part.at / sector, sectors: part.bytes / sector, id })
}

/// Starts the machine again or turns it off; everything is on its disk by now.
pub(crate) fn leave(after: After) -> ExitCode {
    rustix::fs::sync();
    let command = match after {
        After::Reboot => RebootCommand::Restart,
        After::PowerOff => RebootCommand::PowerOff,
    };
    match rustix::system::reboot(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
