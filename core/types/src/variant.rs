//! The variants of a job: its groups say what each task could have instead of what it wants most, and a gang starts in one variant
//! throughout. It must not know which of them there is room for.

use crate::gang::TaskGroup;
use crate::job::JobSpec;

impl JobSpec {
    /// In how many variants the gang could start; 1 where no group names any.
    #[must_use]
    pub fn variants(&self) -> u32 {
        let others = self.groups.iter().map(|group| group.variants.len()).max().unwrap_or(0);
        u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The job as if it had asked for this variant and no other.
    #[must_use]
    pub fn in_variant(&self, variant: u32) -> Self {
        let group = |group: &TaskGroup| TaskGroup {
            resources: group.resources_in(variant).clone(),
            variants: Vec::new(),
            ..group.clone()
        };
        Self { groups: self.groups.iter().map(group).collect(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(groups: Value) -> Result<JobSpec, String> {
        let job = json!({"kind": "batch", "tenant": "lab", "purpose": "research", "image": "trainer@1", "groups": groups});
        serde_json::from_value(job).map_err(|error| error.to_string())
    }

    fn devices(class: &str, count: u32) -> Value {
        json!({"devices": {"class": class, "count": count}})
    }

    fn group(name: &str, variants: &[Value]) -> Value {
        json!({"name": name, "count": 2, "resources": devices("nvidia", 8), "variants": variants})
    }

    #[test]
    fn a_gang_has_what_its_variant_says_and_a_group_without_variants_the_same_in_all() {
        let plain = json!({"name": "driver", "count": 1, "resources": {"cores": "2"}});
        let varied = group("worker", &[devices("amd", 8), json!({"cores": "64"})]);
        let spec = job(json!([varied, plain])).unwrap();
        assert_eq!(spec.variants(), 3);
        let asks = |variant| {
            let one = spec.in_variant(variant);
            assert_eq!(one.variants(), 1);
            let of = |group: &TaskGroup| {
                let devices = group.resources.devices.as_ref();
                (group.resources.cores.0, devices.map(|devices| devices.class.to_string()))
            };
            one.groups.iter().map(of).collect::<Vec<_>>()
        };
        let driver = (2_000, None);
        assert_eq!(asks(0), [(1_000, Some("nvidia".to_owned())), driver.clone()]);
        assert_eq!(asks(1), [(1_000, Some("amd".to_owned())), driver.clone()]);
        assert_eq!(asks(2), [(64_000, None), driver]);
        assert_eq!(job(json!([{"name": "worker", "count": 1}])).unwrap().variants(), 1);
    }

    #[test]
    fn variants_that_say_nothing_clear_are_refused() {
        let refused = |groups| job(groups).unwrap_err();
        let many: Vec<Value> = (1..6).map(|count| devices("amd", count)).collect();
        assert!(refused(json!([group("w", &many)])).contains("`w` has 5 variants, at most 4 are allowed"));
        let same = refused(json!([group("w", &[devices("amd", 8), devices("nvidia", 8)])]));
        assert!(same.contains("`w`: variant 2 is the same as variant 0"), "{same}");
        let none = refused(json!([group("w", &[devices("amd", 0)])]));
        assert!(none.contains("`w` asks for 0 accelerators"), "{none}");
        let share = json!({"devices": {"class": "amd", "count": 2, "share": "250m"}});
        assert!(refused(json!([group("w", &[share])])).contains("`w` asks for 250m of 2 accelerators"));
        let counts = [group("v", &[]), group("w", &[devices("amd", 8)]), group("x", &many[..2])];
        let counts = refused(json!(counts));
        assert!(counts.contains("`w` has 1 variants and `x` has 2: a gang starts in one"), "{counts}");
    }
}
