//! Which fields of a resource are asked for: paths as JSON spells them, such as `metadata.name` and `status.phase`.

use std::collections::BTreeMap;

use holdfast_api::status_from_problem;
use holdfast_types::{Problem, ProblemKind};
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, ReflectMessage as _, Value};
use tonic::Status;

/// The most paths of one request.
const MAX_PATHS: usize = 64;

/// The fields that are asked for; of a field without a mask of its own, the whole of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mask(BTreeMap<String, Mask>);

fn invalid(because: String) -> Status {
    let problem = Problem::new(1236, ProblemKind::Invalid, "the fields cannot be selected").because(because);
    status_from_problem(&problem.next("see /v1/openapi.json for the fields of every kind"))
}

/// The message of a field where a path may go on below it.
fn below(field: &prost_reflect::FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) if !field.is_map() && !is_well_known(&message) => Some(message),
        _ => None,
    }
}

fn is_well_known(message: &MessageDescriptor) -> bool {
    message.full_name().starts_with("google.protobuf.")
}

impl Mask {
    /// The mask that a request asks for, each text one path or several separated by commas; none for everything.
    pub(crate) fn parse(message: &MessageDescriptor, fields: &[String]) -> Result<Option<Self>, Status> {
        let paths = fields.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|p| !p.is_empty());
        let paths: Vec<&str> = paths.take(MAX_PATHS + 1).collect();
        if paths.len() > MAX_PATHS {
            return Err(invalid(format!("more than {MAX_PATHS} paths are asked for")));
        }
        let mut mask = Self::default();
        for path in &paths {
            mask.add(message, path)?;
        }
        Ok((!paths.is_empty()).then_some(mask))
    }

    /// The mask of an answer: of a list it applies to the items, and the rest of the list stays.
    pub(crate) fn of_answer(message: &MessageDescriptor, fields: &[String]) -> Result<Option<Self>, Status> {
        let items = message.get_field_by_name("items").filter(prost_reflect::FieldDescriptor::is_list);
        let Some(item) = items.as_ref().and_then(below) else { return Self::parse(message, fields) };
        let Some(inner) = Self::parse(&item, fields)? else { return Ok(None) };
        let mut mask = Self::default();
        for field in message.fields() {
            let below = if field.name() == "items" { inner.clone() } else { Self::default() };
            mask.0.insert(field.json_name().to_owned(), below);
        }
        Ok(Some(mask))
    }

    fn add(&mut self, message: &MessageDescriptor, path: &str) -> Result<(), Status> {
        let (mut mask, mut message) = (self, Some(message.clone()));
        let mut segments = path.split('.').peekable();
        while let Some(name) = segments.next() {
            let within =
                message.ok_or_else(|| invalid(format!("`{path}`: there is nothing below `{name}`")))?;
            let field = within.get_field_by_json_name(name).filter(|field| field.json_name() == name);
            let field = field
                .ok_or_else(|| invalid(format!("`{path}`: `{name}` is not a field of {}", within.name())))?;
            message = below(&field);
            let known = mask.0.contains_key(name);
            let next = mask.0.entry(name.to_owned()).or_default();
            if segments.peek().is_none() {
                // Asked for as a whole, whatever was asked of its parts.
                next.0.clear();
                return Ok(());
            }
            if known && next.0.is_empty() {
                // The whole was asked for already; the rest of the path is only checked.
                let rest: Vec<&str> = segments.collect();
                let Some(message) = &message else {
                    return Err(invalid(format!("`{path}`: there is nothing below `{name}`")));
                };
                return Self::default().add(message, &rest.join("."));
            }
            mask = next;
        }
        Ok(())
    }

    fn cut(&self, message: &mut DynamicMessage) {
        let fields: Vec<_> = message.descriptor().fields().collect();
        for field in fields {
            match self.0.get(field.json_name()) {
                None => message.clear_field(&field),
                Some(mask) if !mask.0.is_empty() && message.has_field(&field) => {
                    match message.get_field_mut(&field) {
                        Value::Message(inner) => mask.cut(inner),
                        Value::List(items) => {
                            items
                                .iter_mut()
                                .filter_map(Value::as_message_mut)
                                .for_each(|item| mask.cut(item));
                        }
                        _ => {}
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// Leaves the fields of the mask in a JSON object.
    pub(crate) fn cut_json(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.retain(|name, _| self.0.contains_key(name));
                for (name, value) in fields.iter_mut() {
                    if let Some(mask) = self.0.get(name).filter(|mask| !mask.0.is_empty()) {
                        mask.cut_json(value);
                    }
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.cut_json(item)),
            _ => {}
        }
    }
}

/// Leaves in every item only the fields that are asked for.
pub(crate) fn select<M: prost::Message + Default>(
    pool: &DescriptorPool,
    kind: &str,
    items: Vec<M>,
    fields: &[String],
) -> Result<Vec<M>, Status> {
    let name = format!("holdfast.v1.{kind}");
    let message = pool.get_message_by_name(&name);
    let message = message.ok_or_else(|| Status::internal(format!("no message {name}")))?;
    let Some(mask) = Mask::parse(&message, fields)? else { return Ok(items) };
    let failed = |error: prost::DecodeError| Status::internal(format!("select fields of {name}: {error}"));
    items
        .into_iter()
        .map(|item| {
            let bytes = item.encode_to_vec();
            let mut dynamic = DynamicMessage::decode(message.clone(), bytes.as_slice()).map_err(failed)?;
            mask.cut(&mut dynamic);
            dynamic.transcode_to().map_err(failed)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1::{Job, JobSpec, JobStatus, Metadata, TaskStatus};

    fn job() -> Job {
        Job {
            metadata: Some(Metadata { name: "a".to_owned(), uid: "u".to_owned(), ..Metadata::default() }),
            spec: Some(JobSpec { kind: "train".to_owned(), ..JobSpec::default() }),
            status: Some(JobStatus {
                phase: "Running".to_owned(),
                tasks: vec![TaskStatus { node: "n".to_owned(), rank: 3, ..TaskStatus::default() }],
                ..JobStatus::default()
            }),
        }
    }

    fn selected(fields: &[&str]) -> Result<Job, Status> {
        let fields: Vec<String> = fields.iter().map(|f| (*f).to_owned()).collect();
        let pool = holdfast_api::pool().unwrap();
        select(&pool, "Job", vec![job()], &fields).map(|mut jobs| jobs.remove(0))
    }

    #[test]
    fn only_what_is_asked_for_is_left() {
        assert_eq!(selected(&[]).unwrap(), job());
        let cut = selected(&["metadata.name,status.tasks.node"]).unwrap();
        let status = cut.status.unwrap();
        assert_eq!(
            (status.phase.as_str(), status.tasks[0].node.as_str(), status.tasks[0].rank),
            ("", "n", 0)
        );
        assert_eq!(cut.metadata, Some(Metadata { name: "a".to_owned(), ..Metadata::default() }));
        assert_eq!(cut.spec, None);
        for whole in [&["status", "status.phase"][..], &["status.phase", "status"]] {
            assert_eq!(selected(whole).unwrap().status, job().status, "{whole:?}");
        }
    }

    #[test]
    fn a_field_that_is_not_there_is_named() {
        for (path, expected) in [
            ("status.phaze", "`phaze` is not a field of JobStatus"),
            ("metadata.name.first", "there is nothing below"),
            ("metadata.labels.team", "there is nothing below"),
            ("max_run_time_ms", "is not a field of Job"),
            ("status.", "`` is not a field of JobStatus"),
        ] {
            let problem = holdfast_api::problem_from_status(&selected(&[path]).unwrap_err());
            assert_eq!(problem.code.0, 1236);
            assert!(problem.to_string().contains(expected), "{problem}");
        }
        assert!(
            selected(&["status", "status.phaze"]).is_err(),
            "the rest of the path is checked all the same"
        );
        assert!(selected(&vec!["spec"; MAX_PATHS + 1]).is_err());
    }

    #[test]
    fn of_a_list_the_items_are_cut_and_the_rest_stays() {
        let list = holdfast_api::pool().unwrap().get_message_by_name("holdfast.v1.JobList").unwrap();
        let mask = Mask::of_answer(&list, &["metadata.name".to_owned()]).unwrap().unwrap();
        let mut json = serde_json::json!({"items": [{"metadata": {"name": "a", "uid": "u"}, "spec": {}}],
            "nextPageToken": "t", "revision": "5"});
        mask.cut_json(&mut json);
        let expected = serde_json::json!({"items": [{"metadata": {"name": "a"}}], "nextPageToken": "t", "revision": "5"});
        assert_eq!(json, expected);
    }
}
