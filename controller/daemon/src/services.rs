//! The gRPC services. Each checks who calls, decides by the law where the law has a say, proposes, and answers.

mod admission;
mod agents;
mod artifacts;
mod backups;
mod cluster;
mod controllers;
mod elements;
mod enrolment;
mod health;
mod jobs;
mod joining;
mod law;
mod nodes;
mod queues;
mod raft;
mod recovery;
mod releases;
mod reservations;
mod rollouts;
mod scheduling;
mod transactions;
mod watch;

use std::sync::Arc;

use holdfast_api::internal::agent_session_server::AgentSessionServer;
use holdfast_api::internal::enrolment_server::EnrolmentServer;
use holdfast_api::internal::health_server::HealthServer;
use holdfast_api::internal::joining_server::JoiningServer;
use holdfast_api::internal::raft_server::RaftServer;
use holdfast_api::v1;
use tonic::service::{Routes, RoutesBuilder};

use crate::app::App;

/// The largest message a public service takes: a manifest is at most 1 MiB, and a little more on the wire.
const MAX_PUBLIC: usize = 2 << 20;
/// The largest message agents and controllers send each other.
const MAX_INTERNAL: usize = 16 << 20;

/// The largest message of a call without words.
const MAX_QUESTION: usize = 1 << 10;

/// Every service.
pub(crate) fn routes(app: &Arc<App>) -> Routes {
    let mut routes = Routes::builder();
    let law = law::Service(Arc::clone(app));
    let cluster = cluster::Service(Arc::clone(app));
    let artifacts = artifacts::Service(Arc::clone(app));
    routes
        .add_service(
            v1::nodes_server::NodesServer::new(nodes::Service(Arc::clone(app)))
                .max_decoding_message_size(MAX_PUBLIC),
        )
        .add_service(
            v1::queues_server::QueuesServer::new(queues::Service(Arc::clone(app)))
                .max_decoding_message_size(MAX_PUBLIC),
        )
        .add_service(
            v1::reservations_server::ReservationsServer::new(reservations::Service(Arc::clone(app)))
                .max_decoding_message_size(MAX_PUBLIC),
        )
        .add_service(
            v1::jobs_server::JobsServer::new(jobs::Service(Arc::clone(app)))
                .max_decoding_message_size(MAX_PUBLIC),
        )
        .add_service(
            v1::artifacts_server::ArtifactsServer::new(artifacts.clone())
                .max_decoding_message_size(MAX_PUBLIC),
        )
        .add_service(v1::images_server::ImagesServer::new(artifacts).max_decoding_message_size(MAX_PUBLIC))
        .add_service(
            v1::policies_server::PoliciesServer::new(law.clone()).max_decoding_message_size(MAX_PUBLIC),
        )
        .add_service(v1::audit_server::AuditServer::new(law).max_decoding_message_size(MAX_PUBLIC))
        .add_service(watch::WithWatch {
            inner: v1::cluster_server::ClusterServer::new(cluster.clone())
                .max_decoding_message_size(MAX_PUBLIC),
            watches: watch::Watches(Arc::clone(app)),
        })
        .add_service(v1::events_server::EventsServer::new(cluster).max_decoding_message_size(MAX_PUBLIC));
    add_changes(&mut routes, app);
    add_internal(&mut routes, app);
    routes.routes()
}

/// What changes or copies the whole cluster, and what is tried on a copy of it.
fn add_changes(routes: &mut RoutesBuilder, app: &Arc<App>) {
    routes.add_service(
        v1::transactions_server::TransactionsServer::new(transactions::Service(Arc::clone(app)))
            .max_decoding_message_size(MAX_PUBLIC),
    );
    routes.add_service(
        v1::scheduling_server::SchedulingServer::new(scheduling::Service(Arc::clone(app)))
            .max_decoding_message_size(MAX_PUBLIC),
    );
    routes.add_service(
        v1::controllers_server::ControllersServer::new(controllers::Service(Arc::clone(app)))
            .max_decoding_message_size(MAX_PUBLIC),
    );
    routes.add_service(
        v1::backups_server::BackupsServer::new(backups::Service::new(Arc::clone(app)))
            .max_decoding_message_size(MAX_PUBLIC),
    );
    routes.add_service(
        v1::recovery_server::RecoveryServer::new(recovery::Service::new(Arc::clone(app)))
            .max_decoding_message_size(MAX_PUBLIC),
    );
    routes.add_service(
        v1::releases_server::ReleasesServer::new(releases::Service(Arc::clone(app)))
            .max_decoding_message_size(MAX_PUBLIC),
    );
    routes.add_service(
        v1::rollouts_server::RolloutsServer::new(rollouts::Service(Arc::clone(app)))
            .max_decoding_message_size(MAX_PUBLIC),
    );
}

/// What machines of the cluster say to each other.
fn add_internal(routes: &mut RoutesBuilder, app: &Arc<App>) {
    routes
        .add_service(
            JoiningServer::new(joining::Service(Arc::clone(app))).max_decoding_message_size(MAX_QUESTION),
        )
        .add_service(
            EnrolmentServer::new(enrolment::Service(Arc::clone(app))).max_decoding_message_size(64 << 10),
        )
        .add_service(
            AgentSessionServer::new(agents::Service(Arc::clone(app))).max_decoding_message_size(MAX_INTERNAL),
        )
        .add_service(
            HealthServer::new(health::Service(Arc::clone(app))).max_decoding_message_size(MAX_QUESTION),
        )
        .add_service(
            RaftServer::new(raft::Service(Arc::clone(app)))
                .max_decoding_message_size(MAX_INTERNAL)
                .max_encoding_message_size(MAX_INTERNAL),
        );
}
