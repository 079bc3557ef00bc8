//! What the leader does without being asked: found the cluster, place, watch over leases, spread copies. Every round
//! reads the state as it is and says what follows, so a round may come late, twice, or from the next leader.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use holdfast_api::store::{BeginIncarnation, FailOverdue, InitCluster, OverdueJob, SetReplicas, command};
use holdfast_api::v1;
use holdfast_identity::{CONTROLLER_VALIDITY, Identity, Serial};
use holdfast_policy::{Bundle, packs};
use holdfast_reconcile::{Lacking, Loads, Name, Recheck, lost_nodes, replica_targets};
use holdfast_state::State;
use holdfast_types::{AsProblem as _, Problem, ProblemKind, Span, Time};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::app::{App, now, system};
use crate::level;
use crate::placing::Placing;

/// A round at least this often, because leases run out while nothing changes.
const ROUND: Duration = Duration::from_millis(250);
/// What the leader waits beyond the lease: an older leader may have answered a heartbeat for as long as it took its
/// quorum to leave it (`LEADER_FRESH`), and clocks of agent and leader may drift by a per mille.
const GRACE: Span = Span::from_secs(1);
/// Artifacts that lack a copy are looked at so often although nothing changed: the law knows times.
const RECHECK: Duration = Duration::from_secs(60);
/// The most jobs that one command fails. What is more is failed by the next one.
const MAX_OVERDUE: usize = 1_000;
/// Leases are looked at so often in the time that one runs, and at least as often as this.
const LEASE_PART: u64 = 8;
const LEASE_ROUND: Duration = Duration::from_secs(1);
/// How often a controller looks at the age of its own certificate.
const CERTIFICATE_ROUND: Duration = Duration::from_secs(600);

/// Since when this controller knows of a new incarnation. Nothing is placed under it until every lease of the one before
/// has run out. The state says when that is in the time of the log, which a leader's wall clock may carry past at once;
/// this counts by a clock that nobody sets, and anew where the controller starts.
#[derive(Debug, Default)]
struct Began(Option<(u64, Instant)>);

impl Began {
    fn see(&mut self, incarnation: u64) {
        if incarnation > 1 && self.0.is_none_or(|(known, _)| known != incarnation) {
            self.0 = Some((incarnation, Instant::now()));
        }
    }

    /// How long ago that is; none in the first incarnation.
    fn ago(&self) -> Option<Span> {
        let (_, at) = self.0?;
        Some(Span(u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX)))
    }
}

/// Runs until it is cancelled.
pub(crate) async fn lead(app: Arc<App>, stop: CancellationToken) {
    let mut applied = app.raft.applied();
    let (mut trusted, mut began, mut duties) = (0, Began::default(), Duties::default());
    loop {
        let woken = tokio::time::timeout(ROUND, applied.changed());
        tokio::select! {
            () = stop.cancelled() => return,
            _ = woken => {}
        }
        refresh_trust(&app, &mut trusted);
        began.see(app.with(|state| state.cluster().map_or(0, |c| c.incarnation)));
        if !app.raft.is_leader() {
            duties = Duties::default();
            app.planner.clear().await;
            continue;
        }
        if let Err(status) = round(&app, &began, &mut duties).await {
            tracing::warn!(error = status.message(), "a round of the leader was not finished");
        }
    }
}

/// Wakes the agents that a change concerns, until it is cancelled. Apart from [`lead`], whose rounds may take long.
pub(crate) async fn keep_desk(app: Arc<App>, stop: CancellationToken) {
    let mut applied = app.raft.applied();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = applied.changed() => if changed.is_err() { return },
        }
        if app.raft.is_leader() {
            if let Err(status) = app.desk.ready(&*app).await {
                tracing::warn!(error = status.message(), "what agents are to be told is not known yet");
                continue;
            }
            app.desk.follow(&*app);
        } else {
            app.desk.clear();
        }
    }
}

/// Takes revoked serials from the state into the trust of this process, so that open connections are closed.
fn refresh_trust(app: &App, seen: &mut u64) {
    let revision = app.with(State::revision);
    if revision == *seen {
        return;
    }
    *seen = revision;
    let serials: Vec<Serial> = app.with(|state| state.revoked().filter_map(|s| s.parse().ok()).collect());
    if serials.iter().any(|serial| !app.trust.is_revoked(*serial)) {
        app.trust.replace_revoked(serials.into_iter().collect());
    }
}

/// What the leader remembers from round to round.
#[derive(Default)]
struct Duties {
    leases: Leases,
    placing: Placing,
    copies: Copies,
}

async fn round(app: &App, began: &Began, duties: &mut Duties) -> Result<(), Status> {
    if app.with(|state| state.cluster().is_none()) {
        return found(app).await;
    }
    begin_incarnation(app).await?;
    level::raise(app).await?;
    if duties.leases.are_due(app.config.lease_ms) {
        watch_leases(app).await?;
    }
    fail_overdue(app).await?;
    if began.ago().is_none_or(|ago| ago > silence(app)) {
        duties.placing.round(app).await?;
    }
    replicate(app, &mut duties.copies).await
}

async fn found(app: &App) -> Result<(), Status> {
    let led_for = quiet(app)("");
    let Some(feature_level) = level::founding(app, led_for) else { return Ok(()) };
    let bundle = founding_law(app).map_err(|problem| holdfast_api::status_from_problem(&problem))?;
    let body = InitCluster {
        cluster_id: app.config.cluster.clone(),
        name: app.config.cluster_name.clone(),
        bundle: Some(bundle),
        feature_level,
    };
    app.propose(system(command::Body::InitCluster(body))).await?;
    tracing::info!(cluster = app.config.cluster, "cluster founded");
    Ok(())
}

/// After a restore or a recovery the state is still that of the incarnation before: nothing goes on before it says so.
async fn begin_incarnation(app: &App) -> Result<(), Status> {
    if app.begun() {
        return Ok(());
    }
    let (incarnation, reason) = (app.config.incarnation, app.config.begun.clone());
    // As long as an agent of the time before may go on without hearing anybody, and the grace it is given.
    let quiet_ms = app.config.lease_ms.saturating_add(GRACE.0);
    let body = BeginIncarnation { incarnation, reason, quiet_ms };
    app.propose(system(command::Body::BeginIncarnation(body))).await?;
    tracing::warn!(incarnation, "the cluster begins a new incarnation");
    Ok(())
}

/// The law of the founding entry: the constitution that every cluster has, with the site's own terms and rules.
fn founding_law(app: &App) -> Result<v1::PolicyBundle, Problem> {
    let read = |name: &str| {
        let path = app.config.law().join(name);
        std::fs::read_to_string(&path).map_err(|error| {
            Problem::new(1217, ProblemKind::Failed, "the cluster cannot be founded")
                .because(format!("read `{path}`: {error}"))
        })
    };
    let (tenant, law) = (read("tenant.cedar")?, read("law.toml")?);
    let parsed = packs::under_constitution(&tenant, &law).map_err(|findings| {
        let problem = Problem::new(1217, ProblemKind::Failed, "the cluster cannot be founded");
        findings.iter().take(8).fold(problem, |p, finding| p.because(finding.problem().to_string()))
    })?;
    Ok(v1::PolicyBundle {
        hash: parsed.hash().to_string(),
        version: 0,
        schema: packs::SCHEMA.to_owned(),
        constitution: packs::CONSTITUTION.to_owned(),
        tenant,
        law,
        since: None,
    })
}

/// A node that was quiet for longer has lost its lease.
fn silence(app: &App) -> Span {
    Span(app.config.lease_ms + GRACE.0)
}

/// When leases were looked at last.
#[derive(Default)]
struct Leases(Option<Instant>);

impl Leases {
    /// Whether they have to be looked at now, which is then taken for done. With many nodes it takes a while.
    fn are_due(&mut self, lease_ms: u64) -> bool {
        let every = Duration::from_millis(lease_ms / LEASE_PART).min(LEASE_ROUND);
        let due = self.0.is_none_or(|at| at.elapsed() >= every);
        if due {
            self.0 = Some(Instant::now());
        }
        due
    }
}

/// For how long each node has been quiet. One that is not known has been for as long as this member listens as the leader.
fn quiet(app: &App) -> impl Fn(&str) -> Span + use<> {
    let term = app.raft.status().term;
    let mut heard = app.heard.lock();
    heard.begin(term);
    heard.quiet()
}

async fn watch_leases(app: &App) -> Result<(), Status> {
    let quiet = quiet(app);
    let lost = app.with(|state| lost_nodes(state, quiet, silence(app)));
    for change in lost {
        tracing::warn!(node = change.node, reason = change.reason, "node lost");
        app.propose(system(command::Body::SetNodePhase(change))).await?;
    }
    Ok(())
}

/// Ends the jobs that cannot keep their deadline any more.
async fn fail_overdue(app: &App) -> Result<(), Status> {
    let now = now();
    let jobs: Vec<OverdueJob> = app.with(|state| state.overdue(now).take(MAX_OVERDUE).collect());
    if jobs.is_empty() {
        return Ok(());
    }
    app.propose(system(command::Body::FailOverdue(FailOverdue { jobs }))).await.map(drop)
}

/// Which artifacts are to be looked at besides those that have changed.
struct Copies {
    /// What was found of them was not told: all of them, in the beginning.
    again: Recheck,
    /// They lack a copy that no node may have yet.
    lacking: BTreeSet<Name>,
    /// When those were looked at, and under which law.
    looked: Option<(Instant, String)>,
}

impl Default for Copies {
    fn default() -> Self {
        Self { again: Recheck::All, lacking: BTreeSet::new(), looked: None }
    }
}

impl Copies {
    /// What is to be looked at now, which is then taken for done.
    fn due(&mut self, law: &str) -> Recheck {
        let fresh = self.looked.as_ref().is_some_and(|(at, known)| at.elapsed() < RECHECK && known == law);
        let again = std::mem::take(&mut self.again);
        if fresh {
            return again;
        }
        self.looked = Some((Instant::now(), law.to_owned()));
        again.and(Recheck::Keys(self.lacking.clone()))
    }

    /// These were looked at.
    fn found(&mut self, which: &Recheck, still: BTreeSet<Name>) {
        match which {
            Recheck::All => self.lacking.clear(),
            Recheck::Keys(keys) => self.lacking.retain(|key| !keys.contains(key)),
        }
        self.lacking.extend(still);
    }
}

async fn replicate(app: &App, copies: &mut Copies) -> Result<(), Status> {
    let bundle = app.bundle()?;
    app.desk.ready(app).await?;
    let due = copies.due(&bundle.hash().to_string());
    let Some((state, loads, which)) = app.desk.recheck(app, due) else { return Ok(()) };
    let told = fill_up(app, copies, bundle, (state, loads, &which)).await;
    if told.is_err() {
        copies.again = which;
    }
    told
}

/// Has copies made of the artifacts that lack some.
async fn fill_up(
    app: &App,
    copies: &mut Copies,
    bundle: Arc<Bundle>,
    (state, loads, which): (State, Loads, &Recheck),
) -> Result<(), Status> {
    let these = which.clone();
    let found = app.apart.run(move || replica_targets(&state, &loads, &these, &bundle, now()));
    let Lacking { targets, still } = found.await?;
    if !targets.is_empty() {
        let body = SetReplicas { node: String::new(), have: Vec::new(), targets };
        app.propose(system(command::Body::SetReplicas(body))).await?;
    }
    copies.found(which, still);
    Ok(())
}

/// Renews this controller's own certificate, which it can because it holds the key of the cluster's issuing CA.
pub(crate) async fn renew_certificate(app: Arc<App>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(CERTIFICATE_ROUND) => {}
        }
        // Whoever was removed lets its certificate end.
        if app.outcast.reason().is_some() || !worn(&app.identity.current(), now()) {
            continue;
        }
        match renewed(&app.ca, app.identity.current().principal(), &app.config.directory) {
            Ok(identity) => app.identity.replace(identity),
            Err(problem) => tracing::error!(%problem, "the certificate could not be renewed"),
        }
    }
}

/// Whether a controller needs another certificate: it ends soon, or it was made by a clock that was ahead, so that nobody
/// else takes it before that time has come.
pub(crate) fn worn(identity: &Identity, now: Time) -> bool {
    identity.needs_rotation(now) || identity.not_after().since(now) > CONTROLLER_VALIDITY
}

/// A fresh certificate for a controller, saved before it is used.
pub(crate) fn renewed(
    ca: &holdfast_identity::ClusterCa,
    principal: &holdfast_identity::Principal,
    directory: &camino::Utf8Path,
) -> Result<Identity, Problem> {
    let (key, request) = Identity::generate_csr().map_err(|error| error.problem())?;
    let issued =
        ca.issue(&request, principal, CONTROLLER_VALIDITY, now()).map_err(|error| error.problem())?;
    let identity = Identity::from_pem(&issued.chain_pem, key).map_err(|error| error.problem())?;
    let place = directory.join("identity");
    identity.save(&place.join("chain.pem"), &place.join("key.pem")).map_err(|error| error.problem())?;
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_of_a_clock_that_was_ahead_is_made_anew() {
        let ca = holdfast_identity::ClusterCa::create("c".parse().unwrap(), &[], Time(0)).unwrap();
        let principal = holdfast_identity::Principal::Controller { name: "c-1".parse().unwrap() };
        let (key, request) = Identity::generate_csr().unwrap();
        let at = Time(3 * CONTROLLER_VALIDITY.0);
        let issued = ca.issue(&request, &principal, CONTROLLER_VALIDITY, at).unwrap();
        let identity = Identity::from_pem(&issued.chain_pem, key).unwrap();
        for (now, expected) in [(0, true), (at.0, false), (at.0 + CONTROLLER_VALIDITY.0, true)] {
            assert_eq!(worn(&identity, Time(now)), expected, "{now}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_lacks_a_copy_is_looked_at_again_and_what_was_not_told_at_once() {
        let keys =
            |names: &[&str]| -> BTreeSet<Name> { names.iter().map(|name| Name::from(*name)).collect() };
        let mut copies = Copies::default();
        assert_eq!(copies.due("law"), Recheck::All, "nothing is known of any");
        copies.found(&Recheck::All, keys(&["a", "b"]));
        assert!(copies.due("law").is_empty());
        assert_eq!(copies.due("another law"), Recheck::Keys(keys(&["a", "b"])));
        copies.found(&Recheck::Keys(keys(&["b", "c"])), keys(&["c"]));
        tokio::time::advance(RECHECK).await;
        assert_eq!(copies.due("another law"), Recheck::Keys(keys(&["a", "c"])));
        assert!(copies.due("another law").is_empty());
        copies.again = Recheck::Keys(keys(&["d"]));
        assert_eq!(copies.due("another law"), Recheck::Keys(keys(&["d"])));
        assert!(copies.due("another law").is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_incarnation_is_counted_from_when_it_is_seen() {
        let mut began = Began::default();
        began.see(0);
        began.see(1);
        assert_eq!(began.ago(), None, "no cluster was before the first");
        began.see(2);
        tokio::time::advance(Duration::from_secs(3)).await;
        began.see(2);
        assert_eq!(began.ago(), Some(Span::from_secs(3)));
        began.see(3);
        assert_eq!(began.ago(), Some(Span(0)));
    }
}
