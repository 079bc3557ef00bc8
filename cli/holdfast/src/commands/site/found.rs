//! Founding a cluster away from its machines: the keys are made where the operator is, and each first controller gets one file.

use std::time::{SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_controller::{FoundController, FoundOperator, FoundOptions, found};
use holdfast_identity::Endpoint;
use holdfast_policy::packs;
use holdfast_types::{Jurisdiction, NodeName, Problem, ProblemKind, Span, Time};

use crate::failure::Failure;
use crate::founding::Founding;
use crate::output::Printer;

/// How long a node may be silent where nothing else is asked for.
const LEASE: Span = Span::from_secs(30);

/// A cluster to be.
#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// Where the files go; it must not be there
    dir: Utf8PathBuf,
    /// The name of the cluster
    #[arg(long)]
    name: NodeName,
    /// A first controller: its name, and where everybody reaches it. Give 1, 3 or 5
    #[arg(long = "controller", value_name = "NAME=HOST:PORT", required = true)]
    controllers: Vec<Place>,
    /// Where its machines stand; each gets a CA of its own
    #[arg(long = "jurisdiction", value_name = "CODE", required = true)]
    jurisdictions: Vec<Jurisdiction>,
    /// The directory with `law.toml` and `tenant.cedar`; an example where not given
    #[arg(long, value_name = "DIR")]
    law: Option<Utf8PathBuf>,
    /// The name of the first operator
    #[arg(long, default_value = "admin")]
    operator: NodeName,
    /// How long a node may be silent before its work is given to others
    #[arg(long, value_name = "TIME", default_value_t = LEASE)]
    lease: Span,
}

/// A controller and where it is reached.
#[derive(Debug, Clone)]
struct Place {
    name: NodeName,
    address: Endpoint,
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) = text.split_once('=').ok_or("it is NAME=HOST:PORT")?;
        Ok(Self {
            name: name.parse().map_err(|error: holdfast_types::NameError| error.to_string())?,
            address: address.parse().map_err(|error: holdfast_identity::NameFault| error.to_string())?,
        })
    }
}

fn failed(because: impl Into<String>) -> Problem {
    Problem::new(7121, ProblemKind::Failed, "the cluster cannot be founded").because(because)
}

/// Founds it.
pub(super) fn run(printer: Printer, init: &Init) -> Result<(), Failure> {
    let dir = &init.dir;
    if dir.exists() {
        return Err(failed(format!("`{dir}` is there already, and keys are not overwritten")).into());
    }
    let file = |error: std::io::Error| failed(format!("write below `{dir}`: {error}"));
    std::fs::create_dir_all(dir).map_err(file)?;
    let places = dir.join("parts");
    let founded = found(&options(init, &places)?);
    let kept = founded.and_then(|founded| {
        for controller in &init.controllers {
            let path = dir.join(format!("{}.admission", controller.name));
            Founding::of(&places.join(controller.name.as_str()))?.save(&path)?;
        }
        Ok(founded)
    });
    // What is in it is in the files now; where founding failed it is nothing to begin with.
    std::fs::remove_dir_all(&places).map_err(file)?;
    let founded = kept?;
    printer
        .note(format!("The files in `{dir}` hold the keys of the cluster: keep them where nobody else is."));
    let files: String = init.controllers.iter().map(|c| format!("  {dir}/{}.admission\n", c.name)).collect();
    printer.text(&format!(
        "cluster {} is founded\ncontrollers begin with\n{files}the operator `{}` works with\n  {dir}/context.toml\n\
         next: holdfast site volume MACHINE.toml --admission {dir}/NAME.admission --out NAME.img\n",
        founded.cluster_id, init.operator
    ))
}

fn options(init: &Init, places: &Utf8Path) -> Result<FoundOptions, Problem> {
    let read = |name: &str, example: &str| match &init.law {
        None => Ok(example.to_owned()),
        Some(law) => {
            let path = law.join(name);
            std::fs::read_to_string(&path).map_err(|error| failed(format!("read `{path}`: {error}")))
        }
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let controllers = init.controllers.iter().map(|controller| FoundController {
        name: controller.name.to_string(),
        directory: places.join(controller.name.as_str()),
        listen: controller.address.to_string(),
    });
    Ok(FoundOptions {
        cluster_name: init.name.to_string(),
        lease: init.lease,
        controllers: controllers.collect(),
        jurisdictions: init.jurisdictions.clone(),
        law: read("law.toml", packs::DEMO.law)?,
        tenant_policies: read("tenant.cedar", packs::DEMO.tenant)?,
        operators: vec![FoundOperator {
            name: init.operator.to_string(),
            roles: vec!["admin".to_owned(), "engineer".to_owned()],
            tenant: None,
            context: init.dir.join("context.toml"),
        }],
        now: Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
    })
}
