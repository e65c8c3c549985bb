//! Merkle trees over byte strings, as RFC 6962 section 2.1 defines them, computed while the leaves stream by.

use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};
use sha2::{Digest, Sha256};

use crate::codec::{expect_array, refused};
use crate::ids::Hash;

/// Complete subtrees that a tree may have at one time: one for each bit of its number of leaves.
const MAX_EDGE: u64 = 64;

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
///
/// Encoded as `[count, [* hash]]`, the roots of its complete subtrees from the largest on, so that it can be kept and
/// grown later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

    /// How many leaves it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.edge.iter().fold(0, |count, (size, _)| count.saturating_add(*size))
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

impl<C> Encode<C> for MerkleTree {
    fn encode<W: Write>(&self, encoder: &mut Encoder<W>, context: &mut C) -> Result<(), EncodeError<W::Error>> {
        encoder.array(2)?.u64(self.count())?;
        encoder.array(u64::from(self.count().count_ones()))?;
        self.edge.iter().try_for_each(|(_, hash)| hash.encode(encoder, context))
    }
}

impl<'b, C> Decode<'b, C> for MerkleTree {
    fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, DecodeError> {
        expect_array(decoder, 2)?;
        let count = decoder.u64()?;
        if decoder.array()? != Some(u64::from(count.count_ones())) {
            return Err(refused());
        }
        // A subtree for each bit that is set, the highest first.
        let sizes = (0..MAX_EDGE).rev().map(|bit| 1u64 << bit).filter(|size| count & size != 0);
        let edge = sizes.map(|size| Ok((size, Hash::decode(decoder, context)?))).collect::<Result<_, DecodeError>>()?;
        Ok(Self { edge })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn a_tree_that_was_kept_grows_as_one_that_was_not(
            leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..8), 0..300),
            kept_at in prop::collection::vec(0usize..300, 0..4),
        ) {
            let mut tree = MerkleTree::new();
            for (place, leaf) in leaves.iter().enumerate() {
                if kept_at.contains(&place) {
                    let bytes = encode(&tree);
                    tree = decode(&bytes, bytes.len()).unwrap();
                }
                tree.push(leaf);
            }
            prop_assert_eq!(tree.count(), u64::try_from(leaves.len()).unwrap());
            prop_assert_eq!(tree.root(), by_definition(&leaves));
            let bytes = encode(&tree);
            prop_assert_eq!(decode::<MerkleTree>(&bytes, bytes.len()).unwrap(), tree);
        }
    }

    #[test]
    fn an_edge_that_does_not_fit_its_count_is_refused() {
        let hashes = |count: usize| vec![Hash([7; 32]); count];
        for (count, given) in [(0u64, 1usize), (1, 0), (1, 2), (3, 1), (4, 2), (u64::MAX, 63), (u64::MAX, 65)] {
            assert!(decode::<MerkleTree>(&encode(&(count, hashes(given))), 4_096).is_err(), "{count}, {given}");
        }
        for (count, given) in [(0u64, 0usize), (1, 1), (3, 2), (4, 1), (u64::MAX, 64)] {
            let bytes = encode(&(count, hashes(given)));
            let tree: MerkleTree = decode(&bytes, 4_096).unwrap();
            assert_eq!((tree.count(), encode(&tree)), (count, bytes), "control");
        }
    }
}
