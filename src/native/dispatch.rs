//! Which of a region's entries an address is.

use super::region::Region;
use crate::isa::Word;
use crate::program::Code;

/// The entries of a region, numbered from 1.
#[derive(Debug)]
pub(super) struct Dispatch {
    /// The lowest entry's address.
    pub(super) low: Word,
    /// For each instruction from there on, the number of the entry there; 0 if there is none.
    pub(super) table: Box<[u16]>,
}

impl Dispatch {
    /// Numbers the region's entries in their order.
    pub(super) fn new(region: &Region, code: &Code) -> Self {
        let addresses = region.entries.iter().filter_map(|&entry| Some(code.ops().get(entry as usize)?.pc));
        let low = addresses.clone().min().unwrap_or_default();
        let high = addresses.clone().max().unwrap_or_default();
        let mut table = vec![0; ((high - low) / 4) as usize + 1].into_boxed_slice();
        for (address, number) in addresses.zip(1..) {
            table[((address - low) / 4) as usize] = number;
        }
        Self { low, table }
    }

    /// The number of the entry at an address; 0 if there is none.
    pub(super) fn number(&self, pc: Word) -> u16 {
        self.table.get((pc.wrapping_sub(self.low) / 4) as usize).copied().unwrap_or_default()
    }
}
