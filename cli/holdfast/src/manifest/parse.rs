//! From text to objects: the head first, so that a wrong version or kind is named before its fields are.

use camino::Utf8Path;
use holdfast_types::{API_VERSION, Manifest, ManifestHead, Problem, ProblemKind};
use serde::de::DeserializeOwned;

use super::wanted::Wanted;

/// The most objects in one file.
const MAX_DOCUMENTS: usize = 64;
/// The most YAML nodes of one object: far above any real manifest, far below what hurts.
const MAX_NODES: usize = 100_000;
/// How deep a manifest may nest.
const MAX_DEPTH: usize = 32;

/// How a manifest is written.
#[derive(Debug, Clone, Copy)]
enum Syntax {
    Yaml,
    Toml,
}

/// Where in which file a text came from.
#[derive(Debug, Clone, Copy)]
struct Source<'a> {
    file: &'a Utf8Path,
    syntax: Syntax,
}

/// Every object of a text.
pub(super) fn parse(file: &Utf8Path, text: &str) -> Result<Vec<Wanted>, Problem> {
    let source = Source { file, syntax: syntax(file, text) };
    let documents = match source.syntax {
        Syntax::Yaml => documents(text),
        Syntax::Toml => vec![text.to_owned()],
    };
    if documents.len() > MAX_DOCUMENTS {
        return Err(source.fault(format!("{} objects, at most {MAX_DOCUMENTS} are allowed", documents.len())));
    }
    if documents.is_empty() {
        return Err(source.fault("it holds no object".to_owned()));
    }
    documents.iter().map(|document| source.object(document)).collect()
}

/// By the name, else by the text: a TOML manifest begins with a key and `=`, or with a table.
fn syntax(file: &Utf8Path, text: &str) -> Syntax {
    match file.extension() {
        Some("toml") => return Syntax::Toml,
        Some("yaml" | "yml" | "json") => return Syntax::Yaml,
        Some(_) | None => {}
    }
    let first =
        text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#')).unwrap_or_default();
    let is_toml = first.split(':').next().is_some_and(|key| key.contains('='));
    if is_toml || (first.starts_with('[') && first.ends_with(']')) { Syntax::Toml } else { Syntax::Yaml }
}

/// The documents of a YAML text that hold anything. Each keeps its line numbers, by empty lines in place of the ones
/// before it. A line `---` at the margin ends a document wherever it stands (YAML 1.2.2, section 9.1.4).
fn documents(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut current = String::new();
    let mut holds = false;
    for (number, line) in text.lines().enumerate() {
        let is_marker = line == "---" || line.starts_with("--- ") || line == "...";
        if is_marker {
            if holds {
                found.push(std::mem::take(&mut current));
                // More are refused; the empty lines of each must not add up to more than the text itself.
                if found.len() > MAX_DOCUMENTS {
                    return found;
                }
            }
            current = "\n".repeat(number);
            holds = false;
        }
        let body = if is_marker { line.get(3..).unwrap_or_default() } else { line };
        holds |= !body.trim().is_empty() && !body.trim_start().starts_with('#');
        current.push_str(body);
        current.push('\n');
    }
    if holds {
        found.push(current);
    }
    found
}

impl Source<'_> {
    fn object(self, text: &str) -> Result<Wanted, Problem> {
        let head: ManifestHead = self.read(text)?;
        if head.api_version != API_VERSION {
            let found = shown(&head.api_version);
            return Err(self.fault(format!("apiVersion is `{found}`: this program reads `{API_VERSION}`")));
        }
        match head.kind.as_str() {
            "Job" => self.typed(text).map(|manifest| Wanted::Job(Box::new(manifest))),
            "Queue" => self.typed(text).map(|manifest| Wanted::Queue(Box::new(manifest))),
            "Reservation" => self.typed(text).map(|manifest| Wanted::Reservation(Box::new(manifest))),
            other => Err(self.fault(format!(
                "kind is `{}`: a manifest describes a `Job`, a `Queue` or a `Reservation`",
                shown(other)
            ))),
        }
    }

    fn typed<S: DeserializeOwned>(self, text: &str) -> Result<Manifest<S>, Problem> {
        let manifest: Manifest<S> = self.read(text)?;
        Ok(manifest)
    }

    fn read<T: DeserializeOwned>(self, text: &str) -> Result<T, Problem> {
        match self.syntax {
            Syntax::Yaml => self.read_yaml(text),
            Syntax::Toml => self.read_toml(text),
        }
    }

    fn read_yaml<T: DeserializeOwned>(self, text: &str) -> Result<T, Problem> {
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! { max_nodes: MAX_NODES, max_depth: MAX_DEPTH, max_documents: 1 },
            alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_NODES },
            with_snippet: false,
        };
        serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let line = error.location().map(|l| l.line()).filter(|line| *line > 0);
            let text = first_line(&error.to_string());
            // The place is said once, before the cause.
            let cause = text.split_once(" at line ").map_or(text.as_str(), |(cause, _)| cause);
            self.fault_at(line, cause.to_owned())
        })
    }

    fn read_toml<T: DeserializeOwned>(self, text: &str) -> Result<T, Problem> {
        toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map(|b| b.matches('\n').count().saturating_add(1));
            self.fault_at(line.and_then(|l| u64::try_from(l).ok()), first_line(error.message()))
        })
    }

    fn fault_at(self, line: Option<u64>, cause: String) -> Problem {
        let place = line.map_or_else(|| self.file.to_string(), |line| format!("{}:{line}", self.file));
        self.fault(format!("{place}: {cause}"))
    }

    fn fault(self, cause: String) -> Problem {
        Problem::new(7022, ProblemKind::Invalid, format!("manifest `{}` is not valid", self.file))
            .because(cause)
            .next("holdfast explain E7022")
    }
}

/// A value from the file, short enough for a message.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn first_line(text: &str) -> String {
    text.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or("it cannot be read").to_owned()
}
