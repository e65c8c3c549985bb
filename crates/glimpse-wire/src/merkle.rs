//! Merkle trees over byte strings, as RFC 6962 section 2.1 defines them, computed while the leaves stream by.

use sha2::{Digest, Sha256};

use crate::ids::Hash;

/// The hash of one leaf: `SHA-256(0x00 ‖ leaf)`.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0u8]);
    hasher.update(leaf);
    Hash(hasher.finalize().into())
}

fn node_hash(left: Hash, right: Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([1u8]);
    hasher.update(left.0);
    hasher.update(right.0);
    Hash(hasher.finalize().into())
}

/// A tree that grows leaf by leaf and keeps only its right edge: at most 64 hashes.
#[derive(Clone, Debug, Default)]
pub struct MerkleTree {
    /// Roots of complete subtrees, largest first, each with its number of leaves.
    edge: Vec<(u64, Hash)>,
}

impl MerkleTree {
    /// A tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { edge: Vec::new() }
    }

    /// Adds the next leaf.
    pub fn push(&mut self, leaf: &[u8]) {
        self.push_hash(leaf_hash(leaf));
    }

    /// Adds the next leaf by its [`leaf_hash`].
    pub fn push_hash(&mut self, hash: Hash) {
        let mut size = 1u64;
        let mut hash = hash;
        while let Some(&(left_size, left)) = self.edge.last() {
            if left_size != size {
                break;
            }
            self.edge.pop();
            hash = node_hash(left, hash);
            size = size.saturating_mul(2);
        }
        self.edge.push((size, hash));
    }

    /// The root over all leaves so far; of no leaves, the hash of the empty string.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.edge
            .iter()
            .rev()
            .map(|&(_, hash)| hash)
            .reduce(|right, left| node_hash(left, right))
            .unwrap_or_else(|| Hash(Sha256::digest([]).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Straight from the definition in RFC 6962 section 2.1, to check the streaming form against.
    fn by_definition(leaves: &[Vec<u8>]) -> Hash {
        match leaves {
            [] => Hash(Sha256::digest([]).into()),
            [one] => leaf_hash(one),
            many => {
                let split = many.len().next_power_of_two() >> 1;
                node_hash(by_definition(&many[..split]), by_definition(&many[split..]))
            }
        }
    }

    #[test]
    fn streaming_equals_definition() {
        for count in 0..70u8 {
            let leaves: Vec<Vec<u8>> = (0..count).map(|n| vec![n; n.into()]).collect();
            let mut tree = MerkleTree::new();
            leaves.iter().for_each(|leaf| tree.push(leaf));
            assert_eq!(tree.root(), by_definition(&leaves), "{count} leaves");
        }
    }

    #[test]
    fn known_root_of_certificate_transparency() {
        // The test tree of the Certificate Transparency reference code, first three leaves.
        let mut tree = MerkleTree::new();
        tree.push(b"");
        tree.push(&[0x00]);
        tree.push(&[0x10]);
        assert_eq!(hex::encode(tree.root().0), "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77");
    }
}
