//! Who may call what: every method that the controllers serve, called by everybody there is. And certificates that open nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use holdfast_api::problem_from_status;
use holdfast_api::v1::ClusterStatusRequest;
use holdfast_api::v1::cluster_client::ClusterClient as ClusterGrpc;
use holdfast_client::lazy_channel;
use holdfast_identity::{
    Alpn, CONTROLLER_VALIDITY, ClusterCa, Expect, Identity, IdentityHandle, NODE_VALIDITY, OPERATOR_VALIDITY,
    Principal, client_config,
};
use holdfast_types::{Span, Time};
use prost::bytes::Buf as _;
use tokio_rustls::rustls::ClientConfig;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::world::World;

/// Whose certificate may not call this.
const REFUSED: u16 = 1202;
/// A call that is held so long was let in.
const HELD: Duration = Duration::from_secs(2);

/// Says nothing, and takes whatever is answered.
#[derive(Default)]
struct Nothing;

impl Codec for Nothing {
    type Encode = ();
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Nothing {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, _: (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for Nothing {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, answer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        answer.advance(answer.remaining());
        Ok(Some(()))
    }
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Time(u64::try_from(since.as_millis()).unwrap())
}

fn operator(roles: &[&str]) -> Principal {
    Principal::Operator {
        name: "somebody".parse().unwrap(),
        roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
        tenant: None,
    }
}

/// Comes in with a certificate that the CA of this world gives out at `at`.
fn as_one(world: &World, principal: &Principal, at: Time) -> Arc<ClientConfig> {
    let ca = ClusterCa::load(&world.home(0).join("pki")).unwrap();
    let validity = match principal {
        Principal::Controller { .. } => CONTROLLER_VALIDITY,
        Principal::Node { .. } => NODE_VALIDITY,
        Principal::Operator { .. } | Principal::Anonymous => OPERATOR_VALIDITY,
    };
    let (key, request) = Identity::generate_csr().unwrap();
    let issued = ca.issue(&request, principal, validity, at).unwrap();
    let own = IdentityHandle::new(Identity::from_pem(&issued.chain_pem, key).unwrap());
    let trust = world.context().trust().unwrap();
    client_config(Some(&own), &trust, Expect::Controller, Alpn::H2).unwrap()
}

/// Whether a call without words is let in.
async fn is_let_in(channel: Channel, path: &str) -> bool {
    let call = async {
        let mut grpc = tonic::client::Grpc::new(channel);
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = path.parse().unwrap();
        let mut answer = grpc.server_streaming(Request::new(()), path, Nothing).await?.into_inner();
        answer.message().await.map(drop)
    };
    match tokio::time::timeout(HELD, call).await {
        Ok(Err(status)) if status.code() == Code::Unimplemented => false,
        Ok(Err(status)) => problem_from_status(&status).code.0 != REFUSED,
        Ok(Ok(())) | Err(_) => true,
    }
}

/// Every method that is served, with a letter for each kind of caller that it lets in: `a`dmin, `e`ngineer, au`d`itor, an operator `w`ithout a role,
/// `n`ode, `c`ontroller, `s`tranger.
const MATRIX: &str = include_str!("roles.txt");

#[tokio::test]
async fn every_call_lets_in_whom_it_is_for_and_nobody_else() {
    let world = World::new();
    world.up().await;
    let trust = world.context().trust().unwrap();
    let node = Principal::Node { name: "de-1".parse().unwrap(), jurisdiction: "DE".parse().unwrap() };
    let controller = Principal::Controller { name: "controller-1".parse().unwrap() };
    let callers = [
        ('a', as_one(&world, &operator(&["admin"]), now())),
        ('e', as_one(&world, &operator(&["engineer"]), now())),
        ('d', as_one(&world, &operator(&["auditor"]), now())),
        ('w', as_one(&world, &operator(&[]), now())),
        ('n', as_one(&world, &node, now())),
        ('c', as_one(&world, &controller, now())),
        ('s', client_config(None, &trust, Expect::Controller, Alpn::H2).unwrap()),
    ];
    let mut found = BTreeMap::new();
    for service in holdfast_api::pool().unwrap().services() {
        for method in service.methods() {
            let call = format!("{}/{}", service.full_name(), method.name());
            let mut row = String::new();
            for (letter, tls) in &callers {
                let channel = lazy_channel(&world.address, tls).unwrap();
                if is_let_in(channel, &format!("/{call}")).await {
                    row.push(*letter);
                }
            }
            found.insert(call, row);
        }
    }
    // What nodes serve is not served here.
    let served = found.iter().filter(|(_, row)| !row.is_empty());
    let found: String = served.map(|(call, row)| format!("{call} {row}\n")).collect();
    assert_eq!(found, MATRIX, "who may call what has changed:\n{found}");
}

/// Check 21: a certificate of another CA, one that is over, one that is not yet, and TLS of yesterday are nobody's.
#[tokio::test]
async fn a_certificate_that_does_not_hold_opens_nothing() {
    let world = World::new();
    world.up().await;
    let status = |tls: Arc<ClientConfig>| {
        let channel = lazy_channel(&world.address, &tls).unwrap();
        async move { ClusterGrpc::new(channel).status(ClusterStatusRequest {}).await.map(drop) }
    };
    let admin = operator(&["admin"]);
    status(as_one(&world, &admin, now())).await.unwrap();
    let age = Span(OPERATOR_VALIDITY.0.saturating_mul(2));
    let over = status(as_one(&world, &admin, now() - age)).await.unwrap_err();
    let early = status(as_one(&world, &admin, Time(now().0 + age.0))).await.unwrap_err();
    let other = World::founded(1, "");
    let foreign = IdentityHandle::new(other.context().identity().unwrap());
    let trust = world.context().trust().unwrap();
    let foreign = client_config(Some(&foreign), &trust, Expect::Controller, Alpn::H2).unwrap();
    let foreign = status(foreign).await.unwrap_err();
    for refused in [over, early, foreign] {
        // The handshake fails: nobody is told anything.
        assert!(refused.details().is_empty(), "{refused:?}");
    }
    let old = std::process::Command::new("openssl")
        .args(["s_client", "-connect", &world.address, "-tls1_2"])
        .stdin(std::process::Stdio::null())
        .output();
    if let Ok(old) = old {
        let said = String::from_utf8_lossy(&old.stderr).into_owned();
        assert!(!old.status.success() && said.contains("protocol version"), "{said}");
    }
}
