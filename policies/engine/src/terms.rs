//! The terms of the law as Cedar entities, built once per bundle and copied into the slice of each request.

use std::collections::BTreeMap;

use cedar_policy::{Entity, EntityAttrEvaluationError, EntityUid, RestrictedExpression};

use crate::law::{Law, Term};
use crate::vocabulary::{Kind, Vocabulary};

/// One term, and the terms directly above it or named by it.
#[derive(Debug)]
pub(crate) struct LawEntity {
    pub(crate) entity: Entity,
    pub(crate) needs: Vec<EntityUid>,
}

type Attributes = Vec<(&'static str, RestrictedExpression)>;

struct Builder<'a> {
    vocabulary: &'a Vocabulary,
    entities: BTreeMap<EntityUid, LawEntity>,
}

/// All terms of a law.
pub(crate) fn law_entities(
    law: &Law,
    vocabulary: &Vocabulary,
) -> Result<BTreeMap<EntityUid, LawEntity>, Box<EntityAttrEvaluationError>> {
    let mut builder = Builder { vocabulary, entities: BTreeMap::new() };
    builder.tree(
        Kind::Jurisdiction,
        law.jurisdictions.iter().map(|(n, t)| (n.as_str(), parents(t, |p| p.as_str()))),
    )?;
    builder.tree(Kind::Label, law.labels.iter().map(|(n, t)| (n.as_str(), parents(t, |p| p.as_str()))))?;
    builder
        .tree(Kind::Purpose, law.purposes.iter().map(|(n, t)| (n.as_str(), parents(t, |p| p.as_str()))))?;
    builder.seats(law)?;
    builder.places(law)?;
    Ok(builder.entities)
}

fn parents<'a, N: Ord>(term: &'a Term<N>, text: fn(&'a N) -> &'a str) -> Vec<&'a str> {
    term.parents.iter().map(text).collect()
}

impl Builder<'_> {
    fn add(
        &mut self,
        uid: EntityUid,
        attributes: Attributes,
        parents: Vec<EntityUid>,
        mut needs: Vec<EntityUid>,
    ) -> Result<(), Box<EntityAttrEvaluationError>> {
        needs.extend(parents.iter().cloned());
        let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let entity = Entity::new(uid.clone(), attributes, parents.into_iter().collect()).map_err(Box::new)?;
        self.entities.insert(uid, LawEntity { entity, needs });
        Ok(())
    }

    fn tree<'a>(
        &mut self,
        kind: Kind,
        terms: impl Iterator<Item = (&'a str, Vec<&'a str>)>,
    ) -> Result<(), Box<EntityAttrEvaluationError>> {
        for (name, parents) in terms {
            let parents = parents.into_iter().map(|parent| self.vocabulary.uid(kind, parent)).collect();
            self.add(self.vocabulary.uid(kind, name), Vec::new(), parents, Vec::new())?;
        }
        Ok(())
    }

    fn seats(&mut self, law: &Law) -> Result<(), Box<EntityAttrEvaluationError>> {
        for (name, operator) in &law.operators {
            let seat = self.vocabulary.uid(Kind::Jurisdiction, operator.seat.as_str());
            let attributes = vec![
                ("seat", RestrictedExpression::new_entity_uid(seat.clone())),
                ("extraterritorial", RestrictedExpression::new_bool(operator.extraterritorial)),
            ];
            let uid = self.vocabulary.uid(Kind::Operator, name.as_str());
            self.add(uid, attributes, Vec::new(), vec![seat])?;
        }
        for (name, tenant) in &law.tenants {
            let home = self.vocabulary.uid(Kind::Jurisdiction, tenant.home.as_str());
            let attributes = vec![("home", RestrictedExpression::new_entity_uid(home.clone()))];
            self.add(self.vocabulary.uid(Kind::Tenant, name.as_str()), attributes, Vec::new(), vec![home])?;
        }
        Ok(())
    }

    fn places(&mut self, law: &Law) -> Result<(), Box<EntityAttrEvaluationError>> {
        for (name, site) in &law.sites {
            let jurisdiction = self.vocabulary.uid(Kind::Jurisdiction, site.jurisdiction.as_str());
            let operator = self.vocabulary.uid(Kind::Operator, site.operator.as_str());
            let attributes = vec![
                ("jurisdiction", RestrictedExpression::new_entity_uid(jurisdiction.clone())),
                ("operator", RestrictedExpression::new_entity_uid(operator.clone())),
            ];
            let uid = self.vocabulary.uid(Kind::Site, name.as_str());
            self.add(uid, attributes, vec![jurisdiction], vec![operator])?;
        }
        for (name, domain) in &law.key_domains {
            let jurisdiction = self.vocabulary.uid(Kind::Jurisdiction, name.as_str());
            let custodian = self.vocabulary.uid(Kind::Operator, domain.custodian.as_str());
            let attributes = vec![
                ("jurisdiction", RestrictedExpression::new_entity_uid(jurisdiction.clone())),
                ("custodian", RestrictedExpression::new_entity_uid(custodian.clone())),
            ];
            let uid = self.vocabulary.uid(Kind::KeyDomain, name.as_str());
            self.add(uid, attributes, Vec::new(), vec![jurisdiction, custodian])?;
        }
        Ok(())
    }
}
