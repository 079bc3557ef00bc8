//! The founding entry.

use holdfast_api::store::{BundleRecord, InitCluster, outcome};
use holdfast_api::timestamp;

use crate::act::{Act, Answer};
use crate::table::number_key;
use crate::{queues, refuse};

pub(crate) fn init(act: &mut Act<'_>, init: InitCluster) -> Answer {
    let Some(mut bundle) = init.bundle else {
        return Err(refuse::founding("a cluster without a law bundle cannot exist"));
    };
    act.cluster.cluster_id = init.cluster_id;
    act.cluster.name = init.name;
    act.cluster.feature_level = init.feature_level.max(1);
    act.cluster.incarnation = 1;
    bundle.version = 1;
    bundle.since = Some(timestamp(act.now));
    let hash = bundle.hash.clone();
    let record = BundleRecord { bundle: Some(bundle) };
    act.state.bundles.put(&number_key(1), record, &mut act.state.changes);
    queues::create_default(act);
    let name = act.cluster.name.clone();
    act.event(
        &format!("cluster/{name}"),
        "Founded",
        format!("cluster `{name}` founded under law bundle {hash}"),
    );
    crate::record::mutation(act, "found-cluster", &format!("cluster/{name}"), &[("bundle", &hash)]);
    Ok(outcome::Result::Done(holdfast_api::store::Done {}))
}
