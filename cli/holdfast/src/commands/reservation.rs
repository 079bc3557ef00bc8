//! `holdfast reservation`: what nodes are kept for.

use holdfast_api::millis;
use holdfast_api::v1::reservations_client::ReservationsClient;
use holdfast_api::v1::watch_event::Resource;
use holdfast_api::v1::{
    DeleteReservationRequest, GetRequest, Reservation, ReservationList, ReservationSpec, ReservationStatus,
};
use holdfast_types::{Span, Watts};

use super::apply::WRITES;
use super::confirm::confirm;
use super::listing::{self, Selector, Watched};
use crate::failure::Failure;
use crate::globals::Flag;
use crate::output::Table;
use crate::session::{Session, call};

/// What can be asked of reservations. They are made by `holdfast apply`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the reservations
    #[command(after_help = "\
Examples:
  holdfast reservation list
  holdfast apply -f maintenance.yaml      makes one")]
    List(Selector),
    /// Show one reservation, its nodes, and who is in its way
    #[command(
        after_help = "Examples:\n  holdfast reservation show night\n  holdfast reservation show night -o yaml"
    )]
    Show {
        /// Its name
        name: String,
    },
    /// Delete a reservation: its nodes are everybody's again
    #[command(after_help = "Examples:\n  holdfast reservation delete night --yes")]
    Delete {
        /// Its name
        name: String,
    },
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::List(_) => ("list", &[Flag::Watch]),
            Self::Show { .. } => ("show", &[]),
            Self::Delete { .. } => ("delete", WRITES),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    match command {
        Command::List(selector) => {
            let list: ReservationList = listing::all(|token| async move {
                call!(session, ReservationsClient, list, selector.page(&token))
            })
            .await?;
            let mut rows = table();
            list.items.iter().for_each(|reservation| row(&mut rows, reservation));
            let watched = Watched { kind: "Reservation", name: "", revision: list.revision };
            listing::show(session, &list, rows, watched, |table, resource| {
                if let Resource::Reservation(reservation) = resource {
                    row(table, reservation);
                }
            })
            .await
        }
        Command::Show { name } => {
            let get = GetRequest { name: name.clone(), ..GetRequest::default() };
            let reservation = call!(session, ReservationsClient, get, get)?;
            session.printer.show(&reservation, || shown(&reservation))
        }
        Command::Delete { name } => {
            confirm(session, &format!("delete reservation `{name}`"))?;
            let options = Some(session.write_options()?);
            let request = DeleteReservationRequest { name: name.clone(), options };
            let gone = call!(session, ReservationsClient, delete, request)?;
            session.printer.change(&gone, || format!("reservation/{name} deleted"))
        }
    }
}

fn table() -> Table {
    Table::new(&["NAME", "PHASE", "BEGINS", "ENDS", "EVERY", "NODES", "FOR", "IN THE WAY"])
}

fn parts(reservation: &Reservation) -> (String, ReservationSpec, ReservationStatus) {
    let name = reservation.metadata.as_ref().map_or("", |metadata| metadata.name.as_str()).to_owned();
    (name, reservation.spec.clone().unwrap_or_default(), reservation.status.clone().unwrap_or_default())
}

fn row(table: &mut Table, reservation: &Reservation) {
    let (name, spec, status) = parts(reservation);
    let [begins, ends] = [&status.begins_at, &status.ends_at].map(|at| time(at.as_ref()));
    let (nodes, jobs) = (status.nodes.len().to_string(), status.jobs.len().to_string());
    let every = if spec.every_ms > 0 { Span(spec.every_ms).to_string() } else { String::new() };
    table.row([name, status.phase, begins, ends, every, nodes, whom(&spec), jobs]);
}

/// For whom, in words.
fn whom(spec: &ReservationSpec) -> String {
    if spec.max_power_watts > 0 {
        format!("at most {}", Watts(spec.max_power_watts))
    } else if spec.queues.is_empty() {
        String::from("maintenance")
    } else {
        spec.queues.join(",")
    }
}

fn time(at: Option<&prost_types::Timestamp>) -> String {
    at.map_or_else(String::new, |at| millis(Some(at)).to_string())
}

fn shown(reservation: &Reservation) -> String {
    let (name, spec, status) = parts(reservation);
    let domain: Vec<String> = spec.domain.iter().map(|(level, name)| format!("{level}={name}")).collect();
    let scope = match (spec.count, domain.join(",")) {
        (0, domain) if domain.is_empty() && spec.nodes.is_empty() => String::from("the whole cluster"),
        (0, domain) if domain.is_empty() => String::from("named one by one"),
        (0, domain) => format!("all of {domain}"),
        (count, domain) => {
            let class = if spec.device_class.is_empty() { "" } else { &spec.device_class };
            let within = if domain.is_empty() { String::new() } else { format!(" of {domain}") };
            format!("any {count} {class}{within}, replaced where one fails").replace("  ", " ")
        }
    };
    let mut text = format!("reservation {name}: {}\n", status.phase);
    let mut line = |word: &str, what: String| {
        if !what.is_empty() {
            text.push_str(&format!("  {word:<12}{what}\n"));
        }
    };
    line("for", whom(&spec) + if spec.flex { ", and who makes way in time" } else { "" });
    line("begins", time(status.begins_at.as_ref()));
    line("ends", time(status.ends_at.as_ref()));
    line("every", if spec.every_ms > 0 { Span(spec.every_ms).to_string() } else { String::new() });
    line("until", time(spec.until.as_ref()));
    line("scope", scope);
    line("nodes", if status.nodes.is_empty() { String::from("none") } else { status.nodes.join(", ") });
    line("power", format!("up to {}", Watts(status.power_watts)));
    line("in the way", status.jobs.join(", "));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::timestamp;
    use holdfast_api::v1::Metadata;
    use holdfast_types::Time;

    fn night() -> Reservation {
        Reservation {
            metadata: Some(Metadata { name: "night".to_owned(), ..Metadata::default() }),
            spec: Some(ReservationSpec {
                domain: [("rack".to_owned(), "r7".to_owned())].into(),
                every_ms: 86_400_000,
                flex: true,
                ..ReservationSpec::default()
            }),
            status: Some(ReservationStatus {
                phase: "Waiting".to_owned(),
                begins_at: Some(timestamp(Time(0))),
                ends_at: Some(timestamp(Time(3_600_000))),
                nodes: vec!["a".to_owned(), "b".to_owned()],
                jobs: vec!["sweep".to_owned()],
                power_watts: 1_404,
            }),
        }
    }

    #[test]
    fn a_reservation_is_shown_with_who_is_in_its_way() {
        let expected = "\
reservation night: Waiting
  for         maintenance, and who makes way in time
  begins      1970-01-01T00:00:00.000Z
  ends        1970-01-01T01:00:00.000Z
  every       1d
  scope       all of rack=r7
  nodes       a, b
  power       up to 1404W
  in the way  sweep
";
        assert_eq!(shown(&night()), expected);
        let mut rows = table();
        row(&mut rows, &night());
        assert!(rows.to_string().contains("maintenance"), "{rows}");
    }

    #[test]
    fn any_nodes_are_said_to_be_replaced() {
        let spec = ReservationSpec {
            count: 4,
            device_class: "nvidia".to_owned(),
            queues: vec!["course".to_owned()],
            ..ReservationSpec::default()
        };
        let text = shown(&Reservation { spec: Some(spec), ..Reservation::default() });
        assert!(text.contains("any 4 nvidia, replaced where one fails"), "{text}");
        assert!(text.contains("for         course"), "{text}");
        let spec = ReservationSpec { max_power_watts: 12_000, ..ReservationSpec::default() };
        let text = shown(&Reservation { spec: Some(spec), ..Reservation::default() });
        assert!(text.contains("at most 12kW") && text.contains("the whole cluster"), "{text}");
    }
}
