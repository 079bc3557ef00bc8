//! The golden cases of the packs: what a person may rely on, one line each, and that they stay so under every tenant
//! rule that could be written.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use holdfast_policy::{Bundle, Decision, Request, Verdict, decide, packs};
use holdfast_types::Time;
use serde_json::Value;

const NOW: Time = Time(1_800_000_000_000);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    case: String,
    request: Value,
    verdict: Verdict,
    rules: Vec<String>,
    #[serde(default)]
    obligations: Vec<String>,
}

fn read(name: &str) -> Value {
    let path = format!("{}/../packs/demo/cases/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).expect(&path)).expect(&path)
}

/// Replaces `@users/ada` by what the world says of her, all the way down.
fn resolve(value: &mut Value, world: &Value) {
    match value {
        Value::String(text) if text.starts_with('@') => {
            let pointer = text.replacen('@', "/", 1);
            *value =
                world.pointer(&pointer).unwrap_or_else(|| panic!("{pointer} is not in the world")).clone();
            resolve(value, world);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| resolve(item, world)),
        Value::Object(fields) => fields.values_mut().for_each(|field| resolve(field, world)),
        _ => {}
    }
}

fn cases() -> Vec<(Case, Request)> {
    let world = read("world");
    let mut all: Vec<Case> = serde_json::from_value(read("jobs")).unwrap();
    all.extend(serde_json::from_value::<Vec<Case>>(read("data")).unwrap());
    let parse = |mut case: Case| {
        resolve(&mut case.request, &world);
        let request =
            serde_json::from_value(case.request.clone()).unwrap_or_else(|e| panic!("{}: {e}", case.case));
        (case, request)
    };
    all.into_iter().map(parse).collect()
}

fn rules(decision: &Decision) -> Vec<&str> {
    decision.reasons.iter().map(|reason| reason.rule.as_str()).collect()
}

fn universal() -> Bundle {
    let tenant =
        r#"@id("everything") @reason("everything is permitted") permit (principal, action, resource);"#;
    packs::under_constitution(tenant, packs::DEMO.law).unwrap()
}

#[test]
fn every_case_is_decided_as_written_and_by_the_rule_named() {
    let bundle = packs::demo().unwrap();
    let cases = cases();
    assert!(cases.len() > 40);
    for (case, request) in cases {
        let decision = decide(&request, &bundle, NOW);
        assert_eq!(
            (decision.verdict, rules(&decision)),
            (case.verdict, case.rules.iter().map(String::as_str).collect()),
            "{}: {decision:?}",
            case.case
        );
        assert_eq!(decision.obligations, case.obligations, "{}", case.case);
        assert!(decision.reasons.iter().all(|reason| !reason.text.is_empty()), "{}", case.case);
        assert_eq!(decision.bundle, bundle.hash());
    }
}

#[test]
fn no_tenant_rule_can_widen_the_constitution() {
    let bundle = universal();
    for (case, request) in cases() {
        let decision = decide(&request, &bundle, NOW);
        let expected = case.rules.iter().any(|rule| rule.starts_with('c') || rule == "unknown-term");
        assert_eq!(decision.verdict == Verdict::Deny, expected, "{}: {decision:?}", case.case);
    }
}

#[test]
fn requests_and_decisions_survive_an_audit_entry() {
    let bundle = packs::demo().unwrap();
    for (case, request) in cases() {
        let text = serde_json::to_string(&request).unwrap();
        let again: Request = serde_json::from_str(&text).unwrap();
        assert_eq!(again, request, "{}", case.case);
        let decision = decide(&again, &bundle, NOW);
        let text = serde_json::to_string(&decision).unwrap();
        assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), decision, "{}", case.case);
    }
}
