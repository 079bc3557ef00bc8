//! To whom this node belongs: which incarnation of its cluster, and where the controllers are. Both are told by the
//! controllers, kept on disk, and outlive the addresses of the configuration.

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::internal::SyncResponse;
use holdfast_types::{Problem, ProblemKind};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::gang::write_whole;

const NAME: &str = "controllers.toml";
/// The longest such file.
const MAX_FILE: u64 = 64 << 10;
/// The most addresses that are taken: more controllers than a cluster has.
const MAX_ADDRESSES: usize = 16;
/// The longest address: a name of 253 characters and a port.
const MAX_ADDRESS: usize = 260;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    incarnation: u64,
    controllers: Vec<String>,
}

/// To whom this node belongs.
#[derive(Debug)]
pub(crate) struct Allegiance {
    directory: Utf8PathBuf,
    configured: Vec<String>,
    kept: Mutex<Kept>,
}

fn failed(path: &Utf8Path, because: String) -> Problem {
    Problem::new(6210, ProblemKind::Failed, format!("`{path}` cannot be used")).because(because)
}

impl Allegiance {
    /// What was kept, if anything was. A file that cannot be read is an error: without it a state that was given up could
    /// rule this node again.
    ///
    /// # Errors
    ///
    /// Where the file is there and cannot be used.
    pub(crate) fn load(directory: &Utf8Path, configured: &[String]) -> Result<Self, Problem> {
        let path = directory.join(NAME);
        let long = std::fs::metadata(&path).is_ok_and(|file| file.len() > MAX_FILE);
        let kept = match std::fs::read_to_string(&path) {
            Ok(_) if long => return Err(failed(&path, format!("it has more than {MAX_FILE} bytes"))),
            Ok(text) => toml::from_str(&text).map_err(|error| failed(&path, error.message().to_owned()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Kept::default(),
            Err(error) => return Err(failed(&path, error.to_string())),
        };
        let directory = directory.to_owned();
        Ok(Self { directory, configured: configured.to_vec(), kept: Mutex::new(kept) })
    }

    /// The greatest incarnation this node was told of.
    pub(crate) fn incarnation(&self) -> u64 {
        self.kept.lock().incarnation
    }

    /// Where to ask: where the controllers were last, then where the configuration says.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let mut addresses = self.kept.lock().controllers.clone();
        addresses.extend(
            self.configured.iter().filter(|one| !addresses.contains(one)).cloned().collect::<Vec<_>>(),
        );
        addresses
    }

    /// Takes over what an answer says, on disk first; the addresses where they are others than before.
    ///
    /// # Errors
    ///
    /// Where the answer is of an older incarnation, or what it says cannot be kept.
    pub(crate) fn take(&self, answer: &SyncResponse) -> Result<Option<Vec<String>>, Problem> {
        let mut kept = self.kept.lock();
        if answer.incarnation < kept.incarnation {
            let known = kept.incarnation;
            let summary = "a controller of an older incarnation answers".to_owned();
            return Err(Problem::new(6209, ProblemKind::Refused, summary)
                .because(format!("it is of incarnation {}, this node belongs to {known}", answer.incarnation))
                .next("stop that controller: the cluster was restored or recovered without it"));
        }
        let fits = |address: &&String| !address.is_empty() && address.len() <= MAX_ADDRESS;
        let told: Vec<String> = answer.controllers.iter().filter(fits).take(MAX_ADDRESSES).cloned().collect();
        let controllers = if told.is_empty() { kept.controllers.clone() } else { told };
        let next = Kept { incarnation: answer.incarnation, controllers };
        if next == *kept {
            return Ok(None);
        }
        let path = self.directory.join(NAME);
        let text = toml::to_string(&next).map_err(|error| failed(&path, error.to_string()))?;
        write_whole(&self.directory, NAME, text.as_bytes())
            .map_err(|error| failed(&path, error.to_string()))?;
        let moved = next.controllers != kept.controllers;
        *kept = next;
        drop(kept);
        Ok(moved.then(|| self.addresses()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_incarnation_is_refused_also_after_a_restart_and_addresses_are_learned() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(temporary.path()).unwrap();
        let configured = ["a:1".to_owned(), "b:1".to_owned()];
        let answer = |incarnation, controllers: &[&str]| SyncResponse {
            incarnation,
            controllers: controllers.iter().map(|&address| address.to_owned()).collect(),
            ..SyncResponse::default()
        };
        let own = Allegiance::load(directory, &configured).unwrap();
        assert_eq!(own.take(&answer(0, &[])).unwrap(), None, "a controller of an older release says nothing");
        assert_eq!(own.take(&answer(2, &["b:1", "c:1"])).unwrap().unwrap(), ["b:1", "c:1", "a:1"]);
        assert_eq!(own.take(&answer(2, &["b:1", "c:1"])).unwrap(), None);
        let own = Allegiance::load(directory, &configured).unwrap();
        assert_eq!((own.incarnation(), own.addresses()[1].as_str()), (2, "c:1"));
        for older in [0, 1] {
            assert_eq!(own.take(&answer(older, &["a:1"])).unwrap_err().code.0, 6209);
        }
        assert_eq!(own.addresses(), ["b:1", "c:1", "a:1"], "and nothing is learned from it");
        std::fs::write(directory.join(NAME), "incarnation = \"x\"").unwrap();
        assert_eq!(Allegiance::load(directory, &configured).unwrap_err().code.0, 6210);
    }
}
