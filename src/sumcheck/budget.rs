//! How much space the arrays of a prover may take, and the round from which on they are stored.

use crate::isa::Word;

/// The bytes that the bound arrays may take.
///
/// Beside them a prover always holds a few eq tables of O(√T) elements, and a block of every used column a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Budget {
    /// One pass; the used columns as words, then as arrays of half the length.
    #[default]
    Unlimited,
    /// At most so many bytes, or as few as possible if that is less than two rows.
    Bytes(u64),
}

impl Budget {
    /// √T space: `columns`·2^⌈n/2⌉ field elements of type `F`.
    pub fn sqrt<F>(columns: usize, variables: u32) -> Self {
        Self::Bytes(array_bytes::<F>(columns, variables.div_ceil(2)))
    }

    /// The first round whose arrays are kept: each round before it takes a pass, and it takes the last one. Round 0
    /// keeps words.
    pub fn storing_round<F>(self, columns: usize, variables: u32) -> u32 {
        let Self::Bytes(bytes) = self else { return 0 };
        let words = (columns as u64 * size_of::<Word>() as u64).saturating_mul(saturating_power(variables));
        if words.saturating_add(array_bytes::<F>(columns, variables.saturating_sub(1))) <= bytes {
            return 0;
        }
        let last = variables.saturating_sub(1);
        (1..last).find(|round| array_bytes::<F>(columns, variables - round) <= bytes).unwrap_or(last)
    }
}

fn array_bytes<F>(columns: usize, variables: u32) -> u64 {
    (columns as u64 * size_of::<F>() as u64).saturating_mul(saturating_power(variables))
}

fn saturating_power(exponent: u32) -> u64 {
    1u64.checked_shl(exponent).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Element = [u8; 32];

    #[test]
    fn the_storing_round_is_the_first_that_fits() {
        assert_eq!(Budget::Unlimited.storing_round::<Element>(24, 20), 0);
        assert_eq!(Budget::sqrt::<Element>(24, 20).storing_round::<Element>(24, 20), 10);
        assert_eq!(Budget::sqrt::<Element>(24, 21).storing_round::<Element>(24, 21), 10);
        assert_eq!(Budget::Bytes(1).storing_round::<Element>(24, 20), 19);
        assert_eq!(Budget::Bytes(u64::MAX).storing_round::<Element>(24, 20), 0);
        assert_eq!(Budget::Bytes(24 << 24).storing_round::<Element>(24, 20), 1);
        for variables in 0..3 {
            assert!(Budget::Bytes(1).storing_round::<Element>(24, variables) <= variables.saturating_sub(1));
        }
    }
}
