//! A network of machines: a switch in a network namespace of its own, and a cable to it for each machine. What a test runs beside
//! the machines runs in the same namespace, so that nothing else on this host is reached or heard.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A switch. It needs root.
#[derive(Debug)]
pub struct Switch {
    name: String,
}

impl Switch {
    /// The address of this host on the switch, with the length of the network.
    pub const HOST: &str = "10.77.0.1/24";

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

    /// A cable for machine `number`: arguments for QEMU.
    ///
    /// # Errors
    ///
    /// The kernel has no such devices.
    pub fn cable(&self, number: u8) -> Result<Vec<String>> {
        let tap = format!("tap{number}");
        // One that an earlier start of the machine left.
        drop(self.ip(&["tuntap", "del", &tap, "mode", "tap"]));
        self.ip(&["tuntap", "add", &tap, "mode", "tap"])?;
        self.ip(&["link", "set", &tap, "master", "switch", "up"])?;
        let card = Self::card(number);
        Ok(vec![
            "-netdev".to_owned(),
            format!("tap,id=net,ifname={tap},script=no,downscript=no"),
            "-device".to_owned(),
            format!("virtio-net-pci,netdev=net,mac={card}"),
        ])
    }

    /// A command that runs on the network.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
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
