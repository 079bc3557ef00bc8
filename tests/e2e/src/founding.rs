//! A cluster at its beginning: what its controllers and its one client find on their disks.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow, ensure};
use camino::Utf8Path;
use holdfast_controller::{FoundController, FoundOperator, FoundOptions, found};
use holdfast_identity::{Alpn, Context, Expect, IdentityHandle, client_config};
use holdfast_policy::packs;
use holdfast_types::{Span, Time};
use tokio_rustls::rustls::ClientConfig;

/// The cluster is so old when it begins, so that its certificates hold for a clock that jumps back an hour.
const AGE: Span = Span::from_secs(3 * 3_600);
/// All the load comes with one certificate, which may ask for more here than a person should.
const RAISED: [&str; 4] = ["reads_per_second", "reads_burst", "writes_per_second", "writes_burst"];
const NO_LIMIT: u32 = 1_000_000;

/// Founds a cluster of these controllers, whose nodes have leases of this length and whose one client is let do as much as
/// it can; returns how it calls them.
///
/// # Errors
///
/// Where something of it cannot be made.
pub fn begin(
    controllers: Vec<FoundController>,
    lease: Span,
    context: &Utf8Path,
) -> Result<Arc<ClientConfig>> {
    let options = options(controllers, lease, context)?;
    found(&options).map_err(|problem| anyhow!("{problem}"))?;
    for controller in &options.controllers {
        raise_limits(&controller.directory.join("controller.toml"))?;
    }
    config(context)
}

fn options(controllers: Vec<FoundController>, lease: Span, context: &Utf8Path) -> Result<FoundOptions> {
    let since = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    Ok(FoundOptions {
        cluster_name: "chaos".to_owned(),
        lease,
        controllers,
        jurisdictions: vec!["DE".parse()?],
        law: packs::DEMO.law.to_owned(),
        tenant_policies: packs::DEMO.tenant.to_owned(),
        operators: vec![FoundOperator {
            name: "admin".to_owned(),
            roles: vec!["admin".to_owned(), "engineer".to_owned()],
            tenant: None,
            context: context.to_owned(),
        }],
        now: Time(since) - AGE,
    })
}

fn raise_limits(path: &Utf8Path) -> Result<()> {
    let is_raised = |line: &str| line.split_once(" = ").is_some_and(|(key, _)| RAISED.contains(&key));
    let raise = |line: &str| match line.split_once(" = ") {
        Some((key, _)) if is_raised(line) => format!("{key} = {NO_LIMIT}\n"),
        _ => format!("{line}\n"),
    };
    let text = std::fs::read_to_string(path)?;
    let raised = text.lines().filter(|line| is_raised(line)).count();
    ensure!(raised == RAISED.len(), "{path} names {raised} of {RAISED:?}");
    Ok(std::fs::write(path, text.lines().map(raise).collect::<String>())?)
}

fn config(context: &Utf8Path) -> Result<Arc<ClientConfig>> {
    let context = Context::load(context)?;
    let identity = IdentityHandle::new(context.identity()?);
    Ok(client_config(Some(&identity), &context.trust()?, Expect::Controller, Alpn::H2)?)
}
