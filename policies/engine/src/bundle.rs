//! A bundle: schema, constitution, tenant rules and law, checked whole. An invalid bundle cannot be built.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use cedar_policy::{EntityUid, Schema, ValidationMode, Validator};
use holdfast_types::{Jurisdiction, LabelName, PurposeName, TenantName};
use sha2::{Digest, Sha256};

use crate::finding::{Finding, FindingKind, Text};
use crate::hash::BundleHash;
use crate::law::Law;
use crate::rule::{Rule, Rules};
use crate::terms::{LawEntity, law_entities};
use crate::vocabulary::Vocabulary;

/// The longest text of a bundle in bytes.
pub const MAX_TEXT: usize = 1 << 20;

/// What begins the bytes that a bundle's hash is taken over.
const HASH_DOMAIN: &[u8] = b"holdfast-bundle-v1\0";

/// The four texts of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BundleSource<'a> {
    /// The Cedar schema.
    pub schema: &'a str,
    /// Layer 0: only forbids.
    pub constitution: &'a str,
    /// Layer 1: permits, and further forbids.
    pub tenant: &'a str,
    /// The law as data, TOML.
    pub law: &'a str,
}

impl BundleSource<'_> {
    fn texts(&self) -> [(Text, &str); 4] {
        [
            (Text::Schema, self.schema),
            (Text::Constitution, self.constitution),
            (Text::Tenant, self.tenant),
            (Text::Law, self.law),
        ]
    }

    /// SHA-256 over a domain and, for each text in fixed order, its name, its length and its bytes.
    #[must_use]
    pub fn hash(&self) -> BundleHash {
        let mut hasher = Sha256::new_with_prefix(HASH_DOMAIN);
        for (name, text) in self.texts() {
            hasher.update(name.to_string().as_bytes());
            hasher.update([0]);
            // A usize has at most 64 bits on every target Rust supports, so nothing is cut.
            hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        BundleHash(hasher.finalize().into())
    }

    /// The time is `context.now`, and a text is only escaped to write what does not stand there: any other rule is sure not to ask.
    fn reads_clock(&self) -> bool {
        self.tenant.contains("now") || self.tenant.contains('\\')
    }
}

/// A law that can decide.
#[derive(Debug)]
pub struct Bundle {
    hash: BundleHash,
    law: Law,
    reads_clock: bool,
    pub(crate) schema: Schema,
    pub(crate) rules: Rules,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) entities: BTreeMap<EntityUid, LawEntity>,
}

impl Bundle {
    /// Checks and compiles a bundle: strict validation without warnings, every rule with an id and a reason, a
    /// constitution that only forbids, a law without gaps, and no rule about a term the law lacks.
    pub fn parse(source: BundleSource<'_>) -> Result<Self, Vec<Finding>> {
        let mut findings = oversize(&source);
        if !findings.is_empty() {
            return Err(findings);
        }
        let schema = read_schema(source.schema).map_err(|finding| findings.push(finding)).ok();
        let law = Law::parse(source.law).map_err(|found| findings.extend(found)).ok();
        let mut rules = Rules::default();
        rules.read(Text::Constitution, source.constitution, &mut findings);
        rules.read(Text::Tenant, source.tenant, &mut findings);
        let (Some(schema), Some(law)) = (schema, law) else {
            return Err(findings);
        };
        let unreadable =
            |error: &dyn fmt::Display| Finding::new(Text::Schema, FindingKind::Unreadable, error);
        let vocabulary = Vocabulary::new().map_err(|errors| vec![unreadable(&errors)])?;
        let entities = law_entities(&law, &vocabulary).map_err(|error| vec![unreadable(&error)])?;
        validate(&schema, &rules, &mut findings);
        let (hash, reads_clock) = (source.hash(), source.reads_clock());
        let bundle = Self { hash, law, reads_clock, schema, rules, vocabulary, entities };
        bundle.check_literals(&mut findings);
        if findings.is_empty() { Ok(bundle) } else { Err(findings) }
    }

    /// Its name.
    #[must_use]
    pub fn hash(&self) -> BundleHash {
        self.hash
    }

    /// Whether a rule of the tenant may say otherwise at another time. The constitution asks for the time only where a node is attested
    /// until one, or an artifact retained.
    #[must_use]
    pub fn reads_clock(&self) -> bool {
        self.reads_clock
    }

    /// Its terms.
    #[must_use]
    pub fn law(&self) -> &Law {
        &self.law
    }

    /// Whether the law defines a classification.
    #[must_use]
    pub fn knows_label(&self, name: &LabelName) -> bool {
        self.law.labels.contains_key(name)
    }

    /// Whether the law defines a purpose.
    #[must_use]
    pub fn knows_purpose(&self, name: &PurposeName) -> bool {
        self.law.purposes.contains_key(name)
    }

    /// Whether the law defines a jurisdiction.
    #[must_use]
    pub fn knows_jurisdiction(&self, name: &Jurisdiction) -> bool {
        self.law.jurisdictions.contains_key(name)
    }

    /// Whether the law defines a tenant.
    #[must_use]
    pub fn knows_tenant(&self, name: &TenantName) -> bool {
        self.law.tenants.contains_key(name)
    }

    /// The rules in the order of their texts.
    pub(crate) fn order(&self) -> &[Rule] {
        &self.rules.order
    }

    /// A misspelt label makes a rule silently hold for nothing, and a rule about one node or person is no law, so a rule
    /// may name only terms of the law, roles and actions.
    fn check_literals(&self, findings: &mut Vec<Finding>) {
        for policy in self.rules.set.policies() {
            let literals: BTreeSet<EntityUid> = policy.entity_literals().into_iter().collect();
            for uid in literals {
                if !self.vocabulary.is_open(&uid) && !self.entities.contains_key(&uid) {
                    let message = format!("rule `{}` names {uid}, which the law does not know", policy.id());
                    findings.push(Finding::new(Text::Law, FindingKind::Law, message));
                }
            }
        }
    }
}

fn oversize(source: &BundleSource<'_>) -> Vec<Finding> {
    let long = source.texts().into_iter().filter(|(_, text)| text.len() > MAX_TEXT);
    long.map(|(text, bytes)| {
        let message = format!("it has {} bytes: at most {MAX_TEXT} are allowed", bytes.len());
        Finding::new(text, FindingKind::Unreadable, message)
    })
    .collect()
}

fn read_schema(source: &str) -> Result<Schema, Finding> {
    let finding = |error: &dyn fmt::Display| Finding::new(Text::Schema, FindingKind::Unreadable, error);
    let (schema, warnings) = Schema::from_cedarschema_str(source).map_err(|error| finding(&error))?;
    match warnings.into_iter().next() {
        Some(warning) => Err(finding(&warning)),
        None => Ok(schema),
    }
}

fn validate(schema: &Schema, rules: &Rules, findings: &mut Vec<Finding>) {
    let result = Validator::new(schema.clone()).validate(&rules.set, ValidationMode::Strict);
    let errors = result.validation_errors().map(|error| (error.policy_id(), error.to_string()));
    let warnings = result.validation_warnings().map(|warning| (warning.policy_id(), warning.to_string()));
    for (id, message) in errors.chain(warnings) {
        let text = rules.order.iter().find(|rule| rule.id == *id).map_or(Text::Tenant, |rule| rule.text);
        findings.push(Finding::new(text, FindingKind::Validation, message));
    }
}

#[cfg(test)]
mod tests;
