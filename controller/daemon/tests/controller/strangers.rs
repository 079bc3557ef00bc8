//! A controller that was removed: its certificate is good for hours and opens nothing any more.

use std::time::{Duration, Instant};

use holdfast_api::internal::health_client::HealthClient;
use holdfast_api::internal::raft_client::RaftClient;
use holdfast_api::internal::{HealthRequest, RaftBody};
use holdfast_api::problem_from_status;
use holdfast_api::v1::cluster_client::ClusterClient as ClusterGrpc;
use holdfast_api::v1::controllers_client::ControllersClient;
use holdfast_api::v1::{ClusterStatusRequest, RemoveControllerRequest};
use holdfast_client::lazy_channel;
use holdfast_identity::{Alpn, Expect, Identity, IdentityHandle, client_config};
use tonic::Status;
use tonic::transport::Channel;

use crate::world::World;

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(50);
/// The controller that is removed, and those that stay.
const GONE: usize = 2;
const STAY: [usize; 2] = [0, 1];

/// A connection to one controller, as another.
fn channel_as(world: &World, who: usize, to: usize) -> Channel {
    let place = world.home(who).join("identity");
    let identity = Identity::load(&place.join("chain.pem"), &place.join("key.pem")).unwrap();
    let trust = world.context().trust().unwrap();
    let tls = client_config(Some(&IdentityHandle::new(identity)), &trust, Expect::Controller, Alpn::H2);
    lazy_channel(&world.addresses[to], &tls.unwrap()).unwrap()
}

async fn health(channel: Channel) -> Result<(), Status> {
    HealthClient::new(channel).ask(HealthRequest {}).await.map(drop)
}

fn code<T: std::fmt::Debug>(refused: Result<T, Status>) -> u16 {
    problem_from_status(&refused.unwrap_err()).code.0
}

#[tokio::test]
async fn the_certificate_of_a_controller_that_was_removed_is_refused_by_the_others() {
    let world = World::of(3, "");
    world.up().await;
    let open: Vec<Channel> = STAY.iter().map(|to| channel_as(&world, GONE, *to)).collect();
    let deadline = Instant::now() + PATIENCE;
    for channel in &open {
        while health(channel.clone()).await.is_err() {
            assert!(Instant::now() < deadline, "a member is answered");
            tokio::time::sleep(PAUSE).await;
        }
    }

    let remove = |channel| async move {
        let request = RemoveControllerRequest { name: "controller-3".to_owned(), ..Default::default() };
        ControllersClient::new(channel).remove(request).await
    };
    world.client().call(remove).await.unwrap();
    for channel in &open {
        // Over the connection that it has, and a certificate that has hours left.
        while health(channel.clone()).await.is_ok() {
            assert!(Instant::now() < deadline, "a controller that was removed is answered");
            tokio::time::sleep(PAUSE).await;
        }
        assert_eq!(code(health(channel.clone()).await), 1242);
        let mut raft = RaftClient::new(channel.clone());
        assert_eq!(code(raft.vote(RaftBody::default()).await), 1242);
        assert_eq!(code(raft.append(RaftBody::default()).await), 1242);
        assert_eq!(code(raft.install_snapshot(RaftBody::default()).await), 1242);
    }
    // Those that stay are members as before.
    assert!(health(channel_as(&world, STAY[0], STAY[1])).await.is_ok());

    // It finds out, and tells whoever asks.
    let mut own = ClusterGrpc::new(world.channel(GONE));
    loop {
        let told = own.status(ClusterStatusRequest {}).await.map(|status| status.into_inner().answered_by);
        if told.is_ok_and(|own| own.is_some_and(|own| own.excluded.contains("removed"))) {
            break;
        }
        assert!(Instant::now() < deadline, "it knows nothing of it");
        tokio::time::sleep(PAUSE).await;
    }
}
