//! Reservations as operators see and change them.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_api::store::{DeleteReservation, PutReservation, command, outcome};
use holdfast_api::v1::reservations_server::Reservations;
use holdfast_api::v1::{
    ApplyReservationRequest, DeleteReservationRequest, GetRequest, ListRequest, Reservation, ReservationList,
    ReservationSpec,
};
use holdfast_api::{invalid_request, status_from_problem};
use holdfast_state::{State, reservation_status};
use holdfast_types::{AsProblem, NameError, ReservationName};
use tonic::{Request, Response, Status};

use crate::app::{App, now};
use crate::caller;
use crate::page::page;
use crate::write::Write;

pub(crate) struct Service(pub(crate) Arc<App>);

/// The command that makes or changes a reservation.
pub(super) fn put(
    name: &str,
    labels: BTreeMap<String, String>,
    spec: Option<ReservationSpec>,
) -> Result<PutReservation, Status> {
    let parsed: Result<ReservationName, NameError> = name.parse();
    let name = parsed.map_err(|error| status_from_problem(&invalid_request(error.to_string())))?;
    let wanted = holdfast_types::ReservationSpec::try_from(&spec.unwrap_or_default());
    // Written anew, so that what is said in two ways is stored in one.
    let spec = wanted.map(|wanted| ReservationSpec::from(&wanted));
    let spec = Some(spec.map_err(|error| status_from_problem(&error.problem()))?);
    // The name of a reservation is its identity: made again it is the same reservation.
    Ok(PutReservation { name: name.to_string(), uid: format!("reservation-{name}"), labels, spec })
}

/// How a reservation stands is never stored, because it follows from the rest and from the time.
fn with_status(reservation: &Reservation, state: &State) -> Reservation {
    let name = reservation.metadata.as_ref().map_or("", |metadata| metadata.name.as_str());
    Reservation { status: Some(reservation_status(state, name, now())), ..reservation.clone() }
}

impl Service {
    fn answer(&self, result: outcome::Result) -> Result<Response<Reservation>, Status> {
        match result {
            outcome::Result::Reservation(reservation) => {
                Ok(Response::new(self.0.with(|state| with_status(&reservation, state))))
            }
            other => Err(Status::internal(format!("unexpected outcome {other:?}"))),
        }
    }
}

#[tonic::async_trait]
impl Reservations for Service {
    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ReservationList>, Status> {
        caller::operator(&request)?;
        let list = request.into_inner();
        self.0.barrier(list.stale).await?;
        let mut reservations = self.0.with(|state| {
            let page = page(state.reservations(), &list, &[])?;
            let items = page.items.iter().map(|reservation| with_status(reservation, state)).collect();
            Ok::<_, Status>(ReservationList { items, next_page_token: page.next, revision: state.revision() })
        })?;
        reservations.items = self.0.select("Reservation", reservations.items, &list.fields)?;
        Ok(Response::new(reservations))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Reservation>, Status> {
        caller::operator(&request)?;
        let get = request.into_inner();
        self.0.barrier(get.stale).await?;
        let found = self.0.with(|state| state.reservation(&get.name).map(|found| with_status(found, state)));
        let found =
            found.ok_or_else(|| status_from_problem(&holdfast_state::not_found("reservation", &get.name)))?;
        self.0.select_one("Reservation", found, &get.fields).map(Response::new)
    }

    async fn apply(
        &self,
        request: Request<ApplyReservationRequest>,
    ) -> Result<Response<Reservation>, Status> {
        let operator = caller::admin(&request)?;
        let mut request = request.into_inner();
        let write = Write::new(operator.actor(), request.options.take(), &request);
        let body = put(&request.name, request.labels, request.spec)?;
        self.answer(self.0.execute(write, command::Body::PutReservation(body)).await?)
    }

    async fn delete(
        &self,
        request: Request<DeleteReservationRequest>,
    ) -> Result<Response<Reservation>, Status> {
        let operator = caller::admin(&request)?;
        let mut request = request.into_inner();
        let write = Write::new(operator.actor(), request.options.take(), &request);
        let body = command::Body::DeleteReservation(DeleteReservation { name: request.name });
        self.answer(self.0.execute(write, body).await?)
    }
}
