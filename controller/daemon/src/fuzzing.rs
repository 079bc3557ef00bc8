//! Entries for the fuzzers of `tests/fuzz`: REST calls as bytes, and backups.

use std::sync::LazyLock;

use holdfast_api::internal::ControllerFile;
use holdfast_api::store::BackupFacts;
use holdfast_api::v1::{Artifact, Job, ListRequest, Node, Queue};
use holdfast_raft::offline::inspect;
use holdfast_types::AsProblem as _;
use prost_reflect::{DescriptorPool, MessageDescriptor};

use crate::backup::fault::io_problem;
use crate::backup::reading::within as read_within;
use crate::backup::writing::{Source, within as write_within};
use crate::rest::fuzz;
use crate::selector::Selectors;

fn pool() -> Option<DescriptorPool> {
    holdfast_api::pool().ok()
}

fn inputs(pool: &DescriptorPool) -> Vec<MessageDescriptor> {
    let services = pool.services().filter(|service| service.full_name().starts_with("holdfast.v1."));
    services.flat_map(|service| service.methods().map(|method| method.input()).collect::<Vec<_>>()).collect()
}

/// The names of the messages that are asked with, by number.
#[must_use]
pub fn requests() -> Vec<String> {
    let inputs = pool().map(|pool| inputs(&pool)).unwrap_or_default();
    inputs.iter().map(|input| input.full_name().to_owned()).collect()
}

/// A call: the number of the message, the length of the query in two bytes, the query, the body.
#[must_use]
pub fn rest(bytes: &[u8]) -> String {
    static INPUTS: LazyLock<Vec<MessageDescriptor>> =
        LazyLock::new(|| pool().map(|pool| inputs(&pool)).unwrap_or_default());
    let Some((number, rest)) = bytes.split_first() else { return String::new() };
    let Some((length, rest)) = rest.split_first_chunk::<2>() else { return String::new() };
    let Some(input) = INPUTS.get(usize::from(*number) % INPUTS.len().max(1)) else { return String::new() };
    let (query, body) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    let query = String::from_utf8_lossy(query);
    let way = fuzz(input, &query, body);
    let list = ListRequest {
        label_selector: query.clone().into_owned(),
        field_selector: query.into_owned(),
        ..ListRequest::default()
    };
    let selected = [
        Selectors::<Job>::parse(&list).is_ok(),
        Selectors::<Node>::parse(&list).is_ok(),
        Selectors::<Queue>::parse(&list).is_ok(),
        Selectors::<Artifact>::parse(&list).is_ok(),
    ];
    format!("{way}, selects: {selected:?}")
}

/// What is within the encryption of a backup, read to its end.
#[must_use]
pub fn backup(bytes: &[u8]) -> String {
    let read = read_within(bytes, |_, state| inspect(state).map_err(|error| error.problem()));
    match read {
        Ok((content, info)) => format!("{} files, {} records", content.files.len(), info.records),
        // How deep it came is in the first cause; sums and names in the others differ each time.
        Err(problem) => problem.because.first().map_or(problem.summary, |cause| {
            cause.chars().filter(|c| !c.is_ascii_digit()).take(60).collect()
        }),
    }
}

/// A backup before its encryption, with this snapshot as its state.
#[must_use]
pub fn backup_of(snapshot: &[u8]) -> Option<Vec<u8>> {
    let file = |name: &str| ControllerFile { path: name.to_owned(), ..ControllerFile::default() };
    let source = Source {
        facts: BackupFacts::default(),
        files: vec![file("ca/root.pem"), file("roots.pem")],
        export: |out: &mut dyn std::io::Write| {
            let info = inspect(snapshot).map_err(|error| error.problem())?;
            out.write_all(snapshot).map_err(|error| io_problem(&error))?;
            Ok(info)
        },
    };
    let mut out = Vec::new();
    write_within(source, &mut out).ok().map(|()| out)
}
