//! `holdfast node`: the machines.

mod drain;
mod gone;
mod place;
mod view;

use holdfast_api::v1::nodes_client::NodesClient;
use holdfast_api::v1::watch_event::Resource;
use holdfast_api::v1::{CreateTokenRequest, GetRequest, Node, NodeList, NodeRequest, ResetNodeRequest};
use holdfast_types::{Jurisdiction, Problem, Span};

use super::confirm::confirm;
use super::listing::{self, Selector, Watched};
use crate::failure::Failure;
use crate::globals::Flag;
use crate::session::{Session, call};

/// What can be done with nodes.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List nodes
    #[command(
        after_help = "Examples:\n  holdfast node list\n  holdfast node list --watch\n  holdfast node list -o name"
    )]
    List(Selector),
    /// Show one node with its devices
    #[command(after_help = "Examples:\n  holdfast node show node-1\n  holdfast node show node-1 -o json")]
    Show {
        /// The node
        name: String,
    },
    /// Take no new work and move what runs elsewhere
    #[command(
        after_help = "Examples:\n  holdfast node drain node-1 --reason \"new fans\" --wait --timeout 30m"
    )]
    Drain(Change),
    /// Take no new work
    #[command(after_help = "Examples:\n  holdfast node cordon node-1 --reason \"looks ill\"")]
    Cordon(Change),
    /// Take work again, after a cordon or a drain
    #[command(after_help = "Examples:\n  holdfast node uncordon node-1")]
    Uncordon(Change),
    /// Let a pending node in
    #[command(after_help = "Examples:\n  holdfast node show node-4\n  holdfast node approve node-4")]
    Approve(Change),
    /// End a node for good: its certificate is revoked
    #[command(after_help = "Examples:\n  holdfast node retire node-1 --reason sold --yes")]
    Retire(Change),
    /// Have a machine erase what it keeps, and end its node for good
    #[command(
        after_help = "Examples:\n  holdfast node drain node-1 --wait\n  holdfast node reset node-1 --reason sold --yes --wait\n  holdfast node reset node-1 --force --yes\n  holdfast node reset node-1 --keep-data --reason \"another configuration\" --yes"
    )]
    Reset(Reset),
    /// Say where nodes stand: in which hall, row, rack, below which leaf switch, in which NVLink domain
    #[command(
        after_help = "Examples:\n  holdfast node place node-1 node-2 --row a --rack r7\n  holdfast node place node-1 --rack r7 --leaf l3 --nvlink nv1\n  holdfast node place node-1"
    )]
    Place(place::Place),
    /// Make a one-time token with which a machine joins; it is shown once
    #[command(
        after_help = "Examples:\n  holdfast node token --jurisdiction DE --site berlin\n  holdfast node token --jurisdiction FR --valid 10m --approve"
    )]
    Token(Token),
}

/// Which node, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Change {
    /// The node
    name: String,
    /// Why; it is recorded
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

/// Which node is reset.
#[derive(Debug, clap::Args)]
pub(crate) struct Reset {
    #[command(flatten)]
    change: Change,
    /// Even where tasks run on it or it has the only copy of something
    #[arg(long)]
    force: bool,
    /// Erase only who it is: keys, configuration, the log of a controller. What it stores stays on its disk
    #[arg(long)]
    keep_data: bool,
}

/// Which token.
#[derive(Debug, clap::Args)]
pub(crate) struct Token {
    /// The jurisdiction whose CA will issue the certificate
    #[arg(long)]
    jurisdiction: Jurisdiction,
    /// Where the machine stands
    #[arg(long, default_value = "", hide_default_value = true)]
    site: String,
    /// How long it may be used, at most `1h`
    #[arg(long, value_name = "TIME", default_value = "1h")]
    valid: Span,
    /// Let the node in without asking again
    #[arg(long)]
    approve: bool,
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::List(_) => ("list", &[Flag::Watch]),
            Self::Show { .. } => ("show", &[]),
            Self::Drain(_) => ("drain", &[Flag::DryRun, Flag::Wait]),
            Self::Cordon(_) => ("cordon", &[Flag::DryRun]),
            Self::Uncordon(_) => ("uncordon", &[Flag::DryRun]),
            Self::Approve(_) => ("approve", &[Flag::DryRun]),
            Self::Retire(_) => ("retire", &[Flag::DryRun]),
            Self::Reset(_) => ("reset", &[Flag::DryRun, Flag::Wait]),
            Self::Place(_) => ("place", &[Flag::DryRun]),
            Self::Token(_) => ("token", &[Flag::DryRun]),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    match command {
        Command::List(selector) => list(session, selector).await,
        Command::Show { name } => {
            let node =
                call!(session, NodesClient, get, GetRequest { name: name.clone(), ..GetRequest::default() })?;
            session.printer.show(&node, || view::whole(&node))
        }
        Command::Token(token) => make_token(session, token).await,
        Command::Drain(change) => {
            let node = call!(session, NodesClient, drain, request(session, change)?)?;
            if session.globals.wait && !session.globals.dry_run {
                drain::until_empty(session, &change.name).await?;
                return session.printer.show(&node, || format!("node `{}` is drained\n", change.name));
            }
            said(session, &node, change, "is being drained")
        }
        Command::Cordon(change) => {
            let node = call!(session, NodesClient, cordon, request(session, change)?)?;
            said(session, &node, change, "is cordoned")
        }
        Command::Uncordon(change) => {
            let node = call!(session, NodesClient, uncordon, request(session, change)?)?;
            said(session, &node, change, "takes work again")
        }
        Command::Approve(change) => {
            let node = call!(session, NodesClient, approve, request(session, change)?)?;
            said(session, &node, change, "is approved")
        }
        Command::Retire(change) => {
            confirm(session, &format!("retire node `{}` and revoke its certificate", change.name))?;
            let node = call!(session, NodesClient, retire, request(session, change)?)?;
            said(session, &node, change, "is retired")
        }
        Command::Reset(reset) => self::reset(session, reset).await,
        Command::Place(place) => place::run(session, place).await,
    }
}

async fn reset(session: &Session, reset: &Reset) -> Result<(), Failure> {
    let Reset { change, force, keep_data } = reset;
    let what = if *keep_data { "who it is" } else { "everything it keeps" };
    confirm(session, &format!("have the machine of node `{}` erase {what}", change.name))?;
    let NodeRequest { name, options, reason } = request(session, change)?;
    let request = ResetNodeRequest { name, options, reason, force: *force, keep_data: *keep_data };
    let node = call!(session, NodesClient, reset, request)?;
    if session.globals.wait && !session.globals.dry_run {
        gone::until_retired(session, &change.name).await?;
        return said(session, &node, change, "goes down, and is turned off once that is erased");
    }
    said(session, &node, change, &format!("is told to erase {what}"))
}

fn request(session: &Session, change: &Change) -> Result<NodeRequest, Problem> {
    let options = Some(session.write_options()?);
    Ok(NodeRequest { name: change.name.clone(), options, reason: change.reason.clone() })
}

fn said(session: &Session, node: &Node, change: &Change, what: &str) -> Result<(), Failure> {
    let dry = if session.globals.dry_run { " (dry run: nothing was changed)" } else { "" };
    session.printer.show(node, || format!("node `{}` {what}{dry}\n", change.name))
}

async fn list(session: &Session, selector: &Selector) -> Result<(), Failure> {
    let list: NodeList =
        listing::all(|token| async move { call!(session, NodesClient, list, selector.page(&token)) }).await?;
    let mut table = view::table();
    list.items.iter().for_each(|node| view::row(&mut table, node));
    let watched = Watched { kind: "Node", name: "", revision: list.revision };
    listing::show(session, &list, table, watched, |table, resource| {
        if let Resource::Node(node) = resource {
            view::row(table, node);
        }
    })
    .await
}

async fn make_token(session: &Session, token: &Token) -> Result<(), Failure> {
    let request = CreateTokenRequest {
        jurisdiction: token.jurisdiction.to_string(),
        site: token.site.clone(),
        valid_ms: token.valid.0,
        approve: token.approve,
        options: Some(session.write_options()?),
    };
    let made = call!(session, NodesClient, create_token, request)?;
    session.printer.note("This token is shown once. Whoever has it can join a machine.");
    session.printer.show(&made, || format!("{}\n", made.token))
}
