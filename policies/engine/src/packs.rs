//! The packs that come with Holdfast, compiled in: the constitution and a demo law with tenant rules.

use crate::bundle::{Bundle, BundleSource};
use crate::finding::Finding;

/// The schema that every bundle of this version uses.
pub const SCHEMA: &str = include_str!("../../packs/constitution/holdfast.cedarschema");
/// The constitution.
pub const CONSTITUTION: &str = include_str!("../../packs/constitution/constitution.cedar");

/// The texts of the demo pack.
pub const DEMO: BundleSource<'static> = BundleSource {
    schema: SCHEMA,
    constitution: CONSTITUTION,
    tenant: include_str!("../../packs/demo/tenant.cedar"),
    law: include_str!("../../packs/demo/law.toml"),
};

/// The demo pack: a law of the EU and the US with four sites and three tenants.
pub fn demo() -> Result<Bundle, Vec<Finding>> {
    Bundle::parse(DEMO)
}

/// The constitution under a tenant's own rules and law.
pub fn under_constitution(tenant: &str, law: &str) -> Result<Bundle, Vec<Finding>> {
    Bundle::parse(BundleSource { tenant, law, ..DEMO })
}
