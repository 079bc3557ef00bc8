//! A controller that is asked for more than its disk can take.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8Path;
use holdfast_api::v1::cluster_client::ClusterClient as ClusterGrpc;
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::{ApplyQueueRequest, ClusterStatusRequest, ListRequest};
use holdfast_api::{problem_from_status, retry_after_of};
use holdfast_controller::{Config, Controller, Platform};
use holdfast_raft::{Disk, DiskFile, RealDisk};
use parking_lot::{Condvar, Mutex};
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::http::ask;
use crate::world::World;

/// Longer than a controller that is not overloaded needs, and shorter than it may take to say that it is.
const ATTEMPT: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(60);

/// Holds the syncs of a disk up.
#[derive(Default)]
struct Gate {
    closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut closed = self.closed.lock();
        while *closed {
            self.opened.wait(&mut closed);
        }
    }

    fn close(&self, closed: bool) {
        *self.closed.lock() = closed;
        self.opened.notify_all();
    }
}

/// Opens the gate however the test ends: a controller waits for its last sync.
struct Opened<'a>(&'a Gate);

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.0.close(false);
    }
}

/// The real disk behind the gate.
struct Gated(Arc<Gate>);

struct GatedFile(Arc<dyn DiskFile>, Arc<Gate>);

impl DiskFile for GatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.1.pass();
        self.0.sync()
    }

    fn sync_data(&self) -> io::Result<()> {
        self.1.pass();
        self.0.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
}

impl Disk for Gated {
    fn create_dir(&self, dir: &Utf8Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn list(&self, dir: &Utf8Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn open(&self, path: &Utf8Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(GatedFile(RealDisk.open(path)?, Arc::clone(&self.0))))
    }

    fn create(&self, path: &Utf8Path, reserve: u64) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(GatedFile(RealDisk.create(path, reserve)?, Arc::clone(&self.0))))
    }

    fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Utf8Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Utf8Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn free_bytes(&self, dir: &Utf8Path) -> io::Result<u64> {
        RealDisk.free_bytes(dir)
    }

    fn lock(&self, dir: &Utf8Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        RealDisk.lock(dir)
    }
}

async fn write(channel: Channel, name: String) -> Result<String, Status> {
    let request = ApplyQueueRequest { name: name.clone(), ..ApplyQueueRequest::default() };
    QueuesClient::new(channel).apply(request).await.map(|_| name)
}

/// Writes until one is refused; those that are taken wait like the others.
async fn refusal(world: &World) -> Status {
    let channel = world.channel(0);
    let refused = async {
        loop {
            let attempt = write(channel.clone(), "attempt".to_owned());
            if let Ok(Err(status)) = tokio::time::timeout(ATTEMPT, attempt).await {
                return status;
            }
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_whose_disk_hangs_says_when_to_come_back_and_loses_nothing() {
    const WRITERS: usize = 64;
    let (world, gate) = (World::founded(1, ""), Arc::new(Gate::default()));
    let platform = Platform { disk: Arc::new(Gated(Arc::clone(&gate))), ..Platform::default() };
    let config = Config::load(&world.config(0)).unwrap();
    let controller = Controller::start(config, platform).await.unwrap();
    world.up().await;

    gate.close(true);
    let opened = Opened(&gate);
    let mut writers = JoinSet::new();
    for n in 0..WRITERS {
        writers.spawn(write(world.channel(0), format!("writer-{n}")));
    }
    let refused = refusal(&world).await;
    assert_eq!((refused.code(), problem_from_status(&refused).code.0), (Code::ResourceExhausted, 5110));
    let after = retry_after_of(&refused).unwrap();
    assert!(after >= Duration::from_millis(50) && after <= Duration::from_secs(5), "{after:?}");
    let head = "PUT /v1/queues/rest HTTP/1.1\r\ncontent-type: application/json";
    let rest = ask(&world, head, "{}").await;
    assert_eq!((rest.status, &rest.body["code"]), (429, &"E5110".into()), "{}", rest.body);
    assert!((1..=5).contains(&rest.headers["retry-after"].parse::<u64>().unwrap()));
    // What needs no disk is answered all the while.
    let mut cluster = ClusterGrpc::new(world.channel(0));
    assert_eq!(cluster.status(ClusterStatusRequest {}).await.unwrap().into_inner().members.len(), 1);
    assert_eq!(ask(&world, "GET /v1/queues/rest?stale=true HTTP/1.1", "").await.status, 404);

    drop(opened);
    let mut kept = Vec::new();
    while let Some(written) = writers.join_next().await {
        match written.unwrap() {
            Ok(name) => kept.push(name),
            // Not known, or not taken: both are said.
            Err(status) => assert!(matches!(problem_from_status(&status).code.0, 5109 | 5110), "{status:?}"),
        }
    }
    assert!(!kept.is_empty());
    // A client that comes back is served.
    let again = |channel| async move {
        let request = ApplyQueueRequest { name: "after".to_owned(), ..ApplyQueueRequest::default() };
        QueuesClient::new(channel).apply(request).await
    };
    world.client().call(again).await.unwrap();
    let list = |channel| async move { QueuesClient::new(channel).list(ListRequest::default()).await };
    let queues = world.client().call(list).await.unwrap().items;
    for name in &kept {
        assert!(queues.iter().any(|queue| queue.metadata.as_ref().unwrap().name == *name), "{name}");
    }
    controller.stop().await;
}
