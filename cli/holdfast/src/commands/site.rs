//! `holdfast site`: a new cluster for machines that have nothing yet, prepared away from them.

mod found;
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
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::Init(_) => ("init", &[]),
            Self::Volume(_) => ("volume", &[]),
        }
    }
}

/// Runs the command.
pub(crate) fn run(globals: &Globals, command: &Command) -> Result<(), Failure> {
    let printer = Printer::new(globals.output);
    match command {
        Command::Init(init) => found::run(printer, init),
        Command::Volume(volume) => volume::run(printer, volume),
    }
}
