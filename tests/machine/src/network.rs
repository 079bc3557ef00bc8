//! A network of machines: a switch in a network namespace of its own, and a cable to it for each machine. What a test runs beside
//! the machines runs in the same namespace, so that nothing else on this host is reached or heard.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use camino::Utf8Path;
use parking_lot::Mutex;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::captured;

/// How many ports are knocked at together, and how long an answer may take.
const KNOCKS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(60);

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A switch. It needs root.
#[derive(Debug)]
pub struct Switch {
    name: String,
}

impl Switch {
    /// The address of this host on the switch, with the length of the network.
    pub const HOST: &str = "10.77.0.1/24";
    /// The network, all of whose addresses begin alike.
    pub const SITE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 0);

    /// A switch without cables.
    ///
    /// # Errors
    ///
    /// This is not root, or `ip` is not there.
    pub fn new() -> Result<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let switch = Self { name: format!("hfm-{}-{number}", std::process::id()) };
        ip(&["netns", "add", &switch.name])?;
        switch.ip(&["link", "set", "lo", "up"])?;
        switch.ip(&["link", "add", "switch", "type", "bridge"])?;
        switch.ip(&["address", "add", Self::HOST, "dev", "switch"])?;
        switch.ip(&["link", "set", "switch", "up"])?;
        Ok(switch)
    }

    /// The namespace, for [`crate::Setup::within`].
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.name
    }

    /// The address of the card of machine `number`, and of the machine itself: 10.77.0.`number`.
    #[must_use]
    pub fn card(number: u8) -> String {
        format!("52:54:00:77:00:{number:02x}")
    }

    /// A cable for machine `number`, on which everything is written down in `capture`: arguments for QEMU.
    ///
    /// # Errors
    ///
    /// The kernel has no such devices.
    pub fn cable(&self, number: u8, capture: &Utf8Path) -> Result<Vec<String>> {
        let tap = format!("tap{number}");
        // One that an earlier start of the machine left.
        drop(self.ip(&["tuntap", "del", &tap, "mode", "tap"]));
        self.ip(&["tuntap", "add", &tap, "mode", "tap"])?;
        self.ip(&["link", "set", &tap, "master", "switch", "up"])?;
        let card = Self::card(number);
        let cable = [
            "-netdev".to_owned(),
            // Frames as they are on a cable, without what cards of software say of them to each other: so they are written down.
            format!("tap,id=net,ifname={tap},script=no,downscript=no,vnet_hdr=off"),
            "-device".to_owned(),
            format!("virtio-net-pci,netdev=net,mac={card}"),
        ];
        Ok(cable.into_iter().chain(captured(capture)).collect())
    }

    /// A command that runs on the network.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// The TCP ports of a machine that take a connection; all others refuse one.
    ///
    /// # Errors
    ///
    /// A port neither takes nor refuses one in time.
    pub fn open_ports(&self, of: Ipv4Addr) -> Result<Vec<u16>> {
        let (next, open) = (AtomicU32::new(1), Mutex::new(Vec::new()));
        let knock = || -> Result<()> {
            // The thread goes over into the namespace, and ends there.
            let space = File::open(format!("/run/netns/{}", self.name))?;
            move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network))?;
            while let Ok(port) = u16::try_from(next.fetch_add(1, Ordering::Relaxed)) {
                match TcpStream::connect_timeout(&(of, port).into(), PATIENCE) {
                    Ok(_) => open.lock().push(port),
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                    Err(error) => return Err(error).with_context(|| format!("knock at port {port} of {of}")),
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let knocking: Vec<_> = (0..KNOCKS).map(|_| scope.spawn(knock)).collect();
            let ended =
                knocking.into_iter().map(|one| one.join().unwrap_or_else(|_| bail!("a thread ended")));
            ended.collect::<Result<()>>()
        })?;
        let mut open = open.into_inner();
        open.sort_unstable();
        Ok(open)
    }

    fn ip(&self, words: &[&str]) -> Result<()> {
        ip(&[&["-netns", self.name.as_str()], words].concat())
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

fn ip(words: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(words).output().context("start ip, of iproute2")?;
    if !output.status.success() {
        bail!("ip {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
