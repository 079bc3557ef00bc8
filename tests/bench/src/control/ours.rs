//! Three of our members, each this program again.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use camino::Utf8Path;

use super::certs::Certs;
use super::side::{MEMBERS, Side, free_addresses};

/// Starts them below a directory.
pub(crate) fn start(directory: &Utf8Path, certs: &Certs) -> Result<Side> {
    let addresses = free_addresses(MEMBERS)?;
    let program = std::env::current_exe().context("this program")?;
    let (directory, all) = (directory.to_owned(), addresses.join(","));
    let certificates = certs.path("");
    let start = Box::new(move |member: usize| {
        let id = (member + 1).to_string();
        let mut command = Command::new(&program);
        command.args(["__member", &id, directory.join(&id).as_str(), &all, certificates.as_str()]);
        // A member ends when the pipe does, so none outlives a bench that was killed.
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        command.spawn().context("start a member")
    });
    Side::start(addresses, certs.client_of_ours()?, start)
}
