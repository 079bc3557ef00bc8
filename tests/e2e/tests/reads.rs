//! What a controller answers that is cut off from the others.

use std::time::Duration;

use anyhow::{Result, ensure};
use holdfast_api::problem_from_status;
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::{ApplyQueueRequest, ListRequest, QueueList};
use holdfast_e2e::controllers::{Controllers, Disk, PATIENCE};
use holdfast_e2e::network::{Cut, obstacle};
use tokio::time::{Instant, sleep};

/// What `docs/design/semantics.md` promises of stale reads.
const BOUND: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(200);

/// The queues as this controller has them, or the code with which it refuses.
async fn stale(controllers: &Controllers, index: usize) -> Result<Result<QueueList, u16>> {
    let ask = ListRequest { stale: true, ..ListRequest::default() };
    let answer = QueuesClient::new(controllers.channel(index)?).list(ask).await;
    Ok(answer.map(tonic::Response::into_inner).map_err(|status| problem_from_status(&status).code.0))
}

fn has(list: &QueueList, name: &str) -> bool {
    list.items.iter().any(|queue| queue.metadata.as_ref().is_some_and(|m| m.name == name))
}

async fn cut_off(controllers: &mut Controllers) -> Result<()> {
    let leader = controllers.leader().await?;
    let victim = (leader + 1) % controllers.count();
    let begun = Instant::now();
    while stale(controllers, victim).await?.is_err() {
        ensure!(begun.elapsed() < PATIENCE, "it answers stale reads while it hears the leader");
        sleep(LOOK).await;
    }
    controllers.network().cut(victim, Cut::Both)?;
    let apply = ApplyQueueRequest { name: "new".to_owned(), ..ApplyQueueRequest::default() };
    let write = |channel| {
        let apply = apply.clone();
        async move { QueuesClient::new(channel).apply(apply).await }
    };
    let written = controllers.client(leader, PATIENCE).call(write).await;
    ensure!(written.is_ok(), "the others go on: {written:?}");
    let written = Instant::now();
    let refused = loop {
        let asked = written.elapsed();
        match stale(controllers, victim).await? {
            Ok(list) => ensure!(
                asked < BOUND && !has(&list, "new"),
                "{asked:?} after a write it answers as if there were none"
            ),
            Err(code) => break code,
        }
        sleep(LOOK).await;
    };
    ensure!(refused == 1280, "it says that its state is too old, and not E{refused}");
    controllers.network().heal()?;
    let healed = Instant::now();
    loop {
        if let Ok(list) = stale(controllers, victim).await? {
            ensure!(has(&list, "new"), "it answers again only with what was written meanwhile");
            return Ok(());
        }
        ensure!(healed.elapsed() < PATIENCE, "it comes back by itself");
        sleep(LOOK).await;
    }
}

#[test]
fn a_controller_that_is_cut_off_answers_no_stale_read_beyond_its_bound() -> Result<()> {
    if let Some(obstacle) = obstacle() {
        println!("skipped: {obstacle}");
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut controllers = Controllers::new(3, Disk::Real)?;
        cut_off(&mut controllers).await
    })
}
