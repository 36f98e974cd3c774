//! A blake3 hash whose state can be kept, so that the hash of a run's output goes on where the run does.

use blake3::Hasher;
use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use serde::{Deserialize, Serialize};

/// The blake3 hash of a stream of bytes. O(log length) space, and a block of 64 KiB.
///
/// The stream is cut into blocks, each a complete subtree of blake3's tree. What of the tree is open is a list of
/// subtrees of falling size, one for each bit that is set in the number of blocks; and the last block, which is not empty
/// unless the stream is, since only what follows tells how it is merged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OutputHash {
    blocks: u64,
    subtrees: Vec<ChainingValue>,
    last: Vec<u8>,
}

/// A power of two of blake3's chunks: many enough for its fast paths.
const BLOCK: usize = 1 << 16;

impl OutputHash {
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.last.len() == BLOCK {
                self.close_block();
            }
            let (now, rest) = bytes.split_at(bytes.len().min(BLOCK - self.last.len()));
            self.last.extend_from_slice(now);
            bytes = rest;
        }
    }

    /// How many bytes were hashed.
    pub(crate) fn length(&self) -> u64 {
        self.blocks * BLOCK as u64 + self.last.len() as u64
    }

    pub(crate) fn finalize(&self) -> [u8; 32] {
        let Some((first, inner)) = self.subtrees.split_first() else {
            return *blake3::hash(&self.last).as_bytes();
        };
        let right = inner
            .iter()
            .rev()
            .fold(self.last_subtree(), |right, left| merge_subtrees_non_root(left, &right, Mode::Hash));
        *merge_subtrees_root(first, &right, Mode::Hash).as_bytes()
    }

    /// Whether it is a state that hashing a stream leads to.
    pub(crate) fn is_consistent(&self) -> bool {
        self.subtrees.len() == self.blocks.count_ones() as usize
            && self.last.len() <= BLOCK
            && (self.blocks == 0 || !self.last.is_empty())
            && self.blocks <= u64::MAX / BLOCK as u64 / 2
    }

    fn close_block(&mut self) {
        let mut subtree = self.last_subtree();
        self.last.clear();
        self.blocks += 1;
        for _ in 0..self.blocks.trailing_zeros() {
            let Some(left) = self.subtrees.pop() else { break };
            subtree = merge_subtrees_non_root(&left, &subtree, Mode::Hash);
        }
        self.subtrees.push(subtree);
    }

    fn last_subtree(&self) -> ChainingValue {
        Hasher::new().set_input_offset(self.blocks * BLOCK as u64).update(&self.last).finalize_non_root()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Around every place where blocks are merged, in pieces of several sizes, and through a kept state.
    #[test]
    fn it_is_the_hash_of_the_whole() {
        let bytes: Vec<u8> = (0..9 * BLOCK + 1).map(|at| (at * at % 251) as u8).collect();
        for blocks in 0..=9 {
            for length in [blocks * BLOCK, blocks * BLOCK + 1, (blocks * BLOCK).saturating_sub(1)] {
                for piece in [1021, BLOCK, 3 * BLOCK + 7] {
                    let mut hash = OutputHash::default();
                    for part in bytes[..length].chunks(piece) {
                        hash.update(part);
                        let kept = postcard::to_allocvec(&hash).unwrap();
                        hash = postcard::from_bytes(&kept).unwrap();
                        assert!(hash.is_consistent());
                    }
                    assert_eq!(hash.length(), length as u64);
                    assert_eq!(hash.finalize(), *blake3::hash(&bytes[..length]).as_bytes(), "{length}");
                }
            }
        }
    }
}
