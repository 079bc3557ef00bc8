use super::*;

fn signer(name: &str, seed: u8) -> Signer {
    Signer::from_seed(name, &[seed; 32]).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: "cluster.example".to_owned(), size: 20_852_163, root: Hash([7; 32]) }
}

#[test]
fn a_note_signed_elsewhere_verifies() {
    // The example of golang.org/x/mod/sumdb/note.
    let key: VerifierKey =
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
    let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
                — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let (text, signatures) = split(note).unwrap();
    verify(text, signatures, &key).unwrap();
    let changed = note.replace("cryptography", "criptography");
    let (text, signatures) = split(&changed).unwrap();
    assert_eq!(verify(text, signatures, &key), Err(NoteError::Forged("PeterNeumann".to_owned())));
}

#[test]
fn a_checkpoint_opens_with_its_key_and_no_other() {
    let signer = signer("cluster.example", 1);
    let note = checkpoint().sign(&signer);
    assert!(note.starts_with("cluster.example\n20852163\nBwcHBwcH"), "{note}");
    assert_eq!(Checkpoint::open(&note, &signer.verifier()), Ok(checkpoint()));
    let unsigned = NoteError::Unsigned("cluster.example".to_owned());
    assert_eq!(Checkpoint::open(&note, &self::signer("cluster.example", 2).verifier()), Err(unsigned));
    assert!(Checkpoint::open(&note, &self::signer("other", 1).verifier()).is_err());
    let forged = NoteError::Forged("cluster.example".to_owned());
    assert_eq!(Checkpoint::open(&note.replace("20852163", "20852164"), &signer.verifier()), Err(forged));
    // A signature of a witness beside the log's own does no harm, and does not stand in for it.
    let witness = self::signer("witness", 3);
    let line = checkpoint().sign(&witness);
    let line = line.lines().last().unwrap();
    let both = format!("{note}{line}\n");
    assert_eq!(Checkpoint::open(&both, &signer.verifier()), Ok(checkpoint()));
    assert_eq!(Checkpoint::open(&both, &witness.verifier()), Ok(checkpoint()));
}

#[test]
fn what_is_no_note_is_refused() {
    let signer = signer("cluster.example", 1);
    let (note, key) = (checkpoint().sign(&signer), signer.verifier());
    for cut in 0..note.len() {
        if let Some(part) = note.get(..cut) {
            assert!(Checkpoint::open(part, &key).is_err(), "{cut}");
        }
    }
    for bad in [
        note.replace("\n\n", "\n"),
        note.replace("20852163", "020852163"),
        note.replace('\n', "\r\n"),
        note.replace("— ", "- "),
        format!("{note}{}", "x".repeat(MAX_NOTE)),
    ] {
        assert!(Checkpoint::open(&bad, &key).is_err() && bad != note, "{bad}");
    }
    let many = format!("{note}{}", "— w AAAAAAAA\n".repeat(MAX_SIGNATURES));
    assert!(Checkpoint::open(&many, &key).is_err());
}

#[test]
fn keys_read_what_they_print_and_never_print_the_secret() {
    let signer = signer("cluster.example", 1);
    let text = signer.verifier().to_string();
    assert_eq!(text.parse(), Ok(signer.verifier()));
    for bad in [
        "",
        "a+b",
        "a+00000000+AQ==",
        &text.replace("cluster", "clusted"),
        &text[..text.len() - 4],
        &text.replace("+A", "+B"),
    ] {
        assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
    }
    for bad in ["", "a b", "a+b", "a\nb"] {
        assert!(Signer::from_seed(bad, &[0; 32]).is_err());
    }
    assert_eq!(format!("{signer:?}"), r#"Signer { name: "cluster.example", .. }"#);
}
