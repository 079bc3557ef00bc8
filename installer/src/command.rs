//! What the installer is asked to do.

use std::process::ExitCode;

use camino::Utf8PathBuf;

use crate::file::{self, FileOptions};
use crate::{listening, medium};

const USAGE: &str = "\
usage: holdfast-installer
           on the medium: installs as the configuration says, or asks
       holdfast-installer listen
           on the medium, while somebody is asked: installs as somebody at his desk says
       holdfast-installer file --disk FILE --config FILE --payload DIR [--serial TEXT] [--scratch DIR]
           installs into a file that stands for a disk; --serial is the serial number that the configuration names";

/// Wrong use of the program.
const USED_WRONGLY: u8 = 2;

/// Runs the installer with these arguments.
#[must_use]
pub fn run(arguments: Vec<String>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    match arguments.next().as_deref() {
        Some("file") => match options(arguments) {
            Ok(options) => file::run(&options),
            Err(why) => usage(&why),
        },
        Some("listen") => listening::run(),
        Some("--help" | "-h") => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Some(other) => usage(&format!("`{other}` is nothing that this program does")),
        None => medium::run(),
    }
}

fn usage(why: &str) -> ExitCode {
    eprintln!("{why}\n{USAGE}");
    ExitCode::from(USED_WRONGLY)
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<FileOptions, String> {
    let (mut disk, mut config, mut payload, mut scratch, mut serial) = (None, None, None, None, None);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let place = match name.as_str() {
            "--disk" => &mut disk,
            "--config" => &mut config,
            "--payload" => &mut payload,
            "--scratch" => &mut scratch,
            "--serial" => {
                serial = Some(value);
                continue;
            }
            other => return Err(format!("`{other}` is no option")),
        };
        *place = Some(Utf8PathBuf::from(value));
    }
    let needed = |value: Option<Utf8PathBuf>, name: &str| value.ok_or_else(|| format!("{name} is missing"));
    Ok(FileOptions {
        disk: needed(disk, "--disk")?,
        config: needed(config, "--config")?,
        payload: needed(payload, "--payload")?,
        scratch: scratch.unwrap_or_else(|| Utf8PathBuf::from("/tmp")),
        serial,
    })
}
