//! How much space the arrays of a prover may take.

/// The bytes that the bound arrays may take.
///
/// Beside them a prover always holds a few eq tables of O(√T) elements, and a block of every used column a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Budget {
    /// As much as is fastest.
    #[default]
    Unlimited,
    /// At most so many bytes, or an element a column if that is more.
    Bytes(u64),
}

impl Budget {
    /// √T space: `columns`·2^⌈n/2⌉ field elements of type `F`.
    pub fn sqrt<F>(columns: usize, variables: u32) -> Self {
        Self::Bytes(array_bytes::<F>(columns, variables.div_ceil(2)))
    }

    /// The first round whose arrays fit.
    pub fn storing_round<F>(self, columns: usize, variables: u32) -> u32 {
        let Self::Bytes(bytes) = self else { return 0 };
        (0..variables)
            .find(|round| array_bytes::<F>(columns, variables - round) <= bytes)
            .unwrap_or(variables)
    }
}

pub(super) fn array_bytes<F>(columns: usize, variables: u32) -> u64 {
    let length = 1u64.checked_shl(variables).unwrap_or(u64::MAX);
    (columns as u64 * size_of::<F>() as u64).saturating_mul(length)
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
        assert_eq!(Budget::Bytes(1).storing_round::<Element>(24, 20), 20);
        assert_eq!(Budget::Bytes(u64::MAX).storing_round::<Element>(24, 20), 0);
        assert_eq!(Budget::Bytes(24 << 24).storing_round::<Element>(24, 20), 1);
        assert_eq!(Budget::Bytes(1).storing_round::<Element>(24, 0), 0);
    }
}
