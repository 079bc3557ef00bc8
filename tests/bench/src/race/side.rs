//! One side of a race: three processes and the one of them that leads. A leaf.

use std::net::TcpListener;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tonic::transport::{Channel, Endpoint};

use crate::wire::kv::StatusRequest;
use crate::wire::kv::maintenance_client::MaintenanceClient;

/// Members on each side.
pub(crate) const MEMBERS: usize = 3;
/// How long a side may take to elect its leader.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// A running side; its processes end with it.
pub(crate) struct Side {
    /// Where the leader answers.
    pub(crate) leader: String,
    _children: Children,
}

/// Processes that are killed and waited for when they are dropped.
pub(crate) struct Children(pub(crate) Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that has ended by itself needs no killing.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Side {
    /// Waits until one of the members says that it leads.
    pub(crate) async fn found(children: Children, addresses: &[String]) -> Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            for address in addresses {
                if leads(address).await.unwrap_or(false) {
                    return Ok(Self { leader: address.clone(), _children: children });
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("no leader after {PATIENCE:?}")
    }
}

async fn leads(address: &str) -> Result<bool> {
    let mut client = MaintenanceClient::new(channel(address).await?);
    let status = client.status(StatusRequest {}).await?.into_inner();
    Ok(status.leader != 0 && status.header.is_some_and(|header| header.member_id == status.leader))
}

/// A connection to `host:port`.
pub(crate) async fn channel(address: &str) -> Result<Channel> {
    let endpoint =
        Endpoint::from_shared(format!("http://{address}")).context("an address")?.tcp_nodelay(true);
    endpoint.connect().await.with_context(|| format!("connect to {address}"))
}

/// Addresses that are free now. The members must know them before they start, so they are probed and let go.
pub(crate) fn free_addresses(count: usize) -> Result<Vec<String>> {
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<Result<_, _>>()
        .context("find free ports")?;
    held.iter().map(|listener| Ok(listener.local_addr().context("a port")?.to_string())).collect()
}
