//! Three real controllers, each on a machine of its own, with everything that may happen to them.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::v1::cluster_client::ClusterClient as ClusterGrpc;
use holdfast_api::v1::{ClusterStatus, ClusterStatusRequest};
use holdfast_client::{ClusterClient, lazy_channel};
use holdfast_controller::FoundController;
use holdfast_types::Span;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::rustls::ClientConfig;

use crate::founding::begin;
use crate::network::Network;

/// How long anything may take on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(100);
/// Of nodes, of which there are none.
const LEASE: Span = Span::from_secs(6);
/// Every controller listens here: each has an address of its own.
const PORT: u16 = 7400;
const DAY: i64 = 24 * 3_600;
/// Where Debian keeps the library that makes a clock jump.
const FAKETIME: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/// What the controllers keep their logs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// The disk of this machine.
    Real,
    /// Memory of so many bytes, gone when the controller ends.
    Small(u64),
}

/// One controller.
#[derive(Debug)]
struct Member {
    name: String,
    directory: Utf8PathBuf,
    address: String,
    child: Option<Child>,
}

/// The controllers; they and their network are gone when this is dropped.
#[derive(Debug)]
pub struct Controllers {
    members: Vec<Member>,
    network: Network,
    disk: Disk,
    config: Arc<ClientConfig>,
    home: tempfile::TempDir,
}

/// A program of this build.
///
/// # Errors
///
/// Where `HOLDFAST_BIN_DIR` does not say where they are.
pub fn program(name: &str) -> Result<Utf8PathBuf> {
    let place = std::env::var("HOLDFAST_BIN_DIR")
        .context("HOLDFAST_BIN_DIR is not set: run `cargo xtask test --only e2e`")?;
    Ok(Utf8PathBuf::from(place).join(name))
}

/// The library that makes clocks jump, where it is installed.
#[must_use]
pub fn faketime() -> Option<&'static str> {
    FAKETIME.into_iter().find(|path| Utf8Path::new(path).exists())
}

impl Controllers {
    /// Founds a cluster and starts its controllers.
    ///
    /// # Errors
    ///
    /// Where something of it cannot be made.
    pub fn new(count: usize, disk: Disk) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let base = Utf8PathBuf::try_from(home.path().to_owned())?;
        let network = Network::new(count)?;
        let members: Vec<Member> = (0..count)
            .map(|index| Member {
                name: format!("controller-{}", index + 1),
                directory: base.join(format!("controller-{}", index + 1)),
                address: format!("{}:{PORT}", network.address(index)),
                child: None,
            })
            .collect();
        let context = base.join("context.toml");
        let of = |member: &Member| FoundController {
            name: member.name.clone(),
            directory: member.directory.clone(),
            listen: member.address.clone(),
        };
        let config = begin(members.iter().map(of).collect(), LEASE, &context)?;
        let mut controllers = Self { members, network, disk, config, home };
        for index in 0..count {
            controllers.start(index)?;
        }
        Ok(controllers)
    }

    /// The directory of all this.
    #[must_use]
    pub fn home(&self) -> &Utf8Path {
        Utf8Path::from_path(self.home.path()).unwrap_or(Utf8Path::new("/nonexistent"))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// The network between them.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The name of one.
    ///
    /// # Errors
    ///
    /// Where there is no such controller.
    pub fn name(&self, index: usize) -> Result<&str> {
        Ok(&self.member(index)?.name)
    }

    fn member(&self, index: usize) -> Result<&Member> {
        self.members.get(index).with_context(|| format!("there is no controller {index}"))
    }

    fn member_mut(&mut self, index: usize) -> Result<&mut Member> {
        self.members.get_mut(index).with_context(|| format!("there is no controller {index}"))
    }

    /// Starts one that does not run.
    ///
    /// # Errors
    ///
    /// Where it cannot be started.
    pub fn start(&mut self, index: usize) -> Result<()> {
        let mut command = self.launch(index)?;
        let member = self.member_mut(index)?;
        ensure!(member.child.is_none(), "{} runs already", member.name);
        let log = File::options().create(true).append(true).open(member.directory.join("log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        member.child = Some(command.spawn().with_context(|| format!("start {}", member.name))?);
        Ok(())
    }

    fn launch(&self, index: usize) -> Result<Command> {
        let member = self.member(index)?;
        let mut command = match self.disk {
            Disk::Real => self.network.command(index, program("holdfast")?.as_str()),
            Disk::Small(bytes) => {
                // `ip netns exec` gives every command mounts of its own.
                let place = member.directory.join("disk");
                std::fs::create_dir_all(&place)?;
                let link = member.directory.join("raft");
                if !link.is_symlink() {
                    std::os::unix::fs::symlink(place.join("raft"), &link)?;
                }
                let script = "mount -t tmpfs -o size=$1 none $2 && mkdir $2/raft && shift 2 && exec \"$@\"";
                let mut command = self.network.command(index, "sh");
                command.args(["-c", script, "sh", &bytes.to_string(), place.as_str()]);
                command.arg(program("holdfast")?);
                command
            }
        };
        // A test that is killed takes them with it.
        command.args(["__controller", "--with-parent", "--config"]);
        command.arg(member.directory.join("controller.toml"));
        if let Some(library) = faketime() {
            let clock = member.directory.join("clock");
            if !clock.exists() {
                std::fs::write(&clock, "+0\n")?;
            }
            command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &clock);
            command.env("FAKETIME_CACHE_DURATION", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        Ok(command)
    }

    /// Makes the clock of one be ahead by so many seconds, or behind, from the next second on.
    ///
    /// # Errors
    ///
    /// Where its clock cannot be set.
    pub fn set_clock(&self, index: usize, seconds: i64) -> Result<()> {
        ensure!(faketime().is_some(), "libfaketime is not installed");
        Ok(std::fs::write(self.member(index)?.directory.join("clock"), format!("{seconds:+}\n"))?)
    }

    /// By how many seconds the clock was off with which one last wrote into its log, as the file itself knows the time.
    ///
    /// # Errors
    ///
    /// Where its log does not say.
    pub fn clock_is_off(&self, index: usize) -> Result<i64> {
        let path = self.log(index)?;
        let written = std::fs::metadata(&path)?.modified()?.duration_since(UNIX_EPOCH)?.as_secs();
        let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
        let stamp = text.lines().rev().find_map(seconds_of_day).context("no line of the log has a time")?;
        let off = (stamp - i64::try_from(written)?).rem_euclid(DAY);
        Ok(if off > DAY / 2 { off - DAY } else { off })
    }

    /// Ends one with no chance to say good-bye.
    ///
    /// # Errors
    ///
    /// Where there is no such controller.
    pub fn kill(&mut self, index: usize) -> Result<()> {
        if let Some(mut child) = self.member_mut(index)?.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Sends a signal to one.
    ///
    /// # Errors
    ///
    /// Where it does not run.
    pub fn signal(&self, index: usize, signal: Signal) -> Result<()> {
        Ok(kill_process(self.pid(index)?, signal)?)
    }

    fn pid(&self, index: usize) -> Result<Pid> {
        let member = self.member(index)?;
        let child = member.child.as_ref().with_context(|| format!("{} does not run", member.name))?;
        Ok(Pid::from_child(child))
    }

    /// Everything that one said since it was first started.
    ///
    /// # Errors
    ///
    /// Where there is no such controller.
    pub fn log(&self, index: usize) -> Result<Utf8PathBuf> {
        Ok(self.member(index)?.directory.join("log"))
    }

    /// A file beside the log of one that runs on a small disk.
    ///
    /// # Errors
    ///
    /// Where it does not run.
    pub fn on_disk(&self, index: usize, name: &str) -> Result<Utf8PathBuf> {
        let place = self.member(index)?.directory.join("disk").join(name);
        // Its disk is mounted for it alone.
        Ok(Utf8PathBuf::from(format!("/proc/{}/root{place}", self.pid(index)?.as_raw_nonzero())))
    }

    /// One that has ended by itself, with the end of what it said.
    ///
    /// # Errors
    ///
    /// Where one has ended.
    pub fn check(&mut self) -> Result<()> {
        for index in 0..self.members.len() {
            let member = self.member_mut(index)?;
            let Some(child) = member.child.as_mut() else { continue };
            if let Some(status) = child.try_wait()? {
                let name = member.name.clone();
                return Err(anyhow!("{name} ended by itself ({status}):\n{}", self.said(index)));
            }
        }
        Ok(())
    }

    /// The end of what one said.
    #[must_use]
    pub fn said(&self, index: usize) -> String {
        let path = self.member(index).map(|member| member.directory.join("log")).unwrap_or_default();
        let text = std::fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(30)).copied().collect::<Vec<_>>().join("\n")
    }

    /// A client that asks this one first and then the others, as long as it may take.
    #[must_use]
    pub fn client(&self, first: usize, patience: Duration) -> ClusterClient {
        let mut addresses: Vec<String> = self.members.iter().map(|m| m.address.clone()).collect();
        let first = first.checked_rem(addresses.len()).unwrap_or(0);
        addresses.rotate_left(first);
        ClusterClient::new(addresses, Arc::clone(&self.config), patience)
    }

    /// A channel to this one alone.
    ///
    /// # Errors
    ///
    /// Where there is no such controller.
    pub fn channel(&self, index: usize) -> Result<tonic::transport::Channel> {
        Ok(lazy_channel(&self.member(index)?.address, &self.config)?)
    }

    /// What one says of the cluster.
    ///
    /// # Errors
    ///
    /// Where it does not answer.
    pub async fn status(&self, index: usize) -> Result<ClusterStatus> {
        let mut client = ClusterGrpc::new(self.channel(index)?);
        Ok(timeout(QUESTION, client.status(ClusterStatusRequest {})).await??.into_inner())
    }

    /// Waits until most agree on a leader that itself agrees, and says which it is.
    ///
    /// # Errors
    ///
    /// Where there is none for long, or a controller has ended by itself.
    pub async fn leader(&mut self) -> Result<usize> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.check()?;
            if let Some(leader) = self.agreed().await {
                return Ok(leader);
            }
            ensure!(Instant::now() < deadline, "no leader within {PATIENCE:?}:\n{}", self.said(0));
            sleep(LOOK).await;
        }
    }

    async fn agreed(&self) -> Option<usize> {
        let mut said = Vec::new();
        for index in 0..self.members.len() {
            said.extend(self.status(index).await.ok().map(|status| (index, status)));
        }
        let term = said.iter().map(|(_, status)| status.term).max()?;
        let newest = said.iter().filter(|(_, status)| status.term == term && !status.leader.is_empty());
        let votes = newest.clone().count();
        let is_own = |(index, status): &&(usize, ClusterStatus)| {
            self.members.get(*index).is_some_and(|member| member.name == status.leader)
        };
        let leader = newest.clone().find(is_own).map(|(index, _)| *index);
        leader.filter(|_| votes * 2 > self.members.len())
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        for member in &mut self.members {
            if let Some(mut child) = member.child.take() {
                // One that is stopped can be killed as well as any other.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// The time of day that a line of a log begins with, such as `2026-11-21T11:32:01.352484Z`.
fn seconds_of_day(line: &str) -> Option<i64> {
    let time = line.split_once('T')?.1.split_once('.')?.0;
    time.split(':').try_fold(0, |seconds, part| Some(seconds * 60 + part.parse::<i64>().ok()?))
}
