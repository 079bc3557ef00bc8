//! `holdfast cluster`: the cluster as a whole.

mod again;
mod alone;
mod backup;
mod context;
mod keys;

pub(crate) use self::keys::load as backup_key;
use crate::commands::status;
use crate::failure::Failure;
use crate::globals::{Flag, Globals};
use crate::session::Session;

/// What can be asked of the cluster.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// What needs attention and what to type, then how everything is
    ///
    /// Every controller is asked, so that a cluster without a leader answers as well. The exit code is 0 where the cluster
    /// does its work, 1 where something critical (marked `!`) needs attention, and 5 where no controller answers.
    #[command(after_help = "Examples:\n  holdfast cluster status\n  holdfast cluster status -o json")]
    Status,
    /// Write everything the cluster needs to begin again, encrypted to the backup keys
    ///
    /// The cluster goes on meanwhile. The state, the law, the audit log and the keys of the CA are in it; data and models
    /// are not: they lie on the nodes.
    #[command(after_help = "\
Examples:
  holdfast cluster backup cluster.backup
  holdfast cluster backup verify cluster.backup --key backup.key")]
    Backup(backup::Backup),
    /// Make a key that backups are encrypted to, or see and change which keys those are
    ///
    /// Keep the file apart from the controllers and from the backups. Who has it and a backup has the cluster.
    #[command(after_help = "\
Examples:
  holdfast cluster backup-key --out backup.key
  holdfast cluster backup-key --list
  holdfast cluster backup-key --remove 0a1b2c3d4e5f6071")]
    BackupKey(keys::BackupKeys),
    /// Begin the cluster again from a backup, on this machine
    ///
    /// Makes the directory of the first controller. When it is started a new incarnation begins: agents go on with it and
    /// refuse controllers of the time before. Works without any controller.
    #[command(after_help = "\
Examples:
  holdfast cluster restore cluster.backup --key backup.key --name controller-1 --address 10.0.0.11:7443 --directory /var/lib/holdfast/controller")]
    Restore(again::Restore),
    /// Go on with one controller when the majority of them is lost for good
    ///
    /// With --server the controller runs and has no quorum: it is ordered over the network, begins again as the only one, and
    /// refuses where the cluster still works. With --directory the controller does not run, and its disk is here. What was
    /// acknowledged and is not on that disk, or in the backup, is lost; the others must never run again.
    #[command(after_help = "\
Examples:
  holdfast cluster recover --force-single --server 10.0.0.11:7443 --lost controller-2 --lost controller-3
  holdfast cluster recover --from-snapshot cluster.backup --key backup.key --server 10.0.0.11:7443 --lost controller-2 --lost controller-3
  holdfast cluster recover --force-single --directory /var/lib/holdfast/controller")]
    Recover(again::Recover),
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::Status => ("status", &[]),
            Self::Backup(_) => ("backup", &[]),
            Self::BackupKey(_) => ("backup-key", &[]),
            Self::Restore(_) => ("restore", &[]),
            Self::Recover(_) => ("recover", &[Flag::DryRun]),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(globals: &Globals, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Status => status::run(&Session::open(globals)?).await,
        Command::Backup(what) => backup::run(globals, what).await,
        Command::BackupKey(what) => keys::run(globals, what).await,
        Command::Restore(what) => again::restore(globals, what),
        Command::Recover(what) => again::recover(globals, what).await,
    }
}
