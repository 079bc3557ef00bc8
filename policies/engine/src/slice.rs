//! The slice of a request: the few entities that its decision can look at, and nothing else of the cluster.

use std::collections::BTreeMap;

use cedar_policy::{Context, Entities, Entity, EntityUid, RestrictedExpression};
use holdfast_types::Time;

use crate::bundle::Bundle;
use crate::decision::{CONTRADICTION, EVALUATION_ERROR, UNKNOWN_TERM};
use crate::facts::{ArtifactFacts, Egress, NodeFacts, UserFacts, WorkloadFacts};
use crate::request::{Act, Actor, Approval, Request, Transport};
use crate::vocabulary::Kind;

/// Why a request cannot be put to the rules.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) rule: &'static str,
    pub(crate) text: String,
}

/// What Cedar is asked.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) request: cedar_policy::Request,
    pub(crate) entities: Entities,
}

struct Asked {
    principal: EntityUid,
    act: Act,
    resource: EntityUid,
    context: Vec<(&'static str, RestrictedExpression)>,
}

/// Gathers entities and faults; a fault does not stop it, so a person sees all of them at once.
struct Slice<'b> {
    bundle: &'b Bundle,
    entities: BTreeMap<EntityUid, Entity>,
    faults: Vec<Fault>,
}

/// Puts a request to the schema of a bundle.
pub(crate) fn question(request: &Request, bundle: &Bundle, now: Time) -> Result<Question, Vec<Fault>> {
    let mut slice = Slice { bundle, entities: BTreeMap::new(), faults: Vec::new() };
    let mut asked = slice.ask(request);
    asked.context.push(("now", instant(now)));
    if !slice.faults.is_empty() {
        return Err(slice.faults);
    }
    let failed =
        |error: &dyn std::fmt::Display| vec![Fault { rule: EVALUATION_ERROR, text: error.to_string() }];
    let pairs = asked.context.into_iter().map(|(name, value)| (name.to_owned(), value));
    let context = Context::from_pairs(pairs).map_err(|error| failed(&error))?;
    let action = bundle.vocabulary.action(asked.act);
    let request =
        cedar_policy::Request::new(asked.principal, action, asked.resource, context, Some(&bundle.schema))
            .map_err(|error| failed(&error))?;
    let entities = Entities::from_entities(slice.entities.into_values(), Some(&bundle.schema))
        .map_err(|error| failed(&error))?;
    Ok(Question { request, entities })
}

fn instant(time: Time) -> RestrictedExpression {
    RestrictedExpression::new_datetime(time.to_string())
}

fn entity(uid: &EntityUid) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid.clone())
}

fn set(uids: &[EntityUid]) -> RestrictedExpression {
    RestrictedExpression::new_set(uids.iter().map(entity))
}

fn long(number: u32) -> RestrictedExpression {
    RestrictedExpression::new_long(i64::from(number))
}

impl Slice<'_> {
    fn ask(&mut self, request: &Request) -> Asked {
        let act = request.act();
        let (principal, resource, context) = match request {
            Request::Submit { user, workload } | Request::ReadLogs { user, workload } => {
                (self.user(user), self.workload(workload), Vec::new())
            }
            Request::Place { workload, node } => (self.workload(workload), self.node(node), Vec::new()),
            Request::Use { workload, artifact, node } => {
                let context = vec![("node", entity(&self.node(node)))];
                (self.workload(workload), self.artifact(artifact), context)
            }
            Request::Replicate { actor, artifact, target, transport } => {
                // The node itself joins the slice so that facts that contradict the law are found.
                self.node(target);
                let site = self.term(Kind::Site, target.class.site.as_str());
                let encrypted = RestrictedExpression::new_bool(*transport == Transport::Encrypted);
                let context = vec![("target", entity(&site)), ("encrypted", encrypted)];
                (self.actor(actor, artifact), self.artifact(artifact), context)
            }
            Request::Import { user, artifact, target } => {
                let target = self.term(Kind::Jurisdiction, target.as_str());
                (self.user(user), self.artifact(artifact), vec![("target", entity(&target))])
            }
            Request::Export { user, artifact, destination, basis, approval } => {
                let destination = self.term(Kind::Jurisdiction, destination.as_str());
                let basis = RestrictedExpression::new_string(basis.as_str().to_owned());
                let mut context = vec![("destination", entity(&destination)), ("basis", basis)];
                context.extend(approval.as_ref().and_then(|approval| self.approval(approval)));
                (self.user(user), self.artifact(artifact), context)
            }
            Request::Enrol { user, node } => (self.user(user), self.node(node), Vec::new()),
        };
        Asked { principal, act, resource, context }
    }

    fn fault(&mut self, rule: &'static str, text: String) {
        // A tenant that the law does not know is so for the job and for its owner: it is said once.
        if self.faults.iter().all(|fault| fault.text != text) {
            self.faults.push(Fault { rule, text });
        }
    }

    /// A term of the law with everything it leads to.
    fn term(&mut self, kind: Kind, name: &str) -> EntityUid {
        let uid = self.bundle.vocabulary.uid(kind, name);
        if !self.bundle.entities.contains_key(&uid) {
            self.fault(UNKNOWN_TERM, format!("the law does not know {uid}"));
            return uid;
        }
        let mut open = vec![uid.clone()];
        while let Some(next) = open.pop() {
            if self.entities.contains_key(&next) {
                continue;
            }
            if let Some(term) = self.bundle.entities.get(&next) {
                open.extend(term.needs.iter().cloned());
                self.entities.insert(next, term.entity.clone());
            }
        }
        uid
    }

    fn terms<'n>(&mut self, kind: Kind, names: impl Iterator<Item = &'n str>) -> Vec<EntityUid> {
        names.map(|name| self.term(kind, name)).collect()
    }

    /// One thing may be told twice, as owner and as approver for example, but not in two ways.
    fn add(
        &mut self,
        uid: &EntityUid,
        attributes: Vec<(&'static str, RestrictedExpression)>,
        parents: Vec<EntityUid>,
    ) {
        let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        match Entity::new(uid.clone(), attributes, parents.into_iter().collect()) {
            Err(error) => self.fault(EVALUATION_ERROR, format!("{uid}: {error}")),
            Ok(entity) => match self.entities.get(uid) {
                Some(known) if !known.deep_eq(&entity) => {
                    self.fault(CONTRADICTION, format!("the request says two different things of {uid}"));
                }
                Some(_) => {}
                None => {
                    self.entities.insert(uid.clone(), entity);
                }
            },
        }
    }

    fn user(&mut self, user: &UserFacts) -> EntityUid {
        let uid = self.bundle.vocabulary.uid(Kind::User, user.name.as_str());
        let tenant = self.term(Kind::Tenant, user.tenant.as_str());
        let location = self.term(Kind::Jurisdiction, user.location.as_str());
        let attributes = vec![
            ("tenant", entity(&tenant)),
            ("location", entity(&location)),
            ("clearance", long(user.clearance)),
            ("hwkey", RestrictedExpression::new_bool(user.hwkey)),
        ];
        let roles = user.roles.iter().map(|role| self.bundle.vocabulary.uid(Kind::Role, role.as_str()));
        let parents = roles.chain([tenant]).collect();
        self.add(&uid, attributes, parents);
        uid
    }

    fn actor(&mut self, actor: &Actor, artifact: &ArtifactFacts) -> EntityUid {
        match actor {
            Actor::User(user) => self.user(user),
            Actor::System => {
                let uid = self.bundle.vocabulary.uid(Kind::System, "cluster");
                let tenant = self.term(Kind::Tenant, artifact.tenant.as_str());
                self.add(&uid, vec![("tenant", entity(&tenant))], vec![tenant]);
                uid
            }
        }
    }

    fn approval(&mut self, approval: &Approval) -> Option<(&'static str, RestrictedExpression)> {
        let fields = [("a", &approval.a), ("b", &approval.b)]
            .map(|(name, user)| (name.to_owned(), entity(&self.user(user))));
        match RestrictedExpression::new_record(fields) {
            Ok(record) => Some(("approval", record)),
            Err(error) => {
                self.fault(EVALUATION_ERROR, error.to_string());
                None
            }
        }
    }

    fn workload(&mut self, workload: &WorkloadFacts) -> EntityUid {
        let uid = self.bundle.vocabulary.uid(Kind::Workload, workload.name.as_str());
        let tenant = self.term(Kind::Tenant, workload.tenant.as_str());
        let owner = self.user(&workload.owner);
        let purpose = self.term(Kind::Purpose, workload.purpose.as_str());
        let egress = match workload.egress {
            Egress::None => "none",
            Egress::Declared => "declared",
        };
        let attributes = vec![
            ("tenant", entity(&tenant)),
            ("owner", entity(&owner)),
            ("purpose", entity(&purpose)),
            ("clearance", long(workload.clearance)),
            ("egress", RestrictedExpression::new_string(egress.to_owned())),
            ("imageVerified", RestrictedExpression::new_bool(workload.image_verified)),
        ];
        self.add(&uid, attributes, vec![tenant]);
        uid
    }

    fn node(&mut self, node: &NodeFacts) -> EntityUid {
        let uid = self.bundle.vocabulary.uid(Kind::Node, node.name.as_str());
        let class = &node.class;
        let jurisdiction = self.term(Kind::Jurisdiction, class.jurisdiction.as_str());
        let operator = self.term(Kind::Operator, class.operator.as_str());
        let site = self.term(Kind::Site, class.site.as_str());
        if let Some(law) = self.bundle.law().sites.get(&class.site)
            && (law.jurisdiction != class.jurisdiction || law.operator != class.operator)
        {
            let text = format!(
                "node `{}` is in {} under {}, but its site `{}` is in {} under {}",
                node.name, class.jurisdiction, class.operator, class.site, law.jurisdiction, law.operator
            );
            self.fault(CONTRADICTION, text);
        }
        let mut attributes = vec![
            ("jurisdiction", entity(&jurisdiction)),
            ("operator", entity(&operator)),
            ("tee", RestrictedExpression::new_bool(class.tee)),
            ("quarantined", RestrictedExpression::new_bool(class.quarantined)),
        ];
        attributes.extend(class.attested_until.map(|until| ("attestedUntil", instant(until))));
        self.add(&uid, attributes, vec![site, jurisdiction]);
        uid
    }

    fn artifact(&mut self, artifact: &ArtifactFacts) -> EntityUid {
        let key = artifact.key();
        let uid = self.bundle.vocabulary.uid(Kind::Artifact(artifact.kind), &key.to_string());
        let tenant = self.term(Kind::Tenant, artifact.tenant.as_str());
        let owner = self.bundle.vocabulary.uid(Kind::User, artifact.owner.as_str());
        let residency = self.terms(Kind::Jurisdiction, artifact.residency.iter().map(|name| name.as_str()));
        let purposes = self.terms(Kind::Purpose, artifact.purposes.iter().map(|name| name.as_str()));
        let mut parents = self.terms(Kind::Label, artifact.labels.iter().map(|name| name.as_str()));
        let domain = artifact.key_domain.as_ref();
        let Some(domain) = domain.or_else(|| self.bundle.law().key_domain_within(&artifact.residency)) else {
            let text = format!("no key domain of the law lies within the residency of {key}");
            self.fault(UNKNOWN_TERM, text);
            return uid;
        };
        let domain = self.term(Kind::KeyDomain, domain.as_str());
        let mut attributes = vec![
            ("tenant", entity(&tenant)),
            ("owner", entity(&owner)),
            ("level", long(artifact.level)),
            ("residency", set(&residency)),
            ("purposes", set(&purposes)),
            ("keyDomain", entity(&domain)),
            ("teeRequired", RestrictedExpression::new_bool(artifact.tee_required)),
            ("legalHold", RestrictedExpression::new_bool(artifact.legal_hold)),
            ("erasing", RestrictedExpression::new_bool(artifact.erasing)),
        ];
        attributes.extend(artifact.retain_until.map(|until| ("retainUntil", instant(until))));
        parents.push(tenant);
        self.add(&uid, attributes, parents);
        uid
    }
}
