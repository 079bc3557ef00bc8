//! The file that lets a machine in as a controller: its certificate, its key, and where the others are. Whoever has it can
//! take the place until the controller votes, so it is written for its owner alone.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;
use holdfast_api::v1::{AdmittedController, Controller};
use holdfast_controller::JoinOptions;
use holdfast_identity::PrivateKey;
use holdfast_types::{AsProblem as _, Problem, ProblemKind};
use serde::{Deserialize, Serialize};

use crate::private;

/// The longest such file.
const MAX_FILE: u64 = 256 << 10;
/// The most controllers in it.
const MAX_OTHERS: usize = 32;

/// One of those it joins.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Other {
    id: u64,
    name: String,
    address: String,
}

/// The file as it is.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cluster: String,
    cluster_name: String,
    incarnation: u64,
    lease_ms: u64,
    id: u64,
    name: String,
    address: String,
    ca_pem: String,
    chain_pem: String,
    key_pem: String,
    controllers: Vec<Other>,
}

/// An admission, as the new machine needs it.
pub(crate) struct Admission {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) key: PrivateKey,
    pub(crate) ca_pem: String,
    pub(crate) admitted: AdmittedController,
}

fn failed(path: &Utf8Path, because: impl Into<String>) -> Problem {
    Problem::new(7113, ProblemKind::Failed, format!("admission `{path}` cannot be used")).because(because)
}

impl Admission {
    /// Writes it where nothing is yet, readable by its owner alone.
    pub(crate) fn save(&self, path: &Utf8Path) -> Result<(), Problem> {
        let others = self.admitted.controllers.iter().map(|other| Other {
            id: other.id,
            name: other.name.clone(),
            address: other.address.clone(),
        });
        let file = File {
            cluster: self.admitted.cluster_id.clone(),
            cluster_name: self.admitted.cluster_name.clone(),
            incarnation: self.admitted.incarnation,
            lease_ms: self.admitted.lease_ms,
            id: self.admitted.id,
            name: self.name.clone(),
            address: self.address.clone(),
            ca_pem: self.ca_pem.clone(),
            chain_pem: self.admitted.chain_pem.clone(),
            key_pem: self.key.to_pem().to_string(),
            controllers: others.collect(),
        };
        let text = toml::to_string(&file).map_err(|error| failed(path, error.to_string()))?;
        private::create(path, text.as_bytes()).map_err(|error| failed(path, error.to_string()))
    }

    /// Reads it; refuses one that others can read.
    pub(crate) fn load(path: &Utf8Path) -> Result<Self, Problem> {
        let fault = |error: std::io::Error| failed(path, error.to_string());
        let file = std::fs::File::open(path).map_err(fault)?;
        let mode = file.metadata().map_err(fault)?.mode();
        if mode & 0o077 != 0 {
            return Err(failed(path, format!("it holds a key, and its mode is {:04o}", mode & 0o7777))
                .next(format!("chmod 600 {path}")));
        }
        let mut text = String::new();
        file.take(MAX_FILE).read_to_string(&mut text).map_err(fault)?;
        // Only the message: the whole error quotes the file, and a key is in it.
        let file: File = toml::from_str(&text).map_err(|error| failed(path, error.message().to_owned()))?;
        let key = PrivateKey::from_pem(&file.key_pem).map_err(|error| error.problem())?;
        let others = file.controllers.into_iter().take(MAX_OTHERS).map(|other| Controller {
            id: other.id,
            name: other.name,
            address: other.address,
            ..Controller::default()
        });
        let admitted = AdmittedController {
            id: file.id,
            chain_pem: file.chain_pem,
            cluster_id: file.cluster,
            cluster_name: file.cluster_name,
            incarnation: file.incarnation,
            lease_ms: file.lease_ms,
            controllers: others.collect(),
            advice: String::new(),
        };
        Ok(Self { name: file.name, address: file.address, key, ca_pem: file.ca_pem, admitted })
    }

    /// As the controller of this machine is prepared with it.
    pub(crate) fn prepare(self, directory: &Utf8Path, listen: Option<&str>) -> JoinOptions {
        JoinOptions {
            directory: directory.to_owned(),
            listen: listen.unwrap_or(&self.address).to_owned(),
            name: self.name,
            address: self.address,
            key: self.key,
            ca_pem: self.ca_pem,
            admitted: self.admitted,
        }
    }
}
