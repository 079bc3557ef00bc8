//! The bundle of one machine of the appliance, made at its console where no network is: what process 1, the kernel, META and the
//! configuration say. Process 1 starts it and is told what became of it.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_identity::Recipient;
use holdfast_release::machine;
use holdfast_release::{Boot, META_COPY_BYTES, Meta, Slot};
use holdfast_types::{Problem, ProblemKind};
use rustix::fs::OFlags;
use rustix::fs::{SeekFrom, seek};
use serde_json::{Value, json};

use super::archive;
use super::contents::{cleaned, described};
use super::parts::Part;
use super::whom::{nobody, recipient};
use crate::answers::now;

/// The most that is taken of one file.
const MAX_BYTES: u64 = 4 << 20;
/// The longest record of the kernel's log (`/dev/kmsg` of Linux).
const RECORD: usize = 8 << 10;
/// What a line of process 1 has in it.
const INIT: &str = "holdfast: ";
/// What the kernel says of the machine, by the names they have in the bundle.
const KERNEL: [&str; 7] = ["cmdline", "meminfo", "mounts", "partitions", "modules", "uptime", "net/dev"];

/// The places of the machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Machine {
    /// Its configuration
    #[arg(long, value_name = "FILE")]
    machine: Utf8PathBuf,
    /// The directory that the bundle is written into
    #[arg(long, value_name = "DIR")]
    into: Utf8PathBuf,
    /// Where process 1 tells of the system, and is told what was made
    #[arg(long, value_name = "DIR", default_value = "/run/holdfast")]
    run: Utf8PathBuf,
    /// The log of the kernel
    #[arg(long, value_name = "FILE", default_value = "/dev/kmsg")]
    log: Utf8PathBuf,
}

impl Machine {
    /// Makes the bundle, and tells process 1.
    pub(super) fn make(&self) -> Result<(), Problem> {
        let made = self.made();
        let told = match &made {
            Ok(told) => told.clone(),
            Err(problem) => json!({ "why": problem.to_string() }),
        };
        let path = self.run.join("support.json");
        std::fs::write(&path, told.to_string())
            .map_err(|error| failed(format!("write `{path}`: {error}")))?;
        made.map(drop)
    }

    fn made(&self) -> Result<Value, Problem> {
        let text = text(&self.machine).map_err(failed)?;
        let machine =
            machine::parse(&text).map_err(|error| failed(format!("`{}`, {error}", self.machine)))?;
        let to = &machine.spec.support.to;
        if to.is_empty() {
            return Err(
                nobody().because("the configuration of this machine names nobody in [spec.support] to")
            );
        }
        let recipients: Vec<Recipient> =
            to.iter().map(|key| recipient(&key.to_string())).collect::<Result<_, _>>()?;
        let name = &machine.metadata.name;
        let (mut files, missing, removed) = cleaned(self.parts(text));
        let about = json!({
            "madeAt": now().to_string(), "program": env!("CARGO_PKG_VERSION"), "machine": name.to_string(),
            "parts": files.iter().map(|(name, _)| name).collect::<Vec<_>>(), "missing": missing, "removed": removed,
        });
        files.insert(0, described(&about)?);
        let file = self.free(&name.to_string());
        let bytes = archive::write(&file, &recipients, &files)?;
        let whom: Vec<String> = recipients.iter().map(Recipient::fingerprint).collect();
        Ok(
            json!({ "file": file.file_name(), "bytes": bytes, "parts": files.len(), "removed": removed, "for": whom }),
        )
    }

    /// A name that no other bundle of this machine has: its clock may be wrong, so the time is in none.
    fn free(&self, machine: &str) -> Utf8PathBuf {
        let names = (1_u32..).map(|number| self.into.join(format!("{machine}-{number}.support")));
        names.into_iter().find(|path| !path.exists()).unwrap_or_default()
    }

    fn parts(&self, configuration: String) -> Vec<Part> {
        let part = |name: &str, content| Part { name: name.to_owned(), content };
        let log = log(&self.log);
        let init = log.as_ref().map_err(Clone::clone).map(|log| lines_of_init(log));
        let mut parts = vec![
            part("init.log", init),
            part("kernel.log", log),
            part("machine.toml", Ok(configuration)),
            part("boot.json", text(&self.run.join("boot.json"))),
            part("services.json", text(&self.run.join("services.json"))),
        ];
        let meta = meta(&self.run.join("parts/META"));
        parts.push(part(
            "slots.json",
            meta.as_ref().map_err(Clone::clone).and_then(|meta| slots(meta.clone())),
        ));
        let values =
            meta.map(|meta| meta.values().map(|(name, value)| format!("{name}={value}\n")).collect());
        parts.push(part("meta.txt", values));
        parts.extend(KERNEL.map(|name| {
            part(&format!("proc/{}.txt", name.replace('/', "-")), text(&Utf8Path::new("/proc").join(name)))
        }));
        parts
    }
}

fn failed(because: impl Into<String>) -> Problem {
    Problem::new(7141, ProblemKind::Failed, "the support bundle of this machine cannot be made")
        .because(because)
}

/// A file, as far as it is taken.
fn text(path: &Utf8Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes));
    read.map_err(|error| format!("read `{path}`: {error}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What the kernel remembers of its log. A record is one read, and where there is none left it says so at once.
fn log(path: &Utf8Path) -> Result<String, String> {
    let fault = |error: std::io::Error| format!("read `{path}`: {error}");
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let mut file = File::options().read(true).custom_flags(flags).open(path).map_err(fault)?;
    seek(&file, SeekFrom::Start(0)).map_err(|error| fault(error.into()))?;
    let (mut bytes, mut record) = (Vec::new(), vec![0; RECORD]);
    let most = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    while bytes.len() < most {
        match file.read(&mut record) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(record.get(..count).unwrap_or_default()),
            // Older records were dropped meanwhile; the next read goes on behind them.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::PIPE.raw_os_error()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(fault(error)),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn lines_of_init(log: &str) -> String {
    log.lines().filter(|line| line.contains(INIT)).map(|line| format!("{line}\n")).collect()
}

fn meta(path: &Utf8Path) -> Result<Meta, String> {
    let fault = |error: std::io::Error| format!("read `{path}`: {error}");
    let file = File::open(path).map_err(fault)?;
    let half = seek(&file, SeekFrom::End(0)).map_err(|error| fault(error.into()))? / 2;
    let copy = |at| {
        let mut bytes = vec![0; META_COPY_BYTES];
        file.read_exact_at(&mut bytes, at).map(|()| bytes)
    };
    Ok(Meta::read(&copy(0).map_err(fault)?, &copy(half).map_err(fault)?))
}

fn slots(mut meta: Meta) -> Result<String, String> {
    let boot = Boot::new(&mut meta);
    let one = |slot: Slot| json!({ "slot": slot.to_string(), "version": boot.version(slot), "attempts": boot.attempts(slot) });
    let slots = json!({
        "slots": [one(Slot::A), one(Slot::B)], "good": boot.good().map(|slot| slot.to_string()), "reason": boot.reason(),
    });
    serde_json::to_string_pretty(&slots).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use holdfast_identity::BackupKey;

    use super::*;

    const TOKEN: &str = "hft1-0a0a0a0a";

    fn configuration(to: &str) -> String {
        format!(
            "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\nmetadata.name = \"n1\"\n[spec]\nrole = \"agent\"\n\
             cluster = {{ controllers = [\"10.0.0.1:7443\"], joinToken = \"{TOKEN}\" }}\n{to}"
        )
    }

    #[test]
    fn a_bundle_has_every_part_no_secret_and_is_opened_by_the_operator_alone() {
        let temp = tempfile::tempdir().unwrap();
        let place = |name: &str| Utf8Path::from_path(temp.path()).unwrap().join(name);
        let (key, other) = (BackupKey::generate().unwrap(), BackupKey::generate().unwrap());
        let own =
            Machine { machine: place("1.toml"), into: place("out"), run: place("run"), log: place("kmsg") };
        for directory in ["out", "run", "run/parts"] {
            std::fs::create_dir(place(directory)).unwrap();
        }
        std::fs::write(&own.log, format!("5,1;usb 1: new\n5,2;holdfast: ready {TOKEN}\n")).unwrap();
        std::fs::write(place("run/boot.json"), "{\"slot\": \"A\"}").unwrap();
        std::fs::write(place("run/services.json"), "{\"services\": []}").unwrap();
        std::fs::write(place("run/parts/META"), vec![0; 2 << 20]).unwrap();

        std::fs::write(&own.machine, configuration("")).unwrap();
        assert_eq!(own.make().unwrap_err().code, nobody().code);
        let told: Value = serde_json::from_str(&text(&place("run/support.json")).unwrap()).unwrap();
        assert!(told["why"].as_str().unwrap().contains("there is nobody to encrypt the bundle to"), "{told}");
        assert_eq!(std::fs::read_dir(place("out")).unwrap().count(), 0);

        std::fs::write(&own.machine, configuration(&format!("support.to = [\"{}\"]\n", key.recipient())))
            .unwrap();
        for number in 1..=2 {
            own.make().unwrap();
            let told: Value = serde_json::from_str(&text(&place("run/support.json")).unwrap()).unwrap();
            assert_eq!(told["file"], format!("n1-{number}.support"));
        }
        assert!(archive::unpack(&place("out/n1-1.support"), &other, &place("no")).is_err());
        let names = archive::unpack(&place("out/n1-1.support"), &key, &place("opened")).unwrap();
        for part in [
            "about.json",
            "init.log",
            "kernel.log",
            "machine.toml",
            "meta.txt",
            "slots.json",
            "services.json",
        ] {
            assert!(names.iter().any(|name| name == part), "{part}: {names:?}");
        }
        for name in names {
            assert!(!text(&place("opened").join(&name)).unwrap().contains(TOKEN), "{name}");
        }
        let init = text(&place("opened/init.log")).unwrap();
        assert!(init.contains("ready [removed]") && !init.contains("usb"), "{init}");
    }
}
