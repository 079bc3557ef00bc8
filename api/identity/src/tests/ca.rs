use holdfast_types::{AsProblem, Code, Span};
use rcgen::{CertificateParams, KeyPair, SanType};

use super::world::*;
use crate::chain::Leaf;
use crate::names::Serial;
use crate::*;

#[test]
fn a_request_has_no_say_in_the_certificate() {
    let cluster = Cluster::new("alpha");
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI("spiffe://alpha/controller/c1".try_into().unwrap())];
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let request = params.serialize_request(&key).unwrap().pem().unwrap();
    let issued = cluster.ca.issue(&request, &node("n1", "DE"), HOUR, now()).unwrap();
    let key = PrivateKey::from_pem(&key.serialize_pem()).unwrap();
    let identity = Identity::from_pem(&issued.chain_pem, key).unwrap();
    assert_eq!(identity.principal(), &node("n1", "DE"));
}

#[test]
fn a_request_that_is_not_signed_by_its_key_is_refused() {
    let cluster = Cluster::new("alpha");
    let (_, request) = Identity::generate_csr().unwrap();
    let signed = CertificateParams::default().serialize_request(&KeyPair::generate().unwrap()).unwrap();
    let mut der = signed.der().to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    let tampered = pem::encode("CERTIFICATE REQUEST", &der);
    let wide = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let wide = CertificateParams::default().serialize_request(&wide).unwrap().pem().unwrap();
    for bad in ["", "x", &tampered, &wide, &request.repeat(100)] {
        let error = cluster.ca.issue(bad, &node("n1", "DE"), HOUR, now()).unwrap_err();
        assert_eq!(error.problem().code, Code(5006), "{error}");
    }
}

#[test]
fn nobody_gets_a_certificate_that_is_too_long_or_of_a_ca_that_is_not_here() {
    let cluster = Cluster::new("alpha");
    let (_, request) = Identity::generate_csr().unwrap();
    let day = Span(24 * HOUR.0);
    for (principal, validity, code) in [
        (node("n1", "DE"), Span(0), 5007),
        (node("n1", "DE"), Span(31 * day.0), 5007),
        (operator("alice", &[]), Span(366 * day.0), 5007),
        (Principal::Anonymous, HOUR, 5007),
        (node("n1", "IT"), HOUR, 5008),
    ] {
        let error = cluster.ca.issue(&request, &principal, validity, now()).unwrap_err();
        assert_eq!(error.problem().code, Code(code), "{error}");
    }
    cluster.ca.issue(&request, &operator("alice", &[]), Span(365 * day.0), now()).unwrap();

    // Near the end of the CAs a certificate ends with them, and after it there are none.
    let end = now() + Span(15 * 365 * day.0);
    let last = cluster.ca.issue(&request, &node("n1", "DE"), day, end - HOUR).unwrap();
    assert!(last.not_after <= end);
    let error = cluster.ca.issue(&request, &node("n1", "DE"), day, end + HOUR).unwrap_err();
    assert_eq!(error.problem().code, Code(5009), "{error}");
}

#[test]
fn a_chain_is_of_the_cluster_it_names_even_where_its_signatures_hold() {
    let (alpha, beta) = (Cluster::new("alpha"), Cluster::new("beta"));
    let chain = pem::certificates(&beta.identity(&node("n1", "DE")).chain_pem()).unwrap();
    let of = |cluster: &Cluster| Leaf::of_chain(&chain).unwrap().of_cluster(cluster.trust.cluster());
    assert_eq!(of(&beta).unwrap().principal, node("n1", "DE"));
    assert!(matches!(of(&alpha), Err(ChainError::Cluster { .. })));
}

#[test]
fn rotation_is_due_after_two_thirds_of_the_lifetime() {
    let cluster = Cluster::new("alpha");
    let start = now();
    let identity = cluster.identity_at(&node("n1", "DE"), Span::from_secs(85 * 60), start);
    // The lifetime is an hour and a half with the five minutes before the start.
    assert!(!identity.needs_rotation(start + Span::from_secs(54 * 60)));
    assert!(identity.needs_rotation(start + Span::from_secs(56 * 60)));
    assert!(identity.needs_rotation(start + Span(24 * HOUR.0)));
}

#[test]
fn a_serial_number_survives_the_integer_encoding() {
    for (integer, serial) in [
        (&[0x00, 0xff, 0x01][..], Some("0000000000000000000000000000ff01")),
        (&[0x01], Some("00000000000000000000000000000001")),
        (&[0xaa; 16], Some("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
        (&[0x01; 17], None),
    ] {
        assert_eq!(Serial::from_integer(integer).map(|s| s.to_string()).as_deref(), serial);
    }
}

#[test]
fn trust_is_for_roots_of_one_cluster() {
    let (alpha, beta) = (Cluster::new("alpha"), Cluster::new("beta"));
    let chain = alpha.identity(&node("n1", "DE")).chain_pem();
    let two = format!("{}{}", alpha.ca.root_pem(), beta.ca.root_pem());
    for bad in ["", "x", &chain, &two] {
        assert_eq!(Trust::new(bad).unwrap_err().problem().code, Code(5011));
    }
    // During a change of root there are two of one cluster.
    let next = Cluster::new("alpha");
    let both = Trust::new(&format!("{}{}", alpha.ca.root_pem(), next.ca.root_pem())).unwrap();
    assert_eq!(both.root_pin(), alpha.ca.root_pin());
}
