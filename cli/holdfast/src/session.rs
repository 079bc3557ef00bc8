//! From a context file to a cluster that can be called.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_client::{ClusterClient, RequestTag, TaggedChannel, idempotency_key, lazy_channel};
use holdfast_identity::{Alpn, Context, Expect, IdentityHandle, Trust, client_config};
use holdfast_types::{AsProblem as _, Problem, ProblemKind};

use crate::dial::Own;
use crate::globals::Globals;
use crate::output::Printer;

/// How long a call tries to reach the cluster where no `--timeout` is given: longer than an election.
const PATIENCE: Duration = Duration::from_secs(15);

/// One command's view of a cluster.
pub(crate) struct Session {
    client: ClusterClient,
    tag: RequestTag,
    identity: IdentityHandle,
    trust: Trust,
    /// The options of every command.
    pub(crate) globals: Globals,
    /// Where data goes.
    pub(crate) printer: Printer,
}

impl Session {
    /// Reads the context and makes a client; nothing is dialled yet.
    pub(crate) fn open(globals: &Globals) -> Result<Self, Problem> {
        let path = context_path(globals.context.as_deref())?;
        let context = Context::load(&path).map_err(|e| e.problem())?;
        let identity = IdentityHandle::new(context.identity().map_err(|e| e.problem())?);
        let trust = context.trust().map_err(|e| e.problem())?;
        let config =
            client_config(Some(&identity), &trust, Expect::Controller, Alpn::H2).map_err(|e| e.problem())?;
        let endpoints = context.endpoints.iter().map(ToString::to_string).collect();
        let tag = globals.request_id.clone().unwrap_or_else(RequestTag::fresh);
        let client = ClusterClient::new(endpoints, config, patience(globals)).for_request(tag.clone());
        let printer = Printer::new(globals.output);
        Ok(Self { client, tag, identity, trust, globals: globals.clone(), printer })
    }

    /// Who dials an address by himself.
    pub(crate) fn own(&self) -> Own {
        Own { identity: self.identity.clone(), trust: self.trust.clone() }
    }

    /// The controllers.
    pub(crate) fn client(&self) -> &ClusterClient {
        &self.client
    }

    /// How long a command tries to reach the cluster.
    pub(crate) fn patience(&self) -> Duration {
        patience(&self.globals)
    }

    /// A channel to one controller, whichever leads.
    pub(crate) fn controller(&self, address: &str) -> Result<TaggedChannel, Problem> {
        let config = client_config(Some(&self.identity), &self.trust, Expect::Controller, Alpn::H2)
            .map_err(|e| e.problem())?;
        lazy_channel(address, &config).map(|channel| self.tag.on(channel)).map_err(|error| {
            Problem::new(7111, ProblemKind::Failed, format!("`{address}` is not the address of a controller"))
                .because(error.to_string())
                .next("holdfast doctor")
        })
    }

    /// A channel to the data port of a node.
    pub(crate) fn node(&self, address: &str) -> Result<TaggedChannel, Problem> {
        let config = client_config(Some(&self.identity), &self.trust, Expect::AnyNode, Alpn::H2)
            .map_err(|e| e.problem())?;
        lazy_channel(address, &config).map(|channel| self.tag.on(channel)).map_err(|error| {
            Problem::new(7010, ProblemKind::Failed, format!("`{address}` is not the address of a data port"))
                .because(error.to_string())
                .next("holdfast node list")
        })
    }

    /// What a write carries: a key of its own, and whether it is only tried.
    pub(crate) fn write_options(&self) -> Result<holdfast_api::v1::WriteOptions, Problem> {
        Ok(holdfast_api::v1::WriteOptions {
            idempotency_key: idempotency_key()?,
            expected_revision: 0,
            dry_run: self.globals.dry_run,
        })
    }
}

fn patience(globals: &Globals) -> Duration {
    match globals.timeout {
        Some(timeout) if !globals.wait => timeout.as_duration(),
        // With --wait the time limit is on the waiting, which notices by itself that nobody answers.
        Some(_) | None => PATIENCE,
    }
}

/// Calls the leader: `call!(session, JobsClient, get, request)`.
macro_rules! call {
    ($session:expr, $service:ident, $method:ident, $request:expr) => {{
        let request = $request;
        let calling = $session.client().call(|channel| {
            let request = request.clone();
            async move {
                let mut service =
                    $service::new(channel).max_decoding_message_size(holdfast_client::MAX_MESSAGE);
                service.$method(request).await
            }
        });
        // On the heap: the state of a call is large, and a command makes several.
        Box::pin(calling).await
    }};
}
pub(crate) use call;

/// The context file: the one named, else the operator's own, else that of the newest cluster made by `up`.
pub(crate) fn context_path(named: Option<&Utf8Path>) -> Result<Utf8PathBuf, Problem> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let candidates = default_contexts(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    if let Some(found) = candidates.iter().find(|path| path.exists()) {
        return Ok(found.clone());
    }
    let mut problem = Problem::new(7011, ProblemKind::NotFound, "there is no context: no cluster to talk to");
    for path in &candidates {
        problem = problem.because(format!("`{path}` does not exist"));
    }
    Err(problem.next("holdfast up").next("holdfast --context FILE cluster status"))
}

fn default_contexts(variable: impl Fn(&str) -> Option<String>) -> Vec<Utf8PathBuf> {
    let home = variable("HOME").map(Utf8PathBuf::from);
    let below_home = |rest: &str| home.as_ref().map(|h| h.join(rest));
    let config = variable("XDG_CONFIG_HOME").map(Utf8PathBuf::from).or_else(|| below_home(".config"));
    let state = variable("XDG_STATE_HOME").map(Utf8PathBuf::from).or_else(|| below_home(".local/state"));
    let own = config.map(|dir| dir.join("holdfast/context.toml"));
    let up = state.map(|dir| dir.join("holdfast/up/context.toml"));
    own.into_iter().chain(up).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_context_comes_before_that_of_up() {
        let variables = |name: &str| match name {
            "HOME" => Some("/home/a".to_owned()),
            "XDG_STATE_HOME" => Some("/var/a".to_owned()),
            _ => None,
        };
        let expected = ["/home/a/.config/holdfast/context.toml", "/var/a/holdfast/up/context.toml"];
        assert_eq!(default_contexts(variables), expected);
        assert!(default_contexts(|_| None).is_empty());
    }

    #[test]
    fn a_missing_context_says_how_to_get_one() {
        let named = context_path(Some("/nowhere".into())).unwrap();
        let globals = Globals {
            output: crate::globals::Format::Table,
            context: Some(named),
            watch: false,
            dry_run: false,
            yes: false,
            wait: false,
            timeout: None,
            request_id: None,
            verbose: 0,
        };
        let problem = Session::open(&globals).err().unwrap();
        assert!(problem.to_string().contains("/nowhere"), "{problem}");
    }
}
