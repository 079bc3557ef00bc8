//! Commands, as the log gives them to the state machine of every member.

use anyhow::{Context as _, Result, bail};
use holdfast_api::store::outcome;
use holdfast_state::State;
use holdfast_types::Time;
use prost::Message as _;

use crate::chance::Chance;
use crate::invent::Inventor;
use crate::mutate::mutate;
use crate::story::{play, prelude};
use crate::target::Target;

pub(super) fn targets() -> Result<Vec<Target>> {
    let inventor = Inventor::new().context("read the descriptors")?;
    let mut begun = State::default();
    for command in prelude() {
        let applied = begun.apply(Time(5_000), &command);
        if let Some(outcome::Result::Refusal(refusal)) = applied.outcome.result {
            bail!("a command to begin with is refused: {refusal:?}");
        }
    }
    let empty = State::default();
    Ok(vec![Target {
        name: "commands",
        inputs: 5_000,
        seeds: prelude().into_iter().map(|command| framed(&[command])).collect(),
        make: Box::new(move |chance, seeds| story(chance, &inventor, seeds)),
        take: Box::new(move |bytes| {
            let commands = unframed(bytes);
            play(if commands.len().is_multiple_of(5) { &empty } else { &begun }, &commands)
        }),
    }])
}

/// One input is several commands, each behind its length.
fn story(chance: &mut Chance, inventor: &Inventor, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut commands = Vec::new();
    for _ in 0..=chance.below(12) {
        commands.push(match chance.below(3) {
            0 => mutate(chance, &unframed(chance.clone().pick(seeds).map_or(&[], Vec::as_slice))),
            _ => inventor
                .message(chance, "holdfast.store.v1.Command")
                .map(|m| m.encode_to_vec())
                .unwrap_or_default(),
        });
    }
    framed(&commands)
}

fn framed(commands: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for command in commands {
        out.extend_from_slice(&u32::try_from(command.len()).unwrap_or(0).to_le_bytes());
        out.extend_from_slice(command);
    }
    out
}

fn unframed(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut commands = Vec::new();
    let mut rest = bytes;
    while let Some((length, more)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX).min(more.len());
        let (command, more) = more.split_at(length);
        commands.push(command.to_vec());
        rest = more;
    }
    commands
}
