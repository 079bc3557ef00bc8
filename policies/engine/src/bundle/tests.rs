use super::*;
use crate::packs;

fn findings(source: BundleSource<'_>) -> Vec<String> {
    Bundle::parse(source).expect_err("the bundle should be refused").iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check_tenant(tenant: &str, expected: &str) {
    let found = findings(BundleSource { tenant, ..packs::DEMO });
    assert!(found.iter().any(|text| text.contains(expected)), "{found:#?} lacks `{expected}`");
}

#[track_caller]
fn check_law(from: &str, to: &str, expected: &str) {
    assert!(packs::DEMO.law.contains(from), "the demo law lacks `{from}`");
    let law = packs::DEMO.law.replacen(from, to, 1);
    let found = findings(BundleSource { law: &law, ..packs::DEMO });
    assert!(found.iter().any(|text| text.contains(expected)), "{found:#?} lacks `{expected}`");
}

#[test]
fn the_demo_pack_is_a_bundle_and_its_hash_covers_every_text() {
    let hash = packs::demo().unwrap().hash();
    assert_eq!(hash, packs::DEMO.hash());
    assert_eq!(hash.to_string().len(), 64);
    let more = |text: &'static str| format!("{text}\n");
    for changed in [
        BundleSource { schema: &more(packs::DEMO.schema), ..packs::DEMO },
        BundleSource { constitution: &more(packs::DEMO.constitution), ..packs::DEMO },
        BundleSource { tenant: &more(packs::DEMO.tenant), ..packs::DEMO },
        BundleSource { law: &more(packs::DEMO.law), ..packs::DEMO },
        BundleSource { tenant: packs::DEMO.constitution, constitution: packs::DEMO.tenant, ..packs::DEMO },
    ] {
        assert_ne!(changed.hash(), hash);
    }
}

#[test]
fn a_rule_has_an_id_a_reason_and_names_only_what_the_law_knows() {
    check_tenant("permit (principal, action, resource);", "has no @id");
    check_tenant(r#"@id("x") permit (principal, action, resource);"#, "`x` has no @reason");
    check_tenant(r#"@id("Bad Id") @reason("r") permit (principal, action, resource);"#, "an id is");
    check_tenant(
        r#"@id("default-deny") @reason("r") permit (principal, action, resource);"#,
        "only the engine",
    );
    check_tenant(
        r#"@id("c1-residency-use") @reason("r") permit (principal, action, resource);"#,
        "used twice",
    );
    check_tenant(r#"@id("x") @reason("r") permit (principal == ?principal, action, resource);"#, "template");
    check_tenant(r#"@id("x") @reason("r") permit (principal, action, resource"#, "tenant rules: ");
    check_tenant(
        r#"@id("x") @reason("r") forbid (principal, action, resource in Holdfast::Label::"personel");"#,
        "which the law does not know",
    );
    check_tenant(
        r#"@id("x") @reason("r") permit (principal, action, resource == Holdfast::Node::"berlin-1");"#,
        "which the law does not know",
    );
    check_tenant(
        r#"@id("x") @reason("r") @obligation("o") forbid (principal, action, resource);"#,
        "bind nobody",
    );
    check_tenant(
        r#"@id("x") @reason("r") permit (principal, action == Holdfast::Action::"place", resource) when { resource.tee == 1 };"#,
        "tenant rules: ",
    );
    check_tenant(&"/".repeat(MAX_TEXT + 1), "bytes: at most");
}

#[test]
fn the_constitution_only_forbids() {
    let constitution = format!(
        "{}\n@id(\"c99\") @reason(\"r\") permit (principal, action, resource);",
        packs::DEMO.constitution
    );
    let found = findings(BundleSource { constitution: &constitution, ..packs::DEMO });
    assert_eq!(found, ["constitution: rule `c99` permits: the constitution only forbids"]);
}

#[test]
fn a_law_hangs_together() {
    check_law("EEA = {}", "EEA = { parents = [\"DE\"] }", "`DE` lies above itself");
    check_law("DE = { parents = [\"EU\"] }", "DE = { parents = [\"XX\"] }", "unknown jurisdiction `XX`");
    check_law(
        "seat = \"FR\"",
        "seat = \"XX\"",
        "operator `seine-calcul` names the unknown jurisdiction `XX`",
    );
    check_law("operator = \"seine-calcul\"", "operator = \"nobody\"", "unknown operator `nobody`");
    check_law("phi = { parents", "phi = { parent", "unknown field `parent`");
    check_law("[purposes]", "[porpoises]", "unknown field `porpoises`");
    // A constitution that speaks of personal data is hollow under a law that has no such label.
    check_law("restricted = {}\nclassified = { parents = [\"restricted\"] }", "", "names Holdfast::Label::");
    let terms: String = (0..=crate::law::MAX_TERMS).map(|n| format!("t{n} = {{}}\n")).collect();
    check_law("[purposes]", &format!("{terms}[purposes]"), "terms: at most");
}
