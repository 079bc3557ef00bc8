//! What a machine has that waits for its configuration.

use holdfast_maintenance::{Answer, Facts, Request};
use holdfast_types::AsProblem as _;

use super::desk::Desk;
use crate::failure::Failure;
use crate::globals::Format;
use crate::output::Printer;

/// Which machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    desk: Desk,
}

/// Asks it and prints.
pub(super) fn run(printer: Printer, inspect: &Inspect) -> Result<(), Failure> {
    let mut client = inspect.desk.connect(printer)?;
    let facts = match client.call(&Request::Facts {}).map_err(|error| error.problem())? {
        Answer::Facts(facts) => facts,
        Answer::Welcome { .. } | Answer::Plan(_) | Answer::Progress(_) | Answer::Refused(_) => {
            return Err(client.astray().problem().into());
        }
    };
    match printer.format() {
        Format::Table => printer.text(&text(&facts)),
        Format::Name => {
            printer.text(&facts.disks.iter().map(|disk| format!("{}\n", disk.path)).collect::<String>())
        }
        Format::Json | Format::Yaml => {
            printer.value(&serde_json::to_value(&facts).map_err(std::io::Error::other)?)
        }
    }
}

fn text(facts: &Facts) -> String {
    let product = if facts.product.is_empty() { "a machine" } else { &facts.product };
    let named = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!(", {name} {value}")).unwrap_or_default()
    };
    let (serial, uuid) = (named("serial", &facts.serial), named("UUID", &facts.uuid));
    let mut lines = vec![format!("{product}{serial}{uuid}; Holdfast {} on its medium", facts.version)];
    lines.extend(facts.checks.iter().cloned());
    for card in &facts.cards {
        let link = if card.link { "link" } else { "no link" };
        lines.push(format!("{} {}, {link}", card.name, card.mac));
    }
    lines.extend(facts.disks.iter().map(|disk| disk.line.clone()));
    lines.join("\n") + "\n"
}
