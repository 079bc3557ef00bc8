//! Every controller asked how the cluster is, at once: those of the context and those that the first answers name. A
//! cluster without a leader answers as well, each controller from what it knows.

use std::collections::BTreeSet;
use std::time::Duration;

use holdfast_api::v1::cluster_client::ClusterClient;
use holdfast_api::v1::{Attention, ClusterStatus, ClusterStatusRequest};
use holdfast_api::{millis, problem_from_status};
use holdfast_client::TaggedChannel;
use holdfast_types::{Problem, ProblemKind, Time};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::session::Session;

/// How long one controller may take to answer.
const LIMIT: Duration = Duration::from_secs(3);
/// The most controllers that are asked: more than a cluster has.
const MOST: usize = 16;

/// What one controller answered, or why it did not.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Where it was asked.
    pub(crate) endpoint: String,
    /// What it said.
    pub(crate) status: Result<ClusterStatus, String>,
    /// How far its clock is ahead of the one here, as far as the time of the answer allows to say.
    pub(crate) ahead_ms: i64,
    /// How long it took.
    pub(crate) took: Duration,
}

/// Asks every controller there is.
pub(crate) async fn ask_all(session: &Session) -> Vec<Answer> {
    let mut asked: BTreeSet<String> = BTreeSet::new();
    let mut next: Vec<String> = session.client().endpoints();
    let mut answers: Vec<Answer> = Vec::new();
    while !next.is_empty() && asked.len() < MOST {
        asked.extend(next.iter().cloned());
        answers.extend(ask_these(session, &next).await);
        let named = answers.iter().filter_map(|answer| answer.status.as_ref().ok());
        let named: BTreeSet<String> =
            named.flat_map(|status| status.members.iter().map(|member| member.address.clone())).collect();
        next = named.difference(&asked).cloned().collect();
    }
    answers
}

/// Asks one controller.
pub(crate) async fn ask_one(session: &Session, endpoint: &str) -> Answer {
    ask(session.controller(endpoint), endpoint.to_owned()).await
}

async fn ask_these(session: &Session, endpoints: &[String]) -> Vec<Answer> {
    let mut asking = JoinSet::new();
    for (place, endpoint) in endpoints.iter().enumerate() {
        let (channel, endpoint) = (session.controller(endpoint), endpoint.clone());
        asking.spawn(async move { (place, ask(channel, endpoint).await) });
    }
    let mut answers: Vec<(usize, Answer)> = Vec::new();
    while let Some(asked) = asking.join_next().await {
        answers.extend(asked.ok());
    }
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

async fn ask(channel: Result<TaggedChannel, Problem>, endpoint: String) -> Answer {
    let (began, at) = (Instant::now(), now());
    let status = match channel {
        Err(problem) => Err(problem.summary),
        Ok(channel) => {
            let mut client =
                ClusterClient::new(channel).max_decoding_message_size(holdfast_client::MAX_MESSAGE);
            match tokio::time::timeout(LIMIT, client.status(ClusterStatusRequest {})).await {
                Ok(Ok(answer)) => Ok(answer.into_inner()),
                Ok(Err(status)) => Err(cause(&status)),
                Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
            }
        }
    };
    let took = began.elapsed();
    let middle = at.0.saturating_add(u64::try_from(took.as_millis() / 2).unwrap_or(0));
    let ahead_ms = status.as_ref().map_or(0, |status| ahead(status, middle));
    Answer { endpoint, status, ahead_ms, took }
}

fn ahead(status: &ClusterStatus, here: u64) -> i64 {
    let there = status.answered_by.as_ref().and_then(|health| health.time.as_ref());
    let Some(there) = there else { return 0 };
    let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    signed(millis(Some(there)).0).saturating_sub(signed(here))
}

/// The innermost cause says most: tonic itself says only `transport error`.
fn cause(status: &tonic::Status) -> String {
    if !status.details().is_empty() {
        return problem_from_status(status).summary;
    }
    let mut text = status.message().to_owned();
    let mut error = std::error::Error::source(status);
    while let Some(inner) = error {
        text = inner.to_string();
        error = inner.source();
    }
    text
}

/// The wall clock of this machine.
pub(crate) fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The answers as one: what the leader says, else who knows most, with what the others say of themselves.
///
/// # Errors
///
/// Where nobody answered.
pub(crate) fn merge(answers: &[Answer]) -> Result<ClusterStatus, Problem> {
    let given = || answers.iter().filter_map(|answer| answer.status.as_ref().ok());
    let knows = |status: &&ClusterStatus| {
        let own = status.answered_by.as_ref().map_or("", |own| own.name.as_str());
        let leads = !own.is_empty() && own == status.leader;
        (status.term, leads, status.applied_index)
    };
    let Some(best) = given().max_by_key(knows) else { return Err(silence(answers)) };
    let mut merged = best.clone();
    for own in given().filter(|s| s.cluster_id == best.cluster_id).filter_map(|s| s.answered_by.as_ref()) {
        if let Some(member) = merged.members.iter_mut().find(|member| member.name == own.name) {
            member.health = Some(own.clone());
        }
    }
    let more = own_findings(answers, &merged);
    merged.attention.extend(more);
    merged.attention.sort_by_key(|attention| attention.severity != CRITICAL);
    Ok(merged)
}

/// The severity of what makes a cluster unhealthy.
pub(crate) const CRITICAL: &str = "critical";

/// What only this machine can see: who does not answer it, and who does not belong.
fn own_findings(answers: &[Answer], merged: &ClusterStatus) -> Vec<Attention> {
    let mut out = Vec::new();
    let mut add = |what: String, why: String, severity: &str| {
        let (next, severity) = ("holdfast doctor".to_owned(), severity.to_owned());
        out.push(Attention { what, why, next, severity });
    };
    for answer in answers {
        let member = merged.members.iter().find(|member| member.address == answer.endpoint);
        match (&answer.status, member) {
            (Err(why), Some(member)) if member.reachable => {
                let what = format!("controller {} does not answer this machine", member.name);
                add(what, format!("{}: {why}; the other controllers reach it", answer.endpoint), "warning");
            }
            (Err(why), None) => {
                let what = format!("{} of the context does not answer", answer.endpoint);
                add(what, format!("{why}; no controller is known there"), "warning");
            }
            (Ok(status), _) if status.cluster_id != merged.cluster_id => {
                let what = format!("{} is of another cluster", answer.endpoint);
                add(what, format!("it belongs to {}", status.cluster_id), CRITICAL);
            }
            (Ok(status), _) => {
                let own = status.answered_by.as_ref().map_or("", |own| own.name.as_str());
                if !own.is_empty() && !merged.members.iter().any(|member| member.name == own) {
                    let what = format!("controller {own} answers and is no member");
                    add(what, "it was removed, or has not joined yet".to_owned(), "warning");
                }
            }
            (Err(_), Some(_)) => {}
        }
    }
    out
}

fn silence(answers: &[Answer]) -> Problem {
    let problem = Problem::new(7110, ProblemKind::Unreachable, "no controller answers");
    let causes = answers.iter().filter_map(|answer| {
        let why = answer.status.as_ref().err()?;
        Some(format!("{}: {why}", answer.endpoint))
    });
    causes.fold(problem, Problem::because).next("holdfast doctor")
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1::{ControllerHealth, Member};

    fn status(name: &str, leader: &str, term: u64) -> ClusterStatus {
        let member = |name: &str| Member {
            name: name.to_owned(),
            address: format!("{name}:1"),
            reachable: true,
            ..Member::default()
        };
        ClusterStatus {
            cluster_id: "c".to_owned(),
            leader: leader.to_owned(),
            term,
            members: vec![member("c1"), member("c2")],
            answered_by: Some(ControllerHealth {
                name: name.to_owned(),
                applied_index: 7,
                ..ControllerHealth::default()
            }),
            ..ClusterStatus::default()
        }
    }

    fn answer(endpoint: &str, status: Result<ClusterStatus, &str>) -> Answer {
        let status = status.map_err(str::to_owned);
        Answer { endpoint: endpoint.to_owned(), status, ahead_ms: 0, took: Duration::ZERO }
    }

    #[test]
    fn the_leader_of_the_newest_term_speaks_and_the_others_of_themselves() {
        let answers = [
            answer("c2:1", Ok(status("c2", "c1", 4))),
            answer("c1:1", Ok(status("c1", "c1", 4))),
            answer("c3:1", Ok(status("c3", "c3", 3))),
        ];
        let merged = merge(&answers).unwrap();
        assert_eq!(merged.answered_by.unwrap().name, "c1");
        assert!(merged.members.iter().all(|member| member.health.as_ref().unwrap().name == member.name));
        let said: Vec<&str> = merged.attention.iter().map(|a| a.what.as_str()).collect();
        assert_eq!(said, ["controller c3 answers and is no member"]);
    }

    #[test]
    fn who_is_silent_from_here_alone_is_named() {
        let answers = [
            answer("c1:1", Ok(status("c1", "c1", 4))),
            answer("c2:1", Err("connection refused")),
            answer("old:1", Err("no route")),
        ];
        let merged = merge(&answers).unwrap();
        let said: Vec<&str> = merged.attention.iter().map(|a| a.what.as_str()).collect();
        assert_eq!(
            said,
            ["controller c2 does not answer this machine", "old:1 of the context does not answer"]
        );
        let problem = merge(&answers[1..]).unwrap_err();
        assert_eq!((problem.code.0, problem.kind.exit_code()), (7110, 5));
        assert_eq!(problem.because, ["c2:1: connection refused", "old:1: no route"]);
    }
}
