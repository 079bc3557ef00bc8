//! What people and their programs send: REST calls, and manifests of what is wanted.

use anyhow::{Context as _, Result};
use holdfast_controller::fuzzing;
use holdfast_types::{JobManifest, QueueManifest, ReservationManifest};

use crate::invent::Inventor;
use crate::mutate::mutate;
use crate::target::{Target, way};

pub(super) fn targets() -> Result<Vec<Target>> {
    let inventor = Inventor::new().context("read the descriptors")?;
    let names = fuzzing::requests();
    let rest = Target {
        name: "rest",
        inputs: 10_000,
        seeds: rest_calls(),
        make: Box::new(move |chance, seeds| {
            if chance.once_in(2) {
                return mutate(chance, seeds);
            }
            let number = chance.below(names.len());
            let message = names.get(number).and_then(|name| inventor.message(chance, name));
            let mut call = vec![u8::try_from(number).unwrap_or(0), 0, 0];
            call.extend(message.and_then(|message| serde_json::to_vec(&message).ok()).unwrap_or_default());
            if chance.once_in(2) { mutate(chance, &[call]) } else { call }
        }),
        take: Box::new(fuzzing::rest),
    };
    let wanted = Target::damaged("wanted", 40_000, manifests(), |bytes| {
        let job = serde_json::from_slice::<JobManifest>(bytes);
        if let Ok(job) = &job {
            let text = serde_json::to_vec(job).unwrap_or_default();
            assert_eq!(
                serde_json::from_slice::<JobManifest>(&text).ok().as_ref(),
                Some(job),
                "written as it was read"
            );
        }
        let queue = serde_json::from_slice::<QueueManifest>(bytes);
        let reservation = serde_json::from_slice::<ReservationManifest>(bytes);
        if let Ok(reservation) = &reservation {
            let text = serde_json::to_vec(reservation).unwrap_or_default();
            assert_eq!(serde_json::from_slice::<ReservationManifest>(&text).ok().as_ref(), Some(reservation));
        }
        format!("{} {} {}", way(job), way(queue), way(reservation))
    });
    Ok(vec![rest, wanted])
}

/// The number of the operation, the length of the query, the query, the body.
fn rest_calls() -> Vec<Vec<u8>> {
    let bodies = [
        r#"{"name": "a", "labels": {"x": "y"}, "spec": {"kind": "train", "maxRunTimeMs": "18446744073709551615",
            "retries": 4, "priority": -5, "groups": [{"count": 2, "resources": {"memoryBytes": "17"}}]},
            "options": {"idempotencyKey": "k", "dryRun": true}}"#,
        r#"{"reason": "why", "expectedRevision": "3"}"#,
        r#"{"items": [{"a": [1.5e308, -0, null, true, "\ud83d\ude00"]}]}"#,
    ];
    let queries = [
        "list.limit=10&list.labelSelector=x%3Dy%2Cz+in+(a%2Cb)%2C!w&fields=metadata.name,status.phase",
        "list.fieldSelector=status.phase!%3DRunning&fromRevision=7&options.idempotencyKey=%C3%A4",
        "",
    ];
    let call = |number: u8, query: &str, body: &str| {
        let length = u16::try_from(query.len()).unwrap_or(0).to_le_bytes();
        [&[number], length.as_slice(), query.as_bytes(), body.as_bytes()].concat()
    };
    let bodies = bodies.iter().flat_map(|body| queries.map(|query| (query, *body)));
    (0..).step_by(3).zip(bodies).map(|(number, (query, body))| call(number, query, body)).collect()
}

fn manifests() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"apiVersion":"holdfast/v1","kind":"Job","metadata":{"name":"train","labels":{"a":"b"}},"spec":{"kind":"train","queue":"default",
            "tenant":"lab","purpose":"research","image":"trainer@1","output":"model","retries":1,
            "groups":[{"name":"worker","count":2,"resources":{"cpu":"1","memory":"1GiB","devices":{"class":"nvidia","count":2}}}]}}"#,
        r#"{"apiVersion":"holdfast/v1","kind":"Queue","metadata":{"name":"default"},"spec":{"priority":5}}"#,
        r#"{"apiVersion":"holdfast/v1","kind":"Reservation","metadata":{"name":"night"},"spec":{"domain":{"rack":"r7"},"count":2,
            "startsAt":"2026-12-01T02:00:00Z","duration":"4h","every":"1w","until":"2027-06-01T00:00:00Z","queues":["lab"],"flex":true}}"#,
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
