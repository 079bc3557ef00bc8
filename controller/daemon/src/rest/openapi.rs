//! The OpenAPI document of the REST face, made from the descriptors, the routes and the rules.

use std::collections::BTreeMap;

use prost_reflect::{
    Cardinality, DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, OneofDescriptor,
};
use serde_json::{Map, Value, json};

use super::routes::{ROUTES, Route, Shape};
use super::rules::{Rule, required, rules};
use super::stream::STREAM_PARAMETERS;

/// What can be refused, and when: status, description, and which operations it is for.
const REFUSALS: [(&str, &str, For); 11] = [
    ("400", "the request is not of the form that this document says", For::All),
    ("403", "the caller is not known, may not ask this, or the law refuses it", For::All),
    ("404", "the resource does not exist", For::All),
    ("408", "the body took too long to come", For::Bodies),
    ("409", "the resource exists, or has changed since it was read", For::All),
    ("413", "the body is too large", For::Bodies),
    ("415", "the body is not application/json", For::Bodies),
    ("422", "the request is of the right form, and its content breaks a rule", For::All),
    ("429", "a limit is reached; Retry-After says when to come back", For::All),
    ("500", "a fault of the controller", For::All),
    ("503", "nobody can answer now; Retry-After says when to come back", For::All),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    All,
    Bodies,
}

type Schemas = BTreeMap<String, Value>;

/// The document.
pub(crate) fn document(pool: &DescriptorPool, version: &str) -> Value {
    let mut schemas = Schemas::new();
    schemas.insert("Problem".to_owned(), problem_schema());
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for route in ROUTES {
        if let Some(operation) = operation(pool, route, &mut schemas) {
            let path = route.path.replace("{*", "{");
            paths.entry(path).or_default().insert(route.method.to_lowercase(), operation);
        }
    }
    let description = "The same operations as the gRPC services of package holdfast.v1. Who calls is told by the \
        client certificate. Errors are RFC 9457 problem details with a code E####. Every answer carries the header \
        X-Request-Id: the one of the request, or a new one.";
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Holdfast on-site API", "version": version, "description": description },
        "paths": paths,
        "components": { "schemas": schemas, "responses": responses(), "headers": headers() },
    })
}

fn headers() -> Value {
    json!({
        "RequestId": {
            "description": "the id of the request",
            "required": true,
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9-]{1,64}$"},
        },
        "RetryAfter": {
            "description": "in how many seconds the request may be made again",
            "required": true,
            "schema": {"type": "integer", "minimum": 1},
        },
    })
}

fn responses() -> Map<String, Value> {
    let schema = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
    let response = |(status, description, _): &(&str, &str, For)| {
        let mut headers = json!({"X-Request-Id": {"$ref": "#/components/headers/RequestId"}});
        if matches!(*status, "429" | "503") {
            headers["Retry-After"] = json!({"$ref": "#/components/headers/RetryAfter"});
        }
        let content = json!({"application/problem+json": schema});
        (format!("E{status}"), json!({"description": description, "headers": headers, "content": content}))
    };
    REFUSALS.iter().map(response).collect()
}

fn operation(pool: &DescriptorPool, route: &Route, schemas: &mut Schemas) -> Option<Value> {
    let service = pool.get_service_by_name(&format!("holdfast.v1.{}", route.service))?;
    let call = service.methods().find(|m| m.name() == route.call)?;
    let input = call.input();
    let mut operation = json!({
        "operationId": format!("{}{}", route.service, route.call),
        "tags": [route.service],
        "summary": comment(call.parent_file(), call.path()),
        "parameters": parameters(route, &input),
        "responses": answers(route, &call, schemas),
    });
    if route.has_body() {
        let name = body_schema(route, &input, schemas);
        operation["requestBody"] = json!({
            "required": required(input.name()).next().is_some(),
            "content": { "application/json": { "schema": {"$ref": format!("#/components/schemas/{name}")} } },
        });
    }
    Some(operation)
}

fn answers(route: &Route, call: &MethodDescriptor, schemas: &mut Schemas) -> Map<String, Value> {
    add_schema(&call.output(), schemas);
    let content_type = match route.shape {
        Shape::Unary => "application/json",
        Shape::Stream => "application/x-ndjson",
    };
    let refusals = REFUSALS.iter().filter(|(_, _, of)| *of == For::All || route.has_body());
    let mut answers: Map<String, Value> = refusals
        .map(|(status, _, _)| {
            let reference = format!("#/components/responses/E{status}");
            ((*status).to_owned(), json!({ "$ref": reference }))
        })
        .collect();
    let done = json!({
        "description": "done",
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
        "content": { content_type: { "schema": reference(&call.output()) } },
    });
    answers.insert("200".to_owned(), done);
    answers
}

/// Where to take the parameters of an operation from: as the gateway takes them.
fn parameters(route: &Route, input: &MessageDescriptor) -> Vec<Value> {
    let names: Vec<&str> = route.path_names().collect();
    let in_path = |name: &&str| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}});
    let mut out: Vec<Value> = names.iter().map(in_path).collect();
    for field in input.fields() {
        let name = field.json_name().to_owned();
        match field.kind() {
            _ if names.contains(&name.as_str()) => {}
            Kind::Message(nested) if name == "options" || (name == "list" && !route.has_body()) => {
                out.extend(nested.fields().filter_map(|f| query_parameter(&nested, &f)));
            }
            _ if !route.has_body() => out.extend(query_parameter(input, &field)),
            _ => {}
        }
    }
    if route.shape == Shape::Stream {
        out.extend(STREAM_PARAMETERS.iter().map(|(name, most, description)| {
            let schema = json!({"type": "integer", "minimum": 1, "maximum": most});
            json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema})
        }));
    }
    if input.get_field_by_name("options").is_some() {
        out.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "required": false,
            "description": "As the query's and the body's `idempotencyKey`; all that are given must be the same.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
        }));
    }
    out
}

fn query_parameter(message: &MessageDescriptor, field: &FieldDescriptor) -> Option<Value> {
    if matches!(field.kind(), Kind::Message(_)) || field.is_map() {
        return None;
    }
    // In a query everything is text, so a number is written in one way.
    let mut schema = field_schema(message, field);
    match field.kind() {
        Kind::Uint64 | Kind::Fixed64 => {
            schema = json!({"type": "integer", "minimum": 0, "maximum": u64::MAX})
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            schema = json!({"type": "integer", "minimum": i64::MIN, "maximum": i64::MAX});
        }
        _ => {}
    }
    Some(json!({
        "name": field.json_name(),
        "in": "query",
        "required": required(message.name()).any(|name| name == field.json_name()),
        "description": field_comment(field),
        "schema": schema,
    }))
}

/// The schema of a body: the message without what is in the path.
fn body_schema(route: &Route, input: &MessageDescriptor, schemas: &mut Schemas) -> String {
    add_schema(input, schemas);
    let left_out: Vec<&str> = route.path_names().collect();
    if left_out.is_empty() {
        return input.name().to_owned();
    }
    let name = format!("{}{}Body", route.service, route.call);
    let mut schema = schemas.get(input.name()).cloned().unwrap_or_default();
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.retain(|name, _| !left_out.contains(&name.as_str()));
    }
    schemas.insert(name.clone(), schema);
    name
}

fn add_schema(message: &MessageDescriptor, schemas: &mut Schemas) {
    let name = message.name().to_owned();
    if is_well_known(message) || schemas.contains_key(&name) {
        return;
    }
    schemas.insert(name.clone(), Value::Null);
    let mut properties = Map::new();
    for field in message.fields() {
        let mut schema = field_schema(message, &field);
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
    let mut schema = json!({
        "type": "object",
        "description": comment(message.parent_file(), message.path()),
        "properties": properties,
        "additionalProperties": false,
    });
    let exclusive: Vec<Value> = message.oneofs().flat_map(|one| exclusive(&one)).collect();
    if !exclusive.is_empty() {
        schema["allOf"] = json!(exclusive);
    }
    let required: Vec<&str> = required(message.name()).collect();
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schemas.insert(name, schema);
}

/// No two fields of a `oneof` together.
fn exclusive(one: &OneofDescriptor) -> Vec<Value> {
    let names: Vec<String> = one.fields().map(|field| field.json_name().to_owned()).collect();
    let pairs =
        names.iter().enumerate().flat_map(|(at, first)| names.iter().skip(at + 1).map(move |n| (first, n)));
    pairs.map(|(first, second)| json!({"not": {"required": [first, second]}})).collect()
}

fn field_schema(message: &MessageDescriptor, field: &FieldDescriptor) -> Value {
    if field.is_map()
        && let Kind::Message(entry) = field.kind()
    {
        return json!({"type": "object", "additionalProperties": kind_schema(&entry.map_entry_value_field().kind())});
    }
    let mut item = kind_schema(&field.kind());
    for rule in rules(message.name(), field.json_name()) {
        match rule {
            Rule::Required => {}
            Rule::Words(words) => item["enum"] = json!(words),
            Rule::Longest(most) => item["maxLength"] = json!(most),
            Rule::AtMost(most) => at_most(&mut item, most),
        }
    }
    if field.cardinality() == Cardinality::Repeated { json!({"type": "array", "items": item}) } else { item }
}

/// A number of 64 bits has two forms, and only that of a number has a most: as text, the digits are limited.
fn at_most(schema: &mut Value, most: u64) {
    let digits = most.to_string().len().saturating_sub(2);
    match schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        Some(forms) => {
            *forms = vec![
                json!({"type": "integer", "minimum": 0, "maximum": most}),
                json!({"type": "string", "pattern": format!("^(0|[1-9][0-9]{{0,{digits}}})$")}),
            ];
        }
        None => schema["maximum"] = json!(most),
    }
}

fn kind_schema(kind: &Kind) -> Value {
    match kind {
        Kind::String | Kind::Enum(_) => json!({"type": "string"}),
        Kind::Bytes => {
            let pattern = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$";
            json!({"type": "string", "contentEncoding": "base64", "pattern": pattern})
        }
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Uint32 | Kind::Fixed32 => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            json!({"type": "integer", "minimum": i32::MIN, "maximum": i32::MAX})
        }
        // proto3's JSON writes 64-bit integers as strings, because JavaScript's numbers end at 2^53; both are read.
        Kind::Uint64 | Kind::Fixed64 => json!({"anyOf": [
            {"type": "integer", "minimum": 0, "maximum": u64::MAX},
            {"type": "string", "pattern": "^(0|[1-9][0-9]{0,18}|1[0-7][0-9]{18}|18446744073709551615)$"},
        ]}),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => json!({"anyOf": [
            {"type": "integer", "minimum": i64::MIN, "maximum": i64::MAX},
            {"type": "string", "pattern": "^(0|-?[1-9][0-9]{0,17}|-?[1-8][0-9]{18})$"},
        ]}),
        Kind::Double | Kind::Float => json!({"type": "number"}),
        Kind::Message(message) => reference(message),
    }
}

fn is_well_known(message: &MessageDescriptor) -> bool {
    message.full_name().starts_with("google.protobuf.")
}

fn reference(message: &MessageDescriptor) -> Value {
    if message.full_name() == "google.protobuf.Timestamp" {
        return json!({"type": "string", "format": "date-time"});
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
    let text = || json!({"type": "string"});
    let texts = || json!({"type": "array", "items": {"type": "string"}});
    json!({
        "type": "object",
        "description": "RFC 9457 problem details",
        "required": ["type", "title", "status", "detail", "instance", "code", "because", "next", "requestId"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "description": "the page of the code"},
            "title": text(),
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": text(),
            "instance": {"type": "string", "format": "uri-reference"},
            "code": {"type": "string", "pattern": "^E[0-9]{4}$", "description": "stable code; see docs/errors"},
            "because": texts(),
            "next": texts(),
            "requestId": text(),
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
