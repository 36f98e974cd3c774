//! Numbers that are the same in every run, and the values at which instructions go wrong.

#[path = "../common/random.rs"]
mod numbers;

pub(crate) use numbers::Random;

/// Where signs, carries, shift amounts and byte borders are.
pub(crate) const EDGES: [u32; 20] = [
    0,
    1,
    2,
    3,
    31,
    32,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xffff_8000,
    0xffff_ff80,
    0xffff_fffe,
    0xffff_ffff,
    0x1234_5678,
];

impl Random {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        (self.next() % u64::from(end)) as u32
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// A multiple of `unit` from `min` to `max`, both of which are multiples; each extreme, zero and its neighbours
    /// now and then.
    pub(crate) fn within(&mut self, min: i64, max: i64, unit: i64) -> i64 {
        match self.below(10) {
            0 => min,
            1 => max,
            2 => 0.clamp(min, max),
            3 => unit.clamp(min, max),
            4 => (-unit).clamp(min, max),
            _ => min + unit * (self.next() % ((max - min) / unit + 1) as u64) as i64,
        }
    }

    /// A word: an edge, one beside it, or any.
    pub(crate) fn word(&mut self) -> u32 {
        match self.below(8) {
            0..=4 => self.of(&EDGES),
            5 => self.of(&EDGES).wrapping_add(self.below(5)).wrapping_sub(2),
            _ => self.next() as u32 >> self.below(32),
        }
    }
}
