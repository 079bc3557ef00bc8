//! What a bundle is made of. Everything is asked of one controller, at once, and what it does not answer is said in its place:
//! a bundle is made where things do not work.

use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use holdfast_api::problem_from_status;
use holdfast_api::v1::artifacts_client::ArtifactsClient;
use holdfast_api::v1::audit_client::AuditClient;
use holdfast_api::v1::controllers_client::ControllersClient;
use holdfast_api::v1::events_client::EventsClient;
use holdfast_api::v1::jobs_client::JobsClient;
use holdfast_api::v1::nodes_client::NodesClient;
use holdfast_api::v1::policies_client::PoliciesClient;
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::reservations_client::ReservationsClient;
use holdfast_api::v1::{
    AuditHeadRequest, ListArtifactsRequest, ListAuditRequest, ListControllersRequest, ListEventsRequest,
    ListJobsRequest, ListRequest, ShowPolicyRequest,
};
use holdfast_client::TaggedChannel;
use serde_json::{Value, json};

use crate::answers::{Answer, merge};
use crate::commands::{audit, listing};
use crate::dial::{self, Own};
use crate::output::to_json;
use crate::session::Session;

/// How long one part may take.
const LIMIT: Duration = Duration::from_secs(20);
/// The newest events and audit entries that go along.
const EVENTS: u32 = 1_000;
const ENTRIES: u32 = 1_000;
/// The most that is taken of the metrics of one controller.
const MAX_METRICS: usize = 8 << 20;

/// One file of the bundle, or why it is missing.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) content: Result<String, String>,
}

impl Part {
    fn value(name: impl Into<String>, content: Result<Value, String>) -> Self {
        let content = content.and_then(|v| serde_json::to_string_pretty(&v).map_err(|e| e.to_string()));
        Self { name: name.into(), content }
    }
}

type Asked<'a> = BoxFuture<'a, Part>;

/// Every part that the controllers know of.
pub(super) async fn of_cluster(session: &Session, answers: &[Answer], own: &Own) -> Vec<Part> {
    let mut parts: Vec<Part> = answers.iter().map(status).collect();
    let mut asked: Vec<Asked<'_>> = answers.iter().map(|answer| metrics(own, &answer.endpoint)).collect();
    match channel(session, answers) {
        Ok((channel, stale)) => asked.extend(lists(channel, stale)),
        Err(why) => parts.push(Part::value("nodes.json", Err(why))),
    }
    parts.extend(join_all(asked).await);
    parts
}

fn status(answer: &Answer) -> Part {
    let content = answer.status.clone().and_then(|status| to_json(&status).map_err(|p| p.to_string()));
    let content = content.map(|status| {
        let took = u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX);
        json!({"status": status, "clockAheadMs": answer.ahead_ms, "tookMs": took})
    });
    Part::value(format!("status/{}.json", plain(&answer.endpoint)), content)
}

/// An address as a name of a file.
fn plain(endpoint: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
    endpoint.chars().map(safe).collect()
}

fn metrics<'a>(own: &'a Own, endpoint: &'a str) -> Asked<'a> {
    Box::pin(async move {
        let content = match dial::get(own, endpoint, "/metrics", MAX_METRICS).await {
            Ok((line, body)) if line.starts_with("HTTP/1.1 200") => {
                Ok(String::from_utf8_lossy(&body).into_owned())
            }
            Ok((line, _)) => Err(line),
            Err(why) => Err(why),
        };
        Part { name: format!("metrics/{}.txt", plain(endpoint)), content }
    })
}

/// The leader; where there is none, any that answers, and what it says may be behind.
fn channel(session: &Session, answers: &[Answer]) -> Result<(TaggedChannel, bool), String> {
    let merged = merge(answers).map_err(|problem| problem.summary)?;
    let leader =
        merged.members.iter().find(|member| member.name == merged.leader && !merged.leader.is_empty());
    let any = || answers.iter().find(|answer| answer.status.is_ok()).map(|answer| answer.endpoint.as_str());
    let address = leader.map(|member| member.address.as_str()).or_else(any);
    let address = address.ok_or_else(|| "no controller answers".to_owned())?;
    let channel = session.controller(address).map_err(|problem| problem.summary)?;
    Ok((channel, leader.is_none()))
}

/// A part that is asked for, under its limit.
fn ask<'a>(name: &'static str, asking: impl Future<Output = Result<Value, String>> + Send + 'a) -> Asked<'a> {
    Box::pin(async move {
        let late = || Err(format!("no answer within {} s", LIMIT.as_secs()));
        Part::value(name, tokio::time::timeout(LIMIT, asking).await.unwrap_or_else(|_| late()))
    })
}

/// `one!(channel, name, JobsClient, get, request)`: a part that is one answer; `pages!`: one that comes in pages.
macro_rules! one {
    ($channel:expr, $name:literal, $service:ident, $method:ident, $request:expr) => {{
        let mut service =
            $service::new($channel.clone()).max_decoding_message_size(holdfast_client::MAX_MESSAGE);
        ask($name, async move {
            let answer = service.$method($request).await;
            let answer = answer.map_err(|status| problem_from_status(&status).to_string())?;
            to_json(answer.get_ref()).map_err(|problem| problem.to_string())
        })
    }};
}
macro_rules! pages {
    ($channel:expr, $name:literal, $service:ident, $request:expr) => {{
        let service = $service::new($channel.clone()).max_decoding_message_size(holdfast_client::MAX_MESSAGE);
        ask($name, async move {
            let list = listing::all(|token| {
                let (mut service, request) = (service.clone(), $request(token));
                async move {
                    let page = service.list(request).await;
                    page.map(tonic::Response::into_inner).map_err(|status| problem_from_status(&status))
                }
            });
            let list = list.await.map_err(|problem| problem.to_string())?;
            to_json(&list).map_err(|problem| problem.to_string())
        })
    }};
}

fn lists<'a>(channel: TaggedChannel, stale: bool) -> Vec<Asked<'a>> {
    let page = move |token: String| ListRequest { page_token: token, stale, ..ListRequest::default() };
    let jobs = move |token| ListJobsRequest { list: Some(page(token)), ..ListJobsRequest::default() };
    let artifacts =
        move |token| ListArtifactsRequest { list: Some(page(token)), ..ListArtifactsRequest::default() };
    let newest = ListEventsRequest { object: String::new(), limit: EVENTS };
    vec![
        pages!(channel, "nodes.json", NodesClient, page),
        pages!(channel, "queues.json", QueuesClient, page),
        pages!(channel, "reservations.json", ReservationsClient, page),
        pages!(channel, "jobs.json", JobsClient, jobs),
        pages!(channel, "artifacts.json", ArtifactsClient, artifacts),
        one!(channel, "controllers.json", ControllersClient, list, ListControllersRequest {}),
        one!(channel, "events.json", EventsClient, list, newest),
        one!(channel, "law.json", PoliciesClient, show, ShowPolicyRequest {}),
        ask("audit.json", newest_entries(channel)),
    ]
}

async fn newest_entries(channel: TaggedChannel) -> Result<Value, String> {
    let mut audit = AuditClient::new(channel).max_decoding_message_size(holdfast_client::MAX_MESSAGE);
    let told = |status: tonic::Status| problem_from_status(&status).to_string();
    let head = audit.head(AuditHeadRequest {}).await.map_err(told)?.into_inner();
    let from = head.size.saturating_sub(u64::from(ENTRIES));
    let list = audit.list(ListAuditRequest { from, limit: ENTRIES }).await.map_err(told)?.into_inner();
    let items: Vec<Value> = list.items.iter().map(audit::as_json).collect();
    Ok(json!({"head": to_json(&head).map_err(|problem| problem.to_string())?, "items": items}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_name_of_a_file() {
        assert_eq!(plain("10.0.0.1:7443"), "10.0.0.1_7443");
        assert_eq!(plain("[fd00::1]:7443"), "_fd00__1__7443");
        assert_eq!(plain("../x"), ".._x");
    }
}
