//! Three members of Debian's etcd over mTLS, with heartbeat and election time like ours.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use camino::Utf8Path;

use super::certs::Certs;
use super::side::{MEMBERS, Side, free_addresses};

/// Room for a million objects and their versions.
const QUOTA_BYTES: &str = "8589934592";

/// Starts them below a directory; an error where etcd is not installed.
pub(crate) fn start(directory: &Utf8Path, certs: &Certs) -> Result<Side> {
    let addresses = free_addresses(3 * MEMBERS)?;
    let (clients, rest) = addresses.split_at(MEMBERS);
    let (peers, metrics) = rest.split_at(MEMBERS);
    let initial: Vec<String> =
        peers.iter().enumerate().map(|(id, peer)| format!("member-{id}=https://{peer}")).collect();
    let (certs_of_members, directory) = (certs.clone(), directory.to_owned());
    let (all, initial) = (addresses.clone(), initial.join(","));
    let start = Box::new(move |id: usize| {
        let place = directory.join(id.to_string());
        std::fs::create_dir_all(&place).with_context(|| format!("create {place}"))?;
        let own: Vec<&String> = all.iter().skip(id).step_by(MEMBERS).collect();
        let mut command = Command::new("etcd");
        command.args(["--name", &format!("member-{id}"), "--data-dir", place.as_str()]);
        command.args(["--initial-cluster", &initial, "--initial-cluster-state", "new"]);
        command.args(["--heartbeat-interval", "100", "--election-timeout", "600", "--log-level", "error"]);
        command.args(["--quota-backend-bytes", QUOTA_BYTES]);
        addresses_of(&mut command, &own);
        certificates_of(&mut command, &certs_of_members);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().context("etcd is not here: apt-get install etcd-server")
    });
    let mut side = Side::start(clients.to_vec(), certs.client_of_theirs()?, start)?;
    side.metrics = metrics.to_vec();
    Ok(side)
}

fn addresses_of(command: &mut Command, own: &[&String]) {
    let [client, peer, metrics] = own else { return };
    command.args(["--listen-client-urls", &format!("https://{client}")]);
    command.args(["--advertise-client-urls", &format!("https://{client}")]);
    command.args(["--listen-peer-urls", &format!("https://{peer}")]);
    command.args(["--initial-advertise-peer-urls", &format!("https://{peer}")]);
    command.args(["--listen-metrics-urls", &format!("http://{metrics}")]);
}

fn certificates_of(command: &mut Command, certs: &Certs) {
    for (name, file) in
        [("trusted-ca-file", "etcd-ca.crt"), ("cert-file", "etcd.crt"), ("key-file", "etcd.key")]
    {
        command.arg(format!("--{name}={}", certs.path(file)));
        command.arg(format!("--peer-{name}={}", certs.path(file)));
    }
    command.args(["--client-cert-auth", "--peer-client-cert-auth"]);
}

/// A counter of a member.
pub(crate) fn metric(address: &str, name: &str) -> Result<f64> {
    let mut stream = TcpStream::connect(address).context("connect to the metrics of etcd")?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").context("ask for the metrics of etcd")?;
    let mut text = String::new();
    stream.read_to_string(&mut text).context("read the metrics of etcd")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.with_context(|| format!("etcd has no `{name}`"))?.trim().parse().context("a number")
}
