//! What somebody typed, and the configuration that it makes. It is checked by the reader of configurations, so that the screens
//! and the files know the same rules.

use holdfast_release::machine::{Machine, MachineError, parse};
use holdfast_tui::Form;

use crate::brain::Disk;

/// What the machine is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The controller that begins the cluster.
    First,
    /// A further controller.
    Controller,
    /// An agent.
    Agent,
}

impl Role {
    /// All, in the order of the screen.
    pub(crate) const ALL: [Self; 3] = [Self::First, Self::Controller, Self::Agent];

    /// What it is, in a line.
    pub(crate) const fn line(self) -> &'static str {
        match self {
            Self::First => "first controller    begins the cluster and its certificate authority",
            Self::Controller => "further controller  joins the controllers, three or five in all",
            Self::Agent => "agent               runs jobs and keeps data",
        }
    }

    /// What is asked about the cluster.
    pub(crate) fn cluster(self) -> Form {
        let name = ("Name", "the name of this machine: small letters, digits and -");
        let controllers = ("Controllers", "host:port of each controller, with a space between them");
        match self {
            Self::First => Form::new(&[
                name,
                ("Cluster", "the name of the cluster that begins here"),
                ("Jurisdiction", "under whose law its data lies, such as de"),
            ]),
            Self::Controller => Form::new(&[
                name,
                controllers,
                ("Admission", "the name of the file on the volume HOLDFASTCFG that lets it in"),
            ]),
            Self::Agent => {
                Form::new(&[name, controllers, ("Join token", "from `holdfast node token`, used once")])
            }
        }
    }
}

/// What is asked about the network.
pub(crate) fn network() -> Form {
    Form::new(&[
        ("Interface", "the card; empty: every card with a cable"),
        ("Address", "such as 10.0.0.11/24; empty: DHCP"),
        ("Gateway", "the router to everywhere else; may be empty"),
        ("DNS", "servers for names, with a space between them; may be empty"),
        ("Time", "servers for the time, with a space between them; empty: the controllers"),
    ])
}

/// The configuration that the answers make.
pub(crate) fn machine(
    role: Role,
    disk: &Disk,
    network: &Form,
    cluster: &Form,
) -> Result<Machine, MachineError> {
    parse(&text(role, disk, network, cluster))
}

fn quoted(text: &str) -> String {
    // A string of JSON is one of TOML.
    serde_json::Value::from(text).to_string()
}

fn list(text: &str) -> String {
    let words: Vec<String> = text.split([' ', ',']).filter(|word| !word.is_empty()).map(quoted).collect();
    format!("[{}]", words.join(", "))
}

fn text(role: Role, disk: &Disk, network: &Form, cluster: &Form) -> String {
    let mut text = "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\n\n[metadata]\n".to_owned();
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    line(format!("name = {}\n\n[spec]", quoted(cluster.value("Name"))));
    line(format!("role = \"{}\"", if role == Role::Agent { "agent" } else { "controller" }));
    if role == Role::First {
        line("first = true".to_owned());
    }
    line("\n[spec.install.disk]".to_owned());
    match &disk.serial {
        Some(serial) => line(format!("serial = {}", quoted(serial))),
        None => line(format!("path = {}", quoted(disk.path.as_str()))),
    }
    line("\n[spec.network]".to_owned());
    if !network.value("DNS").is_empty() {
        line(format!("dns = {}", list(network.value("DNS"))));
    }
    if !(network.value("Interface").is_empty() && network.value("Address").is_empty()) {
        line("\n[[spec.network.interfaces]]".to_owned());
        line(format!("name = {}", quoted(network.value("Interface"))));
        if network.value("Address").is_empty() {
            line("dhcp = true".to_owned());
        } else {
            line(format!("addresses = {}", list(network.value("Address"))));
        }
        if !network.value("Gateway").is_empty() {
            line(format!("gateway = {}", quoted(network.value("Gateway"))));
        }
    }
    if !network.value("Time").is_empty() {
        line(format!("\n[spec.time]\nservers = {}", list(network.value("Time"))));
    }
    line("\n[spec.cluster]".to_owned());
    match role {
        Role::First => {
            line(format!("name = {}", quoted(cluster.value("Cluster"))));
            line(format!("jurisdiction = {}", quoted(cluster.value("Jurisdiction"))));
        }
        Role::Controller => {
            line(format!("controllers = {}", list(cluster.value("Controllers"))));
            line(format!("admissionFile = {}", quoted(cluster.value("Admission"))));
        }
        Role::Agent => {
            line(format!("controllers = {}", list(cluster.value("Controllers"))));
            line(format!("joinToken = {}", quoted(cluster.value("Join token"))));
        }
    }
    text
}
