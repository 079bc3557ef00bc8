//! Three members of Debian's etcd, with heartbeat and election time like ours.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use camino::Utf8Path;

use super::side::{Children, MEMBERS, Side, free_addresses};

/// Starts them below a directory; an error where etcd is not installed.
pub(crate) async fn start(directory: &Utf8Path) -> Result<Side> {
    let addresses = free_addresses(2 * MEMBERS)?;
    let (clients, peers) = addresses.split_at(MEMBERS);
    let initial: Vec<String> =
        peers.iter().enumerate().map(|(id, peer)| format!("member-{id}=http://{peer}")).collect();
    let mut children = Children(Vec::new());
    for (id, (client, peer)) in clients.iter().zip(peers).enumerate() {
        let place = directory.join(id.to_string());
        std::fs::create_dir_all(&place).with_context(|| format!("create {place}"))?;
        let mut command = Command::new("etcd");
        command.args(["--name", &format!("member-{id}"), "--data-dir", place.as_str()]);
        command.args(["--listen-client-urls", &format!("http://{client}")]);
        command.args(["--advertise-client-urls", &format!("http://{client}")]);
        command.args(["--listen-peer-urls", &format!("http://{peer}")]);
        command.args(["--initial-advertise-peer-urls", &format!("http://{peer}")]);
        command.args(["--initial-cluster", &initial.join(","), "--initial-cluster-state", "new"]);
        command.args(["--heartbeat-interval", "100", "--election-timeout", "600", "--log-level", "error"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        children.0.push(command.spawn().context("etcd is not here: apt-get install etcd-server")?);
    }
    Side::found(children, clients).await
}
