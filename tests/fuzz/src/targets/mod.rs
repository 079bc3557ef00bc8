//! The targets, one file for each place that bytes come from.

mod desk;
mod join;
mod kept;
mod machine;
mod members;
mod people;
mod release;
mod rpc;
mod sealed;
mod state;
mod traces;

use anyhow::Result;

use crate::corpus;
use crate::target::Target;

/// Every target, with its corpus.
///
/// # Errors
///
/// Where this program was built without its descriptors, or the corpus cannot be read.
pub fn all() -> Result<Vec<Target>> {
    let mut targets = members::targets();
    targets.extend(state::targets()?);
    targets.extend(rpc::targets()?);
    targets.extend(people::targets()?);
    targets.extend(join::targets()?);
    targets.extend(kept::targets());
    targets.extend(desk::targets());
    targets.extend(machine::targets());
    targets.extend(release::targets());
    targets.extend(sealed::targets());
    targets.extend(traces::targets());
    for target in &mut targets {
        target.seeds.extend(corpus::kept(target.name)?);
    }
    Ok(targets)
}
