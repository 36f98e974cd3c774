//! Where a range of cycles is cut into parts that threads work on.

use core::ops::Range;

use crate::isa::MAX_ROWS;

/// Cuts `range` into about so many parts, of about equal length, in order; every boundary inside is a multiple of
/// `align`. `before(cycle)` is the last checkpoint at or before the cycle.
///
/// A part that begins at a checkpoint begins at no cost; one that begins in the middle of an interval begins after fast
/// execution up to there, some five times quicker than to regenerate all columns of as many rows. So a boundary is put at
/// a checkpoint that is at most half a part away, if there is one. A longer interval is cut: what its parts wait for is
/// less than what threads without work would.
pub(super) fn split(
    range: Range<u64>,
    parts: u64,
    align: u64,
    before: impl Fn(u64) -> u64,
) -> Vec<Range<u64>> {
    // Chunks end at multiples of `MAX_ROWS`: a boundary elsewhere costs two short ones.
    let unit = MAX_ROWS as u64;
    let length = range.end.saturating_sub(range.start).div_ceil(parts.max(1)).max(unit);
    let boundary = |at: u64| {
        let even = range.start.saturating_add(at.saturating_mul(length));
        let even = even - even % unit;
        let checkpoints = [before(even), before(even.saturating_add(length / 2))];
        let near = checkpoints.into_iter().find(|checkpoint| even.abs_diff(*checkpoint) <= length / 2);
        near.unwrap_or(even).checked_next_multiple_of(align.max(1)).unwrap_or(range.end)
    };
    let mut split = Vec::new();
    let mut start = range.start;
    for end in (1..parts).map(boundary).chain([range.end]) {
        if start < end && end <= range.end {
            split.push(start..end);
            start = end;
        }
    }
    split
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROWS: u64 = MAX_ROWS as u64;

    /// Checkpoints at multiples of an interval.
    fn every(interval: u64) -> impl Fn(u64) -> u64 {
        move |cycle| cycle - cycle % interval
    }

    proptest! {
        #[test]
        fn parts_cover_the_range_once_in_order(
            bounds in (0u64..1 << 24, 0u64..1 << 24),
            parts in 0u64..70,
            interval in prop_oneof![1u64..10_000, 10_000u64..1 << 25],
            align in (0u32..26).prop_map(|bits| 1u64 << bits),
        ) {
            let range = bounds.0.min(bounds.1)..bounds.0.max(bounds.1);
            let split = split(range.clone(), parts, align, every(interval));
            let mut next = range.start;
            for part in &split {
                prop_assert!(part.start == next && part.end > next);
                prop_assert!(part.end == range.end || part.end % align == 0);
                next = part.end;
            }
            prop_assert_eq!(next, range.end);
            prop_assert!(split.len() as u64 <= parts.max(1));
        }

        /// No part is longer than two fair ones, wherever the checkpoints are; and none is left out.
        #[test]
        fn no_part_is_much_longer_than_another(
            parts in 1u64..70,
            fair in 1u64..100,
            interval in prop_oneof![1u64..10_000, 10_000u64..1 << 25],
        ) {
            let length = fair * ROWS;
            let split = split(0..parts * length, parts, 1, every(interval));
            prop_assert!(split.iter().all(|part| part.end - part.start <= 2 * length));
            prop_assert!(2 * split.len() as u64 >= parts);
        }
    }

    #[test]
    fn boundaries_are_checkpoints_where_intervals_are_short() {
        // 10 intervals, 4 parts of 2½: before and after are as near.
        let split = split(0..40 * ROWS, 4, 1, every(4 * ROWS));
        assert_eq!(split, [0..8, 8..20, 20..28, 28..40].map(|part| part.start * ROWS..part.end * ROWS));
    }

    #[test]
    fn an_interval_longer_than_a_part_is_cut() {
        let split = split(0..40 * ROWS, 4, 1, every(38 * ROWS));
        assert_eq!(split, [0..10, 10..20, 20..30, 30..40].map(|part| part.start * ROWS..part.end * ROWS));
        // The checkpoint after an even boundary is taken too.
        let split = super::split(0..40 * ROWS, 2, 1, every(25 * ROWS));
        assert_eq!(split, [0..25 * ROWS, 25 * ROWS..40 * ROWS]);
    }
}
