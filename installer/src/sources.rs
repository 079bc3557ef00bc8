//! Where the configuration of a machine comes from when nobody is asked: the command line names an address, a volume is labelled
//! `HOLDFASTCFG`, or the medium has it. The first that is there counts; one that is there and wrong is an error, not a reason to
//! look further.

use std::fs::File;
use std::io::Read as _;

use anyhow::{Context as _, bail};
use camino::{Utf8Path, Utf8PathBuf};
use holdfast_disk::labelled;
use holdfast_fetch::get;
use rustix::mount::{MountFlags, mount};

use crate::brain::Facts;

/// The label of the volume.
const LABEL: &str = "HOLDFASTCFG";
/// What the command line names an address with.
const ADDRESS: &str = "holdfast.config=";
/// Where the volume is mounted.
pub(crate) const VOLUME: &str = "/run/holdfast-config";
const NAME: &str = "machine.toml";
/// More than any configuration or admission has.
const MOST_BYTES: u64 = 1 << 20;

/// A configuration, and what lies beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it came from, for people.
    pub(crate) from: String,
    /// Its text.
    pub(crate) text: String,
    /// The directory with the files that it names.
    pub(crate) beside: Option<Utf8PathBuf>,
}

/// Looks for a configuration for this machine.
pub(crate) fn find(cmdline: &str, facts: &Facts, media: &Utf8Path) -> anyhow::Result<Option<Found>> {
    if let Some(address) = cmdline.split_whitespace().find_map(|word| word.strip_prefix(ADDRESS)) {
        let address = filled(address, facts);
        let text = fetch(&address).with_context(|| format!("fetch `{address}`"))?;
        return Ok(Some(Found { from: address, text, beside: None }));
    }
    if let Some(device) = volume(Utf8Path::new("/sys"))? {
        let place = Utf8Path::new(VOLUME);
        std::fs::create_dir_all(place).with_context(|| format!("make `{place}`"))?;
        mounted(&device, place)?;
        return in_directory(place, facts).map(Some);
    }
    if media.join(NAME).exists() { in_directory(media, facts).map(Some) } else { Ok(None) }
}

/// The one of this machine in a directory: by its serial number, UUID or a card's address, else the one for all.
fn in_directory(dir: &Utf8Path, facts: &Facts) -> anyhow::Result<Found> {
    let own = names(facts).into_iter().map(|name| dir.join(name));
    let path = own.chain([dir.join(NAME)]).find(|path| path.is_file());
    let path =
        path.with_context(|| format!("`{dir}` has no `{NAME}`, and none of {}", names(facts).join(", ")))?;
    let text = read(&path)?;
    Ok(Found { from: path.to_string(), text, beside: Some(dir.to_owned()) })
}

/// Reads a small file.
pub(crate) fn read(path: &Utf8Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let opened = File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
    opened.with_context(|| format!("read `{path}`"))?;
    Ok(text)
}

/// Names that only this machine's configuration has, on a volume that serves many.
fn names(facts: &Facts) -> Vec<String> {
    let macs = facts.nics.iter().map(|nic| nic.mac.replace(':', "-"));
    let own = facts.system.serial.iter().chain(&facts.system.uuid).cloned().chain(macs);
    let plain = own.filter(|name| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    });
    plain.map(|name| format!("machine-{}.toml", name.to_lowercase())).collect()
}

/// An address with what it asks about this machine filled in.
fn filled(address: &str, facts: &Facts) -> String {
    let linked = facts.nics.iter().find(|nic| nic.link).or(facts.nics.first());
    let mac = linked.map(|nic| nic.mac.replace(':', "-")).unwrap_or_default();
    let text = |value: &Option<String>| value.clone().unwrap_or_default().to_lowercase().replace(' ', "-");
    address
        .replace("${mac}", &mac)
        .replace("${serial}", &text(&facts.system.serial))
        .replace("${uuid}", &text(&facts.system.uuid))
}

/// The device that has the label.
fn volume(sys: &Utf8Path) -> anyhow::Result<Option<Utf8PathBuf>> {
    // Two volumes are two opinions.
    match labelled(sys, LABEL).as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only.clone())),
        several => bail!("{} volumes are labelled {LABEL}: leave one", several.len()),
    }
}

fn mounted(device: &Utf8Path, place: &Utf8Path) -> anyhow::Result<()> {
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let mut failed = None;
    for kind in ["vfat", "iso9660"] {
        match mount(device.as_std_path(), place.as_std_path(), kind, flags, None) {
            Ok(()) => return Ok(()),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.map_or_else(|| anyhow::anyhow!("no kind of file system"), anyhow::Error::from))
        .with_context(|| format!("mount `{device}`"))
}

/// Fetches a small text by plain HTTP: a configuration comes from the site's own network, and what has secrets comes by volume.
fn fetch(address: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    get(&address.parse()?, MOST_BYTES, &mut |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    })?;
    String::from_utf8(bytes).context("the answer is no text")
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, Write as _};
    use std::net::TcpListener;

    use super::*;
    use crate::brain::{Firmware, Nic, System};

    fn facts() -> Facts {
        let nic = |name: &str, link| Nic {
            name: name.to_owned(),
            mac: format!("52:54:00:00:00:0{}", u8::from(link)),
            link,
            speed: None,
        };
        Facts {
            system: System {
                product: String::new(),
                serial: Some("SN 7".to_owned()),
                uuid: Some("AB-1".to_owned()),
            },
            threads: 1,
            memory: 0,
            firmware: Firmware::Other,
            tpm: false,
            clock: 0,
            nics: vec![nic("eth0", false), nic("eth1", true)],
            disks: Vec::new(),
        }
    }

    #[test]
    fn a_volume_that_serves_many_has_a_file_for_each() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        assert!(
            in_directory(dir, &facts()).unwrap_err().to_string().contains("machine-52-54-00-00-00-01.toml")
        );
        for (name, text) in [
            ("machine.toml", "all"),
            ("machine-52-54-00-00-00-01.toml", "card"),
            ("machine-ab-1.toml", "uuid"),
        ] {
            std::fs::write(dir.join(name), text).unwrap();
            assert_eq!(in_directory(dir, &facts()).unwrap().text, text);
        }
    }

    #[test]
    fn an_address_says_which_machine_asks() {
        assert_eq!(
            filled("http://h/${mac}/${serial}/${uuid}", &facts()),
            "http://h/52-54-00-00-00-01/sn-7/ab-1"
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let mut asked = Vec::new();
            for answer in ["HTTP/1.1 200 OK\r\nX: y\r\n\r\nkind = 1\n", "HTTP/1.1 404 Not Found\r\n\r\n"] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut lines = std::io::BufReader::new(stream.try_clone().unwrap()).lines();
                asked.push(lines.next().unwrap().unwrap());
                while !lines.next().unwrap().unwrap().is_empty() {}
                stream.write_all(answer.as_bytes()).unwrap();
            }
            asked
        });
        assert_eq!(fetch(&format!("http://{address}/a/b")).unwrap(), "kind = 1\n");
        assert!(fetch(&format!("http://{address}")).unwrap_err().to_string().contains("404"));
        assert_eq!(server.join().unwrap(), ["GET /a/b HTTP/1.0", "GET / HTTP/1.0"]);
        assert!(fetch("https://h/").is_err());
    }
}
