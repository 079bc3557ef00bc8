//! One side of a race: three processes that can be killed and started again, and the one of them that leads.

use std::net::TcpListener;
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio_rustls::rustls::ClientConfig;

use super::host::{Children, cpu_of};
use super::wire::{Target, ask};
use crate::wire::kv::{StatusRequest, StatusResponse};

/// Members on each side.
pub(crate) const MEMBERS: usize = 3;
/// How long a side may take to elect its leader.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);
/// How long a member may take to say whether it leads.
const ANSWER: Duration = Duration::from_secs(1);
const STATUS: &str = "/etcdserverpb.Maintenance/Status";

/// Starts one member, for the first time or again.
pub(crate) type Start = Box<dyn Fn(usize) -> Result<Child> + Send>;

/// A running side; its processes end with it.
pub(crate) struct Side {
    /// Where each member answers clients.
    pub(crate) addresses: Vec<String>,
    /// How the client speaks to them.
    pub(crate) config: Arc<ClientConfig>,
    /// Where each member tells what it counts, if that is elsewhere.
    pub(crate) metrics: Vec<String>,
    children: Children,
    start: Start,
}

impl Side {
    /// Starts the members.
    pub(crate) fn start(addresses: Vec<String>, config: Arc<ClientConfig>, start: Start) -> Result<Self> {
        let mut children = Children::default();
        for member in 0..addresses.len() {
            children.0.push(start(member)?);
        }
        Ok(Self { addresses, config, metrics: Vec::new(), children, start })
    }

    /// How to call a member.
    pub(crate) fn target(&self, member: usize) -> Target {
        let address = self.addresses.get(member).cloned().unwrap_or_default();
        Target { address, config: Arc::clone(&self.config) }
    }

    /// The members that are not this one.
    pub(crate) fn others(&self, member: usize) -> Vec<Target> {
        (0..self.addresses.len()).filter(|other| *other != member).map(|other| self.target(other)).collect()
    }

    /// The member that leads and proves it, once there is one.
    pub(crate) async fn leader(&self) -> Result<usize> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            for member in 0..self.addresses.len() {
                let status: Result<StatusResponse> =
                    ask(&self.target(member), STATUS, &StatusRequest {}, ANSWER).await;
                if let Ok(StatusResponse { header: Some(header), leader }) = status
                    && leader != 0
                    && header.member_id == leader
                {
                    return Ok(member);
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("no leader after {PATIENCE:?}")
    }

    /// The id by which a member is known to the others.
    pub(crate) async fn id_of(&self, member: usize) -> Result<u64> {
        let status: StatusResponse = ask(&self.target(member), STATUS, &StatusRequest {}, ANSWER).await?;
        Ok(status.header.context("a header")?.member_id)
    }

    /// Kills a member without warning.
    pub(crate) fn kill(&mut self, member: usize) -> Result<()> {
        let child = self.children.0.get_mut(member).context("a member")?;
        child.kill().context("kill a member")?;
        child.wait().context("wait for a member")?;
        Ok(())
    }

    /// Starts a killed member again.
    pub(crate) fn restart(&mut self, member: usize) -> Result<()> {
        let child = (self.start)(member)?;
        *self.children.0.get_mut(member).context("a member")? = child;
        Ok(())
    }

    /// The process of a member.
    pub(crate) fn pid(&self, member: usize) -> Result<u32> {
        Ok(self.children.0.get(member).context("a member")?.id())
    }

    /// CPU time of all members together.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        self.children.0.iter().map(|child| cpu_of(child.id())).sum()
    }
}

/// Addresses that are free now. The members must know them before they start, so they are probed and let go.
pub(crate) fn free_addresses(count: usize) -> Result<Vec<String>> {
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<Result<_, _>>()
        .context("find free ports")?;
    held.iter().map(|listener| Ok(listener.local_addr().context("a port")?.to_string())).collect()
}
