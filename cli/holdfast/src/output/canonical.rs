//! Messages as JSON and YAML: the canonical JSON mapping of proto3, the same that the REST interface answers with.

use holdfast_types::{Problem, ProblemKind};
use prost_reflect::{DynamicMessage, SerializeOptions};

/// A message that can be printed.
pub(crate) trait Shown: prost::Message {
    /// Its full name in the .proto files.
    const MESSAGE: &'static str;
    /// The names that `-o name` prints.
    fn names(&self) -> Vec<String>;
}

/// The message as JSON, with the fields that are at their defaults, so that a reader sees every field there is.
pub(crate) fn to_json<M: Shown>(message: &M) -> Result<serde_json::Value, Problem> {
    let failed = |cause: String| {
        Problem::new(7002, ProblemKind::Failed, format!("`{}` cannot be written as JSON", M::MESSAGE))
            .because(cause)
    };
    let pool = holdfast_api::pool().map_err(|e| failed(e.to_string()))?;
    let descriptor =
        pool.get_message_by_name(M::MESSAGE).ok_or_else(|| failed("there is no such message".to_owned()))?;
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .map_err(|e| failed(e.to_string()))?;
    let options = SerializeOptions::new().skip_default_fields(false).stringify_64_bit_integers(true);
    dynamic.serialize_with_options(serde_json::value::Serializer, &options).map_err(|e| failed(e.to_string()))
}

macro_rules! shown {
    ($($type:ident: $message:ident => $names:expr;)*) => {$(
        impl Shown for holdfast_api::v1::$type {
            const MESSAGE: &'static str = concat!("holdfast.v1.", stringify!($type));
            fn names(&self) -> Vec<String> {
                let $message = self;
                $names
            }
        }
    )*};
}

fn name(metadata: Option<&holdfast_api::v1::Metadata>) -> Vec<String> {
    metadata.map(|m| m.name.clone()).into_iter().collect()
}

fn each<T: Shown>(items: &[T]) -> Vec<String> {
    items.iter().flat_map(Shown::names).collect()
}

shown! {
    Job: m => name(m.metadata.as_ref());
    JobList: m => each(&m.items);
    JobExplanation: m => vec![m.summary.clone()];
    Node: m => name(m.metadata.as_ref());
    NodeList: m => each(&m.items);
    Queue: m => name(m.metadata.as_ref());
    QueueList: m => each(&m.items);
    Reservation: m => name(m.metadata.as_ref());
    ReservationList: m => each(&m.items);
    Artifact: m => name(m.metadata.as_ref());
    ArtifactList: m => each(&m.items);
    Release: m => name(m.metadata.as_ref());
    ReleaseList: m => each(&m.items);
    ReleaseTrust: m => vec![m.fingerprint.clone()];
    Rollout: m => name(m.metadata.as_ref());
    RolloutList: m => each(&m.items);
    CreateTokenResponse: m => vec![m.token.clone()];
    Controller: m => vec![m.name.clone()];
    ControllerList: m => each(&m.items);
    AdmittedController: m => vec![m.id.to_string()];
    RecipientList: m => m.items.clone();
    ClusterStatus: m => vec![m.name.clone()];
    WatchEvent: m => vec![m.name.clone()];
    EventList: m => m.items.iter().map(|e| e.object.clone()).collect();
    PolicyBundle: m => vec![m.hash.clone()];
    Decision: m => vec![m.verdict.clone()];
    JobSpec: m => vec![m.kind.clone()];
    QueueSpec: m => vec![m.priority.to_string()];
    ReservationSpec: m => m.nodes.clone();
    AuditHead: m => vec![m.size.to_string()];
    QueueExplanation: m => m.next.iter().map(|next| next.job.clone()).collect();
    ReplayReport: m => m.details.iter().map(|plan| plan.revision.to_string()).collect();
    WhatIfReport: m => m.jobs.iter().map(|job| job.job.clone()).collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1;

    #[test]
    fn json_is_the_canonical_mapping_with_every_field() {
        let metadata = v1::Metadata {
            name: "train".to_owned(),
            revision: 7,
            created_at: Some(holdfast_api::timestamp(holdfast_types::Time(0))),
            ..v1::Metadata::default()
        };
        let list = v1::JobList {
            items: vec![v1::Job { metadata: Some(metadata), ..v1::Job::default() }],
            ..v1::JobList::default()
        };
        let json = to_json(&list).unwrap();
        assert_eq!(json["items"][0]["metadata"]["revision"], "7");
        assert_eq!(json["items"][0]["metadata"]["createdAt"], "1970-01-01T00:00:00Z");
        assert_eq!(json["nextPageToken"], "");
        assert_eq!(list.names(), ["train"]);
    }
}
