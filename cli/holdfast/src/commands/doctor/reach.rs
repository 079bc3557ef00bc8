//! What this machine can say by itself: its context file, and who is at the other end of each address.

use std::collections::BTreeMap;

use holdfast_identity::{Alpn, Context, Identity, IdentityHandle, Principal, Trust};
use holdfast_types::{AsProblem as _, Problem, Span, Time};

use super::report::{Report, Verdict};
use crate::answers::now;
use crate::dial::{Own, connect, get};
use crate::globals::Globals;
use crate::session::context_path;

/// A certificate of a person is renewed by a person, who wants to know before.
const OWN_LOW: Span = Span::from_secs(3_600);
/// A controller renews its certificate long before this.
const CONTROLLER_LOW: Span = Span::from_secs(4 * 3_600);
/// How much of an answer is read to see that it is one.
const MAX_BODY: usize = 1 << 20;

/// Reads the context as every command does, and says how good it is.
pub(super) fn context(globals: &Globals, report: &mut Report) -> Option<Own> {
    let read = || -> Result<(String, Identity, Trust), Problem> {
        let path = context_path(globals.context.as_deref())?;
        let context = Context::load(&path).map_err(|error| error.problem())?;
        let identity = context.identity().map_err(|error| error.problem())?;
        let trust = context.trust().map_err(|error| error.problem())?;
        Ok((format!("{path}: {} in {}", context.name, context.cluster), identity, trust))
    };
    match read() {
        Err(problem) => {
            report.problem("context", &problem);
            None
        }
        Ok((found, identity, trust)) => {
            let next = "ask an administrator of the cluster for a new context file";
            validity(report, "context", &found, identity.not_after(), OWN_LOW, next);
            Some(Own { identity: IdentityHandle::new(identity), trust })
        }
    }
}

fn validity(report: &mut Report, name: &'static str, found: &str, ends: Time, low: Span, next: &str) {
    let left = ends.since(now());
    let (verdict, text) = match left {
        Span(0) => (Verdict::Fail, format!("{found}, certificate ended at {ends}")),
        left if left < low => (Verdict::Warn, format!("{found}, certificate ends in {left}")),
        left => (Verdict::Ok, format!("{found}, certificate ends in {left}")),
    };
    report.add(name, verdict, text, if verdict == Verdict::Ok { "" } else { next });
}

/// Which controller is at which address, as its certificate says.
pub(super) type Names = BTreeMap<String, String>;

/// Connects to each address as far as it goes: TCP, TLS and who is there, then the REST face.
pub(super) async fn endpoints(own: &Own, endpoints: &[String], report: &mut Report) -> Names {
    let mut names = Names::new();
    for endpoint in endpoints {
        match connect(own, endpoint, Alpn::H2).await {
            Err(why) => {
                let next = "is the controller running, and may this machine reach its port?";
                report.add("endpoint", Verdict::Fail, format!("{endpoint}: {why}"), next);
            }
            Ok((_, peer, took)) => {
                let name = match &peer.principal {
                    Principal::Controller { name } => name.to_string(),
                    other => other.to_string(),
                };
                let found = format!("{endpoint}: {name} over TLS in {} ms", took.as_millis());
                let next = "see the log of that controller for why it cannot renew its certificate";
                validity(report, "endpoint", &found, peer.not_after.unwrap_or(now()), CONTROLLER_LOW, next);
                names.insert(endpoint.clone(), name);
                rest(own, endpoint, report).await;
            }
        }
    }
    names
}

/// One request over HTTP/1.1, as a person's own tools make it.
async fn rest(own: &Own, endpoint: &str, report: &mut Report) {
    let line = get(own, endpoint, "/v1/cluster", MAX_BODY).await.map(|(line, _)| line);
    match line {
        Ok(line) if line.starts_with("HTTP/1.1 200") => {
            report.ok("rest", format!("{endpoint}: GET /v1/cluster answers 200"));
        }
        Ok(line) | Err(line) => {
            let found = format!("{endpoint}: GET /v1/cluster: {line}");
            report.add("rest", Verdict::Fail, found, "see the log of that controller");
        }
    }
}
