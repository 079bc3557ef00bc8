//! The context file after a cluster has begun again. A leaf.

use holdfast_identity::Context;
use holdfast_types::{AsProblem as _, Problem};

use crate::globals::Globals;
use crate::session::context_path;

/// Has the context of this cluster name the controller that goes on.
pub(super) fn point_context(globals: &Globals, cluster_id: &str, address: &str) -> Result<(), Problem> {
    let path = context_path(globals.context.as_deref())?;
    let mut context = Context::load(&path).map_err(|error| error.problem())?;
    if context.cluster.to_string() != cluster_id {
        return Ok(());
    }
    context.endpoints = address.parse().into_iter().collect();
    context.save(&path).map_err(|error| error.problem())
}
