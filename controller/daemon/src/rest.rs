//! The REST face of the API: the same operations as the gRPC services, as JSON over HTTP.

mod gateway;
mod message;
mod openapi;
mod raw;
mod routes;

pub(crate) use gateway::router;
pub(crate) use openapi::document;
