//! Letting a controller in: asking the cluster, and writing what the new machine needs.

use camino::Utf8PathBuf;
use holdfast_api::v1::controllers_client::ControllersClient;
use holdfast_api::v1::{AdmitControllerRequest, AdmittedController};
use holdfast_controller::{prepare_joining, refuse_used};
use holdfast_identity::{Context, Endpoint, Identity};
use holdfast_types::{AsProblem as _, NodeName, Problem, ProblemKind};

use crate::admission::Admission;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::Printer;
use crate::session::{Session, call, context_path};

/// Where the new controller is, and how it gets what it needs.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// Where the others, agents and people reach it
    #[arg(long, value_name = "HOST:PORT")]
    address: Endpoint,
    /// Prepare it on this machine, in a directory of its own
    #[arg(long, value_name = "DIR", required_unless_present = "out", conflicts_with = "out")]
    directory: Option<Utf8PathBuf>,
    /// Write what its machine needs for `holdfast controller join`
    #[arg(long, value_name = "FILE")]
    out: Option<Utf8PathBuf>,
    /// What it listens on; the address where not given
    #[arg(long, value_name = "HOST:PORT", requires = "directory")]
    listen: Option<Endpoint>,
}

/// One more.
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// Its name
    name: NodeName,
    #[command(flatten)]
    place: Place,
    /// Refused, with the reason: every controller keeps the whole state
    #[arg(long, hide = true)]
    witness: bool,
}

/// One for another.
#[derive(Debug, clap::Args)]
pub(crate) struct Replace {
    /// The controller that goes
    old: String,
    /// The name of the one that comes
    #[arg(long = "with", value_name = "NAME")]
    new: NodeName,
    #[command(flatten)]
    place: Place,
}

/// This machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Join {
    /// What `holdfast controller add --out` wrote
    admission: Utf8PathBuf,
    /// Where the controller keeps everything
    #[arg(long, value_name = "DIR")]
    directory: Utf8PathBuf,
    /// What it listens on; its address where not given
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<Endpoint>,
}

/// Lets one more in.
pub(super) async fn add(session: &Session, add: &Add) -> Result<(), Failure> {
    if add.witness {
        let problem =
            Problem::new(7114, ProblemKind::Refused, "there is no witness: a controller that only votes");
        return Err(problem
            .because("it would let a write be acknowledged that one single disk has, and that disk may be the next to go")
            .because("with two machines have one controller; with a third of any size have three")
            .next(format!("holdfast controller add {} --address {} --out FILE", add.name, add.place.address))
            .into());
    }
    admit(session, &add.name, &add.place, "").await
}

/// Lets one in for another.
pub(super) async fn replace(session: &Session, replace: &Replace) -> Result<(), Failure> {
    admit(session, &replace.new, &replace.place, &replace.old).await
}

async fn admit(session: &Session, name: &NodeName, place: &Place, replaces: &str) -> Result<(), Failure> {
    if let Some(directory) = &place.directory {
        refuse_used(directory)?;
    }
    let (key, csr_pem) = Identity::generate_csr().map_err(|error| error.problem())?;
    let request = AdmitControllerRequest {
        name: name.to_string(),
        address: place.address.to_string(),
        csr_pem,
        replaces: replaces.to_owned(),
        options: Some(session.write_options()?),
    };
    let admitted = call!(session, ControllersClient, admit, request)?;
    if !admitted.advice.is_empty() {
        session.printer.note(format!("advice: {}", admitted.advice));
    }
    let shown = AdmittedController { chain_pem: String::new(), ..admitted.clone() };
    if session.globals.dry_run {
        let text = format!("controller `{name}` may join (dry run: nothing was changed)\n");
        return session.printer.show(&shown, || text);
    }
    let path = context_path(session.globals.context.as_deref())?;
    let ca_pem = Context::load(&path).map_err(|error| error.problem())?.ca_pem;
    let (name, address) = (name.to_string(), place.address.to_string());
    let admission = Admission { name: name.clone(), address, key, ca_pem, admitted };
    let next = match (&place.directory, &place.out) {
        (Some(directory), _) => {
            let listen = place.listen.as_ref().map(Endpoint::as_str);
            prepare_joining(admission.prepare(directory, listen))?;
            format!("start it: holdfast controller run --directory {directory}")
        }
        (None, Some(out)) => {
            admission.save(out)?;
            session.printer.note(format!("`{out}` holds a key: carry it to the machine and delete it here."));
            format!("on its machine: holdfast controller join {out} --directory DIR")
        }
        (None, None) => String::new(),
    };
    session.printer.show(&shown, || format!("controller `{name}` may join as number {}\n{next}\n", shown.id))
}

/// Makes this machine what was admitted.
pub(super) fn join(globals: &Globals, join: &Join) -> Result<(), Failure> {
    let admission = Admission::load(&join.admission)?;
    let name = admission.name.clone();
    prepare_joining(admission.prepare(&join.directory, join.listen.as_ref().map(Endpoint::as_str)))?;
    // What is in it is in the directory now; left behind it is only a key lying about.
    if let Err(error) = std::fs::remove_file(&join.admission) {
        Printer::new(globals.output).note(format!("delete `{}`: {error}", join.admission));
    }
    Printer::new(globals.output).line(format!(
        "controller `{name}` is ready in {0}\nstart it: holdfast controller run --directory {0}",
        join.directory
    ))
}
