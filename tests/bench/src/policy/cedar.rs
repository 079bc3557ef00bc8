//! The Cedar crate as its users call it: the same rules and schema, every entity of the requests loaded beforehand. It
//! must not use the engine's own way from facts to entities, or the comparison of verdicts would prove nothing.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow, bail};
use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Schema};
use holdfast_policy::{ArtifactFacts, Bundle, Egress, NodeFacts, Request, UserFacts, WorkloadFacts, packs};
use holdfast_types::{Jurisdiction, Time};
use serde_json::{Value, json};

/// The crate with everything it needs to answer.
pub(super) struct Peer {
    authorizer: Authorizer,
    schema: Schema,
    rules: PolicySet,
    entities: Entities,
    questions: Vec<Question>,
}

struct Question {
    principal: EntityUid,
    action: EntityUid,
    resource: EntityUid,
    context: Context,
}

impl Peer {
    pub(super) fn new(bundle: &Bundle, requests: &[Request], now: Time) -> Result<Self> {
        let (schema, _) = Schema::from_cedarschema_str(packs::SCHEMA).context("read the schema")?;
        let rules: PolicySet = format!("{}\n{}", packs::CONSTITUTION, packs::DEMO.tenant)
            .parse()
            .map_err(|error| anyhow!("read the rules: {error}"))?;
        let mut world = World::of_law(bundle);
        let asked: Vec<_> =
            requests.iter().map(|request| world.ask(bundle, request, now)).collect::<Result<_>>()?;
        let entities = Value::Array(world.entities.into_values().collect());
        let entities = Entities::from_json_value(entities, Some(&schema)).context("load the entities")?;
        let mut questions = Vec::new();
        for [principal, action, resource, context] in asked {
            let action = uid(action)?;
            let context = Context::from_json_value(context, Some((&schema, &action))).context("a context")?;
            questions.push(Question {
                principal: uid(principal)?,
                action,
                resource: uid(resource)?,
                context,
            });
        }
        Ok(Self { authorizer: Authorizer::new(), schema, rules, entities, questions })
    }

    /// What the crate says of a request.
    pub(super) fn allows(&self, number: usize) -> Result<bool> {
        let asked = self.questions.get(number).context("a question of that number")?;
        let request = cedar_policy::Request::new(
            asked.principal.clone(),
            asked.action.clone(),
            asked.resource.clone(),
            asked.context.clone(),
            Some(&self.schema),
        )
        .context("a request of the schema")?;
        let response = self.authorizer.is_authorized(&request, &self.rules, &self.entities);
        Ok(response.decision() == Decision::Allow)
    }
}

fn uid(value: Value) -> Result<EntityUid> {
    EntityUid::from_json(value).map_err(|error| anyhow!("{error}"))
}

fn named(kind: &str, id: &str) -> Value {
    json!({ "type": format!("Holdfast::{kind}"), "id": id })
}

fn all<'n>(kind: &str, names: impl Iterator<Item = &'n str>) -> Vec<Value> {
    names.map(|name| named(kind, name)).collect()
}

/// The entities of the law and of the requests, by their name.
struct World {
    entities: BTreeMap<String, Value>,
}

impl World {
    fn of_law(bundle: &Bundle) -> Self {
        let law = bundle.law();
        let mut world = Self { entities: BTreeMap::new() };
        for (name, term) in &law.jurisdictions {
            let parents = all("Jurisdiction", term.parents.iter().map(|p| p.as_str()));
            world.add(named("Jurisdiction", name.as_str()), json!({}), parents);
        }
        for (name, term) in &law.labels {
            let parents = all("Label", term.parents.iter().map(|p| p.as_str()));
            world.add(named("Label", name.as_str()), json!({}), parents);
        }
        for (name, term) in &law.purposes {
            let parents = all("Purpose", term.parents.iter().map(|p| p.as_str()));
            world.add(named("Purpose", name.as_str()), json!({}), parents);
        }
        for (name, operator) in &law.operators {
            let seat = named("Jurisdiction", operator.seat.as_str());
            let attributes = json!({ "seat": seat, "extraterritorial": operator.extraterritorial });
            world.add(named("Operator", name.as_str()), attributes, Vec::new());
        }
        for (name, tenant) in &law.tenants {
            let home = named("Jurisdiction", tenant.home.as_str());
            world.add(named("Tenant", name.as_str()), json!({ "home": home }), Vec::new());
        }
        for (name, site) in &law.sites {
            let jurisdiction = named("Jurisdiction", site.jurisdiction.as_str());
            let attributes = json!({ "jurisdiction": jurisdiction, "operator": named("Operator", site.operator.as_str()) });
            world.add(named("Site", name.as_str()), attributes, vec![jurisdiction]);
        }
        for (name, domain) in &law.key_domains {
            let jurisdiction = named("Jurisdiction", name.as_str());
            let attributes = json!({ "jurisdiction": jurisdiction, "custodian": named("Operator", domain.custodian.as_str()) });
            world.add(named("KeyDomain", name.as_str()), attributes, Vec::new());
        }
        world
    }

    fn add(&mut self, uid: Value, attrs: Value, parents: Vec<Value>) -> Value {
        let entity = json!({ "uid": uid, "attrs": attrs, "parents": parents });
        self.entities.insert(uid.to_string(), entity);
        uid
    }

    /// Principal, action, resource and context of a request.
    fn ask(&mut self, bundle: &Bundle, request: &Request, now: Time) -> Result<[Value; 4]> {
        let now = now.to_string();
        match request {
            Request::Place { workload, node } => {
                let (workload, node) = (self.workload(workload), self.node(node));
                Ok([workload, named("Action", "place"), node, json!({ "now": now })])
            }
            Request::Use { workload, artifact, node } => {
                let (workload, node) = (self.workload(workload), self.node(node));
                let artifact = self.artifact(bundle, artifact)?;
                Ok([workload, named("Action", "use"), artifact, json!({ "now": now, "node": node })])
            }
            other => bail!("{:?} is not measured", other.act()),
        }
    }

    fn user(&mut self, user: &UserFacts) -> Value {
        let tenant = named("Tenant", user.tenant.as_str());
        let attributes = json!({
            "tenant": tenant,
            "location": named("Jurisdiction", user.location.as_str()),
            "clearance": user.clearance,
            "hwkey": user.hwkey,
        });
        let mut parents = all("Role", user.roles.iter().map(|role| role.as_str()));
        parents.push(tenant);
        self.add(named("User", user.name.as_str()), attributes, parents)
    }

    fn workload(&mut self, workload: &WorkloadFacts) -> Value {
        let tenant = named("Tenant", workload.tenant.as_str());
        let egress = if workload.egress == Egress::None { "none" } else { "declared" };
        let attributes = json!({
            "tenant": tenant,
            "owner": self.user(&workload.owner),
            "purpose": named("Purpose", workload.purpose.as_str()),
            "clearance": workload.clearance,
            "egress": egress,
            "imageVerified": workload.image_verified,
        });
        self.add(named("Workload", workload.name.as_str()), attributes, vec![tenant])
    }

    fn node(&mut self, node: &NodeFacts) -> Value {
        let class = &node.class;
        let jurisdiction = named("Jurisdiction", class.jurisdiction.as_str());
        let mut attributes = json!({
            "jurisdiction": jurisdiction,
            "operator": named("Operator", class.operator.as_str()),
            "tee": class.tee,
            "quarantined": class.quarantined,
        });
        if let (Some(until), Some(fields)) = (class.attested_until, attributes.as_object_mut()) {
            fields.insert("attestedUntil".to_owned(), until.to_string().into());
        }
        let parents = vec![named("Site", class.site.as_str()), jurisdiction];
        self.add(named("Node", node.name.as_str()), attributes, parents)
    }

    fn artifact(&mut self, bundle: &Bundle, artifact: &ArtifactFacts) -> Result<Value> {
        let kind = match artifact.kind.as_str() {
            "dataset" => "Dataset",
            "model" => "Model",
            "checkpoint" => "Checkpoint",
            _ => "Image",
        };
        // Without a domain of its own, the first of the law that lies within the residency.
        let within = |name: &&Jurisdiction| bundle.law().lies_within(name, &artifact.residency);
        let domain = artifact.key_domain.as_ref().or_else(|| bundle.law().key_domains.keys().find(within));
        let domain = domain.context("a key domain within the residency")?;
        let tenant = named("Tenant", artifact.tenant.as_str());
        let attributes = json!({
            "tenant": tenant,
            "owner": named("User", artifact.owner.as_str()),
            "level": artifact.level,
            "residency": all("Jurisdiction", artifact.residency.iter().map(|name| name.as_str())),
            "purposes": all("Purpose", artifact.purposes.iter().map(|name| name.as_str())),
            "keyDomain": named("KeyDomain", domain.as_str()),
            "teeRequired": artifact.tee_required,
            "legalHold": artifact.legal_hold,
            "erasing": artifact.erasing,
        });
        let mut parents = all("Label", artifact.labels.iter().map(|name| name.as_str()));
        parents.push(tenant);
        Ok(self.add(named(kind, &artifact.key().to_string()), attributes, parents))
    }
}
