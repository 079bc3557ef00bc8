//! A machine that was started from the medium without a configuration, installed from somebody's desk by the real command line.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::{Setup, images};

/// Software emulation beside other tests; a machine alone takes a twentieth.
const LIMIT: Duration = Duration::from_secs(300);
const DISK_BYTES: u64 = 1536 << 20;
/// Where machines listen that wait for their configuration.
const PORT: u16 = 7446;
const MACHINE: &str = "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\n\n[metadata]\nname = \"ctl-1\"\n\n[spec]\n\
    role = \"controller\"\nfirst = true\n\n[spec.install]\ndisk = { serial = \"disk0\" }\n\n\
    [spec.time]\nallowUnsynced = true\n\n[spec.cluster]\nname = \"prod\"\njurisdiction = \"DE\"\n";

/// The command line at the desk, which gets `typed` on its standard input.
fn holdfast(arguments: &[&str], typed: &str) -> Output {
    let program = Utf8PathBuf::from(std::env::var("HOLDFAST_BIN_DIR").unwrap()).join("holdfast");
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who refuses before he asks reads nothing.
    drop(child.stdin.take().unwrap().write_all(typed.as_bytes()));
    child.wait_with_output().unwrap()
}

/// What a client says that somebody else wrote; nothing of it is ours.
fn foreign(address: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", address]).stdin(Stdio::null());
    let output = command.output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Check 20. The code and the fingerprint are read where the machine stands, everything else is done from elsewhere; then it starts
/// from its disk, and at the port nobody is any more.
#[test]
fn a_machine_is_installed_from_a_desk_and_does_not_listen_any_more() {
    let (temp, images) = (tempfile::tempdir().unwrap(), images().unwrap());
    let dir = Utf8Path::from_path(temp.path()).unwrap();
    let (disk, config) = (dir.join("disk"), dir.join("ctl-1.toml"));
    File::create(&disk).unwrap().set_len(DISK_BYTES).unwrap();
    fs::write(&config, MACHINE).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // The firmware's part is tested elsewhere.
    let setup = |more: &str, discs| {
        let firmware = images.direct(more).unwrap();
        let network = format!("user,id=net,hostfwd=tcp:{free}-:{PORT}");
        let more = ["-netdev", &network, "-device", "virtio-net-pci,netdev=net"].map(str::to_owned).into();
        Setup { disks: vec![disk.clone()], discs, megabytes: 1024, more, ..Setup::new(firmware) }
    };
    let mut machine = setup("holdfast.mode=install", vec![images.medium().unwrap()]).start().unwrap();

    let ready = machine.event("maintenance.ready", LIMIT).unwrap();
    assert_eq!(ready["addresses"][0], format!("10.0.2.15:{PORT}"));
    let (code, fingerprint) = (ready["code"].as_str().unwrap(), ready["fingerprint"].as_str().unwrap());
    machine.shows(code, LIMIT).unwrap();
    println!("it listens after {:.1} CPU-s", machine.cpu_seconds().unwrap());

    let address = free.to_string();
    let inspect = ["site", "inspect", "--address", &address];
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let unpinned = holdfast(&inspect, code);
    assert!(!unpinned.status.success() && said(&unpinned).contains("E5160"), "{}", said(&unpinned));
    let other = "00:".repeat(31) + "00";
    let elsewhere = holdfast(&[&inspect[..], &["--fingerprint", &other]].concat(), code);
    assert!(
        said(&elsewhere).contains("E5161") && said(&elsewhere).contains(fingerprint),
        "{}",
        said(&elsewhere)
    );
    let pinned = [&inspect[..], &["--fingerprint", fingerprint]].concat();
    let wrong = holdfast(&pinned, "0000-0000");
    assert!(said(&wrong).contains("E7180"), "{}", said(&wrong));
    assert!(foreign(&address).contains("handshake failure"), "{}", foreign(&address));
    let facts = holdfast(&pinned, code);
    assert!(String::from_utf8_lossy(&facts.stdout).contains("serial disk0"), "{}", said(&facts));

    let typed = format!("{code}\ndisk0\n");
    let install = ["site", "install", config.as_str(), "--address", &address, "--fingerprint", fingerprint];
    let installed = holdfast(&install, &typed);
    assert!(installed.status.success(), "{}", said(&installed));
    assert_eq!(String::from_utf8_lossy(&installed.stdout), "ctl-1\n");
    assert!(
        said(&installed).contains("now                                  | after"),
        "{}",
        said(&installed)
    );
    machine.event("install.planned", LIMIT).unwrap();
    machine.event("install.done", LIMIT).unwrap();
    println!("it is installed after {:.1} CPU-s", machine.cpu_seconds().unwrap());

    machine.ended(LIMIT).unwrap();
    let mut machine = setup("", Vec::new()).start().unwrap();
    assert_eq!(machine.event("root.proved", LIMIT).unwrap()["slot"], "A");
    machine.event("ready", LIMIT).unwrap();
    machine.event("network.up", LIMIT).unwrap();
    // QEMU takes the connection before it asks the machine, which refuses it.
    TcpStream::connect(free).unwrap();
    let gone = holdfast(&pinned, code);
    assert!(!gone.status.success() && said(&gone).contains("E5162"), "{}", said(&gone));
    assert!(!foreign(&address).contains("BEGIN CERTIFICATE"), "somebody presents a certificate");
}
