use super::*;
use crate::packs;

fn set<N: std::str::FromStr<Err: fmt::Debug> + Ord>(names: &[&str]) -> BTreeSet<N> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn label(labels: &[&str], residency: &[&str], purposes: &[&str], level: u32) -> LegalLabel {
    LegalLabel { labels: set(labels), residency: set(residency), purposes: set(purposes), level }
}

#[test]
fn a_join_keeps_every_restriction_of_its_inputs() {
    let bundle = packs::demo().unwrap();
    let a = label(&["phi"], &["EU"], &["research"], 1);
    let b = label(&["internal"], &["DE", "US"], &["oncology", "quality"], 3);
    let joined = bundle.law().join("model `m`", &[a.clone(), b.clone()]).unwrap();
    assert_eq!(joined, label(&["phi", "internal"], &["DE"], &["oncology"], 3));
    assert_eq!(bundle.law().join("model `m`", &[b, a.clone()]).unwrap(), joined);
    assert_eq!(bundle.law().join("model `m`", std::slice::from_ref(&a)).unwrap(), a);
    // What a bloc covers already is not said twice.
    let wide = label(&[], &["DE", "EU"], &["research"], 0);
    assert_eq!(bundle.law().join("m", &[wide.clone(), wide]).unwrap().residency, set(&["EU"]));
}

#[test]
fn inputs_that_share_nothing_have_no_join() {
    let bundle = packs::demo().unwrap();
    let de = label(&[], &["DE"], &["research"], 0);
    let join = |inputs: &[LegalLabel]| bundle.law().join("model `m`", inputs).unwrap_err();
    let error = join(&[de.clone(), label(&[], &["FR", "US"], &["research"], 0)]);
    assert_eq!(
        error.to_string(),
        "the inputs of model `m` share no jurisdiction, so their result may be nowhere"
    );
    assert_eq!(error.problem().code.0, 3020);
    assert!(matches!(
        join(&[de.clone(), label(&[], &["DE"], &["quality"], 0)]),
        LabelError::NoCommonPurpose { .. }
    ));
    assert!(matches!(
        join(&[de, label(&[], &["XX"], &["quality"], 0)]),
        LabelError::UnknownJurisdiction { .. }
    ));
    assert!(matches!(join(&[]), LabelError::NoInputs { .. }));
}

#[test]
fn admission_names_the_unknown_term_and_lists_the_known_ones() {
    let bundle = packs::demo().unwrap();
    let key: ArtifactKey = "dataset/scans@1".parse().unwrap();
    let tenant = "clinic".parse().unwrap();
    let check = |label: &LegalLabel| bundle.law().validate_artifact(&key, &tenant, label);
    assert_eq!(check(&label(&["phi"], &["DE"], &["research"], 0)), Ok(()));
    let problem = check(&label(&["personel"], &["DE"], &["research"], 0)).unwrap_err().problem();
    assert_eq!(
        problem.to_string(),
        "error[E3010]: dataset/scans@1 names the label `personel`, which the law does not know\n  because: the law knows: \
         classified, internal, personal, phi, public, restricted, special"
    );
    for (bad, code) in [
        (label(&[], &["XX"], &["research"], 0), 3011),
        (label(&[], &["DE"], &["fun"], 0), 3012),
        (label(&[], &[], &["research"], 0), 3014),
        (label(&[], &["DE"], &[], 0), 3015),
    ] {
        assert_eq!(check(&bad).unwrap_err().problem().code.0, code);
    }
    let nobody = "nobody".parse().unwrap();
    let good = label(&[], &["DE"], &["research"], 0);
    assert_eq!(bundle.law().validate_artifact(&key, &nobody, &good).unwrap_err().problem().code.0, 3013);
    let purpose = "fun".parse().unwrap();
    assert!(bundle.law().validate_job("job `j`", &tenant, &purpose, &set(&["DE"])).is_err());
}

proptest::proptest! {
    #[test]
    fn no_place_or_purpose_is_in_a_join_that_is_not_in_every_input(
        picks in proptest::collection::vec((0usize..32, 0usize..16), 1..4)
    ) {
        static BUNDLE: std::sync::LazyLock<crate::bundle::Bundle> = std::sync::LazyLock::new(|| packs::demo().unwrap());
        let law = BUNDLE.law();
        let choose = |mask: usize, names: &[&str]| -> Vec<String> {
            names.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, n)| (*n).to_owned()).collect()
        };
        let inputs: Vec<LegalLabel> = picks.iter().map(|(places, purposes)| {
            let places = choose(*places, &["DE", "FR", "EU", "EEA", "US"]);
            let purposes = choose(*purposes, &["research", "oncology", "quality", "operations"]);
            let text = |names: &[String]| names.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
            let (places, purposes) = (text(&places), text(&purposes));
            label(&[], &places.split_whitespace().collect::<Vec<_>>(), &purposes.split_whitespace().collect::<Vec<_>>(), 0)
        }).collect();
        let inside = |name: &Jurisdiction, label: &LegalLabel| law.lies_within(name, &label.residency);
        if let Ok(joined) = law.join("m", &inputs) {
            for name in law.jurisdictions.keys() {
                let all = inputs.iter().all(|input| inside(name, input));
                proptest::prop_assert_eq!(all, inside(name, &joined), "{}", name);
            }
        } else {
            let everywhere = |name: &Jurisdiction| inputs.iter().all(|input| inside(name, input));
            let for_all = |name: &PurposeName| inputs.iter().all(|i| within(&law.purposes, name, &i.purposes));
            let empty = inputs.iter().any(|i| i.residency.is_empty() || i.purposes.is_empty());
            let none = !law.jurisdictions.keys().any(everywhere) || !law.purposes.keys().any(for_all);
            proptest::prop_assert!(empty || none);
        }
    }
}
