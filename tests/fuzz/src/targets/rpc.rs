//! Every message of every call, as tonic decodes it: of agents, of people, of data between nodes, of controllers.

use anyhow::{Context as _, Result};
use holdfast_api::{internal, v1};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};

use crate::chance::Chance;
use crate::invent::Inventor;
use crate::mutate::mutate;
use crate::target::{Target, way};

type Read = fn(&[u8]) -> Option<Vec<u8>>;

include!(concat!(env!("OUT_DIR"), "/messages.rs"));

/// A message as it is written after it was read.
fn read<M: Message + Default>(bytes: &[u8]) -> Option<Vec<u8>> {
    M::decode(bytes).ok().map(|message| message.encode_to_vec())
}

pub(super) fn targets() -> Result<Vec<Target>> {
    let inventor = Inventor::new().context("read the descriptors")?;
    let pool = holdfast_api::pool().context("read the descriptors")?;
    let calls = Target {
        name: "rpc",
        inputs: 40_000,
        seeds: Vec::new(),
        make: Box::new(move |chance, seeds| made(chance, &inventor, seeds)),
        take: Box::new(move |bytes| taken(&pool, bytes)),
    };
    let inventor = Inventor::new().context("read the descriptors")?;
    let labels = Target {
        name: "label",
        inputs: 40_000,
        seeds: Vec::new(),
        make: Box::new(move |chance, seeds| {
            let label = inventor.message(chance, "holdfast.v1.LegalLabel").map(|label| label.encode_to_vec());
            let label = label.unwrap_or_default();
            if chance.once_in(3) { mutate(chance, &[seeds, &[label]].concat()) } else { label }
        }),
        take: Box::new(|bytes| match v1::LegalLabel::decode(bytes) {
            Err(_) => "not read".to_owned(),
            Ok(label) => way(holdfast_api::legal_label_from(&label)),
        }),
    };
    Ok(vec![calls, labels])
}

/// The number of the message, and its bytes.
fn made(chance: &mut Chance, inventor: &Inventor, seeds: &[Vec<u8>]) -> Vec<u8> {
    if !seeds.is_empty() && chance.once_in(4) {
        return mutate(chance, seeds);
    }
    let number = chance.below(MESSAGES.len());
    let name = MESSAGES.get(number).map_or("", |(name, _)| name);
    let message = inventor.message(chance, name).map(|message| message.encode_to_vec());
    let mut bytes = message.unwrap_or_default();
    if chance.once_in(2) {
        bytes = mutate(chance, &[bytes]);
    }
    bytes.insert(0, u8::try_from(number).unwrap_or(0));
    bytes
}

fn taken(pool: &DescriptorPool, bytes: &[u8]) -> String {
    let Some((number, bytes)) = bytes.split_first() else { return String::new() };
    let Some((name, read)) = MESSAGES.get(usize::from(*number) % MESSAGES.len()) else {
        return String::new();
    };
    let ours = read(bytes);
    if let Some(again) = &ours {
        assert_eq!(read(again).as_ref(), Some(again), "what was read is written, and read the same");
    }
    let described =
        pool.get_message_by_name(name).map(|message| DynamicMessage::decode(message, bytes).is_ok());
    assert!(described.is_some(), "{name} is described");
    format!("{name} {} {described:?}", ours.is_some())
}
