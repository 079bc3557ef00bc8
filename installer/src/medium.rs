//! On the medium: looks at the machine, installs as the configuration says, and starts it again or turns it off.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use camino::Utf8Path;
use holdfast_disk::{Access, Disk};
use holdfast_release::machine::{Machine, parse};
use holdfast_release::{Guid, Role};
use serde_json::json;

use crate::brain::{Confirmed, Consent, Detected, Planned, Refusal, amount, disk_line, sides};
use crate::event::Events;
use crate::hands::{Admission, Esp, Formatter, Payload, Work, install, probe, register};
use crate::scratch::Scratch;
use crate::sources::{self, Found, VOLUME};

/// Where the medium is mounted.
const MEDIA: &str = "/run/media";
/// Its directory with the release.
const RELEASE: &str = "holdfast";
const VARIABLES: &str = "/sys/firmware/efi/efivars";
/// Bytes between two lines about how far it is.
const TOLD: u64 = 32 << 20;

/// Installs without asking anybody.
pub(crate) fn run() -> ExitCode {
    let mut events = Events::log();
    match unattended(&mut events) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            events.line("no configuration was found: connect a volume labelled HOLDFASTCFG and start again");
            ExitCode::FAILURE
        }
        Err(error) => {
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

/// Whether there was a configuration.
fn unattended(events: &mut Events) -> anyhow::Result<bool> {
    let media = Utf8Path::new(MEDIA).join(RELEASE);
    let payload = Payload::open(&media)?;
    let kept = [(Utf8Path::new(MEDIA), "the medium"), (Utf8Path::new(VOLUME), "the configuration")];
    let facts = probe(Utf8Path::new("/"), &kept);
    let cmdline = sources::read(Utf8Path::new("/proc/cmdline"))?;
    let found = sources::find(&cmdline, &facts, &media)?;
    // The volume is kept only once it is mounted.
    let detected = Detected { facts: probe(Utf8Path::new("/"), &kept), release: payload.release() };
    tell(&detected, events);
    let Some(found) = found else { return Ok(false) };
    let machine = parse(&found.text).with_context(|| format!("`{}`", found.from))?;
    let admission = admission(&machine, &found)?;
    let wipe = machine.spec.install.as_ref().and_then(|install| install.wipe.clone());
    let planned = detected.plan(machine)?;
    show(&planned, &found.from, events);
    let confirmed = planned.confirm(&Consent::Configured(wipe))?;
    let disk = disk_line(confirmed.planned().disk());
    events.say("install.confirmed", &json!({ "disk": disk }));
    write(confirmed, &payload, admission.as_ref(), events)?;
    Ok(true)
}

/// Says what was found: that a disk holds an installation already, most of all.
pub(crate) fn tell(detected: &Detected, events: &mut Events) {
    let installed: Vec<String> = detected.installed().map(disk_line).collect();
    for disk in &installed {
        events.line(&format!("an installation is there already, and is not booted by this medium: {disk}"));
    }
    let facts = &detected.facts;
    events.say(
        "install.detected",
        &json!({ "disks": facts.disks.len(), "installed": installed.len(), "memory": amount(facts.memory),
            "version": detected.release.version }),
    );
}

fn show(planned: &Planned, from: &str, events: &mut Events) {
    for check in planned.checks() {
        events.line(&check.line());
    }
    for line in sides(planned.disk(), planned.layout(), &planned.release().version) {
        events.line(&line);
    }
    let machine = planned.machine().metadata.name.to_string();
    let disk = disk_line(planned.disk());
    events.say("install.planned", &json!({ "machine": machine, "disk": disk, "configuration": from }));
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
) -> anyhow::Result<()> {
    let scratch = Scratch::new(Utf8Path::new("/run"))?;
    let path = confirmed.planned().disk().path.clone();
    let mut disk = Disk::open(&path, Access::Write).with_context(|| format!("open `{path}`"))?;
    let formatter = Formatter::default();
    let work = Work { payload, scratch: &scratch.path, formatter: &formatter, admission };
    let (began, mut told) = (Instant::now(), 0);
    let written = install(confirmed, &work, &mut disk, &mut |progress| {
        if progress.done >= told + TOLD {
            told = progress.done;
            let seconds = began.elapsed().as_secs().max(1);
            let rate = amount(progress.done / seconds);
            events.line(&format!(
                "{} of {}, {rate}/s: {}",
                amount(progress.done),
                amount(progress.total),
                progress.what
            ));
        }
    })?;
    events.say(
        "install.written",
        &json!({ "bytes": written.bytes, "again": written.again, "seconds": began.elapsed().as_secs() }),
    );
    let variables = Utf8Path::new(VARIABLES);
    if let Some(esp) = esp(&written.planned, &written.id).filter(|_| variables.is_dir()) {
        match register(variables, &esp) {
            Ok(number) => events.line(&format!("the firmware boots it first, as entry {number:04X}")),
            Err(error) => events.line(&format!("the firmware finds it by itself: {error}")),
        }
    }
    events.say("install.done", &json!({ "machine": written.planned.machine().metadata.name.to_string() }));
    Ok(())
}

fn esp(planned: &Planned, id: &str) -> Option<Esp> {
    let layout = planned.layout();
    let part = layout.part(Role::Esp)?;
    let sector = u64::from(layout.sector).max(1);
    Some(Esp {
        number: 1,
        first: part.at / sector,
        sectors: part.bytes / sector,
        id: Guid::named(id, Role::Esp.label()),
    })
}
