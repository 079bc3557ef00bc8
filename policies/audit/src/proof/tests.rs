use super::*;
use crate::hash::leaf_hash;
use crate::tree::{Frontier, Leaves};

const MOST: u64 = 70;

fn logs() -> (Leaves, Vec<Hash>, Vec<Hash>) {
    let (mut leaves, mut frontier) = (Leaves::default(), Frontier::default());
    let mut roots = vec![frontier.root()];
    let mut hashes = Vec::new();
    for n in 0..MOST {
        let leaf = leaf_hash(&n.to_be_bytes());
        leaves.append(leaf);
        hashes.push(leaf);
        roots.push(frontier.append(leaf));
    }
    (leaves, hashes, roots)
}

#[test]
fn every_entry_of_every_size_is_proved_and_nothing_else() {
    let (source, leaves, roots) = logs();
    for size in 1..=MOST {
        let root = &roots[size as usize];
        for index in 0..size {
            let leaf = &leaves[index as usize];
            let proof = inclusion_proof(&source, index, size).unwrap();
            verify_inclusion(leaf, index, size, root, &proof).unwrap();
            assert!(verify_inclusion(&leaf_hash(b"other"), index, size, root, &proof).is_err());
            let elsewhere = (index + 1) % size;
            assert!(size == 1 || verify_inclusion(leaf, elsewhere, size, root, &proof).is_err());
            for at in 0..proof.len() {
                let mut bent = proof.clone();
                bent[at].0[0] ^= 1;
                assert!(verify_inclusion(leaf, index, size, root, &bent).is_err());
                bent.remove(at);
                assert!(verify_inclusion(leaf, index, size, root, &bent).is_err());
            }
            let long = [&proof[..], &[*leaf]].concat();
            assert!(verify_inclusion(leaf, index, size, root, &long).is_err());
        }
        assert_eq!(inclusion_proof(&source, size, size), Err(ProofError::Index { index: size, size }));
    }
    assert!(inclusion_proof(&source, 0, MOST + 1).is_err(), "a leaf that is missing");
    assert!(verify_inclusion(&leaves[0], 0, u64::MAX, &roots[1], &vec![leaves[0]; 1000]).is_err());
}

#[test]
fn every_growth_is_proved_and_nothing_else() {
    let (source, _, roots) = logs();
    for new in 0..=MOST {
        for old in 0..=new {
            let proof = consistency_proof(&source, old, new).unwrap();
            let (old_root, new_root) = (&roots[old as usize], &roots[new as usize]);
            verify_consistency((old, old_root), (new, new_root), &proof).unwrap();
            let other = leaf_hash(b"other");
            assert!(verify_consistency((old, &other), (new, new_root), &proof).is_err());
            // An empty log grows into anything, so only the older root is checked.
            assert!(old == 0 || verify_consistency((old, old_root), (new, &other), &proof).is_err());
            for at in 0..proof.len() {
                let mut bent = proof.clone();
                bent[at].0[0] ^= 1;
                assert!(verify_consistency((old, old_root), (new, new_root), &bent).is_err());
                bent.remove(at);
                assert!(verify_consistency((old, old_root), (new, new_root), &bent).is_err());
            }
            let long = [&proof[..], &[other]].concat();
            assert!(verify_consistency((old, old_root), (new, new_root), &long).is_err());
        }
    }
    assert_eq!(consistency_proof(&source, 3, 2), Err(ProofError::Shrunk { old: 3, new: 2 }));
    assert!(verify_consistency((3, &roots[3]), (2, &roots[2]), &[]).is_err());
}
