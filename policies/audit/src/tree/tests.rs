use super::*;
use crate::hash::leaf_hash;

/// RFC 6962 section 2.1 word for word.
fn naive(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty_root(),
        [leaf] => *leaf,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            node_hash(&naive(&leaves[..split]), &naive(&leaves[split..]))
        }
    }
}

#[test]
fn the_roots_are_those_of_the_reference_implementation() {
    // The test vectors of certificate-transparency-go and of RFC 6962's own implementation.
    let entries =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::default();
    assert_eq!(
        frontier.root().to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    for (entry, root) in entries.iter().zip(roots) {
        assert_eq!(frontier.append(leaf_hash(&hex::decode(entry).unwrap())).to_string(), root);
    }
}

proptest::proptest! {
    #[test]
    fn a_frontier_has_the_root_of_the_whole_tree_after_every_leaf(seeds in proptest::collection::vec(0u8.., 0..140)) {
        let leaves: Vec<Hash> = seeds.iter().map(|seed| leaf_hash(&[*seed])).collect();
        let mut frontier = Frontier::default();
        for (index, leaf) in leaves.iter().enumerate() {
            let root = frontier.append(*leaf);
            proptest::prop_assert_eq!(root, naive(&leaves[..=index]));
            let again = Frontier::from_bytes(&frontier.to_bytes()).unwrap();
            proptest::prop_assert_eq!(&again, &frontier);
        }
        proptest::prop_assert_eq!(frontier.root(), naive(&leaves));
    }

    #[test]
    fn bytes_that_are_no_frontier_are_refused(bytes in proptest::collection::vec(0u8.., 0..200)) {
        if let Ok(frontier) = Frontier::from_bytes(&bytes) {
            proptest::prop_assert_eq!(frontier.to_bytes(), bytes);
        }
    }
}

#[test]
fn a_frontier_with_a_missing_hash_is_refused() {
    let mut frontier = Frontier::default();
    for n in 0..7u8 {
        frontier.append(leaf_hash(&[n]));
    }
    let bytes = frontier.to_bytes();
    assert_eq!(bytes.len(), 8 + 3 * 32);
    for length in 0..bytes.len() {
        assert!(Frontier::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
    assert!(Frontier::from_bytes(&[&bytes[..], &[0; 32]].concat()).is_err());
}
