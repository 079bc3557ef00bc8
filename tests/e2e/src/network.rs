//! Machines that are network namespaces: one address each, joined by a bridge, cut off from each other by nftables.
//!
//! The tests themselves stay outside, at the other end of the bridge, and reach every machine whatever is cut between
//! them.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use camino::Utf8Path;

use crate::chance::Chance;

/// The programs that this needs, and the Debian packages that have them.
const NEEDED: [(&str, &str); 2] = [("ip", "iproute2"), ("nft", "nftables")];
/// How many subnets are tried before it is given up.
const TRIES: u32 = 64;

/// How many networks this process has made.
static MADE: AtomicU32 = AtomicU32::new(0);

/// Which packets between machines are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Those in both directions.
    Both,
    /// Those that it sends.
    Sent,
    /// Those that are sent to it.
    Received,
}

/// A network of machines; it is gone when this is dropped.
#[derive(Debug)]
pub struct Network {
    tag: String,
    /// The first three bytes of every address.
    subnet: String,
    machines: usize,
}

/// Why there can be no such network here; nothing where there can.
#[must_use]
pub fn obstacle() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("network namespaces need root".to_owned());
    }
    NEEDED
        .iter()
        .find(|(program, _)| !has(program))
        .map(|(program, package)| format!("`{program}` is not here: apt-get install {package}"))
}

fn has(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let places = path.split(':').chain(["/usr/sbin", "/sbin"]);
    places.map(|place| Utf8Path::new(place).join(program)).any(|path| path.is_file())
}

fn run(program: &str, args: &[&str], input: &str) -> Result<String> {
    let what = || format!("{program} {}", args.join(" "));
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(what)?;
    child.stdin.take().context("the input is piped")?.write_all(input.as_bytes()).with_context(what)?;
    let output = child.wait_with_output().with_context(what)?;
    ensure!(output.status.success(), "{}: {}", what(), String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn ip(args: &str) -> Result<String> {
    run("ip", &args.split_whitespace().collect::<Vec<_>>(), "")
}

impl Network {
    /// Makes a network of so many machines.
    ///
    /// # Errors
    ///
    /// Where the kernel, or what is on this machine already, does not let it.
    pub fn new(machines: usize) -> Result<Self> {
        remove_leftovers();
        let process = std::process::id();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let tag = format!("hf{process}n{number}");
        ensure!(tag.len() <= 12, "the kernel takes no longer names than {tag}");
        let subnet = free_subnet(process, number)?;
        // From here on what is made is removed again, also where the next step fails.
        let network = Self { tag, subnet, machines };
        let (tag, subnet) = (&network.tag, &network.subnet);
        ip(&format!("link add {tag} type bridge"))?;
        ip(&format!("addr add {subnet}.254/24 dev {tag}"))?;
        ip(&format!("link set {tag} up"))?;
        for machine in 0..machines {
            network.join(machine)?;
        }
        Ok(network)
    }

    fn join(&self, machine: usize) -> Result<()> {
        let (tag, space, address) = (&self.tag, self.namespace(machine), self.address(machine));
        ip(&format!("netns add {space}"))?;
        ip(&format!("link add {tag}v{machine} type veth peer name eth0 netns {space}"))?;
        ip(&format!("link set {tag}v{machine} master {tag} up"))?;
        ip(&format!("-n {space} addr add {address}/24 dev eth0"))?;
        ip(&format!("-n {space} link set eth0 up"))?;
        ip(&format!("-n {space} link set lo up"))?;
        let chain =
            |name: &str| format!("add chain ip chaos {name} {{ type filter hook {name} priority 0; }}\n");
        self.nft(machine, &format!("add table ip chaos\n{}{}", chain("input"), chain("output")))
    }

    fn namespace(&self, machine: usize) -> String {
        format!("{}-{machine}", self.tag)
    }

    /// The address of a machine.
    #[must_use]
    pub fn address(&self, machine: usize) -> String {
        format!("{}.{}", self.subnet, machine + 1)
    }

    /// A command that runs on a machine: the same process becomes the program.
    #[must_use]
    pub fn command(&self, machine: usize, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(machine), program]);
        command
    }

    fn nft(&self, machine: usize, rules: &str) -> Result<()> {
        let space = self.namespace(machine);
        run("ip", &["netns", "exec", &space, "nft", "-f", "-"], rules).map(|_| ())
    }

    /// Cuts a machine off from the other machines, in place of whatever was lost there before.
    ///
    /// # Errors
    ///
    /// Where the kernel does not take the rules.
    pub fn cut(&self, machine: usize, cut: Cut) -> Result<()> {
        let others: Vec<String> =
            (0..self.machines).filter(|other| *other != machine).map(|other| self.address(other)).collect();
        let set = format!("{{ {} }}", others.join(", "));
        let sent = format!("add rule ip chaos output ip daddr {set} drop\n");
        let received = format!("add rule ip chaos input ip saddr {set} drop\n");
        let rules = match cut {
            Cut::Both => sent + &received,
            Cut::Sent => sent,
            Cut::Received => received,
        };
        self.nft(machine, &format!("flush table ip chaos\n{rules}"))
    }

    /// Loses so many of a hundred packets to the machine, in place of whatever was lost there before.
    ///
    /// # Errors
    ///
    /// Where the kernel does not take the rule.
    pub fn lose(&self, machine: usize, percent: u32) -> Result<()> {
        let rule = format!("add rule ip chaos input numgen random mod 100 < {percent} drop\n");
        self.nft(machine, &format!("flush table ip chaos\n{rule}"))
    }

    /// Loses nothing any more.
    ///
    /// # Errors
    ///
    /// Where the kernel does not take the rules.
    pub fn heal(&self) -> Result<()> {
        (0..self.machines).try_for_each(|machine| self.nft(machine, "flush table ip chaos\n"))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // What was never made cannot be removed, and that is well.
        for machine in 0..self.machines {
            let _ = ip(&format!("netns del {}", self.namespace(machine)));
        }
        let _ = ip(&format!("link del {}", self.tag));
    }
}

/// A subnet that nothing on this machine uses.
fn free_subnet(process: u32, number: u32) -> Result<String> {
    let mut chance = Chance::new(u64::from(process) << 32 | u64::from(number));
    let taken = ip("-4 -o addr show")? + &ip("-4 route show table all")?;
    for _ in 0..TRIES {
        let subnet = format!("10.{}.{}", 64 + chance.below(128), chance.below(256));
        if !taken.contains(&format!(" {subnet}.")) {
            return Ok(subnet);
        }
    }
    bail!("{TRIES} subnets below 10.0.0.0/8 are all taken")
}

/// Removes what an earlier process left that was killed before it could.
fn remove_leftovers() {
    let is_left = |name: &str| {
        let process = name.strip_prefix("hf").and_then(|rest| rest.split_once('n'));
        process.is_some_and(|(process, _)| {
            process.parse::<u32>().is_ok() && !Utf8Path::new("/proc").join(process).exists()
        })
    };
    let spaces = ip("netns list").unwrap_or_default();
    for name in spaces.lines().filter_map(|line| line.split_whitespace().next()).filter(|n| is_left(n)) {
        let _ = ip(&format!("netns del {name}"));
    }
    let links = ip("-o link show type bridge").unwrap_or_default();
    for name in links.lines().filter_map(|line| line.split(": ").nth(1)).filter(|n| is_left(n)) {
        let _ = ip(&format!("link del {name}"));
    }
}
