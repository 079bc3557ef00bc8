//! The controllers of a cluster as one thing to call: the leader is found, followed and found again.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use holdfast_api::{LEADER_METADATA, REQUEST_ID_METADATA, problem_from_status, retry_after_of};
use holdfast_types::{Problem, ProblemKind};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::rustls::ClientConfig;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use crate::channel::lazy_channel;
use crate::random::random_id;
use crate::tag::{RequestTag, TaggedChannel};

/// The pause before the first retry; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);
/// How long one address may leave a call unanswered before another is asked. An election takes less than half of it.
const ATTEMPT: Duration = Duration::from_secs(5);

/// The controllers of one cluster.
#[derive(Debug, Clone)]
pub struct ClusterClient {
    inner: Arc<Inner>,
    /// What every call carries; each has a name of its own where there is none.
    tag: Option<RequestTag>,
}

#[derive(Debug)]
struct Inner {
    endpoints: Mutex<Vec<String>>,
    config: Arc<ClientConfig>,
    /// How long a call tries in all.
    patience: Duration,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    channels: BTreeMap<String, Channel>,
    /// Where the last call was answered.
    current: Option<String>,
}

impl ClusterClient {
    /// A client of the controllers at these addresses (`host:port`), trying for `patience` before it gives up.
    #[must_use]
    pub fn new(endpoints: Vec<String>, config: Arc<ClientConfig>, patience: Duration) -> Self {
        let endpoints = Mutex::new(endpoints);
        Self { inner: Arc::new(Inner { endpoints, config, patience, known: Mutex::default() }), tag: None }
    }

    /// The same client for one request: everything that it calls carries this id.
    #[must_use]
    pub fn for_request(&self, tag: RequestTag) -> Self {
        Self { inner: Arc::clone(&self.inner), tag: Some(tag) }
    }

    /// The addresses it knows.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        self.inner.endpoints.lock().clone()
    }

    /// Takes other addresses from now on: the controllers have moved.
    pub fn set_endpoints(&self, endpoints: Vec<String>) {
        if endpoints.is_empty() {
            return;
        }
        self.inner.known.lock().channels.retain(|address, _| endpoints.contains(address));
        *self.inner.endpoints.lock() = endpoints;
    }

    /// Calls the leader. The call is made again, at another address if need be, when the answer says that it was not
    /// the leader, or when no answer came: so a call that changes something must carry an idempotency key.
    ///
    /// # Errors
    ///
    /// The problem the cluster answered with, or E5201 where nobody answered in time.
    pub async fn call<T, F, A>(&self, call: F) -> Result<T, Problem>
    where
        F: Fn(TaggedChannel) -> A,
        A: Future<Output = Result<Response<T>, Status>>,
    {
        self.call_within(self.inner.patience, ATTEMPT, call).await
    }

    /// As [`ClusterClient::call`], where one attempt may take longer than usual: a long poll.
    ///
    /// # Errors
    ///
    /// As [`ClusterClient::call`].
    pub async fn call_within<T, F, A>(
        &self,
        patience: Duration,
        attempt: Duration,
        call: F,
    ) -> Result<T, Problem>
    where
        F: Fn(TaggedChannel) -> A,
        A: Future<Output = Result<Response<T>, Status>>,
    {
        let tag = self.tag.clone().unwrap_or_else(RequestTag::fresh);
        let ended = self.attempts((patience, attempt), &tag, call).await;
        ended.map_err(|problem| Problem { request: Some(tag.id().to_owned()), ..problem })
    }

    async fn attempts<T, F, A>(
        &self,
        (patience, attempt): (Duration, Duration),
        tag: &RequestTag,
        call: F,
    ) -> Result<T, Problem>
    where
        F: Fn(TaggedChannel) -> A,
        A: Future<Output = Result<Response<T>, Status>>,
    {
        let deadline = Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        let mut target = self.first_target();
        let mut last = "no address to ask".to_owned();
        while let Some(address) = target.clone() {
            let channel = tag.on(self.channel(&address)?);
            let limit = deadline.min(Instant::now() + attempt);
            let status = match timeout_at(limit, call(channel)).await {
                Ok(Ok(response)) => {
                    answered(&address, response.metadata());
                    self.inner.known.lock().current = Some(address);
                    return Ok(response.into_inner());
                }
                Ok(Err(status)) => {
                    answered(&address, status.metadata());
                    status
                }
                Err(_) => Status::deadline_exceeded(format!("no answer within {} ms", attempt.as_millis())),
            };
            let told = retry_after_of(&status);
            let wait = jittered(told.unwrap_or(pause));
            let in_time = Instant::now() + wait < deadline;
            match told {
                // The call was not begun and will be answered later, by the same address; the limit is the problem.
                Some(_) if status.code() == Code::ResourceExhausted => {
                    if !in_time {
                        return Err(problem_from_status(&status));
                    }
                }
                _ if !is_retryable(&status) => return Err(problem_from_status(&status)),
                _ => {
                    last = format!("{address}: {}", describe(&status));
                    target = self.next_target(&address, &status);
                }
            }
            if !in_time {
                break;
            }
            sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(self.unreachable(&last, patience))
    }

    /// A channel to the address that answered last, or to the first.
    ///
    /// # Errors
    ///
    /// Where no address is known or it is not `host:port`.
    pub fn current_channel(&self) -> Result<Channel, Problem> {
        let target = self.first_target();
        let address = target.ok_or_else(|| self.unreachable("no address to ask", Duration::ZERO))?;
        self.channel(&address)
    }

    /// Forgets where the last call was answered, so that the next one asks another address.
    pub fn forget_current(&self) {
        let mut known = self.inner.known.lock();
        let Some(current) = known.current.take() else { return };
        known.channels.remove(&current);
        known.current = next_after(&self.inner.endpoints.lock(), &current);
    }

    fn first_target(&self) -> Option<String> {
        let known = self.inner.known.lock().current.clone();
        known.or_else(|| self.inner.endpoints.lock().first().cloned())
    }

    /// The leader that the answer names, or the address after the one that did not answer.
    fn next_target(&self, asked: &str, status: &Status) -> Option<String> {
        let named = status.metadata().get(LEADER_METADATA).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let next = named.filter(|leader| leader != asked);
        if next.is_none() {
            // A channel that failed reconnects by itself, but only after its own pause.
            self.inner.known.lock().channels.remove(asked);
        }
        next.or_else(|| next_after(&self.inner.endpoints.lock(), asked))
    }

    fn channel(&self, address: &str) -> Result<Channel, Problem> {
        let mut known = self.inner.known.lock();
        if let Some(channel) = known.channels.get(address) {
            return Ok(channel.clone());
        }
        let channel = lazy_channel(address, &self.inner.config).map_err(|error| {
            Problem::new(5202, ProblemKind::Invalid, format!("`{address}` is not an address of a controller"))
                .because(error.to_string())
        })?;
        known.channels.insert(address.to_owned(), channel.clone());
        Ok(channel)
    }

    fn unreachable(&self, last: &str, patience: Duration) -> Problem {
        Problem::new(5201, ProblemKind::Unreachable, "the cluster does not answer")
            .because(format!("asked {} for {} s", self.endpoints().join(", "), patience.as_secs()))
            .because(last.to_owned())
            .next("holdfast cluster status")
    }
}

fn next_after(endpoints: &[String], asked: &str) -> Option<String> {
    let position = endpoints.iter().position(|e| e == asked).map_or(0, |p| p + 1);
    endpoints.get(position).or_else(|| endpoints.first()).cloned()
}

/// Tells whoever listens which request it was, so that the log of the controller can be searched for it.
fn answered(address: &str, metadata: &MetadataMap) {
    if let Some(id) = metadata.get(REQUEST_ID_METADATA).and_then(|id| id.to_str().ok()) {
        tracing::debug!("request id: {id}, answered by {address}");
    }
}

/// Somewhat longer than told, so that those who were refused together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0];
    // Without randomness the pause is what was told, which is right for one client.
    let _ = getrandom::fill(&mut random);
    let [byte] = random;
    pause + pause * u32::from(byte) / 512
}

/// Whether the call may be answered elsewhere or later.
fn is_retryable(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled)
        || (status.code() == Code::Unknown && status.details().is_empty())
}

/// The status with the causes below it: tonic says only `transport error` itself.
fn describe(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    text
}

/// A new idempotency key: 128 random bits as hexadecimal.
///
/// # Errors
///
/// Where the system has no randomness.
pub fn idempotency_key() -> Result<String, Problem> {
    random_id()
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_identity::{Alpn, ClusterCa, Expect, Trust, client_config};
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn client(endpoints: &[&str]) -> ClusterClient {
        let ca = ClusterCa::create("test-cluster".parse().unwrap(), &[], holdfast_types::Time(1)).unwrap();
        let trust = Trust::new(&ca.root_pem()).unwrap();
        let config = client_config(None, &trust, Expect::Controller, Alpn::H2).unwrap();
        let endpoints = endpoints.iter().map(|e| (*e).to_owned()).collect();
        ClusterClient::new(endpoints, config, Duration::from_secs(5))
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_goes_on_to_the_leader_that_the_answer_names() {
        let client = client(&["127.0.0.1:1", "127.0.0.1:2"]);
        let calls = AtomicUsize::new(0);
        let answer = client
            .call(|_| {
                let number = calls.fetch_add(1, Ordering::SeqCst);
                async move {
                    if number > 0 {
                        return Ok(Response::new(number));
                    }
                    let mut status = Status::unavailable("not the leader");
                    status.metadata_mut().insert(LEADER_METADATA, "127.0.0.1:3".parse().unwrap());
                    Err(status)
                }
            })
            .await;
        assert_eq!(answer, Ok(1));
        let tag = RequestTag::of("of-a-test").unwrap();
        let named: Result<(), _> =
            client.for_request(tag).call(|_| async { Err(Status::invalid_argument("no")) }).await;
        assert_eq!(named.unwrap_err().request.as_deref(), Some("of-a-test"));
        assert_eq!(client.inner.known.lock().current.as_deref(), Some("127.0.0.1:3"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_not_tried_again_and_silence_ends() {
        let client = client(&["127.0.0.1:1"]);
        let calls = AtomicUsize::new(0);
        let refused: Result<(), _> = client
            .call(|_| {
                calls.fetch_add(1, Ordering::SeqCst);
                async { Err(Status::invalid_argument("no")) }
            })
            .await;
        assert_eq!((refused.unwrap_err().kind, calls.load(Ordering::SeqCst)), (ProblemKind::Invalid, 1));

        let begun = Instant::now();
        let told = Duration::from_millis(1_300);
        let later = client
            .call(|_| {
                let early = begun.elapsed() < told;
                async move {
                    let status = Status::resource_exhausted("too often");
                    if early { Err(holdfast_api::retry_after(status, told)) } else { Ok(Response::new(())) }
                }
            })
            .await;
        assert_eq!(later, Ok(()));
        assert!(begun.elapsed() < told * 2, "the pause is the one that was told, and half as much at most");
        let never: Result<(), _> = client
            .call(|_| async { Err(holdfast_api::retry_after(Status::resource_exhausted("full"), told * 9)) })
            .await;
        assert_eq!(never.unwrap_err().kind, ProblemKind::Exhausted, "what lasts too long is told at once");

        let silent: Result<(), _> = client.call(|_| async { Err(Status::unavailable("gone")) }).await;
        let problem = silent.unwrap_err();
        assert_eq!(problem.code.0, 5201);
        assert!(problem.to_string().contains("127.0.0.1:1: gone"), "{problem}");
    }
}
