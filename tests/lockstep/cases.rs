//! Edge operands of one instruction: every pair of edges in registers that are apart, the same, or x0; immediates at
//! their extremes and of each bit.

use retrace::isa::Instruction;

use crate::code::word;
use crate::generator::immediate;
use crate::random::{EDGES, Random};

/// rd, rs1, rs2: apart, the same, x0.
const REGISTERS: [[u8; 3]; 8] =
    [[10, 5, 31], [5, 5, 31], [31, 5, 31], [10, 5, 5], [5, 5, 5], [0, 5, 31], [10, 0, 31], [10, 5, 0]];

/// Around the signs, and where pc + 4 is 0.
const PCS: [u32; 5] = [0x1_0000, 0x7fff_fffc, 0x8000_0000, 0xffff_f000, 0xffff_fffc];

/// The immediates to try: extremes, those beside zero, each bit alone, and some more.
fn immediates(instruction: &Instruction, random: &mut Random) -> Vec<u32> {
    let Some(imm) = immediate(instruction) else { return vec![0] };
    let (min, max) = imm.bounds();
    let unit = i64::from(imm.alignment());
    let bits = (0..32).map(|bit| 1i64 << bit);
    let mut values: Vec<i64> = [min, max, 0, unit, -unit, min + unit, max - unit].to_vec();
    values.extend(bits.clone());
    values.extend(bits.map(|bit| -bit));
    values.extend((0..8).map(|_| random.within(min, max, unit)));
    values.retain(|value| (min..=max).contains(value) && value % unit == 0);
    values.sort_unstable();
    values.dedup();
    values.into_iter().map(|value| value as u32).collect()
}

/// Calls back with every case of an instruction: its word, its address, and the registers, of which x5 and x31 have the
/// values of the case. For whoever cannot choose, the address may be another.
pub(crate) fn cases(instruction: &'static Instruction, mut each: impl FnMut(u32, u32, [u32; 32])) {
    let mut random = Random(7);
    let immediates = immediates(instruction, &mut random);
    let reads = instruction.reads(0).count();
    let mut values = EDGES.to_vec();
    values.extend((0..4).map(|_| random.next() as u32));
    let pairs: Vec<(u32, u32)> = match reads {
        0 => vec![(0, 0)],
        1 => values.iter().map(|a| (*a, 0x5555_5555)).collect(),
        _ => values.iter().flat_map(|a| values.iter().map(|b| (*a, *b))).collect(),
    };
    // Where there are many pairs, each with an immediate or two.
    let step = (pairs.len() * immediates.len() / 2000).max(1);
    let operands = pairs.iter().flat_map(|pair| immediates.iter().map(move |imm| (*pair, *imm)));
    for (at, ((a, b), imm)) in operands.enumerate() {
        if !(at + at / immediates.len()).is_multiple_of(step) {
            continue;
        }
        let pc = PCS[at % PCS.len()];
        for [rd, rs1, rs2] in REGISTERS {
            let mut registers = std::array::from_fn(|register| 0x0101_0101 * register as u32);
            registers[5] = a;
            registers[31] = b;
            each(word(instruction, [rd, rs1, rs2], imm), pc, registers);
        }
    }
}
