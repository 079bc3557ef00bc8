//! A root that no disk and no medium has: fetched from a server of the site into memory, by plain HTTP. The signed command line
//! names the digest of the manifest, and the manifest every file, so that it does not matter who answers.

mod files;
mod refusal;

use std::fs;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_fetch::Address;
use holdfast_release::machine::Network;
use rustix::mount::MountFlags;
use serde_json::json;

use crate::cmdline::Cmdline;
use crate::event::{event, say};
use crate::medium::{self, Medium};
use crate::modules::Modules;
use crate::mounts;
use crate::network::{self, Asks, BootFile};
use files::Server;
use refusal::Refusal;

/// The address of the directory with the files, where it is known when the kernel is signed.
const ROOT: &str = "holdfast.root";
/// The directory on the server that the lease names, where the lease says no more.
const DIRECTORY: &str = "holdfast";
/// How long a card may take to show itself.
const CARDS: Duration = Duration::from_secs(30);
/// How long a lease may take: a switch that looks for loops first takes most of a minute.
const LEASE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(250);
/// The seconds that are waited each time before a server that did not answer is asked again.
const WAITS: [u64; 8] = [1, 2, 4, 8, 16, 30, 30, 30];
/// Memory that is left to the system that installs.
const RESERVE: u64 = 256 << 20;
/// What a file system takes for its own.
const OVERHEAD: u64 = 1 << 20;

/// Fetches the release with this root, and leaves it where a medium is mounted.
pub(crate) fn fetch(modules: &mut Modules, cmdline: &Cmdline, root_hash: [u8; 32]) -> Result<Medium, String> {
    fetched(modules, cmdline, root_hash).map_err(|refusal| {
        event("netboot.refused", &json!({ "reason": refusal.word(), "why": refusal.to_string() }));
        format!("the network has no root that could be used: {refusal}")
    })
}

fn fetched(modules: &mut Modules, cmdline: &Cmdline, root_hash: [u8; 32]) -> Result<Medium, Refusal> {
    let digest = cmdline.manifest().ok_or(Refusal::NoManifest)?;
    let boots = leased(modules)?;
    let from = source(cmdline.get(ROOT), &boots)?;
    say(format_args!("fetches the system from {from}"));
    let began = Instant::now();
    let server = Server { from: &from, waits: &WAITS.map(Duration::from_secs) };
    let (bytes, manifest) = server.manifest(digest)?;
    let needs = manifest.files.values().fold(0_u64, |sum, file| sum.saturating_add(file.bytes));
    let has = available(&fs::read_to_string("/proc/meminfo").unwrap_or_default());
    if has < needs.saturating_add(RESERVE) {
        return Err(Refusal::Memory { needs, reserve: RESERVE, has });
    }
    let options = format!("mode=0755,size={}", needs.saturating_add(OVERHEAD));
    let safe = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mounts::at("tmpfs", "tmpfs", medium::FIRST, safe, &options).map_err(Refusal::Keep)?;
    let directory = Utf8Path::new(medium::FIRST).join(medium::RELEASE);
    server.files(&manifest, &bytes, &directory)?;
    let (root, tree) = medium::files();
    let proved = crate::slot::proved(&tree, &root, root_hash).ok_or(Refusal::OtherRoot)?;
    let seconds = began.elapsed().as_secs();
    let (from, version) = (from.to_string(), &manifest.version);
    event(
        "netboot.fetched",
        &json!({ "from": from, "version": version, "bytes": needs, "seconds": seconds }),
    );
    Ok(Medium { device: Utf8PathBuf::from(from), proved })
}

/// Brings every card up and waits until one of them has a lease: what it says of booting.
fn leased(modules: &mut Modules) -> Result<Vec<BootFile>, Refusal> {
    let sys = Utf8Path::new("/sys");
    let cards = || {
        modules.settle(sys);
        Some(network::cards()).filter(|cards| !cards.is_empty())
    };
    wait(CARDS, cards).ok_or(Refusal::NoCard)?;
    // Whoever is asked for names is written down there.
    drop(fs::create_dir_all("/etc"));
    let told = network::bring_up(&Network::default(), "holdfast", Asks::Boot);
    wait(LEASE, || Some(told.boot()).filter(|boots| !boots.is_empty())).ok_or(Refusal::NoLease(LEASE))
}

fn wait<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if began.elapsed() > limit {
            return None;
        }
        std::thread::park_timeout(LOOK);
    }
}

/// Where the files are: in the directory that the command line names, beside what the firmware was told to fetch by HTTP, or in
/// [`DIRECTORY`] on the server that it was told to fetch from otherwise.
fn source(named: Option<&str>, boots: &[BootFile]) -> Result<Address, Refusal> {
    let by_http = || boots.iter().map(|boot| &boot.file).find(|file| file.starts_with("http://")).cloned();
    let by_server = || boots.first().map(|boot| format!("http://{}/{DIRECTORY}/", boot.server));
    let named = named.map(|named| format!("{}/", named.trim_end_matches('/')));
    let text = named.or_else(by_http).or_else(by_server).unwrap_or_default();
    let address: Address = text.parse().map_err(Refusal::Address)?;
    // There is nobody here who knows names.
    if address.number().is_none() { Err(Refusal::Name(text)) } else { Ok(address) }
}

/// Bytes of memory that can be had (proc_meminfo(5)).
fn available(text: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")).unwrap_or_default();
    let kilobytes: Option<u64> = line.trim().strip_suffix("kB").and_then(|number| number.trim().parse().ok());
    kilobytes.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_where_the_command_line_says_or_where_the_kernel_came_from() {
        let boot = |file: &str| BootFile { server: [10, 0, 0, 1].into(), file: file.to_owned() };
        let from = |named, boots: &[BootFile]| source(named, boots).map(|address| address.to_string());
        let by_http = [boot("netboot.efi"), boot("http://10.0.0.2:8080/x/netboot.efi")];
        assert_eq!(from(Some("http://10.0.0.9/y"), &by_http).unwrap(), "http://10.0.0.9/y/");
        assert_eq!(from(Some("http://10.0.0.9/y/"), &by_http).unwrap(), "http://10.0.0.9/y/");
        assert_eq!(
            source(None, &by_http).unwrap().beside("root.erofs").to_string(),
            "http://10.0.0.2:8080/x/root.erofs"
        );
        assert_eq!(from(None, &[boot("netboot.efi")]).unwrap(), "http://10.0.0.1/holdfast/");
        assert_eq!(from(Some("http://boot.example/"), &by_http).unwrap_err().word(), "address");
        assert_eq!(from(Some("https://10.0.0.1/"), &by_http).unwrap_err().word(), "address");
    }

    #[test]
    fn the_memory_that_can_be_had_is_what_the_kernel_says() {
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:     1024 kB\n"), 1 << 20);
        assert_eq!(available("MemAvailable: much\n"), 0);
    }
}
