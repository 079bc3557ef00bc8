//! The OpenAPI document of the REST face, made from the descriptors and the routes.

use std::collections::BTreeMap;

use prost_reflect::{Cardinality, DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Value, json};

use super::routes::{ROUTES, Route, Shape};

/// The document.
pub(crate) fn document(pool: &DescriptorPool, version: &str) -> Value {
    let mut schemas = BTreeMap::new();
    schemas.insert("Problem".to_owned(), problem_schema());
    let mut paths: BTreeMap<String, serde_json::Map<String, Value>> = BTreeMap::new();
    for route in ROUTES {
        if let Some(operation) = operation(pool, route, &mut schemas) {
            let path = route.path.replace("{*", "{");
            paths.entry(path).or_default().insert(route.method.to_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Holdfast on-site API",
            "version": version,
            "description": "The same operations as the gRPC services of package holdfast.v1. Who calls is told by the \
                client certificate. Errors are RFC 9457 problem details with a code E####.",
        },
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

fn operation(pool: &DescriptorPool, route: &Route, schemas: &mut BTreeMap<String, Value>) -> Option<Value> {
    let service = pool.get_service_by_name(&format!("holdfast.v1.{}", route.service))?;
    let call = service.methods().find(|m| m.name() == route.call)?;
    let comment = comment(call.parent_file(), call.path());
    let input = call.input();
    add_schema(&call.output(), schemas);
    let content_type = match route.shape {
        Shape::Unary => "application/json",
        Shape::Stream => "application/x-ndjson",
    };
    let mut parameters: Vec<Value> = path_names(route.path)
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    let mut operation = json!({
        "operationId": format!("{}{}", route.service, route.call),
        "tags": [route.service],
        "summary": comment,
        "responses": {
            "200": {
                "description": "done",
                "content": { content_type: { "schema": reference(&call.output()) } },
            },
            "default": {
                "description": "a problem",
                "content": { "application/problem+json": { "schema": {"$ref": "#/components/schemas/Problem"} } },
            },
        },
    });
    if matches!(route.method, "GET" | "DELETE") {
        parameters.extend(query_parameters(&input, &path_names(route.path).collect::<Vec<_>>()));
    } else {
        add_schema(&input, schemas);
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": reference(&input) } },
        });
    }
    operation["parameters"] = Value::Array(parameters);
    Some(operation)
}

fn path_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}')).map(|s| s.trim_start_matches('*'))
}

/// Scalars of the message and of its `list` and `options`, as the gateway accepts them.
fn query_parameters(input: &MessageDescriptor, in_path: &[&str]) -> Vec<Value> {
    let mut out = Vec::new();
    for field in input.fields() {
        if in_path.contains(&field.json_name()) {
            continue;
        }
        match field.kind() {
            Kind::Message(nested) if matches!(field.json_name(), "list" | "options") => {
                out.extend(nested.fields().filter_map(|f| query_parameter(&f)));
            }
            _ => out.extend(query_parameter(&field)),
        }
    }
    out
}

fn query_parameter(field: &FieldDescriptor) -> Option<Value> {
    if matches!(field.kind(), Kind::Message(_)) || field.is_map() {
        return None;
    }
    Some(json!({
        "name": field.json_name(),
        "in": "query",
        "required": false,
        "description": field_comment(field),
        "schema": field_schema(field),
    }))
}

fn add_schema(message: &MessageDescriptor, schemas: &mut BTreeMap<String, Value>) {
    let name = message.name().to_owned();
    if is_well_known(message) || schemas.contains_key(&name) {
        return;
    }
    schemas.insert(name.clone(), Value::Null);
    let mut properties = serde_json::Map::new();
    for field in message.fields() {
        let mut schema = field_schema(&field);
        let comment = field_comment(&field);
        if let Some(object) = schema.as_object_mut()
            && !comment.is_empty()
        {
            object.insert("description".to_owned(), Value::String(comment));
        }
        properties.insert(field.json_name().to_owned(), schema);
        if let Kind::Message(nested) = field.kind() {
            if field.is_map() {
                if let Kind::Message(value) = nested.map_entry_value_field().kind() {
                    add_schema(&value, schemas);
                }
            } else {
                add_schema(&nested, schemas);
            }
        }
    }
    let description = comment(message.parent_file(), message.path());
    schemas.insert(name, json!({"type": "object", "description": description, "properties": properties}));
}

fn field_schema(field: &FieldDescriptor) -> Value {
    if field.is_map()
        && let Kind::Message(entry) = field.kind()
    {
        return json!({"type": "object", "additionalProperties": kind_schema(&entry.map_entry_value_field().kind())});
    }
    let item = kind_schema(&field.kind());
    if field.cardinality() == Cardinality::Repeated { json!({"type": "array", "items": item}) } else { item }
}

fn kind_schema(kind: &Kind) -> Value {
    match kind {
        Kind::String => json!({"type": "string"}),
        Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Uint32 | Kind::Fixed32 => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            json!({"type": "integer", "minimum": i32::MIN, "maximum": i32::MAX})
        }
        // proto3's JSON writes 64-bit integers as strings, because JavaScript's numbers end at 2^53.
        Kind::Uint64 | Kind::Fixed64 => json!({"type": ["string", "integer"], "format": "uint64"}),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            json!({"type": ["string", "integer"], "format": "int64"})
        }
        Kind::Double | Kind::Float => json!({"type": "number"}),
        Kind::Enum(_) => json!({"type": "string"}),
        Kind::Message(message) => reference(message),
    }
}

fn is_well_known(message: &MessageDescriptor) -> bool {
    message.full_name().starts_with("google.protobuf.")
}

fn reference(message: &MessageDescriptor) -> Value {
    if message.full_name() == "google.protobuf.Timestamp" {
        return json!({"type": ["string", "null"], "format": "date-time"});
    }
    json!({"$ref": format!("#/components/schemas/{}", message.name())})
}

fn field_comment(field: &FieldDescriptor) -> String {
    comment(field.parent_message().parent_file(), field.path())
}

/// The comment above a declaration in its .proto file.
fn comment(file: prost_reflect::FileDescriptor, path: &[i32]) -> String {
    let proto = file.file_descriptor_proto();
    let locations = proto.source_code_info.as_ref().map_or(&[][..], |info| info.location.as_slice());
    let found = locations.iter().find(|l| l.path == path).and_then(|l| l.leading_comments.as_deref());
    found.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap_or_default()
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457 problem details",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string"},
            "code": {"type": "string", "description": "stable code; see docs/errors"},
            "because": {"type": "array", "items": {"type": "string"}},
            "next": {"type": "array", "items": {"type": "string"}},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_documented_and_every_reference_resolves() {
        let document = document(&holdfast_api::pool().unwrap(), "0");
        let operations: usize =
            document["paths"].as_object().unwrap().values().map(|p| p.as_object().unwrap().len()).sum();
        assert_eq!(operations, ROUTES.len());
        let text = document.to_string();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
        let spec = &document["components"]["schemas"]["JobSpec"]["properties"];
        assert_eq!(spec["kind"]["description"], "train, finetune, batch, service.");
    }
}
