//! What the document says of fields beyond their types. One table: what the document promises is what is checked.

/// A rule of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The request is nothing without it.
    Required,
    /// One of these words.
    Words(&'static [&'static str]),
    /// At most this many characters.
    Longest(u32),
    /// At most this.
    AtMost(u64),
}

use Rule::{AtMost, Longest, Required, Words};

const KINDS: Rule = Words(&["Job", "Node", "Queue", "Artifact", "Reservation"]);
const JOB_PHASES: Rule =
    Words(&["Pending", "Starting", "Running", "Stopping", "Succeeded", "Failed", "Cancelled"]);
const ARTIFACT_KINDS: Rule = Words(&["dataset", "model", "checkpoint", "image"]);

/// Message, field in JSON's spelling, rule.
const RULES: &[(&str, &str, Rule)] = &[
    ("ListRequest", "pageSize", AtMost(1_000)),
    ("ListRequest", "pageToken", Longest(1_024)),
    ("ListRequest", "labelSelector", Longest(4_096)),
    ("ListRequest", "fieldSelector", Longest(4_096)),
    ("WriteOptions", "idempotencyKey", Longest(128)),
    ("ListJobsRequest", "phase", JOB_PHASES),
    ("ListArtifactsRequest", "kind", ARTIFACT_KINDS),
    ("ListAuditRequest", "limit", AtMost(5_000)),
    ("WatchRequest", "kinds", KINDS),
    ("SubmitJobRequest", "name", Required),
    ("SubmitJobRequest", "spec", Required),
    ("ArraySpec", "size", AtMost(100_000)),
    ("JobDependency", "job", Required),
    ("JobDependency", "condition", Words(&["after", "afterok", "afternotok"])),
    ("CommitArtifactRequest", "spec", Required),
    ("CommitArtifactRequest", "node", Required),
    ("PlanImportRequest", "kind", Required),
    ("PlanImportRequest", "name", Required),
    ("PlanImportRequest", "tenant", Required),
    ("PlanExportRequest", "name", Required),
    ("PlanExportRequest", "destination", Required),
    ("CheckPolicyRequest", "action", Required),
    ("CheckPolicyRequest", "action", Words(&["use", "place"])),
    ("CheckPolicyRequest", "node", Required),
    ("CheckPolicyRequest", "tenant", Required),
    ("CheckPolicyRequest", "purpose", Required),
    ("TransactionRequest", "steps", Required),
    ("SubmitJobStep", "name", Required),
    ("SubmitJobStep", "spec", Required),
    ("EndJobStep", "name", Required),
    ("ApplyQueueStep", "name", Required),
    ("DeleteQueueStep", "name", Required),
    ("ApplyReservationStep", "name", Required),
    ("ApplyReservationStep", "spec", Required),
    ("ApplyReservationRequest", "spec", Required),
    ("DeleteReservationStep", "name", Required),
    ("ChangeNodeStep", "name", Required),
    ("ChangeNodeStep", "change", Required),
    ("ChangeNodeStep", "change", Words(&["approve", "cordon", "uncordon", "drain", "retire"])),
    ("TrustReleasesRequest", "root", Required),
    ("PlanReleaseImportRequest", "metadata", Required),
    ("ImportReleaseRequest", "metadata", Required),
    ("ImportReleaseRequest", "node", Required),
    ("ImportReleaseRequest", "manifest", Required),
    ("StartRolloutRequest", "release", Required),
    ("CreateTokenRequest", "jurisdiction", Required),
    ("CreateTokenRequest", "validMs", AtMost(3_600_000)),
];

/// The rules of a field.
pub(crate) fn rules(message: &str, field: &str) -> impl Iterator<Item = Rule> {
    RULES.iter().filter(move |(m, f, _)| *m == message && *f == field).map(|(_, _, rule)| *rule)
}

/// The fields without which a message is nothing.
pub(crate) fn required(message: &str) -> impl Iterator<Item = &'static str> {
    RULES.iter().filter(move |(m, _, rule)| *m == message && *rule == Required).map(|(_, field, _)| *field)
}

/// Why a value breaks a rule of its field.
pub(crate) fn breaks(message: &str, field: &str, value: &serde_json::Value) -> Option<String> {
    rules(message, field).find_map(|rule| match rule {
        Required => None,
        Words(words) => {
            let text = value.as_str()?;
            (!words.contains(&text)).then(|| format!("`{text}` is none of {}", words.join(", ")))
        }
        Longest(most) => {
            let length = value.as_str()?.chars().count();
            let too_long = u32::try_from(length).map_or(true, |length| length > most);
            too_long.then(|| format!("has {length} characters, at most {most} are allowed"))
        }
        AtMost(most) => {
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
            (number > most).then(|| format!("is {number}, at most {most} is allowed"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_of_a_field_that_there_is() {
        let pool = holdfast_api::pool().unwrap();
        for (message, field, _) in RULES {
            let message = pool.get_message_by_name(&format!("holdfast.v1.{message}")).unwrap();
            assert!(message.get_field_by_json_name(field).is_some(), "{message:?} {field}");
        }
    }

    #[test]
    fn a_value_that_breaks_a_rule_is_told_why() {
        let cases = [
            ("ListJobsRequest", "phase", "Pending".into(), None),
            ("ListJobsRequest", "phase", "pending".into(), Some("none of Pending")),
            ("WriteOptions", "idempotencyKey", "ä".repeat(128).into(), None),
            ("WriteOptions", "idempotencyKey", "ä".repeat(129).into(), Some("129 characters")),
            ("ListRequest", "pageSize", 1_001.into(), Some("at most 1000")),
            ("CreateTokenRequest", "validMs", "3600001".into(), Some("at most 3600000")),
            ("ListRequest", "stale", true.into(), None),
        ];
        for (message, field, value, expected) in cases {
            let value: serde_json::Value = value;
            let found = breaks(message, field, &value);
            match expected {
                None => assert_eq!(found, None),
                Some(text) => assert!(found.as_deref().unwrap_or("").contains(text), "{found:?}"),
            }
        }
    }
}
