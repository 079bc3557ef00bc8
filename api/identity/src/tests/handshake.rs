use std::sync::Arc;

use holdfast_types::Span;
use rcgen::{CertificateParams, KeyPair, SanType};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::world::*;
use crate::verify::ServerVerifier;
use crate::*;

#[tokio::test]
async fn both_ends_of_mutual_tls_learn_who_the_other_is() {
    let cluster = Cluster::new("alpha");
    for principal in [node("n1", "DE"), controller("c2"), operator("alice", &["admin", "dpo"])] {
        let identity = cluster.identity(&principal);
        let (serial, not_after) = (identity.serial(), identity.not_after());
        let (served, dialled) = meet(&cluster.server(), &cluster.client(identity)).await;
        let peer = served.unwrap();
        assert_eq!(peer.principal, principal);
        assert_eq!((peer.serial, peer.not_after, peer.hybrid), (Some(serial), Some(not_after), true));
        assert_eq!(dialled.unwrap().principal, controller("c1"));
    }
}

#[tokio::test]
async fn connecting_over_tcp_finds_the_listener() {
    let cluster = Cluster::new("alpha");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let acceptor = TlsAcceptor::from(cluster.server());
    let client = cluster.client(cluster.identity(&node("n1", "DE")));
    let (accepted, connected) = tokio::join!(
        async { tls_accept(listener.accept().await.unwrap().0, &acceptor, HANDSHAKE_TIMEOUT).await },
        tls_connect(&endpoint, &client, HANDSHAKE_TIMEOUT),
    );
    assert_eq!(accepted.unwrap().1.principal, node("n1", "DE"));
    let (stream, _) = connected.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));

    drop(listener);
    let error = tls_connect(&endpoint, &client, HANDSHAKE_TIMEOUT).await.err().unwrap();
    assert!(matches!(error, StreamError::Connect { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_dropped_at_the_limit() {
    let cluster = Cluster::new("alpha");
    let (near, _far) = tokio::io::duplex(1024);
    let acceptor = TlsAcceptor::from(cluster.server());
    let error = tls_accept(near, &acceptor, HANDSHAKE_TIMEOUT).await.err().unwrap();
    assert!(matches!(error, StreamError::Timeout(HANDSHAKE_TIMEOUT)), "{error}");
}

#[tokio::test]
async fn a_client_without_a_certificate_enters_only_where_that_is_allowed() {
    let cluster = Cluster::new("alpha");
    let anonymous = client_config(None, &cluster.trust, Expect::Controller, Alpn::H2).unwrap();
    refused_by_server(&cluster.server(), &anonymous, "peer sent no certificates").await;

    let handle = cluster.handle(&controller("c1"));
    let open =
        server_config(&handle, &cluster.trust, KeyExchange::HybridOnly, ClientAuth::Optional, Alpn::H2)
            .unwrap();
    let peer = meet(&open, &anonymous).await.0.unwrap();
    assert_eq!((peer.principal, peer.serial), (Principal::Anonymous, None));

    // Optional is not lax: a bad certificate is refused, not read as anonymous.
    let stranger = Cluster::new("alpha").identity(&operator("eve", &["admin"]));
    refused_by_server(&open, &cluster.client(stranger), "invalid peer certificate").await;
}

#[tokio::test]
async fn a_certificate_of_another_cluster_is_refused_by_both_ends() {
    let (ours, theirs) = (Cluster::new("alpha"), Cluster::new("beta"));
    let stranger = ours.client(theirs.identity(&controller("c1")));
    refused_by_server(&ours.server(), &stranger, "invalid peer certificate").await;
    let client = ours.client(ours.identity(&node("n1", "DE")));
    refused_by_client(&theirs.server(), &client, "invalid peer certificate").await;
}

#[tokio::test]
async fn an_expired_or_not_yet_valid_certificate_is_refused() {
    let cluster = Cluster::new("alpha");
    let past = cluster.identity_at(&node("n1", "DE"), HOUR, now() - Span(2 * HOUR.0));
    refused_by_server(&cluster.server(), &cluster.client(past), "expired").await;
    let future = cluster.identity_at(&node("n1", "DE"), HOUR, now() + HOUR);
    refused_by_server(&cluster.server(), &cluster.client(future), "not valid yet").await;

    let past = IdentityHandle::new(cluster.identity_at(&controller("c1"), HOUR, now() - Span(2 * HOUR.0)));
    let server =
        server_config(&past, &cluster.trust, KeyExchange::HybridOnly, ClientAuth::Required, Alpn::H2)
            .unwrap();
    refused_by_client(&server, &cluster.client(cluster.identity(&node("n1", "DE"))), "expired").await;
}

/// A chain signed with a stolen key, with names the thief chose and the CA of FR beside the leaf.
fn forged(cluster: &Cluster, signer: &str, uris: &[&str]) -> Arc<rustls::sign::CertifiedKey> {
    let directory = tempfile::tempdir().unwrap();
    let directory = camino::Utf8Path::from_path(directory.path()).unwrap();
    cluster.ca.save(directory).unwrap();
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    let (ca, root) = (read("issuing/FR.crt"), read("root.crt"));
    let stolen = KeyPair::from_pem(&read(&format!("{signer}.key"))).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&read(&format!("{signer}.crt")), stolen).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = uris.iter().map(|u| SanType::URI((*u).try_into().unwrap())).collect();
    params.serial_number = Some(1_u64.into());
    let leaf = params.signed_by(&key, &issuer).unwrap();
    let chain = pem::certificates(&format!("{}{ca}{root}", leaf.pem())).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    Arc::new(rustls::sign::CertifiedKey::from_der(chain, key, &default_provider()).unwrap())
}

fn forged_by_fr(cluster: &Cluster, uris: &[&str]) -> Arc<rustls::sign::CertifiedKey> {
    forged(cluster, "issuing/FR", uris)
}

/// A client that presents whatever it was given, over the named key exchange.
fn odd_client(
    cluster: &Cluster,
    presents: Arc<dyn rustls::client::ResolvesClientCert>,
    group: &'static dyn rustls::crypto::SupportedKxGroup,
) -> Arc<ClientConfig> {
    let provider = CryptoProvider { kx_groups: vec![group], ..default_provider() };
    let algorithms = provider.signature_verification_algorithms;
    let verifier = ServerVerifier { trust: cluster.trust.clone(), expect: Expect::Controller, algorithms };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(presents);
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

#[tokio::test]
async fn a_jurisdiction_cannot_name_what_is_not_its_own() {
    let cluster = Cluster::new("alpha");
    for (uris, admitted) in [
        (&["spiffe://alpha/j/FR/node/n1"][..], Ok(node("n1", "FR"))),
        (&["spiffe://alpha/j/DE/node/n1"], Err("may not name it")),
        (&["spiffe://alpha/controller/c1"], Err("may not name it")),
        (&["spiffe://alpha/operator/eve", "holdfast:role:admin"], Err("may not name it")),
        (&["spiffe://beta/j/FR/node/n1"], Err("may not name it")),
        (&["spiffe://alpha/j/FR/node/n1", "spiffe://alpha/j/DE/node/n1"], Err("not one of a Holdfast")),
        (&[], Err("not one of a Holdfast")),
    ] {
        let presents = Arc::new(rustls::sign::SingleCertAndKey::from(forged_by_fr(&cluster, uris)));
        let client = odd_client(&cluster, presents, kx_group::X25519MLKEM768);
        match admitted {
            Ok(principal) => {
                assert_eq!(meet(&cluster.server(), &client).await.0.unwrap().principal, principal);
            }
            Err(why) => refused_by_server(&cluster.server(), &client, why).await,
        }
    }
}

#[tokio::test]
async fn a_chain_is_judged_by_the_ca_that_signed_it_and_not_by_one_beside_it() {
    let cluster = Cluster::new("alpha");
    let forged = forged_by_fr(&cluster, &["spiffe://alpha/j/DE/node/n1"]);
    let german = cluster.identity(&node("n2", "DE")).certified();
    // The leaf of FR with the CA of DE beside it, then with both.
    let with = |middle: &[usize]| {
        let mut chain = vec![forged.cert[0].clone()];
        chain.extend(middle.iter().map(|from| [&german, &forged][*from].cert[1].clone()));
        let key = rustls::sign::CertifiedKey::new(chain, Arc::clone(&forged.key));
        let presents = Arc::new(rustls::sign::SingleCertAndKey::from(key));
        odd_client(&cluster, presents, kx_group::X25519MLKEM768)
    };
    refused_by_server(&cluster.server(), &with(&[0]), "UnknownIssuer").await;
    refused_by_server(&cluster.server(), &with(&[0, 1]), "UnknownIssuer").await;
    refused_by_server(&cluster.server(), &with(&[1, 0]), "may not name it").await;
    refused_by_server(&cluster.server(), &with(&[]), "certificate chain has 1").await;
    refused_by_server(&cluster.server(), &with(&[1, 0, 0]), "certificate chain has 4").await;
}

#[tokio::test]
async fn a_leaf_of_the_root_itself_has_no_jurisdiction() {
    let cluster = Cluster::new("alpha");
    let presents = forged(&cluster, "root", &["spiffe://alpha/j/FR/node/n1"]);
    let presents = Arc::new(rustls::sign::SingleCertAndKey::from(presents));
    let client = odd_client(&cluster, presents, kx_group::X25519MLKEM768);
    refused_by_server(&cluster.server(), &client, "may not name it").await;
}

#[tokio::test]
async fn a_revoked_peer_cannot_come_back_by_resuming_its_session() {
    let cluster = Cluster::new("alpha");
    let (server, handle) = (cluster.server(), cluster.handle(&node("n1", "DE")));
    // Unlike our own clients, this one keeps every ticket it is given.
    let client = odd_client(&cluster, Arc::new(handle.clone()), kx_group::X25519MLKEM768);
    let (served, dialled) = meet(&server, &client).await;
    served.unwrap();
    dialled.unwrap();
    cluster.trust.revoke([handle.current().serial()]);
    refused_by_server(&server, &client, "Revoked").await;
}

#[tokio::test]
async fn a_client_refuses_a_server_other_than_the_one_it_dialled() {
    let cluster = Cluster::new("alpha");
    let identity = cluster.handle(&node("n9", "DE"));
    let expect = |expect| client_config(Some(&identity), &cluster.trust, expect, Alpn::None).unwrap();
    let serve = |principal: &Principal| {
        let handle = cluster.handle(principal);
        server_config(&handle, &cluster.trust, KeyExchange::HybridOnly, ClientAuth::Required, Alpn::None)
            .unwrap()
    };
    let named = |name: &str, place: &str| Expect::Node {
        name: name.parse().unwrap(),
        jurisdiction: place.parse().unwrap(),
    };
    let server = serve(&node("n1", "DE"));
    for good in [Expect::AnyNode, named("n1", "DE")] {
        meet(&server, &expect(good)).await.0.unwrap();
    }
    for bad in [
        Expect::Controller,
        Expect::ControllerNamed("n1".parse().unwrap()),
        named("n2", "DE"),
        named("n1", "FR"),
    ] {
        refused_by_client(&server, &expect(bad), "peer is `j/DE/node/n1`").await;
    }
    // A person's certificate cannot answer as anything.
    let person = serve(&operator("alice", &["admin"]));
    refused_by_client(&person, &expect(Expect::Controller), "extended key usage for server authentication")
        .await;
}

#[tokio::test]
async fn revocation_refuses_handshakes_and_reaches_open_connections() {
    let cluster = Cluster::new("alpha");
    let server = cluster.server();
    let (first, second) = (cluster.identity(&node("n1", "DE")), cluster.identity(&node("n2", "DE")));
    let serial = first.serial();
    let (first, second) = (cluster.client(first), cluster.client(second));
    let peer = meet(&server, &first).await.0.unwrap();
    let other = meet(&server, &second).await.0.unwrap();

    let mut changes = cluster.trust.revocations();
    assert!(!changes.has_changed().unwrap());
    let mut open = ConnectionGuard::new(&cluster.trust, &peer);
    let watching = tokio::spawn(async move { open.revoked().await });
    cluster.trust.revoke([serial]);
    watching.await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.borrow_and_update();
    assert!(cluster.trust.is_revoked(serial) && !cluster.trust.is_peer_revoked(&other));
    refused_by_server(&server, &first, "Revoked").await;
    meet(&server, &second).await.0.unwrap();

    // The CA of a jurisdiction takes all its nodes with it.
    cluster.trust.revoke([other.issuer_serial.unwrap()]);
    ConnectionGuard::new(&cluster.trust, &other).revoked().await;
    refused_by_server(&server, &second, "Revoked").await;
    let french = cluster.client(cluster.identity(&node("n3", "FR")));
    meet(&server, &french).await.0.unwrap();

    cluster.trust.replace_revoked([].into());
    meet(&server, &first).await.0.unwrap();
}

#[tokio::test]
async fn a_classical_key_exchange_is_for_people_alone() {
    let cluster = Cluster::new("alpha");
    let handle = cluster.handle(&controller("c1"));
    let rest = server_config(
        &handle,
        &cluster.trust,
        KeyExchange::HybridOrClassical,
        ClientAuth::Optional,
        Alpn::H2AndHttp1,
    )
    .unwrap();
    let classical = |who: &Principal| odd_client(&cluster, Arc::new(cluster.handle(who)), kx_group::X25519);
    let person = classical(&operator("alice", &["auditor"]));
    refused_by_server(&cluster.server(), &person, "NoKxGroupsInCommon").await;

    let acceptor = |config: &Arc<ServerConfig>| TlsAcceptor::from(Arc::clone(config));
    for (who, welcome) in
        [(operator("alice", &["auditor"]), true), (node("n1", "DE"), false), (controller("c2"), false)]
    {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let connector = tokio_rustls::TlsConnector::from(classical(&who));
        let name = "holdfast.invalid".try_into().unwrap();
        let tls = acceptor(&rest);
        let (served, dialled) =
            tokio::join!(tls_accept(near, &tls, HANDSHAKE_TIMEOUT), connector.connect(name, far));
        dialled.unwrap();
        match served {
            Ok((_, peer)) => assert!(welcome && !peer.hybrid, "{who}"),
            Err(StreamError::Peer(PeerError::Classical { .. })) => assert!(!welcome, "{who}"),
            Err(error) => panic!("{who}: {error}"),
        }
    }
}

#[tokio::test]
async fn tls_1_2_is_answered_with_an_alert() {
    let cluster = Cluster::new("alpha");
    let mut body = vec![3, 3];
    body.extend([7; 32]); // random
    body.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]); // no session, ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, no compression
    body.extend([0, 22]); // extensions: groups x25519, signatures ecdsa_secp256r1_sha256, uncompressed points
    body.extend([0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 4, 0, 2, 4, 3, 0, 11, 0, 2, 1, 0]);
    let length = u8::try_from(body.len()).unwrap();
    let mut hello = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    hello.extend(body);

    let (near, mut far) = tokio::io::duplex(1024);
    let acceptor = TlsAcceptor::from(cluster.server());
    let dial = async {
        far.write_all(&hello).await.unwrap();
        let mut answer = Vec::new();
        far.read_to_end(&mut answer).await.unwrap();
        answer
    };
    let (served, answer) = tokio::join!(tls_accept(near, &acceptor, HANDSHAKE_TIMEOUT), dial);
    let error = causes(&served.err().unwrap());
    assert!(error.contains("Tls13RequiredForQuic") || error.contains("SupportedVersions"), "{error}");
    // A fatal alert (RFC 8446 section 6): record type 21, level 2, `protocol_version` 70.
    assert_eq!((answer[0], &answer[5..7]), (21, &[2, 70][..]));
}

#[tokio::test]
async fn a_joiner_learns_the_root_it_pinned_and_no_other() {
    let cluster = Cluster::new("alpha");
    let handle = cluster.handle(&controller("c1"));
    let server =
        server_config(&handle, &cluster.trust, KeyExchange::HybridOnly, ClientAuth::Optional, Alpn::H2)
            .unwrap();
    let token = JoinToken::create(cluster.ca.root_pin()).unwrap();
    let (client, captured) = client_config_pinned(token.root(), Alpn::H2).unwrap();
    assert_eq!(captured.pem(), None);
    let (served, dialled) = meet(&server, &client).await;
    assert_eq!(
        (served.unwrap().principal, dialled.unwrap().principal),
        (Principal::Anonymous, controller("c1"))
    );
    let trust = Trust::new(captured.pem().unwrap()).unwrap();
    assert_eq!((trust.cluster(), trust.root_pin()), (cluster.trust.cluster(), token.root()));

    let other = Cluster::new("alpha");
    let (client, captured) = client_config_pinned(other.ca.root_pin(), Alpn::H2).unwrap();
    refused_by_client(&server, &client, "not the one the join token names").await;
    assert_eq!(captured.pem(), None);

    // The pinned root at the end of a foreign chain proves nothing, and a node does not stand for the cluster.
    let mut chain = other.identity(&controller("c1")).certified().cert.clone();
    chain[2] = cluster.identity(&controller("c1")).certified().cert[2].clone();
    let foreign = rustls::sign::CertifiedKey::new(chain, Arc::clone(&handle.current().certified().key));
    let pinned = || client_config_pinned(token.root(), Alpn::None).unwrap();
    for (presents, why) in [
        (Arc::new(foreign), "invalid peer certificate"),
        (cluster.identity(&node("n1", "DE")).certified(), "expected a controller"),
    ] {
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(presents)));
        let (client, captured) = pinned();
        refused_by_client(&Arc::new(config), &client, why).await;
        assert_eq!(captured.pem(), None);
    }
}

#[tokio::test]
async fn the_next_handshake_shows_a_rotated_identity() {
    let cluster = Cluster::new("alpha");
    let (serving, dialling) = (cluster.handle(&controller("c1")), cluster.handle(&node("n1", "DE")));
    let server =
        server_config(&serving, &cluster.trust, KeyExchange::HybridOnly, ClientAuth::Required, Alpn::H2)
            .unwrap();
    let client = client_config(Some(&dialling), &cluster.trust, Expect::Controller, Alpn::H2).unwrap();
    let serials = async || {
        let (served, dialled) = meet(&server, &client).await;
        (served.unwrap().serial.unwrap(), dialled.unwrap().serial.unwrap())
    };
    let before = serials().await;
    assert_eq!(before, (dialling.current().serial(), serving.current().serial()));
    serving.replace(cluster.identity(&controller("c1")));
    dialling.replace(cluster.identity(&node("n1", "DE")));
    let after = serials().await;
    assert_eq!(after, (dialling.current().serial(), serving.current().serial()));
    assert!(before.0 != after.0 && before.1 != after.1);
}
