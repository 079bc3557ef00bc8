//! The REST face: each HTTP request becomes the gRPC call it stands for, made in this process. So there is one door for
//! authentication, authorisation, admission and audit, and the two faces cannot drift apart.

use axum::body::Body;
use axum::extract::{RawPathParams, Request};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};
use holdfast_api::problem_from_status;
use holdfast_types::{Problem, ProblemKind};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt as _;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use tonic::service::Routes;

use super::message::{answer, bad_request, http_status, problem_details, request};
use super::raw::RawCodec;
use super::routes::{ROUTES, Route, Shape};

/// The largest request body, in bytes.
pub(crate) const MAX_BODY: usize = 2 << 20;

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
        let handler = move |params: RawPathParams, request: Request| {
            let operation = operation.clone();
            async move { serve(operation, &params, request).await }
        };
        router = router.route(route.path, on(filter, handler));
    }
    Ok(router.fallback(unknown_path))
}

fn operation(pool: &DescriptorPool, route: Route, grpc: &Routes) -> Result<Operation, String> {
    let name = format!("holdfast.v1.{}", route.service);
    let service = pool.get_service_by_name(&name).ok_or_else(|| format!("no service {name}"))?;
    let call = service.methods().find(|m| m.name() == route.call);
    let call = call.ok_or_else(|| format!("no call {name}/{}", route.call))?;
    Ok(Operation { route, input: call.input(), output: call.output(), grpc: grpc.clone() })
}

async fn unknown_path(request: Request) -> Response {
    let id = request_id(request.headers());
    let problem = Problem::new(1004, ProblemKind::NotFound, "there is no such operation")
        .because(format!("no operation answers {} {}", request.method(), request.uri().path()))
        .next("see /v1/openapi.json for every operation");
    problem_response(&problem, &id)
}

async fn serve(operation: Operation, params: &RawPathParams, request: Request) -> Response {
    let id = request_id(request.headers());
    match call(operation, params, request).await {
        Ok(response) => response,
        Err(problem) => problem_response(&problem, &id),
    }
}

async fn call(operation: Operation, params: &RawPathParams, http: Request) -> Result<Response, Problem> {
    let path: Vec<(String, String)> = params.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let query = query_pairs(http.uri().query().unwrap_or_default())?;
    let (parts, body) = http.into_parts();
    let body = http_body_util::Limited::new(body, MAX_BODY).collect().await.map_err(|_| {
        bad_request(format!("the body is longer than {MAX_BODY} bytes, or the connection broke"))
    })?;
    let message = request(&operation.input, &body.to_bytes(), &query, &path)?;
    let mut call = tonic::Request::new(message);
    // Who calls is known from the connection and travels in the extensions, as for any gRPC call.
    *call.extensions_mut() = parts.extensions;
    if let Some(key) = parts.headers.get("idempotency-key").and_then(|v| v.to_str().ok())
        && let Ok(value) = key.parse()
    {
        call.metadata_mut().insert("idempotency-key", value);
    }
    match operation.route.shape {
        Shape::Unary => unary(operation, call).await,
        Shape::Stream => stream(operation, call).await,
    }
}

async fn unary(operation: Operation, call: tonic::Request<Vec<u8>>) -> Result<Response, Problem> {
    let mut client = tonic::client::Grpc::new(operation.grpc);
    let path = grpc_path(&operation.route)?;
    client.ready().await.map_err(|e| unavailable(&e.to_string()))?;
    let answered = client.unary(call, path, RawCodec).await.map_err(|s| problem_from_status(&s))?;
    let json = answer(&operation.output, answered.get_ref())?;
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((StatusCode::OK, headers, json).into_response())
}

async fn stream(operation: Operation, call: tonic::Request<Vec<u8>>) -> Result<Response, Problem> {
    let mut client = tonic::client::Grpc::new(operation.grpc);
    let path = grpc_path(&operation.route)?;
    client.ready().await.map_err(|e| unavailable(&e.to_string()))?;
    let answered =
        client.server_streaming(call, path, RawCodec).await.map_err(|s| problem_from_status(&s))?;
    let output = operation.output;
    let lines = futures::stream::unfold((answered.into_inner(), false), move |(mut messages, ended)| {
        let output = output.clone();
        async move {
            if ended {
                return None;
            }
            let (line, ended) = match messages.message().await {
                Ok(None) => return None,
                Ok(Some(bytes)) => (answer(&output, &bytes), false),
                Err(status) => (Err(problem_from_status(&status)), true),
            };
            // A stream that has begun cannot change its status: the last line says what went wrong.
            let mut line = line.unwrap_or_else(|problem| {
                let details = problem_details(&problem, http_status(problem.kind), "stream");
                serde_json::json!({ "error": details }).to_string().into_bytes()
            });
            line.push(b'\n');
            Some((Ok::<_, std::convert::Infallible>(line), (messages, ended)))
        }
    });
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))];
    Ok((StatusCode::OK, headers, Body::from_stream(lines)).into_response())
}

fn grpc_path(route: &Route) -> Result<http::uri::PathAndQuery, Problem> {
    route.grpc_path().parse().map_err(|_| unavailable("the operation has no call"))
}

fn unavailable(cause: &str) -> Problem {
    Problem::new(1005, ProblemKind::Unreachable, "the controller cannot answer now").because(cause.to_owned())
}

fn query_pairs(query: &str) -> Result<Vec<(String, String)>, Problem> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((percent_decode(key)?, percent_decode(value)?))
        })
        .collect()
}

/// RFC 3986 percent-decoding, with `+` for a space as forms write it.
fn percent_decode(text: &str) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let pair = [rest.next(), rest.next()];
                let digit = |d: Option<u8>| d.and_then(|d| char::from(d).to_digit(16));
                let value = digit(pair[0]).zip(digit(pair[1])).map(|(high, low)| high * 16 + low);
                let value = value.and_then(|v| u8::try_from(v).ok());
                value.ok_or_else(|| bad_request(format!("query: `{text}` is not percent-encoded")))?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| bad_request(format!("query: `{text}` is not UTF-8")))
}

fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get("x-request-id").and_then(|v| v.to_str().ok());
    let clean =
        given.filter(|id| id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    clean.map_or_else(|| "unnamed".to_owned(), str::to_owned)
}

fn problem_response(problem: &Problem, request_id: &str) -> Response {
    let status = http_status(problem.kind);
    let body = problem_details(problem, status, request_id).to_string();
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))];
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, headers, body).into_response()
}
