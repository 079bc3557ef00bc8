//! What all controllers have, for one that was admitted. Whoever gets it can sign for the cluster, so it is given to the
//! certificate that was issued at the admission and to no other, and only until it votes.

use std::sync::Arc;

use holdfast_api::internal::joining_server::Joining;
use holdfast_api::internal::{FetchRequest, FetchResponse};
use holdfast_api::status_from_problem;
use holdfast_types::{Problem, ProblemKind};
use tonic::{Request, Response, Status};

use crate::app::App;
use crate::{caller, material};

pub(crate) struct Service(pub(crate) Arc<App>);

#[tonic::async_trait]
impl Joining for Service {
    async fn fetch(&self, request: Request<FetchRequest>) -> Result<Response<FetchResponse>, Status> {
        let (name, serial) = caller::named_controller(&request)?;
        let admitted = self.0.with(|state| {
            state.controllers().any(|record| {
                record.phase == holdfast_state::ADMITTED
                    && record.name == name.as_str()
                    && record.certificate_serial == serial
            })
        });
        if !admitted {
            // A follower may not have heard of it yet; the leader has.
            self.0.barrier(false).await?;
            let problem =
                Problem::new(1271, ProblemKind::Unauthorised, format!("controller `{name}` is not admitted"))
                    .because("its certificate is not the one of an admission that is still open")
                    .next(format!("holdfast controller add {name} --address HOST:PORT --directory DIR"));
            return Err(status_from_problem(&problem));
        }
        let app = Arc::clone(&self.0);
        let read =
            tokio::task::spawn_blocking(move || material::read(&app.config.directory, &app.config.law()))
                .await;
        let read = read.map_err(|error| Status::internal(error.to_string()))?;
        let files = read.map_err(|problem| status_from_problem(&problem))?;
        tracing::warn!(controller = %name, "a new controller was given the CA of the cluster");
        Ok(Response::new(FetchResponse { files }))
    }
}
