//! The law as data: the jurisdictions, labels, purposes, operators, tenants, sites and key domains that rules and
//! requests may name. It must not know what the rules say about them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use holdfast_types::{Jurisdiction, LabelName, PurposeName, TenantName};
use serde::Deserialize;

use crate::finding::{Finding, FindingKind, Text};
use crate::names::{OperatorName, SiteName};

/// The most terms a law may define, over all its tables.
pub const MAX_TERMS: usize = 4096;

/// A term that may lie below others of its kind, as DE lies below EU.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "N: Deserialize<'de> + Ord"))]
pub struct Term<N: Ord> {
    /// The terms directly above it.
    #[serde(default = "BTreeSet::new")]
    pub parents: BTreeSet<N>,
}

/// Who runs a site.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorLaw {
    /// The law it answers to.
    pub seat: Jurisdiction,
    /// Whether the law of another state reaches it, through its owners for example.
    pub extraterritorial: bool,
}

/// Whose jobs and data.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantLaw {
    /// The law it answers to.
    pub home: Jurisdiction,
}

/// Where nodes stand.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteLaw {
    /// The law that applies there.
    pub jurisdiction: Jurisdiction,
    /// Who runs it.
    pub operator: OperatorName,
}

/// Where the keys of a jurisdiction are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyDomain {
    /// Who holds them.
    pub custodian: OperatorName,
}

/// The law as data. Every name that one table uses is defined in another, and no term lies above itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Law {
    /// States and blocs of states.
    pub jurisdictions: BTreeMap<Jurisdiction, Term<Jurisdiction>>,
    /// Classifications.
    pub labels: BTreeMap<LabelName, Term<LabelName>>,
    /// What data may be used for.
    pub purposes: BTreeMap<PurposeName, Term<PurposeName>>,
    /// Who runs sites.
    pub operators: BTreeMap<OperatorName, OperatorLaw>,
    /// Whose jobs and data.
    pub tenants: BTreeMap<TenantName, TenantLaw>,
    /// Where nodes stand.
    pub sites: BTreeMap<SiteName, SiteLaw>,
    /// Where keys are kept.
    pub key_domains: BTreeMap<Jurisdiction, KeyDomain>,
}

fn finding(message: impl fmt::Display) -> Finding {
    Finding::new(Text::Law, FindingKind::Law, message)
}

impl Law {
    /// Reads a law from TOML and checks that it hangs together.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Finding>> {
        let law: Self = toml::from_str(text)
            .map_err(|error| vec![Finding::new(Text::Law, FindingKind::Unreadable, error.message())])?;
        let findings = law.findings();
        if findings.is_empty() { Ok(law) } else { Err(findings) }
    }

    fn findings(&self) -> Vec<Finding> {
        if self.len() > MAX_TERMS {
            return vec![finding(format!(
                "it defines {} terms: at most {MAX_TERMS} are allowed",
                self.len()
            ))];
        }
        let mut found = Vec::new();
        check_tree("jurisdiction", &self.jurisdictions, &mut found);
        check_tree("label", &self.labels, &mut found);
        check_tree("purpose", &self.purposes, &mut found);
        self.check_seats(&mut found);
        self.check_sites(&mut found);
        found
    }

    fn len(&self) -> usize {
        self.jurisdictions.len()
            + self.labels.len()
            + self.purposes.len()
            + self.operators.len()
            + self.tenants.len()
            + self.sites.len()
            + self.key_domains.len()
    }

    fn check_seats(&self, found: &mut Vec<Finding>) {
        let seats = self.operators.iter().map(|(name, o)| (format!("operator `{name}`"), &o.seat));
        let homes = self.tenants.iter().map(|(name, t)| (format!("tenant `{name}`"), &t.home));
        let sites = self.sites.iter().map(|(name, s)| (format!("site `{name}`"), &s.jurisdiction));
        let keys = self.key_domains.keys().map(|name| (format!("key domain `{name}`"), name));
        for (what, jurisdiction) in seats.chain(homes).chain(sites).chain(keys) {
            if !self.jurisdictions.contains_key(jurisdiction) {
                found.push(finding(format!("{what} names the unknown jurisdiction `{jurisdiction}`")));
            }
        }
    }

    fn check_sites(&self, found: &mut Vec<Finding>) {
        let sites = self.sites.iter().map(|(name, s)| (format!("site `{name}`"), &s.operator));
        let keys = self.key_domains.iter().map(|(name, k)| (format!("key domain `{name}`"), &k.custodian));
        for (what, operator) in sites.chain(keys) {
            if !self.operators.contains_key(operator) {
                found.push(finding(format!("{what} names the unknown operator `{operator}`")));
            }
        }
    }

    /// Whether a jurisdiction is one of a set or lies below one of them.
    #[must_use]
    pub fn lies_within(&self, jurisdiction: &Jurisdiction, set: &BTreeSet<Jurisdiction>) -> bool {
        within(&self.jurisdictions, jurisdiction, set)
    }

    /// The first key domain, in the order of names, that lies with its custodian within a residency.
    #[must_use]
    pub fn key_domain_within(&self, residency: &BTreeSet<Jurisdiction>) -> Option<&Jurisdiction> {
        let fits = |(name, domain): &(&Jurisdiction, &KeyDomain)| {
            let seat = self.operators.get(&domain.custodian).map(|operator| &operator.seat);
            self.lies_within(name, residency) && seat.is_some_and(|seat| self.lies_within(seat, residency))
        };
        self.key_domains.iter().find(fits).map(|(name, _)| name)
    }
}

/// A term and all above it.
pub(crate) fn ancestors<'a, N: Ord>(tree: &'a BTreeMap<N, Term<N>>, name: &'a N) -> BTreeSet<&'a N> {
    let mut seen = BTreeSet::from([name]);
    let mut open = vec![name];
    while let Some(next) = open.pop() {
        let parents = tree.get(next).into_iter().flat_map(|term| &term.parents);
        open.extend(parents.filter(|parent| seen.insert(*parent)));
    }
    seen
}

/// Whether a term is one of a set or lies below one of them.
pub(crate) fn within<N: Ord>(tree: &BTreeMap<N, Term<N>>, name: &N, set: &BTreeSet<N>) -> bool {
    ancestors(tree, name).into_iter().any(|ancestor| set.contains(ancestor))
}

fn check_tree<N: Ord + fmt::Display>(what: &str, tree: &BTreeMap<N, Term<N>>, found: &mut Vec<Finding>) {
    for (name, term) in tree {
        for parent in term.parents.iter().filter(|parent| !tree.contains_key(*parent)) {
            found.push(finding(format!("{what} `{name}` lies in the unknown {what} `{parent}`")));
        }
        if term.parents.iter().any(|parent| ancestors(tree, parent).contains(name)) {
            found.push(finding(format!("{what} `{name}` lies above itself")));
        }
    }
}
