//! The configuration of a machine: one TOML file, the same for the installer and for the machine that it makes. Every error
//! says where it stands.
//!
//! A release reads what the two before it wrote, and `corpus/machine` keeps every form there was: a field that gets another name
//! keeps the old one beside it, and what does not fit beside the old form gets a new `apiVersion` with a type of its own. What
//! a later release has and this one does not know is refused: who goes back starts with what he can read (`agent/init`). So
//! what is written here leaves out what is as it is without a word.

mod network;
mod text;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use network::{Bond, BondMode, Interface, Network, Route, Vlan};
pub use text::{
    Cidr, DeviceName, Endpoint, Host, Mac, Name, Network as NetworkAddress, OperatorKey, Secret, WordError,
};

/// The largest configuration that is read, in bytes.
pub const MAX_BYTES: usize = 256 << 10;
/// How long a machine has to get healthy, in seconds, where nothing is said.
pub const DEADLINE_SECONDS: u32 = 600;

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Machine {
    /// Which form this is.
    pub api_version: ApiVersion,
    /// What this describes.
    pub kind: Kind,
    /// What it is called.
    pub metadata: Metadata,
    /// What it is.
    pub spec: Spec,
}

/// The one version of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiVersion {
    /// This one.
    #[serde(rename = "holdfast/v1")]
    V1,
}

/// The one kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// This one.
    Machine,
}

/// What a machine is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Metadata {
    /// Its name in the cluster, and its host name.
    pub name: Name,
}

/// What a machine is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Spec {
    /// What runs on it.
    pub role: Role,
    /// Whether it is the controller that begins the cluster.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first: bool,
    /// Where it is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install: Option<Install>,
    /// How it reaches others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub network: Network,
    /// How it knows the time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub time: Time,
    /// The cluster it belongs to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cluster: Cluster,
    /// When it counts as healthy.
    #[serde(default, skip_serializing_if = "is_default")]
    pub health: Health,
    /// Where it can be seen.
    #[serde(default, skip_serializing_if = "is_default")]
    pub console: Console,
    /// Who reads what it says of itself when it needs help.
    #[serde(default, skip_serializing_if = "is_default")]
    pub support: Support,
}

/// What runs on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// A member of the controllers.
    Controller,
    /// An agent, which runs jobs.
    Agent,
}

/// Where a machine is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Install {
    /// The disk; exactly one must fit.
    pub disk: DiskSelector,
    /// That a disk which holds something may be taken: `confirm:` and its serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wipe: Option<String>,
    /// That what an installation before this one stores on that disk (DATA) stays. The disk has to hold one of the same cluster.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keep_data: bool,
    /// What the machine does once it is installed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub after: After,
    /// How its configuration, its keys and the log of a controller are encrypted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub encryption: Encryption,
}

/// How STATE and RAFT are encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Encryption {
    /// As `tpm` where the machine has a TPM 2.0, otherwise as `none`.
    #[default]
    Auto,
    /// The TPM opens them for what the site signed. A machine without one is not installed.
    Tpm,
    /// Somebody types the recovery key at each start.
    RecoveryKey,
    /// Not at all.
    None,
}

/// What a machine does once it is installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum After {
    /// It starts from its disk.
    #[default]
    Reboot,
    /// It goes off, to be moved to its place.
    PowerOff,
}

/// Which disk is meant: all that is said must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DiskSelector {
    /// Its serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Its device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Utf8PathBuf>,
    /// Its model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The fewest bytes it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_bytes: Option<u64>,
    /// The most bytes it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

/// How a machine knows the time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Time {
    /// Whom to ask; the controllers where nobody is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<Host>,
    /// Whether services start although nobody told the time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_unsynced: bool,
}

/// The cluster a machine belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Cluster {
    /// The name of the cluster that the first controller begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Where the controllers are reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controllers: Vec<Endpoint>,
    /// The token that lets this machine in, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_token: Option<Secret>,
    /// The name of the file beside this one that lets this machine in, once: a founding, an admission or a token.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "joinTokenFile")]
    pub admission_file: Option<String>,
    /// The jurisdiction of a controller's machine, and of the cluster where it begins one by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
}

/// When a machine counts as healthy after a start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Health {
    /// How long it has.
    pub deadline_seconds: u32,
    /// How many accelerators must be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerators: Option<u32>,
    /// How many network cards must be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_cards: Option<u32>,
    /// The extensions without which a release is no good here: they must be in it, and be mounted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Name>,
}

impl Default for Health {
    fn default() -> Self {
        let deadline_seconds = DEADLINE_SECONDS;
        Self { deadline_seconds, accelerators: None, network_cards: None, extensions: Vec::new() }
    }
}

/// Who reads what a machine says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Support {
    /// The operators to whom a support bundle is encrypted that is made at its console.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<OperatorKey>,
}

/// Where a machine can be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Console {
    /// The terminals, without `/dev/`.
    pub terminals: Vec<DeviceName>,
}

impl Default for Console {
    fn default() -> Self {
        let terminals = ["tty1", "ttyS0"].into_iter().filter_map(|name| name.parse().ok());
        Self { terminals: terminals.collect() }
    }
}

/// Why a text is no configuration. It never quotes the text beyond the word that is wrong, for there are secrets in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct MachineError {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
}

/// Reads a configuration.
///
/// # Errors
///
/// Where something in it is wrong, and what.
pub fn parse(text: &str) -> Result<Machine, MachineError> {
    if text.len() > MAX_BYTES {
        return Err(error(text, 0, format!("the file has {} bytes, {MAX_BYTES} are read", text.len())));
    }
    let refused = |fault: toml::de::Error| {
        error(text, fault.span().map_or(0, |span| span.start), fault.message().to_owned())
    };
    let machine: Machine = toml::from_str(text).map_err(refused)?;
    match machine.spec.fault() {
        None => Ok(machine),
        Some((path, reason)) => {
            let tree = DeTable::parse(text).map_err(refused)?;
            Err(error(text, place(&tree, &path), reason))
        }
    }
}

/// The text of a configuration, secrets and all.
///
/// # Errors
///
/// Never in practice: every value has a form in TOML.
pub fn write(machine: &Machine) -> Result<String, MachineError> {
    toml::to_string(machine).map_err(|fault| error("", 0, fault.to_string()))
}

/// Whether nothing has to be said of a value: a release that does not know it reads the rest.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn error(text: &str, at: usize, reason: String) -> MachineError {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    MachineError { line, column, reason }
}

/// Where the part of `path` that is written begins.
fn place(tree: &Spanned<DeTable<'_>>, path: &[String]) -> usize {
    let Some((first, rest)) = path.split_first() else { return tree.span().start };
    let found = tree.get_ref().iter().find(|(key, _)| key.get_ref() == first);
    let Some((key, value)) = found else { return tree.span().start };
    let (mut at, mut value) = (key.span().start, value);
    for part in rest {
        at = match value.get_ref() {
            DeValue::Table(table) => {
                let Some((key, inner)) = table.iter().find(|(key, _)| key.get_ref() == part) else { break };
                value = inner;
                key.span().start
            }
            DeValue::Array(array) => {
                let Some(inner) = part.parse().ok().and_then(|index: usize| array.get(index)) else { break };
                value = inner;
                inner.span().start
            }
            _ => break,
        };
    }
    at
}

impl Spec {
    /// What does not hold together, and where.
    fn fault(&self) -> Option<network::Fault> {
        let at = |path: &[&str]| path.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
        if let Some((path, why)) = self.network.fault() {
            return Some((at(&["spec", "network"]).into_iter().chain(path).collect(), why));
        }
        let (cluster, health, agent) = (&self.cluster, &self.health, self.role == Role::Agent);
        let admitted = cluster.join_token.is_some() || cluster.admission_file.is_some();
        let both = cluster.join_token.is_some() && cluster.admission_file.is_some();
        let begins = cluster.name.is_some() && cluster.jurisdiction.is_some();
        let names = cluster.name.is_some() || (cluster.jurisdiction.is_some() && agent);
        let file = cluster.admission_file.as_deref();
        let outside = |name: &str| name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']);
        let faults: [(bool, &[&str], &str); 10] = [
            (self.first && agent, &["spec", "first"], "an agent begins no cluster"),
            (
                self.first && admitted,
                &["spec", "cluster"],
                "a controller that begins a cluster is let in by nobody: say `first`, or what lets it in",
            ),
            (
                self.first && !begins,
                &["spec", "cluster"],
                "the first controller needs the `name` and the `jurisdiction` of the cluster",
            ),
            (
                !self.first && names,
                &["spec", "cluster"],
                "only a controller that is `first` names a cluster, and only controllers say a jurisdiction",
            ),
            (
                agent && cluster.controllers.is_empty(),
                &["spec", "cluster"],
                "`controllers` is empty: whom does it join?",
            ),
            (!self.first && !admitted, &["spec", "cluster"], "say `joinToken` or `admissionFile`"),
            (
                !agent && cluster.join_token.is_some(),
                &["spec", "cluster", "joinToken"],
                "a token lets agents in; a controller needs an `admissionFile`",
            ),
            (both, &["spec", "cluster", "admissionFile"], "say either `joinToken` or `admissionFile`"),
            (
                file.is_some_and(outside),
                &["spec", "cluster", "admissionFile"],
                "it is the name of a file beside this one",
            ),
            (
                !(10..=7_200).contains(&health.deadline_seconds),
                &["spec", "health", "deadlineSeconds"],
                "it is 10 to 7200",
            ),
        ];
        let fault = faults.into_iter().find(|(wrong, ..)| *wrong);
        fault.map(|(_, path, why)| (at(path), why.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: &str = r#"apiVersion = "holdfast/v1"
kind = "Machine"

[metadata]
name = "de-1"

[spec]
role = "agent"

[spec.install]
disk = { serial = "S1", minBytes = 1000 }
encryption = "tpm"
[spec.network]
dns = ["10.0.0.1"]

[[spec.network.interfaces]]
mac = "52:54:00:12:34:56"
addresses = ["10.0.0.2/24"]
gateway = "10.0.0.1"
routes = [{ to = "10.9.0.0/16", via = "10.0.0.9" }]

[[spec.network.interfaces]]
name = "bond0"
dhcp = true
bond = { members = ["eth1", "eth2"], mode = "802.3ad" }

[[spec.network.interfaces]]
name = "storage"
addresses = ["fd00::2/64"]
vlan = { of = "bond0", id = 12 }

[spec.time]
servers = ["10.0.0.1"]

[spec.cluster]
controllers = ["10.0.0.1:7443"]
joinToken = "hf1-geheim"

[spec.health]
deadlineSeconds = 300
accelerators = 8
extensions = ["nvidia-535"]
"#;

    #[test]
    fn a_machine_is_read_and_written_alike_and_hides_its_token() {
        let machine = parse(AGENT).unwrap();
        assert_eq!(parse(&write(&machine).unwrap()).unwrap(), machine);
        assert!(!format!("{machine:?}").contains("geheim"));
        assert_eq!(machine.spec.network.interfaces[1].bond.as_ref().unwrap().mode, BondMode::Lacp);
        assert_eq!(machine.spec.console, Console::default());
        assert_eq!(machine.spec.health.accelerators, Some(8));
        assert_eq!(machine.spec.health.extensions, ["nvidia-535".parse().unwrap()]);
        assert_eq!(machine.spec.install.as_ref().unwrap().encryption, Encryption::Tpm);
        let first = "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\nmetadata.name = \"a\"\n\
            spec = { role = \"controller\", first = true, cluster = { name = \"prod\", jurisdiction = \"DE\" } }\n";
        assert!(parse(first).unwrap().spec.network.interfaces.is_empty());
    }

    /// Each change of one place: where the error stands, and a word of it.
    #[test]
    fn an_error_says_where_it_stands() {
        for (from, to, line, column, word) in [
            ("holdfast/v1", "holdfast/v2", 1, 14, "holdfast/v2"),
            ("name = \"de-1\"", "name = \"De 1\"", 5, 8, "no name"),
            ("role = \"agent\"", "role = \"agent\"\nrack = 7", 9, 1, "unknown field `rack`"),
            ("role = \"agent\"", "role = \"agent", 8, 14, ""),
            ("minBytes = 1000", "minBytes = \"1000\"", 11, 36, "expected u64"),
            ("10.0.0.2/24", "10.0.0.2/33", 18, 13, "no address with the length"),
            ("10.9.0.0/16", "10.9.1.0/16", 20, 18, "`10.9.0.0/16`"),
            ("gateway = \"10.0.0.1\"", "gateway = \"10.0.1.1\"", 19, 1, "network of the router"),
            ("via = \"10.0.0.9\"", "via = \"fd00::9\"", 20, 1, "two kinds"),
            ("mac = ", "name = \"eth0\"\nmac = ", 16, 1, "either `name` or `mac`"),
            ("\"eth1\", \"eth2\"", "\"eth1\", \"eth1\"", 25, 1, "more than one place"),
            ("id = 12", "id = 0", 30, 1, "1 to 4094"),
            ("of = \"bond0\"", "of = \"storage\"", 30, 1, "of itself"),
            ("name = \"storage\"", "name = \"bond0\"", 28, 1, "twice"),
            ("joinToken = \"hf1-geheim\"", "", 35, 7, "joinToken"),
            ("joinToken = ", "admissionFile = \"../x\"\njoinToken = ", 37, 1, "either"),
            ("joinToken = \"hf1-geheim\"", "admissionFile = \"../x\"", 37, 1, "beside"),
            ("deadlineSeconds = 300", "deadlineSeconds = 1", 40, 1, "10 to 7200"),
            ("[\"nvidia-535\"]", "[\"../nvidia\"]", 42, 14, "no name"),
            ("role = \"agent\"", "role = \"agent\"\nfirst = true", 9, 1, "begins no cluster"),
            ("role = \"agent\"", "role = \"controller\"", 37, 1, "lets agents in"),
            ("role = \"agent\"", "role = \"controller\"\nfirst = true", 36, 7, "let in by nobody"),
            ("controllers = [", "name = \"x\"\ncontrollers = [", 35, 7, "only a controller"),
        ] {
            let error = parse(&AGENT.replacen(from, to, 1)).unwrap_err();
            assert_eq!((error.line, error.column), (line, column), "{to}: {error}");
            assert!(error.reason.contains(word) && !error.to_string().contains("geheim"), "{to}: {error}");
        }
        assert!(parse(&" ".repeat(MAX_BYTES + 1)).unwrap_err().reason.contains("bytes"));
    }
}
