//! A real controller process on a real port, gone with the test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_client::ClusterClient;
use holdfast_controller::{FoundController, FoundOperator, FoundOptions, found};
use holdfast_identity::{Alpn, Context, Expect, IdentityHandle, client_config};
use holdfast_policy::packs;
use holdfast_types::{Span, Time};

/// One controller and who may come in.
pub struct World {
    _temporary: tempfile::TempDir,
    pub(crate) directory: Utf8PathBuf,
    /// Where it listens.
    pub address: String,
    child: Child,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Time(u64::try_from(since.as_millis()).unwrap())
}

fn start(directory: &Utf8Path) -> Child {
    let log = std::fs::File::create(directory.join("log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_holdfast-controller"))
        .arg("--config")
        .arg(directory.join("c/controller.toml"))
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

impl World {
    /// A cluster that has just been founded.
    pub fn new() -> Self {
        Self::with("")
    }

    /// As [`World::new`], with more lines in the configuration.
    pub fn with(settings: &str) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        found(&FoundOptions {
            cluster_name: "test".to_owned(),
            lease: Span::from_secs(5),
            controllers: vec![FoundController {
                name: "controller-1".to_owned(),
                directory: directory.join("c"),
                listen: address.clone(),
            }],
            jurisdictions: vec!["DE".parse().unwrap(), "FR".parse().unwrap()],
            law: packs::DEMO.law.to_owned(),
            tenant_policies: packs::DEMO.tenant.to_owned(),
            operators: vec![FoundOperator {
                name: "admin".to_owned(),
                roles: vec!["admin".to_owned(), "engineer".to_owned()],
                tenant: None,
                context: directory.join("context.toml"),
            }],
            now: now(),
        })
        .unwrap();
        let config = directory.join("c/controller.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        // The limits as founded are in the file already; what a test sets takes their place.
        let text = if settings.is_empty() { text } else { text.split("[limits]").next().unwrap().to_owned() };
        let (head, members) = text.split_once("[[members]]").unwrap();
        std::fs::write(&config, format!("{head}{settings}\n[[members]]{members}")).unwrap();
        let child = start(&directory);
        Self { _temporary: temporary, directory, address, child }
    }

    /// The context of the administrator.
    pub fn context(&self) -> Context {
        Context::load(&self.directory.join("context.toml")).unwrap()
    }

    /// Calls of the administrator.
    pub fn client(&self) -> ClusterClient {
        let context = self.context();
        let identity = IdentityHandle::new(context.identity().unwrap());
        let trust = context.trust().unwrap();
        let config = client_config(Some(&identity), &trust, Expect::Controller, Alpn::H2).unwrap();
        ClusterClient::new(vec![self.address.clone()], config, Duration::from_secs(30))
    }

    /// Asks the controller to stop.
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    /// `kill -9`, and begins again.
    pub fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = start(&self.directory);
    }
}
