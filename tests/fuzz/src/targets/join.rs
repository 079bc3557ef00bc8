//! What a stranger sends who wants to join: a token, a request for a certificate.

use anyhow::{Context as _, Result};
use holdfast_identity::{ClusterCa, Identity, JoinToken, NODE_VALIDITY, Principal, Trust};
use holdfast_types::Time;

use crate::target::{Target, way};

/// When the certificates of the fuzzers are made: 2026.
const NOW: Time = Time(1_780_000_000_000);

pub(super) fn targets() -> Result<Vec<Target>> {
    let jurisdiction: holdfast_types::Jurisdiction = "DE".parse()?;
    let ca = ClusterCa::create("fuzz".parse()?, std::slice::from_ref(&jurisdiction), NOW)?;
    let principal = Principal::Node { name: "de-1".parse()?, jurisdiction };
    let (_, request) = Identity::generate_csr().context("make a request for a certificate")?;
    let token = JoinToken::create(ca.root_pin()).context("make a token")?.to_text().as_bytes().to_vec();
    let roots = ca.root_pem().into_bytes();
    Ok(vec![
        Target::damaged("token", 60_000, vec![token], |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let token = JoinToken::parse(&text);
            if let Ok(token) = &token {
                assert_eq!(*token.to_text(), text, "a token has one form");
            }
            way(token)
        }),
        Target::damaged("certificate-request", 20_000, vec![request.into_bytes()], move |bytes| {
            let issued = ca.issue(&String::from_utf8_lossy(bytes), &principal, NODE_VALIDITY, NOW);
            way(issued)
        }),
        Target::damaged("roots", 20_000, vec![roots], |bytes| {
            way(Trust::new(&String::from_utf8_lossy(bytes)))
        }),
    ])
}
