use super::*;
use crate::hash::leaf_hash;
use crate::head::Head;

fn draft() -> Draft {
    let mut draft = Draft::new(Time(1_800_000_000_000), Kind::DECISION, "ada", "use", "dataset/scans@1");
    draft.verdict = Some("deny".to_owned());
    draft.reasons = vec![EntryReason { rule: "c1-residency-use".to_owned(), text: "not here".to_owned() }];
    draft.bundle = Some("ab".repeat(32));
    draft.details.insert(
        "request".to_owned(),
        serde_json::json!({"z": 1, "a": [true, null, "ü\n"], "m": {"b": -2, "a": 0}}),
    );
    draft
}

#[test]
fn the_canonical_form_is_pinned() {
    // A change of this text changes the hash of every entry ever written.
    let entry = Entry { seq: 7, prev: Hash([0x11; 32]), draft: draft() };
    let expected = format!(
        concat!(
            r#"{{"act":"use","actor":"ada","bundle":"{}","#,
            r#""details":{{"request":{{"a":[true,null,"ü\n"],"m":{{"a":0,"b":-2}},"z":1}}}},"kind":"decision","#,
            r#""object":"dataset/scans@1","prev":"{}","reasons":[{{"rule":"c1-residency-use","text":"not here"}}],"#,
            r#""seq":7,"time":1800000000000,"v":1,"verdict":"deny"}}"#
        ),
        "ab".repeat(32),
        "11".repeat(32)
    );
    let bytes = entry.to_bytes().unwrap();
    assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
    assert_eq!(Entry::parse(&bytes).unwrap().to_bytes().unwrap(), bytes);
}

#[test]
fn the_same_content_in_other_bytes_is_refused() {
    let bytes = Entry { seq: 0, prev: Hash::default(), draft: draft() }.to_bytes().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let check = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Entry::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err()
    };
    assert_eq!(check(r#""seq":0"#, r#""seq": 0"#), EntryError::NotCanonical);
    assert_eq!(check(r#""a":0,"b":-2"#, r#""b":-2,"a":0"#), EntryError::NotCanonical);
    assert_eq!(check("ü", "\\u00fc"), EntryError::NotCanonical);
    assert_eq!(check(r#""v":1"#, r#""v":2"#), EntryError::Format(2));
    assert_eq!(check(r#""z":1"#, r#""z":1.5"#), EntryError::Number("1.5".to_owned()));
    assert!(matches!(check(r#""v":1"#, r#""v":1,"x":1"#), EntryError::Form(_)));
    assert!(matches!(check("decision", "Decision"), EntryError::Form(_)));
    assert!(matches!(Entry::parse(text.split_at(40).0.as_bytes()), Err(EntryError::Form(_))));
    assert!(Entry::parse(format!("{text}{text}").as_bytes()).is_err());
}

#[test]
fn an_entry_has_bounds() {
    let mut long = draft();
    long.details.insert("text".to_owned(), "x".repeat(MAX_ENTRY).into());
    assert!(matches!(
        Entry { seq: 0, prev: Hash::default(), draft: long.clone() }.to_bytes(),
        Err(EntryError::Size(_))
    ));
    let mut head = Head::default();
    assert!(head.append(long).is_err());
    assert_eq!(head, Head::default(), "a refused draft leaves no trace");

    let mut deep = draft();
    let nested = (0..MAX_DEPTH).fold(Value::from(1), |inner, _| Value::Array(vec![inner]));
    deep.details.insert("deep".to_owned(), nested);
    assert_eq!(Entry { seq: 0, prev: Hash::default(), draft: deep }.to_bytes(), Err(EntryError::Depth));
    assert!(matches!(Entry::parse(&vec![b'['; MAX_ENTRY + 1]), Err(EntryError::Size(_))));
    assert!(matches!(Entry::parse(&vec![b'['; MAX_ENTRY]), Err(EntryError::Form(_))));
}

#[test]
fn a_head_links_each_entry_to_the_one_before_and_survives_a_snapshot() {
    let mut head = Head::default();
    let mut prev = Hash::default();
    for seq in 0..10 {
        let appended = head.append(draft()).unwrap();
        let entry = Entry::parse(&appended.bytes).unwrap();
        assert_eq!((entry.seq, entry.prev), (seq, prev));
        assert_eq!((appended.leaf, appended.root), (leaf_hash(&appended.bytes), head.root()));
        prev = appended.leaf;
        head = Head::from_bytes(&head.to_bytes()).unwrap();
    }
    assert!(Head::from_bytes(&head.to_bytes()[1..]).is_err());
}
