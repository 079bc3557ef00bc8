//! What a release wrote to a disk is read for ever: every form of a machine's configuration that there was, and META.
//!
//! `corpus/machine/N.toml` came with one change of the form after another, `N.now` is what is read in it today, as it is written
//! today. With `HOLDFAST_CORPUS=write` the latter is written again; no `N.toml` is ever changed.

use std::fs;
use std::path::{Path, PathBuf};

use holdfast_release::machine::{Machine, parse, write};
use holdfast_release::{Boot, META_COPY_BYTES, Meta, Slot};

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name)
}

fn renews() -> bool {
    std::env::var("HOLDFAST_CORPUS").is_ok_and(|word| word == "write")
}

#[test]
fn every_form_of_a_configuration_is_read_and_says_what_it_said() {
    let mut number = 0;
    loop {
        number += 1;
        let Ok(text) = fs::read_to_string(corpus(&format!("machine/{number}.toml"))) else { break };
        let machine: Machine = parse(&text).unwrap_or_else(|error| panic!("form {number}: {error}"));
        let (now, place) = (write(&machine).unwrap(), corpus(&format!("machine/{number}.now")));
        if renews() {
            fs::write(&place, &now).unwrap();
        }
        assert_eq!(now, fs::read_to_string(&place).unwrap(), "form {number}");
        assert_eq!(parse(&now).unwrap(), machine, "form {number}");
    }
    assert!(number > 6, "{number}");
}

/// What a release does not have to say it does not say: one that does not know the word reads the rest.
#[test]
fn what_is_as_it_is_without_a_word_is_not_written() {
    let text = fs::read_to_string(corpus("machine/2.toml")).unwrap();
    let now = write(&parse(&text).unwrap()).unwrap();
    for later in ["network", "time", "health", "console", "support", "encryption", "extensions"] {
        assert!(!now.contains(later), "{later}: {now}");
    }
}

#[test]
fn meta_of_the_first_form_is_read_and_keeps_what_is_not_known() {
    let place = corpus("meta-1.bin");
    if renews() {
        let mut meta = Meta::default();
        let mut boot = Boot::new(&mut meta);
        boot.written(Slot::A, "0.1.0").unwrap();
        boot.written(Slot::B, "0.2.0").unwrap();
        boot.healthy(Slot::B).unwrap();
        meta.set("of.a.later.release", "7").unwrap();
        let mut bytes = meta.next_copy().unwrap().1;
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        fs::write(&place, bytes).unwrap();
    }
    let mut bytes = fs::read(&place).unwrap();
    bytes.resize(META_COPY_BYTES, 0);
    let mut meta = Meta::read(&bytes, &[]);
    let boot = Boot::new(&mut meta);
    assert_eq!((boot.version(Slot::A), boot.version(Slot::B)), (Some("0.1.0"), Some("0.2.0")));
    assert_eq!(boot.good(), Some(Slot::B));
    let again = meta.next_copy().unwrap().1;
    assert_eq!(Meta::read(&again, &[]).get("of.a.later.release"), Some("7"));
}
