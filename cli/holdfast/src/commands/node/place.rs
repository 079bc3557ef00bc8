//! `holdfast node place`: where machines stand.

use std::collections::BTreeMap;

use holdfast_api::v1::nodes_client::NodesClient;
use holdfast_api::v1::{NodeList, PlaceNodeRequest};
use holdfast_types::{DomainName, TopologyLevel};

use crate::failure::Failure;
use crate::session::{Session, call};

/// Which nodes, and where. What is not said is not known of them any more.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The nodes
    #[arg(required = true)]
    nodes: Vec<String>,
    /// The room of the site
    #[arg(long, value_name = "NAME")]
    hall: Option<DomainName>,
    /// The row of racks
    #[arg(long, value_name = "NAME")]
    row: Option<DomainName>,
    /// The rack
    #[arg(long, value_name = "NAME")]
    rack: Option<DomainName>,
    /// The leaf switch
    #[arg(long, value_name = "NAME")]
    leaf: Option<DomainName>,
    /// The domain within which accelerators reach each other's memory
    #[arg(long, value_name = "NAME")]
    nvlink: Option<DomainName>,
    /// Why; it is recorded
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

impl Place {
    fn domains(&self) -> BTreeMap<String, String> {
        let domains = [
            (TopologyLevel::Hall, &self.hall),
            (TopologyLevel::Row, &self.row),
            (TopologyLevel::Rack, &self.rack),
            (TopologyLevel::Leaf, &self.leaf),
            (TopologyLevel::Nvlink, &self.nvlink),
        ];
        let said = domains.into_iter().filter_map(|(level, name)| Some((level, name.as_ref()?)));
        said.map(|(level, name)| (level.to_string(), name.to_string())).collect()
    }
}

/// Says it of every node.
pub(super) async fn run(session: &Session, place: &Place) -> Result<(), Failure> {
    let domains = place.domains();
    let mut list = NodeList::default();
    for name in &place.nodes {
        let request = PlaceNodeRequest {
            name: name.clone(),
            options: Some(session.write_options()?),
            reason: place.reason.clone(),
            place: domains.clone(),
        };
        list.items.push(call!(session, NodesClient, place, request)?);
    }
    let dry = if session.globals.dry_run { " (dry run: nothing was changed)" } else { "" };
    let text = if domains.is_empty() {
        "nowhere that is known".to_owned()
    } else {
        domains.iter().map(|(level, name)| format!("{level} {name}")).collect::<Vec<_>>().join(", ")
    };
    session.printer.show(&list, || {
        place.nodes.iter().map(|name| format!("node `{name}` stands in {text}{dry}\n")).collect()
    })
}
