//! Reading the rules of a bundle: each has an id and says in words what it is for.

use std::str::FromStr;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet};

use crate::finding::{Finding, FindingKind, Text};

/// The longest reason of a rule in characters: it is one line of a terminal.
const MAX_REASON: usize = 160;
/// The longest id of a rule.
const MAX_ID: usize = 64;

/// What a decision says of a rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) text: Text,
    pub(crate) id: PolicyId,
    pub(crate) reason: String,
    pub(crate) obligation: Option<String>,
}

/// The rules of both layers, in the order of their texts.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) set: PolicySet,
    pub(crate) order: Vec<Rule>,
}

impl Rules {
    /// Adds the rules of a text.
    pub(crate) fn read(&mut self, text: Text, source: &str, findings: &mut Vec<Finding>) {
        let parsed = match PolicySet::from_str(source) {
            Ok(parsed) => parsed,
            Err(errors) => return findings.push(Finding::new(text, FindingKind::Unreadable, errors)),
        };
        let mut form = |message: String| findings.push(Finding::new(text, FindingKind::Form, message));
        if parsed.num_of_templates() > 0 {
            form("it has a template: a rule is complete as it stands".to_owned());
        }
        let mut policies: Vec<&Policy> = parsed.policies().collect();
        policies.sort_by_key(|policy| position(policy.id()));
        for policy in policies {
            if text == Text::Constitution && policy.effect() == Effect::Permit {
                form(format!("rule {} permits: the constitution only forbids", shown(policy)));
            }
            match rule(text, policy) {
                Err(message) => form(message),
                Ok(rule) => match self.set.add(policy.new_id(rule.id.clone())) {
                    Ok(()) => self.order.push(rule),
                    Err(_) => form(format!("the id `{}` is used twice", rule.id)),
                },
            }
        }
    }
}

/// Cedar numbers the policies of a text `policy0`, `policy1` and so on.
fn position(id: &PolicyId) -> usize {
    let text: &str = id.as_ref();
    text.strip_prefix("policy").and_then(|number| number.parse().ok()).unwrap_or(usize::MAX)
}

fn shown(policy: &Policy) -> String {
    policy
        .annotation("id")
        .map_or_else(|| format!("number {}", position(policy.id())), |id| format!("`{id}`"))
}

fn rule(text: Text, policy: &Policy) -> Result<Rule, String> {
    let id = policy.annotation("id").ok_or_else(|| format!("rule {} has no @id", shown(policy)))?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if id.is_empty() || id.len() > MAX_ID || !id.chars().all(plain) {
        return Err(format!("rule `{id}`: an id is 1 to {MAX_ID} lowercase letters, digits and `-`"));
    }
    if crate::decision::OWN_RULES.contains(&id) {
        return Err(format!("rule `{id}` takes an id that only the engine gives"));
    }
    let reason = policy.annotation("reason").or_else(|| policy.annotation("description"));
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    let reason = reason.ok_or_else(|| format!("rule `{id}` has no @reason"))?;
    if reason.chars().count() > MAX_REASON || reason.chars().any(char::is_control) {
        return Err(format!("rule `{id}`: its reason is not one line of at most {MAX_REASON} characters"));
    }
    let obligation = policy.annotation("obligation").map(str::to_owned);
    if obligation.is_some() && policy.effect() == Effect::Forbid {
        return Err(format!("rule `{id}` forbids, so its obligation would bind nobody"));
    }
    Ok(Rule { text, id: PolicyId::new(id), reason: reason.to_owned(), obligation })
}
