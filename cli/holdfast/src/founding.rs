//! What a first controller begins with, as one file: its certificate and key, the CA, the law, its configuration. Whoever has
//! it is that controller and can sign for the whole cluster, so it is written for its owner alone.

use std::collections::BTreeMap;
use std::io::Read as _;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use holdfast_controller::{Config, refuse_used};
use holdfast_types::{AsProblem as _, Problem, ProblemKind};
use serde::{Deserialize, Serialize};

use crate::private;

/// The longest such file: the law is most of it.
const MAX_FILE: u64 = 8 << 20;
/// The most files in it: two for each jurisdiction there is, and a few.
const MAX_FILES: usize = 1_024;
/// The last one that is written: a directory without it is no controller's.
const CONFIG: &str = "controller.toml";

/// The files, by their path below the directory of the controller.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Founding {
    founding: BTreeMap<Utf8PathBuf, String>,
}

fn failed(path: &Utf8Path, because: impl Into<String>) -> Problem {
    Problem::new(7120, ProblemKind::Failed, format!("founding `{path}` cannot be used")).because(because)
}

impl Founding {
    /// The files below `directory`.
    pub(crate) fn of(directory: &Utf8Path) -> Result<Self, Problem> {
        let fault = |error: std::io::Error| failed(directory, error.to_string());
        let mut founding = BTreeMap::new();
        let mut below = vec![directory.to_owned()];
        while let Some(place) = below.pop() {
            for entry in place.read_dir_utf8().map_err(fault)? {
                let path = entry.map_err(fault)?.into_path();
                if path.is_dir() {
                    below.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).map_err(fault)?;
                let name = path.strip_prefix(directory).map_err(|error| failed(&path, error.to_string()))?;
                founding.insert(name.to_owned(), text);
            }
        }
        Ok(Self { founding })
    }

    /// Writes it where nothing is yet, readable by its owner alone.
    pub(crate) fn save(&self, path: &Utf8Path) -> Result<(), Problem> {
        let text = toml::to_string(self).map_err(|error| failed(path, error.to_string()))?;
        private::create(path, text.as_bytes()).map_err(|error| failed(path, error.to_string()))
    }

    /// Reads it; `None` where the file is something else.
    pub(crate) fn load(path: &Utf8Path) -> Result<Option<Self>, Problem> {
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(|error| failed(path, error.to_string()))?;
        file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|error| failed(path, error.to_string()))?;
        Self::parse(path, &text)
    }

    fn parse(path: &Utf8Path, text: &str) -> Result<Option<Self>, Problem> {
        if !text.trim_start().starts_with("[founding]") {
            return Ok(None);
        }
        if u64::try_from(text.len()).is_ok_and(|length| length > MAX_FILE) {
            return Err(failed(path, format!("it is longer than {MAX_FILE} bytes")));
        }
        // Only the message: the whole error quotes the file, and keys are in it.
        let founding: Self =
            toml::from_str(text).map_err(|error| failed(path, error.message().to_owned()))?;
        if founding.founding.len() > MAX_FILES {
            return Err(failed(path, format!("it has more than {MAX_FILES} files")));
        }
        let is_plain =
            |name: &Utf8Path| name.components().all(|part| matches!(part, Utf8Component::Normal(_)));
        if let Some(name) = founding.founding.keys().find(|name| !is_plain(name)) {
            return Err(failed(path, format!("`{name}` in it is no path below a directory")));
        }
        if !founding.founding.contains_key(Utf8Path::new(CONFIG)) {
            return Err(failed(path, format!("it has no {CONFIG}")));
        }
        Ok(Some(founding))
    }

    /// Makes `directory`, which is empty or not there, the controller's; it listens on `listen` where that is given. The
    /// configuration comes last, so that a cut leaves nothing that starts.
    pub(crate) fn unpack(self, directory: &Utf8Path, listen: Option<&str>) -> Result<(), Problem> {
        refuse_used(directory)?;
        for (name, text) in self.founding.iter().filter(|(name, _)| *name != CONFIG) {
            let path = directory.join(name);
            let above = path.parent().unwrap_or(directory);
            std::fs::create_dir_all(above)
                .and_then(|()| private::create(&path, text.as_bytes()))
                .map_err(|error| failed(&path, error.to_string()))?;
        }
        // The configuration speaks of the place where it was made.
        let text = self.founding.get(Utf8Path::new(CONFIG)).map(String::as_str).unwrap_or_default();
        let path = directory.join(CONFIG);
        let mut config: Config =
            toml::from_str(text).map_err(|error| failed(&path, error.message().to_owned()))?;
        directory.clone_into(&mut config.directory);
        if let Some(listen) = listen {
            listen.clone_into(&mut config.listen);
        }
        config.save(&path).map_err(|error| error.problem())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Founding>, Problem> {
        Founding::parse("f".into(), text)
    }

    #[test]
    fn what_is_no_founding_is_told_from_one_that_cannot_be_used() {
        assert!(parse("hft1.abc").unwrap().is_none());
        assert!(parse("cluster = \"c\"\n").unwrap().is_none());
        for (text, why) in [
            ("[founding]\n\"a\" = \"b\"\n", "it has no controller.toml"),
            ("[founding]\n\"../a\" = \"b\"\n\"controller.toml\" = \"\"\n", "no path below"),
            ("[founding]\n\"/etc/a\" = \"b\"\n\"controller.toml\" = \"\"\n", "no path below"),
            ("[founding]\n\"a\" = 1\n", "invalid type"),
        ] {
            let Err(problem) = parse(text) else { panic!("{text}") };
            assert!(problem.to_string().contains(why), "{problem}");
        }
        let secret = "[founding]\n\"identity/key.pem\" = \"SECRET\nmore\"\n";
        let Err(problem) = parse(secret) else { panic!("a line break in a string") };
        assert!(!problem.to_string().contains("SECRET"), "{problem}");
    }
}
