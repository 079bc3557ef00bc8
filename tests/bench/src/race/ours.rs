//! Three of our members, each this program again.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use camino::Utf8Path;

use super::side::{Children, MEMBERS, Side, free_addresses};

/// Starts them below a directory.
pub(crate) async fn start(directory: &Utf8Path) -> Result<Side> {
    let addresses = free_addresses(MEMBERS)?;
    let program = std::env::current_exe().context("this program")?;
    let mut children = Children(Vec::new());
    for id in 1..=MEMBERS {
        let place = directory.join(id.to_string());
        let mut command = Command::new(&program);
        command.args(["__member", &id.to_string(), place.as_str(), &addresses.join(",")]);
        // A member ends when the pipe does, so none outlives a bench that was killed.
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        children.0.push(command.spawn().context("start a member")?);
    }
    Side::found(children, &addresses).await
}
