//! `holdfast site`: a new cluster for machines that have nothing yet, prepared away from them.

mod desk;
mod found;
mod inspect;
mod install;
mod volume;

use crate::failure::Failure;
use crate::globals::{Flag, Globals};
use crate::output::Printer;

/// What can be prepared.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Found a cluster: its CA, its law, its first controllers and its first operator
    ///
    /// Nothing is started and nobody is asked. Do it on a machine that is yours alone: the keys of the cluster are made here.
    #[command(after_help = "\
Examples:
  holdfast site init mysite --name clinic --jurisdiction DE --controller c1=10.0.0.11:7443
  holdfast site init mysite --name clinic --jurisdiction DE --jurisdiction FR --law ./law --controller c1=10.0.0.11:7443 --controller c2=10.0.0.12:7443 --controller c3=10.0.0.13:7443")]
    Init(found::Init),
    /// Write the volume that makes a blank machine a part of the cluster
    ///
    /// The installer and the machine's first start read it: its label is HOLDFASTCFG. Put it on a USB stick, or attach it as a
    /// second disk.
    #[command(after_help = "\
Examples:
  holdfast site volume c1.toml --admission mysite/c1.admission --out c1.img
  holdfast site volume n1.toml --admission n1.token --out n1.img
  dd if=c1.img of=/dev/disk/by-id/usb-STICK bs=4M conv=fsync")]
    Volume(volume::Volume),
    /// See what a machine has that waits for its configuration
    ///
    /// A machine that was started from the medium and found no configuration shows on its consoles where it listens, a fingerprint
    /// and a code.
    #[command(after_help = "\
Examples:
  holdfast site inspect --address 10.0.0.107 --fingerprint \"$FINGERPRINT\"
  holdfast site inspect --address 10.0.0.107 --fingerprint \"$FINGERPRINT\" --code-file code -o json")]
    Inspect(inspect::Inspect),
    /// Install a machine that waits for its configuration, from here
    ///
    /// What is on its disk and what will be is shown first, and nothing is written before the serial number of the disk is typed;
    /// with --yes a disk that holds nothing is taken, or the one that `wipe` in the configuration names. A recovery key is written
    /// to stdout, and nowhere else.
    #[command(after_help = "\
Examples:
  holdfast site install c1.toml --admission mysite/c1.admission --address 10.0.0.107 --fingerprint \"$FINGERPRINT\"
  holdfast site install n1.toml --admission n1.token --address 10.0.0.108 --fingerprint \"$FINGERPRINT\" --dry-run
  holdfast site install n1.toml --admission n1.token --address 10.0.0.108 --fingerprint \"$FINGERPRINT\" --code-file code --yes > n1.recovery")]
    Install(install::Install),
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::Init(_) => ("init", &[]),
            Self::Volume(_) => ("volume", &[]),
            Self::Inspect(_) => ("inspect", &[]),
            Self::Install(_) => ("install", &[Flag::DryRun]),
        }
    }
}

/// Runs the command.
pub(crate) fn run(globals: &Globals, command: &Command) -> Result<(), Failure> {
    let printer = Printer::new(globals.output);
    match command {
        Command::Init(init) => found::run(printer, init),
        Command::Volume(volume) => volume::run(printer, volume),
        Command::Inspect(inspect) => inspect::run(printer, inspect),
        Command::Install(install) => install::run(globals, printer, install),
    }
}
