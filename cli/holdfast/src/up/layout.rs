//! What the cluster on this machine consists of: names, places and ports, decided once and kept for every later start.

use std::fs::File;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::{Problem, Span};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::failure::cannot;

/// What was asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) nodes: u32,
    pub(super) controllers: u32,
    pub(super) listen: String,
    pub(super) lease: Span,
    pub(super) demo: bool,
}

/// A controller's place.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Controller {
    pub(super) name: String,
    pub(super) directory: Utf8PathBuf,
    pub(super) listen: String,
}

/// A node's place.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) jurisdiction: String,
    pub(super) site: String,
    pub(super) directory: Utf8PathBuf,
    pub(super) data: String,
    pub(super) relay: String,
}

/// The whole, as kept in `cluster.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Layout {
    pub(super) version: u32,
    pub(super) directory: Utf8PathBuf,
    pub(super) controllers: Vec<Controller>,
    pub(super) nodes: Vec<Node>,
    /// How long a node may be silent; absent in what an older version wrote.
    #[serde(default)]
    pub(super) lease: Option<Span>,
    /// A demo made it and nobody has worked with it since: the next demo may delete it.
    #[serde(default)]
    pub(super) demo: bool,
}

/// The file that makes a directory a cluster's.
pub(super) const RECORD: &str = "cluster.json";
/// Held by the `up` that runs the cluster.
pub(super) const LOCK: &str = "up.lock";

/// The jurisdiction and site of a node: of five, the first, third and fifth are in DE.
pub(super) fn place(index: u32) -> (&'static str, &'static str) {
    if index.is_multiple_of(2) { ("DE", "berlin") } else { ("FR", "paris") }
}

impl Layout {
    /// Decides on names, places and ports; `ports` yields one free address after another.
    pub(super) fn decide(
        directory: &Utf8Path,
        wanted: &Wanted,
        ports: &mut dyn FnMut() -> Result<String, Problem>,
    ) -> Result<Self, Problem> {
        let mut controllers = Vec::new();
        for number in 1..=wanted.controllers {
            let name = format!("controller-{number}");
            let place = directory.join(&name);
            let listen = ports().map_err(|problem| problem.because(format!("it is for {name}")))?;
            controllers.push(Controller { name, directory: place, listen });
        }
        let mut nodes = Vec::new();
        for index in 0..wanted.nodes {
            let (jurisdiction, site) = place(index);
            let name = format!("node-{:02}", index + 1);
            let mut port = |what: &str| {
                ports().map_err(|problem| problem.because(format!("it is for the {what} port of {name}")))
            };
            let (data, relay) = (port("data")?, port("relay")?);
            nodes.push(Node {
                directory: directory.join(&name),
                name,
                jurisdiction: jurisdiction.to_owned(),
                site: site.to_owned(),
                data,
                relay,
            });
        }
        let lease = Some(wanted.lease);
        Ok(Self { version: 1, directory: directory.to_owned(), controllers, nodes, lease, demo: wanted.demo })
    }

    /// The layout of an earlier start; `None` where there was none.
    pub(super) fn read(directory: &Utf8Path) -> Result<Option<Self>, Problem> {
        let path = directory.join(RECORD);
        match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| cannot(format!("`{path}`: {error}")).next("holdfast up --fresh")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(cannot(format!("read `{path}`: {error}"))),
        }
    }

    /// Keeps the layout. It is written last of all that founding writes: a directory without it is not a cluster.
    pub(super) fn save(&self) -> Result<(), Problem> {
        let path = self.directory.join(RECORD);
        let text = serde_json::to_string_pretty(self).map_err(|error| cannot(error.to_string()))?;
        let temporary = self.directory.join(".cluster.json.new");
        let write = || {
            std::fs::write(&temporary, text)?;
            File::open(&temporary)?.sync_all()?;
            std::fs::rename(&temporary, &path)
        };
        write().map_err(|error| cannot(format!("write `{path}`: {error}")))
    }

    /// The context file of the administrator.
    pub(super) fn context(&self) -> Utf8PathBuf {
        self.directory.join("context.toml")
    }

    /// The log of one process.
    pub(super) fn log(&self, name: &str) -> Utf8PathBuf {
        self.directory.join("logs").join(format!("{name}.log"))
    }

    /// A node whose file is here is not started again until the file goes.
    pub(super) fn hold(&self, name: &str) -> Utf8PathBuf {
        self.directory.join("hold").join(name)
    }
}

/// Makes sure that one `up` alone uses the directory.
pub(super) fn lock(directory: &Utf8Path) -> Result<File, Problem> {
    let path = directory.join(LOCK);
    let mut options = File::options();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| cannot(format!("open `{path}`: {error}")))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(cannot(format!("another `holdfast up` uses `{directory}`")).next("holdfast up --dir OTHER"))
        }
        Err(error) => Err(cannot(format!("lock `{path}`: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_nodes_are_three_in_de_and_two_in_fr() {
        let wanted = Wanted {
            nodes: 5,
            controllers: 3,
            listen: String::new(),
            lease: Span::from_secs(6),
            demo: false,
        };
        let mut port = 7_400;
        let layout = Layout::decide("/x".into(), &wanted, &mut || {
            port += 1;
            Ok(format!("127.0.0.1:{port}"))
        })
        .unwrap();
        let places: Vec<&str> = layout.nodes.iter().map(|n| n.jurisdiction.as_str()).collect();
        assert_eq!(places, ["DE", "FR", "DE", "FR", "DE"]);
        assert_eq!(layout.nodes[4].relay, "127.0.0.1:7413");
    }
}
