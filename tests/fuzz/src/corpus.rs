//! The committed inputs: `corpus/<target>.hex` has those that once went a way of their own, and those that once failed,
//! each a line.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::target::Target;

/// The most inputs that are kept of one target by themselves, and the longest that is.
const MOST: usize = 48;
const LONGEST: usize = 2 << 10;

fn path(name: &str) -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name).with_extension("hex")
}

/// The kept inputs of a target.
///
/// # Errors
///
/// Where they cannot be read.
pub fn kept(name: &str) -> Result<Vec<Vec<u8>>> {
    let path = path(name);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    text.lines().map(|line| hex::decode(line).with_context(|| format!("a line of {path}"))).collect()
}

/// Keeps the shortest input of every way that no kept one goes, while there is room; answers how many that were.
///
/// # Errors
///
/// Where they cannot be written.
pub fn grow(
    target: &Target,
    ways: &BTreeMap<String, Vec<u8>>,
    known: &BTreeMap<String, Vec<u8>>,
) -> Result<usize> {
    let mut all: BTreeSet<Vec<u8>> = kept(target.name)?.into_iter().collect();
    let before = all.len();
    let new = ways.iter().filter(|(way, input)| !known.contains_key(*way) && input.len() <= LONGEST);
    let mut new: Vec<&Vec<u8>> = new.map(|(_, input)| input).collect();
    new.sort_by_key(|input| input.len());
    // Short and long alike: the short ones fail early, the long ones are better to begin from.
    let step = new.len().div_ceil(MOST.saturating_sub(before).max(1)).max(1);
    all.extend(new.into_iter().rev().step_by(step).take(MOST.saturating_sub(before)).cloned());
    let path = path(target.name);
    let lines: String = all.iter().map(|input| hex::encode(input) + "\n").collect();
    std::fs::write(&path, lines).with_context(|| format!("write {path}"))?;
    Ok(all.len() - before)
}
