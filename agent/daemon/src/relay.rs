//! The gang relay: a process of its own, so that the connections of a gang outlive a restart of the agent.
//!
//! A task's sandbox has no network. What a task of rank 1 and above dials on its own loopback is carried by this node's
//! relay over mutual TLS to the relay of the leader's node, and into the leader's sandbox there. Only nodes of the gang
//! are let in.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_identity::{
    Alpn, ClientAuth, ConnectionGuard, Expect, HANDSHAKE_TIMEOUT, Identity, IdentityHandle, KeyExchange,
    Principal, Trust, client_config, server_config, tls_accept, tls_connect,
};
use holdfast_runtime::{TaskId, rendezvous};
use holdfast_types::{AsProblem as _, Problem, ProblemKind};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::config::Config;
use crate::gang::Gang;
use crate::revoked;
use crate::tasks::task_id;

/// How often new gangs, and a new certificate, are looked for.
const LOOK: Duration = Duration::from_millis(200);
/// How long a connection waits for the leader's program to listen.
const PATIENCE: Duration = Duration::from_secs(120);
/// The pause between two tries to reach it.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest header of a connection, in bytes.
const MAX_HEADER: usize = 1_024;
/// The answer to a header that opens the door.
const OPEN: u8 = 1;

/// What a connection is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    job_uid: String,
    fence: u64,
    rank: u32,
}

fn failed(because: impl Into<String>) -> Problem {
    Problem::new(6260, ProblemKind::Failed, "the gang relay cannot run").because(because)
}

struct Relay {
    config: Config,
    identity: IdentityHandle,
    trust: Trust,
    state: Utf8PathBuf,
}

/// Runs the relay of a node until its process ends. Two of one node cannot run: the second finds the lock taken.
///
/// # Errors
///
/// Where it cannot start.
pub(crate) fn main(path: &Utf8Path) -> Result<(), Problem> {
    let config = Config::load(path)?;
    let lock = crate::lock::take(&config.path("relay.lock"))?;
    let Some(_lock) = lock else { return Ok(()) };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("relay")
        .enable_all()
        .build()
        .map_err(|error| failed(error.to_string()))?;
    runtime.block_on(run(config))
}

async fn run(config: Config) -> Result<(), Problem> {
    let place = config.path("identity");
    let load = || Identity::load(&place.join("chain.pem"), &place.join("key.pem")).map_err(|e| e.problem());
    let identity = IdentityHandle::new(load()?);
    let roots = std::fs::read_to_string(place.join("roots.pem")).map_err(|e| failed(e.to_string()))?;
    let trust = Trust::new(&roots).map_err(|error| error.problem())?;
    let tls = server_config(&identity, &trust, KeyExchange::HybridOnly, ClientAuth::Required, Alpn::None)
        .map_err(|error| error.problem())?;
    let acceptor = TlsAcceptor::from(tls);
    let listener = TcpListener::bind(&config.relay_listen)
        .await
        .map_err(|error| failed(format!("listen on {}: {error}", config.relay_listen)))?;
    let state = config.path("runtime");
    let relay = std::sync::Arc::new(Relay { config, identity, trust, state });
    tracing::info!(listen = relay.config.relay_listen, "gang relay runs");
    let mut jobs = JoinSet::new();
    let mut doors: BTreeMap<TaskId, ()> = BTreeMap::new();
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = look.tick() => {
                if let Ok(fresh) = load()
                    && fresh.serial() != relay.identity.current().serial()
                {
                    relay.identity.replace(fresh);
                }
                revoked::load(&relay.config.directory, &relay.trust);
                open_doors(&relay, &mut doors, &mut jobs);
            }
            Some(_) = jobs.join_next(), if !jobs.is_empty() => {}
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                jobs.spawn(welcome(std::sync::Arc::clone(&relay), stream, acceptor.clone()));
            },
        }
    }
}

/// For each new local task that dials: a thread that hands over what it dials.
fn open_doors(relay: &std::sync::Arc<Relay>, doors: &mut BTreeMap<TaskId, ()>, jobs: &mut JoinSet<()>) {
    let place = relay.config.path("gangs");
    let Ok(entries) = place.read_dir_utf8() else { return };
    let mut present = BTreeMap::new();
    for entry in entries.filter_map(Result::ok) {
        let Ok(id) = entry.file_name().parse::<TaskId>() else { continue };
        let known = doors.contains_key(&id);
        present.insert(id.clone(), ());
        if known {
            continue;
        }
        let Some(gang) = Gang::read(entry.path()) else { continue };
        if gang.rank == 0 {
            continue;
        }
        match rendezvous::accept(&relay.state, &id) {
            Ok(accepted) => {
                jobs.spawn(carry_door(std::sync::Arc::clone(relay), gang, id, accepted));
            }
            // The sandbox is not there yet: the next look tries again.
            Err(error) => {
                tracing::debug!(task = %id, %error, "the task does not dial yet");
                present.remove(&id);
            }
        }
    }
    *doors = present;
}

async fn carry_door(
    relay: std::sync::Arc<Relay>,
    gang: Gang,
    id: TaskId,
    accepted: rendezvous::AcceptStream,
) {
    let (sender, mut dialled) = tokio::sync::mpsc::channel::<OwnedFd>(16);
    let name = id.clone();
    tokio::task::spawn_blocking(move || {
        loop {
            match accepted.next(Some(Duration::from_secs(1))) {
                Ok(Some(fd)) => {
                    if sender.blocking_send(fd).is_err() {
                        return;
                    }
                }
                Ok(None) if sender.is_closed() => return,
                Ok(None) => {}
                Err(error) => return tracing::debug!(task = %name, %error, "the task dials no more"),
            }
        }
    });
    let mut open = JoinSet::new();
    let place = relay.config.path("gangs").join(id.as_str());
    while let Some(fd) = dialled.recv().await {
        // Rank 0 may have found another place since.
        let gang = Gang::read(&place).unwrap_or_else(|| gang.clone());
        let (relay, id) = (std::sync::Arc::clone(&relay), id.clone());
        open.spawn(async move {
            if let Err(problem) = carry(&relay, &gang, fd).await {
                tracing::warn!(task = %id, %problem, "a connection of the gang ended");
            }
        });
    }
    while open.join_next().await.is_some() {}
}

fn stream_of(fd: OwnedFd) -> Result<TcpStream, Problem> {
    let stream = std::net::TcpStream::from(fd);
    stream.set_nonblocking(true).map_err(|error| failed(error.to_string()))?;
    TcpStream::from_std(stream).map_err(|error| failed(error.to_string()))
}

async fn copy(mut one: TcpStream, mut other: impl AsyncRead + AsyncWrite + Unpin) {
    // Gradients are small and wait for answers.
    let _ = one.set_nodelay(true);
    if let Err(error) = copy_bidirectional(&mut one, &mut other).await {
        tracing::debug!(%error, "a connection of a gang broke");
    }
}

/// Carries one dialled connection to the leader.
async fn carry(relay: &Relay, gang: &Gang, fd: OwnedFd) -> Result<(), Problem> {
    let local = stream_of(fd)?;
    if gang.leader_node == relay.config.name {
        let leader = into_leader(relay, &gang.job_uid, gang.fence).await?;
        copy(local, leader).await;
        return Ok(());
    }
    let tls = client_config(Some(&relay.identity), &relay.trust, Expect::AnyNode, Alpn::None);
    let tls = tls.map_err(|error| error.problem())?;
    let (mut remote, peer) =
        tls_connect(&gang.leader_relay, &tls, HANDSHAKE_TIMEOUT).await.map_err(|error| error.problem())?;
    let expected =
        matches!(&peer.principal, Principal::Node { name, .. } if name.as_str() == gang.leader_node);
    if !expected {
        return Err(failed(format!("{} answers in place of {}", peer.principal, gang.leader_node)));
    }
    let header = Header { job_uid: gang.job_uid.clone(), fence: gang.fence, rank: gang.rank };
    let broken = |error: std::io::Error| failed(format!("the leader's relay hung up: {error}"));
    write_header(&mut remote, &header).await.map_err(broken)?;
    let answer = tokio::time::timeout(PATIENCE, remote.read_u8()).await;
    match answer {
        Ok(Ok(OPEN)) => {
            copy(local, remote).await;
            Ok(())
        }
        Ok(Ok(_)) => Err(failed("the leader's relay refused the connection")),
        Ok(Err(error)) => Err(broken(error)),
        Err(_) => Err(failed("the leader's relay does not answer")),
    }
}

async fn write_header(stream: &mut (impl AsyncWrite + Unpin), header: &Header) -> std::io::Result<()> {
    let text = serde_json::to_vec(header)?;
    let length = u16::try_from(text.len()).map_err(|_| std::io::Error::other("the header is too long"))?;
    stream.write_u16(length).await?;
    stream.write_all(&text).await?;
    stream.flush().await
}

async fn read_header(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Header> {
    let length = usize::from(stream.read_u16().await?);
    if length > MAX_HEADER {
        return Err(std::io::Error::other(format!(
            "a header of {length} bytes, at most {MAX_HEADER} are allowed"
        )));
    }
    let mut text = vec![0; length];
    stream.read_exact(&mut text).await?;
    Ok(serde_json::from_slice(&text)?)
}

/// A connection from another node's relay.
async fn welcome(relay: std::sync::Arc<Relay>, stream: TcpStream, acceptor: TlsAcceptor) {
    let _ = stream.set_nodelay(true);
    let (mut stream, peer) = match tls_accept(stream, &acceptor, HANDSHAKE_TIMEOUT).await {
        Ok(accepted) => accepted,
        Err(error) => return tracing::debug!(%error, "a connection was refused"),
    };
    let header = match tokio::time::timeout(HANDSHAKE_TIMEOUT, read_header(&mut stream)).await {
        Ok(Ok(header)) => header,
        Ok(Err(error)) => return tracing::warn!(%error, "a relay sent no header"),
        Err(_) => return tracing::warn!("a relay sent no header in time"),
    };
    let Principal::Node { name, .. } = &peer.principal else {
        return tracing::warn!(peer = %peer.principal, "only nodes join a gang");
    };
    let leader = task_id(&header.job_uid, header.fence, 0);
    let gang = leader.and_then(|id| Gang::read(&relay.config.path("gangs").join(id.as_str())));
    if !gang.is_some_and(|gang| gang.nodes.iter().any(|n| n == name.as_str())) {
        tracing::warn!(node = %name, job = header.job_uid, "a node that is not of the gang was turned away");
        let _ = stream.write_u8(0).await;
        return;
    }
    match into_leader(&relay, &header.job_uid, header.fence).await {
        Ok(local) => {
            if stream.write_u8(OPEN).await.is_ok() && stream.flush().await.is_ok() {
                let mut guard = ConnectionGuard::new(&relay.trust, &peer);
                tokio::select! {
                    () = copy(local, stream) => {}
                    () = guard.revoked() => {
                        tracing::warn!(node = %name, "a gang's connection was closed: its certificate is revoked");
                    }
                }
            }
        }
        Err(problem) => tracing::warn!(%problem, "the leader of a gang cannot be reached"),
    }
}

/// A connection into the sandbox of the local leader, as soon as its program listens.
async fn into_leader(relay: &Relay, job_uid: &str, fence: u64) -> Result<TcpStream, Problem> {
    let id = task_id(job_uid, fence, 0).ok_or_else(|| failed("the job's uid is not valid"))?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let (state, task) = (relay.state.clone(), id.clone());
        let dialled = tokio::task::spawn_blocking(move || rendezvous::connect(&state, &task)).await;
        let problem = match dialled {
            Ok(Ok(fd)) => return stream_of(fd),
            Ok(Err(error)) => error.problem(),
            Err(error) => failed(error.to_string()),
        };
        if tokio::time::Instant::now() + PAUSE > deadline {
            return Err(problem);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_header_survives_and_a_long_one_is_refused() {
        let header = Header { job_uid: "job-1".to_owned(), fence: 2, rank: 1 };
        let mut bytes = Vec::new();
        write_header(&mut bytes, &header).await.unwrap();
        assert_eq!(read_header(&mut bytes.as_slice()).await.unwrap(), header);
        let long = [&[0xff, 0xff][..], &[b' '; 70_000]].concat();
        assert!(read_header(&mut long.as_slice()).await.unwrap_err().to_string().contains("at most 1024"));
        assert!(read_header(&mut &b"\0\x02{]"[..]).await.is_err());
    }
}
