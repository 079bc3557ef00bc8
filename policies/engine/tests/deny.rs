//! What cannot be judged is refused: Cedar alone would let it pass.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use holdfast_policy::{
    ArtifactFacts, BundleSource, Egress, NodeClass, NodeFacts, Request, UserFacts, Verdict, WorkloadFacts,
    decide, decide_classes, packs,
};
use holdfast_types::Time;

const NOW: Time = Time(1_800_000_000_000);

fn user() -> UserFacts {
    UserFacts {
        name: "ada".parse().unwrap(),
        tenant: "lab".parse().unwrap(),
        roles: ["engineer".parse().unwrap()].into(),
        location: "DE".parse().unwrap(),
        clearance: 0,
        hwkey: false,
    }
}

fn workload() -> WorkloadFacts {
    WorkloadFacts {
        name: "train".parse().unwrap(),
        tenant: "lab".parse().unwrap(),
        owner: user(),
        purpose: "research".parse().unwrap(),
        clearance: 0,
        egress: Egress::None,
        image_verified: true,
    }
}

fn node(name: &str, jurisdiction: &str, site: &str, operator: &str) -> NodeFacts {
    let class = NodeClass {
        jurisdiction: jurisdiction.parse().unwrap(),
        site: site.parse().unwrap(),
        operator: operator.parse().unwrap(),
        attested_until: None,
        tee: false,
        quarantined: false,
    };
    NodeFacts { name: name.parse().unwrap(), class }
}

fn berlin(name: &str) -> NodeFacts {
    node(name, "DE", "berlin", "rhein-rechenzentrum")
}

fn corpus() -> ArtifactFacts {
    let label = holdfast_types::LegalLabel {
        labels: ["internal".parse().unwrap()].into(),
        residency: ["DE".parse().unwrap()].into(),
        purposes: ["research".parse().unwrap()].into(),
        level: 0,
    };
    let key = "dataset/corpus@1".parse().unwrap();
    ArtifactFacts::new(&key, "lab".parse().unwrap(), "ada".parse().unwrap(), &label)
}

#[test]
fn a_forbid_that_overflows_denies() {
    let tenant = r#"
        @id("all") @reason("all") permit (principal, action, resource);
        @id("overflow") @reason("the sum is too high")
        forbid (principal, action == Holdfast::Action::"use", resource)
        when { resource.level + 9223372036854775807 < 0 };
    "#;
    let bundle = packs::under_constitution(tenant, packs::DEMO.law).unwrap();
    let mut workload = workload();
    workload.clearance = 1;
    let mut artifact = corpus();
    let ask = |artifact: &ArtifactFacts| {
        let request =
            Request::Use { workload: workload.clone(), artifact: artifact.clone(), node: berlin("n1") };
        decide(&request, &bundle, NOW)
    };
    assert_eq!(ask(&artifact).verdict, Verdict::Allow);
    artifact.level = 1;
    let decision = ask(&artifact);
    assert_eq!((decision.verdict, decision.reasons[0].rule.as_str()), (Verdict::Deny, "evaluation-error"));
    assert!(decision.errors[0].contains("overflow"), "{decision:?}");
    let problem = decision.refusal("dataset/corpus@1 may not be used by job `train`");
    assert_eq!((problem.code.0, problem.kind.exit_code()), (3031, 4));
}

#[test]
fn a_rule_that_looks_at_an_entity_outside_the_slice_denies() {
    // The owner of the data is only a name here, so what its certificate says is not known.
    let tenant = r#"
        @id("all") @reason("all") permit (principal, action, resource);
        @id("owner") @reason("the owner is uncleared")
        forbid (principal, action == Holdfast::Action::"use", resource) when { resource.owner.clearance > 9 };
    "#;
    let bundle = packs::under_constitution(tenant, packs::DEMO.law).unwrap();
    let mut artifact = corpus();
    artifact.owner = "somebody-else".parse().unwrap();
    let decision = decide(&Request::Use { workload: workload(), artifact, node: berlin("n1") }, &bundle, NOW);
    assert_eq!((decision.verdict, decision.reasons[0].rule.as_str()), (Verdict::Deny, "evaluation-error"));
}

#[test]
fn facts_that_contradict_each_other_deny() {
    let bundle = packs::demo().unwrap();
    let mut other = user();
    other.roles = ["admin".parse().unwrap()].into();
    let decision = decide(&Request::Submit { user: other, workload: workload() }, &bundle, NOW);
    assert_eq!((decision.verdict, decision.reasons[0].rule.as_str()), (Verdict::Deny, "contradicting-facts"));
}

#[test]
fn every_unknown_term_is_named_and_an_instant_beyond_the_calendar_denies() {
    let bundle = packs::demo().unwrap();
    let mut workload = workload();
    workload.tenant = "nobody".parse().unwrap();
    workload.owner.tenant = "nobody".parse().unwrap();
    workload.purpose = "fun".parse().unwrap();
    let decision = decide(&Request::Place { workload, node: berlin("n1") }, &bundle, NOW);
    let texts: Vec<&str> = decision.reasons.iter().map(|reason| reason.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            r#"the law does not know Holdfast::Tenant::"nobody""#,
            r#"the law does not know Holdfast::Purpose::"fun""#
        ]
    );
    assert_eq!(decision.refusal("job `train` may not be placed").because.len(), 2, "each is said once");
    let request = Request::Submit { user: user(), workload: self::workload() };
    assert_eq!(decide(&request, &bundle, NOW).verdict, Verdict::Allow);
    let decision = decide(&request, &bundle, Time(u64::MAX));
    assert_eq!((decision.verdict, decision.errors.len()), (Verdict::Deny, 1));
}

#[test]
fn without_rules_nothing_is_permitted() {
    let bundle =
        holdfast_policy::Bundle::parse(BundleSource { tenant: "", constitution: "", ..packs::DEMO }).unwrap();
    let decision = decide(&Request::Submit { user: user(), workload: workload() }, &bundle, NOW);
    assert_eq!((decision.verdict, decision.reasons[0].rule.as_str()), (Verdict::Deny, "default-deny"));
}

#[test]
fn a_class_is_decided_as_each_of_its_nodes() {
    let bundle = packs::demo().unwrap();
    let mut nodes: Vec<NodeFacts> = (0..20).map(|n| berlin(&format!("b{n}"))).collect();
    nodes.extend((0..20).map(|n| node(&format!("p{n}"), "FR", "paris", "seine-calcul")));
    let classes = decide_classes(&workload(), &[corpus()], &nodes, &bundle, NOW);
    assert_eq!(
        classes.iter().map(|class| (class.nodes.len(), class.is_allow())).collect::<Vec<_>>(),
        [(20, true), (20, false)]
    );
    let refusal = classes[1].refusals().next().unwrap();
    assert_eq!(refusal.reasons[0].rule, "c1-residency-use");
    for node in nodes {
        let class = classes.iter().find(|class| class.class == node.class).unwrap();
        let request = Request::Use { workload: workload(), artifact: corpus(), node };
        assert_eq!(class.uses, [decide(&request, &bundle, NOW)]);
    }
}

#[test]
fn a_bundle_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<holdfast_policy::Bundle>();
}

/// What the constitution promises, said again without Cedar.
mod promise {
    use std::collections::BTreeSet;

    use holdfast_policy::Bundle;
    use holdfast_types::Jurisdiction;
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::*;

    static EVERYTHING: std::sync::LazyLock<Bundle> = std::sync::LazyLock::new(|| {
        let tenant = r#"@id("everything") @reason("everything") permit (principal, action, resource);"#;
        packs::under_constitution(tenant, packs::DEMO.law).unwrap()
    });

    const SITES: [(&str, &str, &str); 3] = [
        ("DE", "berlin", "rhein-rechenzentrum"),
        ("FR", "paris", "seine-calcul"),
        ("US", "ashburn", "potomac-hosting"),
    ];

    fn within(jurisdiction: &str, residency: &BTreeSet<Jurisdiction>) -> bool {
        let above: &[&str] = match jurisdiction {
            "DE" => &["DE", "EU", "EEA"],
            "FR" => &["FR", "EU", "EEA"],
            _ => &["US"],
        };
        residency.iter().any(|code| above.contains(&code.as_str()))
    }

    fn serves(purpose: &str, purposes: &[&str]) -> bool {
        purposes.contains(&purpose) || (purpose == "oncology" && purposes.contains(&"research"))
    }

    proptest! {
        #[test]
        fn under_a_universal_permit_residency_purpose_and_tenant_still_hold(
            site in select(&SITES[..]),
            residency in subsequence(vec!["DE", "FR", "EU", "EEA", "US"], 1..=3),
            purposes in subsequence(vec!["research", "oncology", "quality"], 1..=2),
            purpose in select(vec!["research", "oncology", "quality"]),
            tenants in (select(vec!["lab", "clinic"]), select(vec!["lab", "clinic"])),
            attested in any::<bool>(),
            label in select(vec!["internal", "phi", "restricted", "classified"]),
        ) {
            let mut workload = workload();
            workload.tenant = tenants.0.parse().unwrap();
            workload.purpose = purpose.parse().unwrap();
            let mut artifact = corpus();
            artifact.tenant = tenants.1.parse().unwrap();
            artifact.labels = [label.parse().unwrap()].into();
            artifact.residency = residency.iter().map(|code| code.parse().unwrap()).collect();
            artifact.purposes = purposes.iter().map(|name| name.parse().unwrap()).collect();
            let mut node = node("n1", site.0, site.1, site.2);
            node.class.attested_until = attested.then_some(Time(NOW.0 + 1));
            let residency = artifact.residency.clone();
            let decision = decide(&Request::Use { workload, artifact, node }, &EVERYTHING, NOW);
            prop_assert!(decision.errors.is_empty(), "{:?}", decision);
            let lawful = within(site.0, &residency) && serves(purpose, &purposes) && tenants.0 == tenants.1;
            let restricted = ["restricted", "classified"].contains(&label);
            // Within the EU all three sites but Ashburn answer to the law of their place.
            let sovereign = site.0 != "US" && within(site.0, &residency) && attested;
            prop_assert_eq!(decision.is_allow(), lawful && (!restricted || sovereign), "{:?}", decision);
        }
    }
}
