//! The calls that have not returned at a cycle.

use super::calls::{Calls, Jumps};
use super::pass::Pass;
use crate::cancel::Cancel;
use crate::checkpoint::{Execution, UnknownCycles};
use crate::guest::Guest;
use crate::isa::{Isa, Word};
use crate::machine::{Jumped, Observer};
use crate::replay::ReplayError;

/// Follows calls; a frame's base is the code table's entry that called.
struct Follower {
    jumps: Jumps,
    calls: Calls,
}

impl Observer for Follower {
    #[inline(always)]
    fn load(&mut self, _: Word, _: Word, _: Word) {}

    #[inline(always)]
    fn store(&mut self, _: Word, _: Word, _: Word) {}

    fn executed(&mut self, _: u32, last: u32, jump: Option<Jumped<'_>>) {
        if let Some(jump) = jump {
            self.jumps.follow(&mut self.calls, last, &jump, |_, _| last);
        }
    }
}

/// The addresses of the calls that have not returned after so many cycles, the last one first; of the last ones that are more
/// than 256 deep none. Calls are followed as for a [profile](super::profile).
///
/// Time: O(`cycle`), about that of the interpreter. Space: a machine's; O(code).
///
/// # Errors
/// [`ReplayError`]: a cycle that the execution does not have, a changed input, no address space, cancellation.
pub fn calls_at<I: Isa, G: Guest>(
    execution: &Execution<I, G>,
    cycle: u64,
    cancel: &Cancel,
) -> Result<Vec<Word>, ReplayError> {
    UnknownCycles::check(&(cycle..cycle), execution.cycles())?;
    let program = execution.program();
    let mut follower = Follower { jumps: Jumps::of(program), calls: Calls::new(program.entry()) };
    Pass::new(execution, cancel)?.go(cycle, &mut follower, |_| {})?;
    let ops = program.code().ops();
    let sites = follower.calls.frames().map(|frame| ops[frame.base as usize].pc);
    Ok(sites.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asm::{Layout, assemble};
    use crate::checkpoint::{Options, execute};
    use crate::guest::{Input, Linux};
    use crate::isa::Rv32i;

    /// Cycle by cycle: which calls have not returned is what the source's indentation says.
    #[test]
    fn calls_are_those_that_have_not_returned() {
        let source = "
            jal   ra, 1f           # 0
            jal   ra, 2f           # 4
            ebreak                 # 8
        1:  addi  sp, sp, -16      # 12
            sw    ra, 12(sp)       # 16
            jal   ra, 2f           # 20
            lw    ra, 12(sp)       # 24
            addi  sp, sp, 16       # 28
            jalr  zero, 0(ra)      # 32
        2:  jalr  zero, 0(ra)      # 36
        ";
        let program = assemble::<Rv32i>(source, Layout::default()).unwrap().program::<Rv32i>().unwrap();
        let entry = program.entry();
        let execution = execute(program, Linux::default(), Input::empty(), Options::default()).unwrap();
        let calls: [&[Word]; 11] = [&[], &[0], &[0], &[0], &[20, 0], &[0], &[0], &[0], &[], &[4], &[]];
        assert_eq!(execution.cycles(), 10);
        for (cycle, expected) in (0..=execution.cycles()).zip(calls) {
            let calls = calls_at(&execution, cycle, &Cancel::new()).unwrap();
            let places: Vec<Word> = calls.iter().map(|pc| pc - entry).collect();
            assert_eq!(places, expected, "cycle {cycle}");
        }
        let beyond = calls_at(&execution, 11, &Cancel::new());
        assert!(matches!(beyond, Err(ReplayError::UnknownCycles(UnknownCycles { executed: 10, .. }))));
        let cancel = Cancel::new();
        cancel.cancel();
        assert!(matches!(calls_at(&execution, 5, &cancel), Err(ReplayError::Cancelled)));
    }
}
