//! What a controller counts, for whoever scrapes `/metrics`. Values are read when asked, so an idle controller does
//! nothing for them.

mod calls;
mod number;
mod page;
mod process;
mod raft;
mod state;

use axum::response::{IntoResponse as _, Response};
use holdfast_identity::{PeerInfo, Principal};
use holdfast_telemetry::{Exposition, MetricError, Registry};
use http::{HeaderMap, StatusCode, header};

use crate::app::App;

/// The metrics of one controller.
pub(crate) struct Metrics {
    registry: Registry,
    raft: raft::Metrics,
    state: state::Metrics,
    calls: calls::Metrics,
    process: process::Metrics,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, MetricError> {
        let registry = Registry::new();
        Ok(Self {
            raft: raft::Metrics::new(&registry)?,
            state: state::Metrics::new(&registry)?,
            calls: calls::Metrics::new(&registry)?,
            process: process::Metrics::new(&registry)?,
            registry,
        })
    }

    fn render(&self, app: &App, exposition: Exposition) -> String {
        self.raft.read(app);
        self.state.read(app);
        self.calls.read(app);
        self.process.read();
        self.registry.render(exposition)
    }
}

/// The page that describes the metrics.
pub(crate) fn page() -> Result<String, String> {
    page::page(&Metrics::new().map_err(|error| error.to_string())?.registry.describe())
}

/// Answers a scrape by an operator; figures about the cluster are nobody else's business.
pub(crate) fn scrape(app: &App, metrics: &Metrics, peer: &PeerInfo, headers: &HeaderMap) -> Response {
    match peer.principal {
        Principal::Operator { .. } => {
            let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
            let exposition = Exposition::accepted(accept);
            let text = metrics.render(app, exposition);
            ([(header::CONTENT_TYPE, exposition.content_type())], text).into_response()
        }
        Principal::Controller { .. } | Principal::Node { .. } | Principal::Anonymous => {
            StatusCode::FORBIDDEN.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_on_the_page_and_nothing_else() {
        let text = page().unwrap();
        assert!(text.contains("| `holdfast_raft_lag_entries` | `member` |"), "{text}");
        let known = Metrics::new().unwrap().registry.describe();
        for (name, _) in page::WORRIES {
            assert!(known.iter().any(|metric| metric.name == *name), "{name} is no metric");
        }
    }
}
