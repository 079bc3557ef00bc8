//! How this controller is, for the others.

use std::sync::Arc;

use holdfast_api::internal::HealthRequest;
use holdfast_api::internal::health_server::Health;
use holdfast_api::v1::ControllerHealth;
use tonic::{Request, Response, Status};

use crate::app::App;
use crate::{caller, health};

pub(crate) struct Service(pub(crate) Arc<App>);

#[tonic::async_trait]
impl Health for Service {
    async fn ask(&self, request: Request<HealthRequest>) -> Result<Response<ControllerHealth>, Status> {
        caller::controller(&request)?;
        Ok(Response::new(health::own(&self.0)))
    }
}
