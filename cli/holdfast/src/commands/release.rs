//! `holdfast release`: whose releases are taken, which there are, and bringing one to the nodes.

mod import;
mod rollout;

use camino::Utf8PathBuf;
use holdfast_api::v1::releases_client::ReleasesClient;
use holdfast_api::v1::{
    GetRequest, ListRequest, Release, ReleaseList, ShowReleaseTrustRequest, TrustReleasesRequest,
};
use holdfast_types::{Bytes, Problem, ProblemKind};

use super::listing;
use crate::failure::Failure;
use crate::globals::Flag;
use crate::output::Table;
use crate::session::{Session, call};

/// What can be asked of releases.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the releases
    #[command(after_help = "Examples:\n  holdfast release list\n  holdfast release list -o json")]
    List,
    /// Show one release
    #[command(after_help = "Examples:\n  holdfast release show 0.2.0")]
    Show {
        /// Its version
        #[arg(value_name = "VERSION")]
        name: String,
    },
    /// Say whose releases are taken: the root that they have to lead to
    #[command(
        after_help = "Examples:\n  holdfast release trust keys/1.root.json\n\nOnce; the roots after it come with the bundles."
    )]
    Trust {
        /// The root: 1.root.json of `holdfast-image keys init`
        root: Utf8PathBuf,
    },
    /// Prove a bundle and take it in
    #[command(
        after_help = "Examples:\n  holdfast release import holdfast-0.2.0.bundle\n  holdfast release import r.bundle --at 2027-03-01T00:00:00Z"
    )]
    Import(import::Args),
    /// Bring a release to the nodes, one after another
    #[command(subcommand)]
    Rollout(rollout::Command),
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::List => ("list", &[]),
            Self::Show { .. } => ("show", &[]),
            Self::Trust { .. } => ("trust", &[Flag::DryRun]),
            Self::Import(_) => ("import", &[Flag::DryRun]),
            Self::Rollout(command) => command.honours(),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    match command {
        Command::List => list(session).await,
        Command::Show { name } => show(session, name).await,
        Command::Trust { root } => trust(session, root).await,
        Command::Import(args) => import::run(session, args).await,
        Command::Rollout(command) => rollout::run(session, command).await,
    }
}

async fn list(session: &Session) -> Result<(), Failure> {
    let list: ReleaseList = listing::all(|token| async move {
        let request = ListRequest { page_token: token, ..ListRequest::default() };
        call!(session, ReleasesClient, list, request)
    })
    .await?;
    let trust = call!(session, ReleasesClient, show_trust, ShowReleaseTrustRequest {})?;
    session.printer.show(&list, || {
        let mut rows = Table::new(&["VERSION", "NUMBER", "PROFILE", "KERNEL", "SIZE", "NODES"]);
        for release in &list.items {
            let spec = release.spec.clone().unwrap_or_default();
            let nodes = release.status.as_ref().map_or(0, |status| status.nodes.len());
            let (number, size) = (spec.number.to_string(), Bytes(spec.bytes).to_string());
            rows.row([spec.version, number, spec.profile, spec.kernel, size, nodes.to_string()]);
        }
        rows.to_string()
    })?;
    session.printer.note(if trust.root_version == 0 {
        "nobody's releases are trusted yet: holdfast release trust 1.root.json".to_owned()
    } else {
        format!("trusted: root version {}, {}", trust.root_version, trust.fingerprint)
    });
    Ok(())
}

async fn show(session: &Session, version: &str) -> Result<(), Failure> {
    let request = GetRequest { name: version.to_owned(), ..GetRequest::default() };
    let release: Release = call!(session, ReleasesClient, get, request)?;
    session.printer.show(&release, || {
        let spec = release.spec.clone().unwrap_or_default();
        let nodes = release.status.clone().unwrap_or_default().nodes.join(", ");
        let mut text = format!(
            "release  {}\nnumber   {}\nprofile  {}\nkernel   {}\nnodes    {nodes}\n",
            spec.version, spec.number, spec.profile, spec.kernel
        );
        let mut rows = Table::new(&["FILE", "SIZE", "SHA-256"]);
        for file in spec.files {
            rows.row([file.name, Bytes(file.bytes).to_string(), file.sha256]);
        }
        text.push_str(&rows.to_string());
        text
    })
}

async fn trust(session: &Session, path: &camino::Utf8Path) -> Result<(), Failure> {
    let root = std::fs::read(path).map_err(|error| {
        Problem::new(7130, ProblemKind::Failed, format!("`{path}` cannot be read")).because(error.to_string())
    })?;
    let request = TrustReleasesRequest { root, options: Some(session.write_options()?) };
    let trust = call!(session, ReleasesClient, trust, request)?;
    session.printer.show(&trust, || {
        format!("releases have to lead to root version {}, {}\n", trust.root_version, trust.fingerprint)
    })
}
