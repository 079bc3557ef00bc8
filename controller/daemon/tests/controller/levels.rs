//! Controllers of two releases in one cluster.

use std::time::Duration;

use holdfast_api::v1::cluster_client::ClusterClient as ClusterGrpc;
use holdfast_api::v1::{ClusterStatus, ClusterStatusRequest};
use holdfast_controller::{Config, Controller, Platform};
use holdfast_types::Problem;

use crate::failover::leader;
use crate::transactions::{apply, commit};
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// A controller whose release knows levels up to this.
async fn start(world: &World, number: usize, newest_level: u32) -> Result<Controller, Problem> {
    let config = Config::load(&world.config(number)).unwrap();
    Controller::start(config, Platform { newest_level, ..Platform::default() }).await
}

/// The status of the leader, when it is as it should be.
async fn status(world: &World, wanted: impl Fn(&ClusterStatus) -> bool) -> ClusterStatus {
    let mut last = None;
    let seen = async {
        loop {
            let channel = world.channel(leader(world).await);
            if let Ok(status) = ClusterGrpc::new(channel).status(ClusterStatusRequest {}).await {
                let status = status.into_inner();
                if wanted(&status) {
                    return status;
                }
                last = Some(status);
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, seen).await;
    assert!(seen.is_ok(), "it is {last:?}");
    seen.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_level_rises_when_the_last_voter_knows_it_and_not_before() {
    let world = World::founded(3, "");
    let (one, two) = (start(&world, 0, 2).await.unwrap(), start(&world, 1, 2).await.unwrap());
    let three = start(&world, 2, 1).await.unwrap();
    world.up().await;
    // Two releases in one cluster: it works, at what both know.
    let mixed = status(&world, |s| s.newest_level == 2 && s.held_back_by == ["controller-3"]).await;
    assert_eq!(mixed.feature_level, 1);
    let said =
        mixed.attention.iter().find(|item| item.what.starts_with("feature level 1 is in force")).unwrap();
    assert!(said.why.contains("controller-3 knows level 1"), "{said:?}");
    let level = |status: &ClusterStatus, n: usize| status.members[n].health.as_ref().unwrap().feature_level;
    assert_eq!((level(&mixed, 0), level(&mixed, 2)), (2, 1));
    assert_eq!(commit(&world, &[apply("new", 0)], "k1").await, Err(1130));

    // Within the level the older release can come back.
    two.stop().await;
    let two = start(&world, 1, 1).await.unwrap();
    let back = status(&world, |s| s.held_back_by == ["controller-2", "controller-3"]).await;
    assert_eq!(back.feature_level, 1);
    two.stop().await;
    let two = start(&world, 1, 2).await.unwrap();

    // The last one is upgraded, and the same key is now of a command that is known.
    three.stop().await;
    let three = start(&world, 2, 2).await.unwrap();
    let raised = status(&world, |s| s.feature_level == 2).await;
    assert!(raised.held_back_by.is_empty() && raised.newest_level == 2, "{:?}", raised.held_back_by);
    commit(&world, &[apply("new", 0)], "k1").await.unwrap();

    // Now there is no way back, and the one that tries says so.
    three.stop().await;
    let refused = start(&world, 2, 1).await.unwrap_err();
    assert_eq!(refused.code.0, 5115, "{refused}");
    assert!(refused.to_string().contains("feature level 2"), "{refused}");
    let three = start(&world, 2, 2).await.unwrap();
    for controller in [one, two, three] {
        controller.stop().await;
    }
}
