//! The REST face of the API: the same operations as the gRPC services, as JSON over HTTP.

#[cfg(feature = "fuzzing")]
mod fuzz;
mod gateway;
mod message;
mod openapi;
mod query;
mod raw;
mod refusal;
mod routes;
mod rules;
mod stream;
mod strict;

#[cfg(feature = "fuzzing")]
pub(crate) use fuzz::fuzz;
pub(crate) use gateway::{closed, router};
pub(crate) use openapi::document;
pub(crate) use refusal::{last_line, refused};
