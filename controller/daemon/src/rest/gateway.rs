//! The REST face: each HTTP request becomes the gRPC call it stands for, made in this process. So there is one door for
//! authentication, authorisation, admission and audit, and the two faces cannot drift apart.

use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};
use holdfast_types::{Problem, ProblemKind};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use prost_reflect::{DescriptorPool, MessageDescriptor};
use tonic::service::Routes;

use super::message::{Given, answer, request};
use super::query::{Pairs, pairs};
use super::raw::RawCodec;
use super::refusal::{Refusal, bad_request};
use super::routes::{ROUTES, Route, Shape};
use super::stream::{Bounds, lines};
use crate::calls::Answered;
use crate::fields::Mask;
use crate::request_id::RequestId;

/// The largest request body, in bytes.
pub(crate) const MAX_BODY: usize = 2 << 20;
/// How long a body may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The header that makes a write happen once, and the field of `options` that it stands for.
pub(crate) const IDEMPOTENCY_KEY: (&str, &str) = ("idempotency-key", "idempotencyKey");

/// Everything one operation needs.
#[derive(Debug, Clone)]
struct Operation {
    route: Route,
    input: MessageDescriptor,
    output: MessageDescriptor,
    grpc: Routes,
}

/// The router of the REST face in front of the gRPC services.
///
/// # Errors
///
/// Where a route names a call that no service has: this program was built wrongly.
pub(crate) fn router(pool: &DescriptorPool, grpc: &Routes) -> Result<axum::Router, String> {
    let mut router = axum::Router::new();
    for route in ROUTES {
        let operation = operation(pool, *route, grpc)?;
        let filter = match route.method {
            "GET" => MethodFilter::GET,
            "POST" => MethodFilter::POST,
            "PUT" => MethodFilter::PUT,
            "DELETE" => MethodFilter::DELETE,
            other => return Err(format!("method {other} of {} is not supported", route.path)),
        };
        let handler = move |params: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
            let operation = operation.clone();
            async move { serve(operation, params, request).await }
        };
        router = router.route(route.path, on(filter, handler));
    }
    Ok(router)
}

/// Answers what no route answers, once every route is there.
pub(crate) fn closed(router: axum::Router) -> axum::Router {
    router.fallback(unknown_path).method_not_allowed_fallback(unknown_method)
}

fn operation(pool: &DescriptorPool, route: Route, grpc: &Routes) -> Result<Operation, String> {
    let name = format!("holdfast.v1.{}", route.service);
    let service = pool.get_service_by_name(&name).ok_or_else(|| format!("no service {name}"))?;
    let call = service.methods().find(|m| m.name() == route.call);
    let call = call.ok_or_else(|| format!("no call {name}/{}", route.call))?;
    Ok(Operation { route, input: call.input(), output: call.output(), grpc: grpc.clone() })
}

async fn unknown_path(request: Request) -> Response {
    let id = RequestId::of(request.headers());
    let problem = Problem::new(1004, ProblemKind::NotFound, "there is no such operation")
        .because(format!("no operation answers {} {}", request.method(), request.uri().path()))
        .next("see /v1/openapi.json for every operation");
    Refusal::from(problem).response(id.as_str())
}

/// The router adds which methods there are.
async fn unknown_method(request: Request) -> Response {
    let id = RequestId::of(request.headers());
    let problem = Problem::new(1233, ProblemKind::Invalid, "the path has no such method")
        .because(format!("{} does not answer {}", request.uri().path(), request.method()))
        .next("see the header Allow, or /v1/openapi.json for every operation");
    Refusal::with_status(problem, StatusCode::METHOD_NOT_ALLOWED).response(id.as_str())
}

async fn serve(
    operation: Operation,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    let id = RequestId::of(request.headers());
    let call = operation.route.grpc_path().trim_start_matches('/').to_owned();
    let (mut response, code) = match Box::pin(answered(operation, params, request, &id)).await {
        Ok(response) => (response, tonic::Code::Ok),
        Err(refusal) => (refusal.response(id.as_str()), refusal.code()),
    };
    response.extensions_mut().insert(Answered { call, code });
    response
}

async fn answered(
    operation: Operation,
    params: Result<RawPathParams, RawPathParamsRejection>,
    http: Request,
    id: &RequestId,
) -> Result<Response, Refusal> {
    let params = params.map_err(|rejection| bad_request(format!("path: {rejection}")))?;
    let path: Pairs = params.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let mut query = pairs(http.uri().query().unwrap_or_default())?;
    let bounds = match operation.route.shape {
        Shape::Unary => Bounds::default(),
        Shape::Stream => Bounds::take(&mut query)?,
    };
    let (parts, body) = http.into_parts();
    let body = read_body(operation.route, &parts, body).await?;
    let given = Given {
        has_body: operation.route.has_body(),
        body: &body,
        query: &query,
        path: &path,
        key: idempotency_key(&parts)?,
    };
    let message = request(&operation.input, &given)?;
    let mask = mask(&operation.output, &query)?;
    let mut call = tonic::Request::new(message);
    // Who calls is known from the connection and travels in the extensions, as for any gRPC call.
    *call.extensions_mut() = parts.extensions;
    match operation.route.shape {
        Shape::Unary => unary(operation, call, mask).await,
        Shape::Stream => stream(operation, call, bounds, id).await,
    }
}

/// Which fields are asked for. The services leave the others out, and JSON would show those at their defaults.
fn mask(output: &MessageDescriptor, query: &Pairs) -> Result<Option<Mask>, Refusal> {
    let fields = query.iter().filter(|(name, _)| name == "fields").map(|(_, value)| value.clone());
    let fields: Vec<String> = fields.collect();
    Mask::of_answer(output, &fields).map_err(|status| Refusal::of(&status))
}

async fn read_body(route: Route, parts: &Parts, body: Body) -> Result<Vec<u8>, Refusal> {
    let read = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await;
    let read = read.map_err(|_| {
        let seconds = BODY_TIMEOUT.as_secs();
        Refusal {
            status: StatusCode::REQUEST_TIMEOUT,
            ..bad_request(format!("the body took longer than {seconds} s"))
        }
    })?;
    let body = read.map_err(|error| {
        if error.downcast_ref::<LengthLimitError>().is_some() {
            let problem = Problem::new(1234, ProblemKind::Invalid, "the request is too large")
                .because(format!("its body is longer than {MAX_BODY} bytes"));
            return Refusal::with_status(problem, StatusCode::PAYLOAD_TOO_LARGE);
        }
        bad_request("the connection broke before the body was whole")
    })?;
    let body = body.to_bytes().to_vec();
    if route.has_body() || body.is_empty() {
        check_kind(parts, &body)?;
        return Ok(body);
    }
    Err(bad_request(format!("{} {} takes no body", route.method, route.path)))
}

fn check_kind(parts: &Parts, body: &[u8]) -> Result<(), Refusal> {
    let Some(kind) = parts.headers.get(header::CONTENT_TYPE).filter(|_| !body.is_empty()) else {
        return Ok(());
    };
    let kind = kind.to_str().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let problem = Problem::new(1235, ProblemKind::Invalid, "the body is of a kind that is not read here")
        .because(format!("content-type is `{kind}`, read is application/json"));
    Err(Refusal::with_status(problem, StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

fn idempotency_key(parts: &Parts) -> Result<Option<String>, Refusal> {
    let Some(value) = parts.headers.get(IDEMPOTENCY_KEY.0) else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=128).contains(&key.len()));
    let key = key.ok_or_else(|| bad_request("Idempotency-Key: use 1 to 128 visible ASCII characters"))?;
    Ok(Some(key.to_owned()))
}

async fn unary(
    operation: Operation,
    call: tonic::Request<Vec<u8>>,
    mask: Option<Mask>,
) -> Result<Response, Refusal> {
    let mut client = tonic::client::Grpc::new(operation.grpc);
    let path = grpc_path(&operation.route)?;
    client.ready().await.map_err(|e| unavailable(&e.to_string()))?;
    let answered = client.unary(call, path, RawCodec).await.map_err(|s| Refusal::of(&s))?;
    let json = answer(&operation.output, answered.get_ref(), mask.as_ref())?;
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((StatusCode::OK, headers, json).into_response())
}

async fn stream(
    operation: Operation,
    call: tonic::Request<Vec<u8>>,
    bounds: Bounds,
    id: &RequestId,
) -> Result<Response, Refusal> {
    let mut client = tonic::client::Grpc::new(operation.grpc);
    let path = grpc_path(&operation.route)?;
    client.ready().await.map_err(|e| unavailable(&e.to_string()))?;
    let answered = client.server_streaming(call, path, RawCodec).await.map_err(|s| Refusal::of(&s))?;
    let lines = lines(answered.into_inner(), operation.output, bounds, id.clone());
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))];
    Ok((StatusCode::OK, headers, Body::from_stream(lines)).into_response())
}

fn grpc_path(route: &Route) -> Result<http::uri::PathAndQuery, Refusal> {
    route.grpc_path().parse().map_err(|_| unavailable("the operation has no call"))
}

fn unavailable(cause: &str) -> Refusal {
    let problem = Problem::new(1005, ProblemKind::Unreachable, "the controller cannot answer now");
    problem.because(cause.to_owned()).into()
}
