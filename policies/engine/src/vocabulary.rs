//! The entity types and actions of the schema, resolved once per bundle.

use cedar_policy::{EntityId, EntityTypeName, EntityUid, ParseErrors};
use holdfast_types::ArtifactKind;

use crate::request::Act;

/// The type of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Jurisdiction,
    Label,
    Purpose,
    Operator,
    Tenant,
    Role,
    KeyDomain,
    User,
    Workload,
    System,
    Site,
    Node,
    Artifact(ArtifactKind),
}

/// The types of the schema under their Rust names.
#[derive(Debug, Clone)]
pub(crate) struct Vocabulary {
    jurisdiction: EntityTypeName,
    label: EntityTypeName,
    purpose: EntityTypeName,
    operator: EntityTypeName,
    tenant: EntityTypeName,
    role: EntityTypeName,
    key_domain: EntityTypeName,
    user: EntityTypeName,
    workload: EntityTypeName,
    system: EntityTypeName,
    site: EntityTypeName,
    node: EntityTypeName,
    dataset: EntityTypeName,
    model: EntityTypeName,
    checkpoint: EntityTypeName,
    image: EntityTypeName,
    action: EntityTypeName,
}

impl Vocabulary {
    /// The names; whether the schema has them is for the validator to find.
    pub(crate) fn new() -> Result<Self, Box<ParseErrors>> {
        let name = |text: &str| format!("Holdfast::{text}").parse::<EntityTypeName>().map_err(Box::new);
        Ok(Self {
            jurisdiction: name("Jurisdiction")?,
            label: name("Label")?,
            purpose: name("Purpose")?,
            operator: name("Operator")?,
            tenant: name("Tenant")?,
            role: name("Role")?,
            key_domain: name("KeyDomain")?,
            user: name("User")?,
            workload: name("Workload")?,
            system: name("System")?,
            site: name("Site")?,
            node: name("Node")?,
            dataset: name("Dataset")?,
            model: name("Model")?,
            checkpoint: name("Checkpoint")?,
            image: name("Image")?,
            action: name("Action")?,
        })
    }

    fn type_of(&self, kind: Kind) -> &EntityTypeName {
        match kind {
            Kind::Jurisdiction => &self.jurisdiction,
            Kind::Label => &self.label,
            Kind::Purpose => &self.purpose,
            Kind::Operator => &self.operator,
            Kind::Tenant => &self.tenant,
            Kind::Role => &self.role,
            Kind::KeyDomain => &self.key_domain,
            Kind::User => &self.user,
            Kind::Workload => &self.workload,
            Kind::System => &self.system,
            Kind::Site => &self.site,
            Kind::Node => &self.node,
            Kind::Artifact(ArtifactKind::Dataset) => &self.dataset,
            Kind::Artifact(ArtifactKind::Model) => &self.model,
            Kind::Artifact(ArtifactKind::Checkpoint) => &self.checkpoint,
            Kind::Artifact(ArtifactKind::Image) => &self.image,
        }
    }

    /// The entity of a type with an id.
    pub(crate) fn uid(&self, kind: Kind, id: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(self.type_of(kind).clone(), EntityId::new(id))
    }

    /// The action of an act.
    pub(crate) fn action(&self, act: Act) -> EntityUid {
        EntityUid::from_type_name_and_id(self.action.clone(), EntityId::new(act.as_str()))
    }

    /// Whether an entity in a rule is an action or a role: roles are given by certificates, not by the law.
    pub(crate) fn is_open(&self, uid: &EntityUid) -> bool {
        uid.type_name() == &self.action || uid.type_name() == &self.role
    }
}
