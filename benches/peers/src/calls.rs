//! The guest interface that these guests need: every peer answers as retrace does, a word a call, so that all execute the
//! same number of cycles.

/// A machine's registers and memory, as far as calls concern them.
pub trait Machine {
    fn register(&mut self, number: usize) -> u32;
    fn load(&mut self, address: u32) -> u8;
    fn store(&mut self, address: u32, byte: u8);
}

const A0: usize = 10;
const A1: usize = 11;
const A2: usize = 12;
pub const A7: usize = 17;

/// Linux's numbers.
pub const READ: u32 = 63;
pub const WRITE: u32 = 64;
pub const EXIT: u32 = 93;
pub const EXIT_GROUP: u32 = 94;
pub const BRK: u32 = 214;

const STANDARD_OUTPUT: u32 = 1;

/// What calls have done so far.
pub struct Calls {
    input: Vec<u8>,
    position: usize,
    heap: u32,
    heap_end: u32,
    /// The guest asked for more memory than there is.
    pub refused: bool,
    pub output: Vec<u8>,
}

impl Calls {
    /// The heap may grow from one address to the other.
    pub fn new(input: &[u8], heap: u32, heap_end: u32) -> Self {
        Self { input: input.to_vec(), position: 0, heap, heap_end, refused: false, output: Vec::new() }
    }

    /// Answers the call of this number; none when the guest ends.
    #[inline]
    pub fn answer(&mut self, number: u32, machine: &mut impl Machine) -> Option<u32> {
        let [first, buffer, count] = [A0, A1, A2].map(|register| machine.register(register));
        let piece = count.min(4 - buffer % 4);
        Some(match number {
            EXIT | EXIT_GROUP => return None,
            READ => {
                let taken = (piece as usize).min(self.input.len() - self.position);
                for (at, &byte) in self.input[self.position..][..taken].iter().enumerate() {
                    machine.store(buffer + at as u32, byte);
                }
                self.position += taken;
                taken as u32
            }
            WRITE => {
                if first == STANDARD_OUTPUT {
                    self.output.extend((0..piece).map(|at| machine.load(buffer + at)));
                }
                piece
            }
            BRK => {
                if first >= self.heap_end {
                    self.refused = true;
                } else if first >= self.heap {
                    self.heap = first;
                }
                self.heap
            }
            _ => 38u32.wrapping_neg(),
        })
    }
}
