//! The command line at a desk, and a machine that waits for its configuration: real but for the disk.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_installer::brain::{
    Confirmed, Detected, Disk, Facts, Firmware, Holds, Release, SecureBoot, System, Transport,
};
use holdfast_installer::hands::Admission;
use holdfast_installer::remote::{Claim, Desk, Ended, Hands, serve};
use holdfast_maintenance::{Fingerprint, Presented, Work};
use holdfast_release::Profile;
use holdfast_seal::RecoveryKey;

const KEY: &str = "cbdefghi-cbdefghi-cbdefghi-cbdefghi-cbdefghi-cbdefghi-cbdefghi-cbdefghi";
const MACHINE: &str = "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\nmetadata.name = \"n1\"\n[spec]\nrole = \"agent\"\n\
    [spec.install]\ndisk = { serial = \"S1\" }\n[spec.cluster]\ncontrollers = [\"10.0.0.1:7443\"]\nadmissionFile = \"token\"\n";

/// Counts what it is given to write.
struct Fake(Arc<AtomicUsize>);

impl Hands for Fake {
    fn detect(&self) -> anyhow::Result<Detected> {
        let disk = Disk {
            path: "/dev/nvme0n1".into(),
            serial: Some("S1".to_owned()),
            model: "M".to_owned(),
            transport: Transport::Nvme,
            bytes: 200 << 30,
            sector: 512,
            kept: None,
            holds: Holds::Nothing,
        };
        let system = System { product: "Server".to_owned(), serial: None, uuid: None };
        let facts = Facts {
            system,
            threads: 8,
            memory: 64 << 30,
            firmware: Firmware::Uefi(SecureBoot::On),
            tpm: true,
            clock: 1_795_271_400,
            nics: Vec::new(),
            disks: vec![disk],
        };
        let version = "1.2.0".to_owned();
        let release = Release { version, profile: Profile::Small, epoch: 0, extensions: Vec::new() };
        let nic = holdfast_installer::brain::Nic {
            name: "e0".to_owned(),
            mac: "52:54:00:00:00:01".to_owned(),
            link: true,
            speed: None,
        };
        Ok(Detected { facts: Facts { nics: vec![nic], ..facts }, release })
    }

    fn claim(&self) -> anyhow::Result<Option<Claim>> {
        Ok(Some(Claim(None)))
    }

    fn install(
        &self,
        _: Claim,
        _: Confirmed,
        admission: Option<Admission>,
        on: &mut dyn FnMut(Work),
    ) -> anyhow::Result<Option<RecoveryKey>> {
        assert_eq!(admission.map(|admission| admission.content), Some(b"let me in".to_vec()));
        on(Work { what: "the system".to_owned(), done: 1 << 30, total: 2 << 30, seconds: 3 });
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Some(RecoveryKey::typed(KEY)?))
    }

    fn say(&self, _: &str, _: &serde_json::Value) {}
}

struct World {
    temp: tempfile::TempDir,
    address: String,
    fingerprint: Fingerprint,
    desk: Arc<Desk>,
    written: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    ended: Option<std::thread::JoinHandle<Option<Ended>>>,
}

impl World {
    fn new() -> Self {
        let (written, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let desk = Arc::new(Desk::new(Box::new(Fake(Arc::clone(&written))), "1.2.0").unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let presented = Presented::make().unwrap();
        let fingerprint = presented.fingerprint;
        let (at, is_over) = (Arc::clone(&desk), Arc::clone(&over));
        let ended = std::thread::spawn(move || {
            serve(&listener, &presented, &at, &|| is_over.load(Ordering::SeqCst), &mut |_| {}).unwrap()
        });
        let temp = tempfile::tempdir().unwrap();
        let world = Self { temp, address, fingerprint, desk, written, over, ended: Some(ended) };
        std::fs::write(world.path("n1.toml"), MACHINE).unwrap();
        std::fs::write(world.path("n1.token"), "let me in").unwrap();
        world
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.temp.path()).unwrap().join(name)
    }

    /// The command line, with this on its standard input.
    fn site(&self, arguments: &[&str], typed: &str) -> Output {
        let mut command = Command::new(format!("{}/holdfast", std::env::var("HOLDFAST_BIN_DIR").unwrap()));
        command.arg("site").args(arguments).args(["--address", &self.address]).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Who refuses before he asks reads nothing.
        drop(child.stdin.take().unwrap().write_all(typed.as_bytes()));
        child.wait_with_output().unwrap()
    }

    fn install(&self, more: &[&str], typed: &str) -> Output {
        let (machine, token) = (self.path("n1.toml"), self.path("n1.token"));
        let pin = self.fingerprint.to_string();
        let own = ["install", machine.as_str(), "--admission", token.as_str(), "--fingerprint", &pin];
        self.site(&[&own, more].concat(), typed)
    }

    fn code(&self) -> String {
        self.desk.code().text().to_string()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

/// How it ended, what it said, and what was data.
fn parts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stderr), text(&output.stdout))
}

#[test]
fn without_its_fingerprint_a_machine_is_told_nothing() {
    let world = World::new();
    let (code, said, data) = parts(&world.site(&["inspect"], &world.code()));
    assert_eq!((code, data.as_str()), (Some(2), ""), "{said}");
    assert!(said.contains("E5160") && said.contains("on the machine's console"), "{said}");
    let other = Fingerprint::of(b"another").to_string();
    let (code, said, data) = parts(&world.site(&["inspect", "--fingerprint", &other], &world.code()));
    assert_eq!((code, data.as_str()), (Some(1), ""), "{said}");
    assert!(said.contains("E5161") && said.contains(&world.fingerprint.to_string()), "{said}");
    let pin = world.fingerprint.to_string();
    let wrong = if world.code().starts_with('0') { "1111-1111" } else { "0000-0000" };
    let (code, said, _) = parts(&world.site(&["inspect", "--fingerprint", &pin], wrong));
    assert!(code == Some(1) && said.contains("E7180"), "{said}");
    let (code, said, _) = parts(&world.site(&["inspect", "--fingerprint", &pin], "what?"));
    assert!(code == Some(2) && said.contains("E5163"), "{said}");
    let (_, said, data) =
        parts(&world.site(&["inspect", "--fingerprint", &pin, "-o", "json"], &world.code().to_lowercase()));
    let facts: serde_json::Value = serde_json::from_str(&data).unwrap_or_else(|_| panic!("{said}"));
    assert_eq!(facts["disks"][0]["serial"], "S1");
}

#[test]
fn a_machine_is_installed_when_the_serial_number_of_its_disk_is_typed() {
    let mut world = World::new();
    let (code, said, _) = parts(&world.install(&[], &format!("{}\nS2\n", world.code())));
    assert!(code == Some(2) && said.contains("`S2` is not the serial number"), "{said}");
    let (code, said, data) = parts(&world.install(&["--dry-run"], &world.code()));
    assert_eq!((code, data.as_str()), (Some(0), "n1\n"), "{said}");
    assert_eq!(world.written.load(Ordering::SeqCst), 0, "nothing was written until here");
    let (code, said, data) = parts(&world.install(&[], &format!("{}\nS1\n", world.code())));
    assert_eq!((code, data), (Some(0), format!("{KEY}\n")), "{said}");
    assert!(
        said.contains("| after") && said.contains("n1 is installed") && !said.contains("cbdefghi"),
        "{said}"
    );
    assert_eq!(world.written.load(Ordering::SeqCst), 1);
    let ended = world.ended.take().unwrap().join().unwrap().unwrap();
    assert_eq!(ended.unread, None);
    assert!(TcpStream::connect(&world.address).is_err());
    let pin = world.fingerprint.to_string();
    let (code, said, _) = parts(&world.site(&["inspect", "--fingerprint", &pin], &world.code()));
    assert!(code == Some(5) && said.contains("E5162"), "{said}");
}

/// As forty of them are installed: with the code in a file and nobody there.
#[test]
fn a_script_installs_with_the_consent_that_a_volume_has() {
    let world = World::new();
    let code = world.path("code");
    std::fs::write(&code, world.code()).unwrap();
    let (status, said, data) = parts(&world.install(&["--yes", "--code-file", code.as_str()], ""));
    assert_eq!((status, data), (Some(0), format!("{KEY}\n")), "{said}");
}
