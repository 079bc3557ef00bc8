//! A cluster of real controller processes, gone with the test.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::v1::GetRequest;
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_client::{ClusterClient, lazy_channel};
use holdfast_controller::{FoundController, FoundOperator, FoundOptions, found};
use holdfast_identity::{Alpn, Context, Expect, IdentityHandle, client_config};
use holdfast_policy::packs;
use holdfast_types::{Span, Time};
use tokio_rustls::rustls::ClientConfig;
use tonic::transport::Channel;

/// How long a call looks for the controller that leads.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// The controllers and who may come in.
pub(crate) struct World {
    _temporary: tempfile::TempDir,
    directory: Utf8PathBuf,
    /// Where the first one listens.
    pub(crate) address: String,
    /// Where each listens.
    pub(crate) addresses: Vec<String>,
    children: Vec<Option<Child>>,
}

impl Drop for World {
    fn drop(&mut self) {
        for child in self.children.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Time(u64::try_from(since.as_millis()).unwrap())
}

fn free_address() -> String {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("127.0.0.1:{port}")
}

fn controller(directory: &Utf8Path, number: usize, address: &str) -> FoundController {
    let name = format!("controller-{}", number + 1);
    let directory = directory.join(&name);
    FoundController { name, directory, listen: address.to_owned() }
}

/// More lines for a configuration file. The limits as founded are in it already; what a test sets takes their place.
fn set(config: &Utf8Path, settings: &str) {
    let text = std::fs::read_to_string(config).unwrap();
    let text = if settings.is_empty() { text } else { text.split("[limits]").next().unwrap().to_owned() };
    let (head, members) = text.split_once("[[members]]").unwrap();
    std::fs::write(config, format!("{head}{settings}\n[[members]]{members}")).unwrap();
}

impl World {
    /// A cluster of one that has just been founded.
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// As [`World::new`], with more lines in the configuration.
    pub(crate) fn with(settings: &str) -> Self {
        Self::of(1, settings)
    }

    /// A cluster of so many controllers.
    pub(crate) fn of(count: usize, settings: &str) -> Self {
        let mut world = Self::founded(count, settings);
        for number in 0..count {
            world.start(number);
        }
        world
    }

    /// A cluster of which nothing runs yet.
    pub(crate) fn founded(count: usize, settings: &str) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
        let addresses: Vec<String> = (0..count).map(|_| free_address()).collect();
        let controllers =
            addresses.iter().enumerate().map(|(number, address)| controller(&directory, number, address));
        found(&FoundOptions {
            cluster_name: "test".to_owned(),
            lease: Span::from_secs(5),
            controllers: controllers.collect(),
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
        let address = addresses[0].clone();
        let children = addresses.iter().map(|_| None).collect();
        let world = Self { _temporary: temporary, directory, address, addresses, children };
        for number in 0..count {
            set(&world.config(number), settings);
        }
        world
    }

    /// The directory of one.
    pub(crate) fn home(&self, number: usize) -> Utf8PathBuf {
        controller(&self.directory, number, "").directory
    }

    /// The configuration file of one.
    pub(crate) fn config(&self, number: usize) -> Utf8PathBuf {
        self.home(number).join("controller.toml")
    }

    /// Starts one.
    pub(crate) fn start(&mut self, number: usize) {
        let log = std::fs::File::create(self.directory.join(format!("log-{number}"))).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_holdfast-controller"))
            .arg("--config")
            .arg(self.config(number))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.children[number] = Some(child);
    }

    /// The context of the administrator.
    pub(crate) fn context(&self) -> Context {
        Context::load(&self.directory.join("context.toml")).unwrap()
    }

    /// Calls of the administrator, to whichever controller leads.
    pub(crate) fn client(&self) -> ClusterClient {
        ClusterClient::new(self.addresses.clone(), self.tls(Alpn::H2), PATIENCE)
    }

    /// A connection of the administrator to one controller.
    pub(crate) fn channel(&self, number: usize) -> Channel {
        lazy_channel(&self.addresses[number], &self.tls(Alpn::H2)).unwrap()
    }

    /// Who the administrator is, for a connection of one's own.
    pub(crate) fn tls(&self, alpn: Alpn) -> Arc<ClientConfig> {
        let context = self.context();
        let identity = IdentityHandle::new(context.identity().unwrap());
        client_config(Some(&identity), &context.trust().unwrap(), Expect::Controller, alpn).unwrap()
    }

    /// Waits until the cluster is founded: its first entry makes this queue.
    pub(crate) async fn up(&self) {
        let client = self.client();
        let get = |channel| async move {
            let request = GetRequest { name: "default".to_owned(), ..GetRequest::default() };
            QueuesClient::new(channel).get(request).await
        };
        let founded = async {
            while client.call(get).await.is_err() {
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(PATIENCE, founded).await.unwrap();
    }

    /// Asks the first to stop.
    pub(crate) fn terminate(&self) {
        let pid = self.children[0].as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for the end of the first.
    pub(crate) fn ended(&mut self) -> bool {
        self.children[0].take().unwrap().wait().unwrap().success()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, number: usize) {
        let mut child = self.children[number].take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// `kill -9` of the first, and begins again.
    pub(crate) fn restart(&mut self) {
        self.kill(0);
        self.start(0);
    }
}
