//! Streams as lines of JSON, which end after a time or a number of lines where the caller says so.

use std::convert::Infallible;
use std::time::Duration;

use futures::Stream;
use prost_reflect::MessageDescriptor;
use tokio::time::{Instant, timeout_at};
use tonic::{Status, Streaming};

use super::message::answer;
use super::query::{Pairs, take_once};
use super::refusal::{Refusal, bad_request, last_line};
use crate::request_id::RequestId;

/// The parameters of every stream, and the most that each may be.
pub(crate) const STREAM_PARAMETERS: [(&str, u64, &str); 2] = [
    (
        "timeoutSeconds",
        3_600,
        "End the stream after this many seconds; without it, it ends when there is no more.",
    ),
    ("maxItems", 1_000_000, "End the stream after this many lines."),
];

/// How much of a stream is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bounds {
    time: Option<Duration>,
    items: Option<u64>,
}

impl Bounds {
    /// Takes the bounds from a query.
    pub(crate) fn take(query: &mut Pairs) -> Result<Self, Refusal> {
        let [time, items] = STREAM_PARAMETERS;
        Ok(Self {
            time: number(query, time.0, time.1)?.map(Duration::from_secs),
            items: number(query, items.0, items.1)?,
        })
    }
}

fn number(query: &mut Pairs, name: &str, most: u64) -> Result<Option<u64>, Refusal> {
    let Some(text) = take_once(query, name)? else { return Ok(None) };
    let number = text.parse().ok().filter(|n| (1..=most).contains(n));
    let number =
        number.ok_or_else(|| bad_request(format!("query: `{name}` is `{text}`: use 1 to {most}")))?;
    Ok(Some(number))
}

struct Lines {
    messages: Streaming<Vec<u8>>,
    output: MessageDescriptor,
    id: RequestId,
    until: Option<Instant>,
    left: Option<u64>,
}

impl Lines {
    async fn message(&mut self) -> Result<Option<Vec<u8>>, Status> {
        let Some(until) = self.until else { return self.messages.message().await };
        timeout_at(until, self.messages.message()).await.unwrap_or(Ok(None))
    }

    /// The next line and what comes after it, which is nothing where the line tells of a fault.
    async fn next(mut self) -> Option<(Result<Vec<u8>, Infallible>, Option<Self>)> {
        if self.left == Some(0) {
            return None;
        }
        self.left = self.left.map(|left| left - 1);
        let refused = match self.message().await {
            Ok(None) => return None,
            Ok(Some(bytes)) => match answer(&self.output, &bytes, None) {
                Ok(mut line) => {
                    line.push(b'\n');
                    return Some((Ok(line), Some(self)));
                }
                Err(refusal) => holdfast_api::status_from_problem(&refusal.problem),
            },
            Err(status) => status,
        };
        Some((Ok(last_line(&refused, self.id.as_str())), None))
    }
}

/// The messages of a call, one a line.
pub(crate) fn lines(
    messages: Streaming<Vec<u8>>,
    output: MessageDescriptor,
    bounds: Bounds,
    id: RequestId,
) -> impl Stream<Item = Result<Vec<u8>, Infallible>> + Send {
    let until = bounds.time.map(|time| Instant::now() + time);
    let lines = Lines { messages, output, id, until, left: bounds.items };
    futures::stream::unfold(Some(lines), |lines| async move { lines?.next().await })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_taken_from_the_query_and_checked() {
        let pairs = |text: &str| super::super::query::pairs(text).unwrap();
        let mut query = pairs("timeoutSeconds=5&maxItems=1&name=x");
        let bounds = Bounds::take(&mut query).unwrap();
        assert_eq!((bounds.time, bounds.items), (Some(Duration::from_secs(5)), Some(1)));
        assert_eq!(query, pairs("name=x"));
        for bad in
            ["timeoutSeconds=0", "timeoutSeconds=3601", "maxItems=x", "maxItems=-1", "maxItems=1&maxItems=1"]
        {
            assert_eq!(Bounds::take(&mut pairs(bad)).unwrap_err().status, 400, "{bad}");
        }
    }
}
