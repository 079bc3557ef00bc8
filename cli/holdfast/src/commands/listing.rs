//! Lists: every page of them, and what changes afterwards.

use holdfast_api::v1::watch_event::Resource;
use holdfast_api::v1::{WatchEvent, WatchRequest};
use holdfast_client::Watch;
use holdfast_types::{Problem, ProblemKind};

use crate::failure::Failure;
use crate::output::{Shown, Table};
use crate::session::Session;

/// The most pages that are read: a list that does not end is a fault of the server.
const MAX_PAGES: usize = 10_000;

/// How resources are selected.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Selector {
    /// Only those with these labels: `key=value`, `key!=value`, `key in (a,b)`, `!key`; separated by commas
    #[arg(
        short = 'l',
        long = "selector",
        value_name = "LABELS",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) selector: String,
}

impl Selector {
    /// The head of the request for the page after `token`.
    pub(crate) fn page(&self, token: &str) -> holdfast_api::v1::ListRequest {
        holdfast_api::v1::ListRequest {
            page_token: token.to_owned(),
            label_selector: self.selector.clone(),
            ..holdfast_api::v1::ListRequest::default()
        }
    }
}

/// A list that comes in pages.
pub(crate) trait Paged {
    /// Adds the items of the next page; the revision stays that of the first, so that a watch from it misses nothing.
    fn absorb(&mut self, next: Self);
    /// Where the next page begins; empty at the end.
    fn token(&self) -> &str;
}

macro_rules! paged {
    ($($type:ident),*) => {$(
        impl Paged for holdfast_api::v1::$type {
            fn absorb(&mut self, next: Self) {
                self.items.extend(next.items);
                self.next_page_token = next.next_page_token;
            }
            fn token(&self) -> &str {
                &self.next_page_token
            }
        }
    )*};
}

paged!(JobList, NodeList, QueueList, ReservationList, ArtifactList, ReleaseList, RolloutList);

/// Every page of a list; `fetch` gets the token of the page.
pub(crate) async fn all<L, F, A>(fetch: F) -> Result<L, Problem>
where
    L: Paged,
    F: Fn(String) -> A,
    A: Future<Output = Result<L, Problem>>,
{
    let mut list = fetch(String::new()).await?;
    for _ in 0..MAX_PAGES {
        if list.token().is_empty() {
            return Ok(list);
        }
        let next = fetch(list.token().to_owned()).await?;
        list.absorb(next);
    }
    Err(Problem::new(7030, ProblemKind::Failed, "the list does not end")
        .because(format!("{MAX_PAGES} pages were read, and there is another")))
}

/// What a list shows of the resources of one kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watched<'a> {
    /// The kind of the resource.
    pub(crate) kind: &'a str,
    /// Only the resource of this name; empty for all.
    pub(crate) name: &'a str,
    /// From this revision on.
    pub(crate) revision: u64,
}

/// Prints a list, and where it is watched, every change after it. `row` adds the resource of a change to a table, or
/// leaves it out.
pub(crate) async fn show<L: Shown>(
    session: &Session,
    list: &L,
    table: Table,
    watched: Watched<'_>,
    row: impl Fn(&mut Table, &Resource),
) -> Result<(), Failure> {
    if table.is_empty() && !session.globals.watch {
        session.printer.show(list, String::new)?;
        if session.globals.output == crate::globals::Format::Table {
            session.printer.note("nothing found");
        }
        return Ok(());
    }
    session.printer.show(list, || table.to_string())?;
    if !session.globals.watch {
        return Ok(());
    }
    let mut watch = changes(session, watched);
    loop {
        let event = watch.next().await?;
        // The widths of the list before keep the columns in line.
        let mut after = table.emptied();
        match &event.resource {
            Some(resource) if event.r#type == "put" => row(&mut after, resource),
            Some(_) | None => after.row(["deleted".to_owned(), deleted(&event)]),
        }
        if !after.is_empty() {
            session.printer.change(&named(&event), || after.continued())?;
        }
    }
}

/// A watch of one kind from a revision on.
pub(crate) fn changes(session: &Session, watched: Watched<'_>) -> Watch {
    let request = WatchRequest {
        from_revision: watched.revision,
        kinds: vec![watched.kind.to_owned()],
        name: watched.name.to_owned(),
        stale: false,
    };
    Watch::new(session.client().clone(), request)
}

fn deleted(event: &WatchEvent) -> String {
    named(event).name
}

/// The event with its name filled in, which the server does for deletes alone.
fn named(event: &WatchEvent) -> WatchEvent {
    let metadata = match &event.resource {
        Some(Resource::Job(job)) => job.metadata.as_ref(),
        Some(Resource::Node(node)) => node.metadata.as_ref(),
        Some(Resource::Queue(queue)) => queue.metadata.as_ref(),
        Some(Resource::Reservation(reservation)) => reservation.metadata.as_ref(),
        Some(Resource::Artifact(artifact)) => artifact.metadata.as_ref(),
        None => None,
    };
    let mut event = event.clone();
    if let Some(metadata) = metadata {
        event.name.clone_from(&metadata.name);
    }
    event
}
