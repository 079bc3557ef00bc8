use super::*;

fn state(step: u64) -> State {
    let shape = Shape { context: 2, embed: 3, hidden: 4, vocab: 3 };
    let mut adam = Adam::fresh(shape.params());
    adam.mean.fill(0.25);
    State {
        step,
        first_loss: 4.5,
        last_loss: 2.25,
        vocab: b"abc".to_vec(),
        model: Model::fresh(shape, 9),
        adam,
    }
}

#[test]
fn the_highest_complete_step_is_found_and_read_back_whole() {
    let dir = crate::scratch_dir("checkpoint");
    assert_eq!(latest(&dir.join("absent")).unwrap(), None);
    assert_eq!(latest(&dir).unwrap(), None);
    save(&dir, &state(50), 2).unwrap();
    save(&dir, &state(100), 2).unwrap();
    // Made again after a resume, and a crash in the middle of a later one.
    let path = save(&dir, &state(100), 4).unwrap();
    std::fs::create_dir_all(dir.join(".tmp-step-00000150")).unwrap();
    assert_eq!(latest(&dir).unwrap(), Some(path.clone()));
    assert_eq!(path, dir.join("step-00000100"));
    assert_eq!(load(&path).unwrap(), state(100));
    assert_eq!(latest(&path).unwrap(), Some(path.clone()), "a checkpoint's own directory is a checkpoint");
    let meta = std::fs::read_to_string(path.join("meta.json")).unwrap();
    assert_eq!(meta, "{\"step\": 100, \"loss\": 2.25, \"first_loss\": 4.5, \"world_size\": 4}\n");
    let names: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!names.iter().any(|n| n.to_string_lossy().starts_with(".old-")), "{names:?}");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn every_changed_byte_and_every_missing_byte_is_refused() {
    let whole = state(7).encode();
    assert_eq!(State::decode(&whole).unwrap(), state(7));
    for index in 0..whole.len() {
        let mut changed = whole.clone();
        changed[index] ^= 0x10;
        assert!(State::decode(&changed).is_err(), "byte {index}");
        assert!(State::decode(&whole[..index]).is_err(), "cut at {index}");
    }
    // Dimensions that promise more than there is, under a checksum that matches.
    let mut liar = whole[..whole.len() - 8].to_vec();
    liar[8..12].copy_from_slice(&60_000u32.to_le_bytes());
    liar.extend(checksum(&liar).to_le_bytes());
    assert_eq!(State::decode(&liar), Err("its length does not fit its dimensions"));
}

#[test]
fn a_corrupt_checkpoint_is_refused_by_name() {
    let dir = crate::scratch_dir("corrupt");
    let file = save(&dir, &state(5), 1).unwrap().join("model.bin");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let text = load(&latest(&dir).unwrap().unwrap()).unwrap_err().to_string();
    assert_eq!(
        text,
        format!(
            "checkpoint `{}` is corrupt and is not used: its checksum does not match its bytes",
            file.display()
        )
    );
    std::fs::remove_dir_all(&dir).unwrap();
}
