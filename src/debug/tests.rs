use proptest::prelude::*;

use super::*;
use crate::checkpoint::Policy;
use crate::guest::{Linux, Shared};
use crate::isa::Columns;
use crate::machine::test_isa::{BASE, DATA, TestIsa, any_program, echo};

const INPUT: &[u8] = b"The input of every test that goes back and forth.";

/// How far programs that do not end are followed.
const LIMIT: u64 = 700;

type Session = Debugger<TestIsa, Linux>;

fn first(program: &Program<TestIsa>) -> Checkpoint<Linux> {
    Checkpoint::initial(program, Linux::default(), &[b"guest".to_vec()], &Input::from(INPUT)).unwrap()
}

/// With a checkpoint every few cycles, of which all but a few are dropped again.
fn session(program: &Arc<Program<TestIsa>>, output: Output) -> Session {
    let checkpoints = CheckpointManager::new(Policy::new(2, 8), first(program));
    Debugger::new(Arc::clone(program), Input::from(INPUT), checkpoints, output).unwrap()
}

/// A cycle of a straight run.
struct Cycle {
    /// The next instruction's address, if there is one.
    pc: Option<Word>,
    digest: [u8; 32],
    /// What it touches: address, bytes, whether it loads and stores.
    access: Option<(Word, Word, [bool; 2])>,
}

/// Every cycle up to the limit or the end, the state there, and how it ended.
struct Straight {
    cycles: Vec<Cycle>,
    end: Result<Pause, RunError>,
}

impl Straight {
    /// One machine, row by row; what is touched is what the words say, and for calls their row's address.
    fn of(program: &Arc<Program<TestIsa>>) -> Self {
        let mut machine = Machine::new(Arc::clone(program), Input::from(INPUT), &first(program)).unwrap();
        let mut cycles = Vec::new();
        loop {
            let state = machine.checkpoint();
            let mut columns = Columns::new(TestIsa::SPEC.columns.len());
            let end = machine.run(state.cycle + 1, &mut columns.recorder());
            let row = |name| columns.column(TestIsa::SPEC.column(name).unwrap().index())[0];
            let op = program.code().at(state.pc);
            let name = op.and_then(|op| TestIsa::SPEC.instruction(op.kind)).map_or("", |it| it.name);
            let address = op.map_or(0, |op| state.registers[usize::from(op.rs1)].wrapping_add(op.imm));
            let access = match name {
                "lw" => Some((address, 4, [true, false])),
                "lbu" => Some((address, 1, [true, false])),
                "sw" => Some((address, 4, [false, true])),
                "sb" => Some((address, 1, [false, true])),
                // Of the word that it puts bytes into, a call keeps the others.
                "ecall" if end.is_ok() && row("address") != 0 => {
                    Some((row("address"), 4, [true, state.registers[15] != 64]))
                }
                _ => None,
            };
            let pc = op.map(|op| op.pc);
            cycles.push(Cycle { pc, digest: state.digest().unwrap(), access });
            if !matches!(end, Ok(Pause::Reached)) || cycles.len() as u64 > LIMIT {
                return Self { cycles, end };
            }
        }
    }

    /// The last cycle that one can stand at.
    fn last(&self) -> u64 {
        self.cycles.len() as u64 - 1
    }

    /// Going on from the last cycle, to beyond it.
    fn beyond(&self) -> Stop {
        match &self.end {
            Ok(Pause::Reached | Pause::Stored(_)) => Stop::Reached,
            Ok(Pause::Exited(_)) => Stop::End,
            Err(RunError::Fault(fault)) => Stop::Fault(fault.clone()),
            Err(error) => panic!("{error}"),
        }
    }
}

/// What is set, kept apart from the debugger.
#[derive(Default)]
struct Wanted {
    breakpoints: Vec<(Word, Breaks)>,
    watchpoints: Vec<Watchpoint>,
}

impl Wanted {
    fn breaks(&self, cycle: &Cycle) -> bool {
        self.breakpoints.iter().any(|&(address, _)| Some(address) == cycle.pc)
    }

    fn watches(&self, cycle: &Cycle) -> bool {
        let Some((address, bytes, [loads, stores])) = cycle.access else { return false };
        let touches = |it: &Watchpoint| {
            let bytes_of = |address: Word, bytes| (0..bytes).map(move |at| address.wrapping_add(at));
            (stores && it.stores || loads && it.loads)
                && bytes_of(address, bytes).any(|byte| bytes_of(it.address, it.bytes).any(|own| own == byte))
        };
        self.watchpoints.iter().any(touches)
    }
}

#[derive(Clone, Debug)]
enum Move {
    Step,
    Run,
    StepBack,
    RunBack,
    GoTo(u64),
    Breakpoint(Word, Breaks, bool),
    Watchpoint(Watchpoint, bool),
}

fn any_move() -> impl Strategy<Value = Move> {
    let breaks = prop_oneof![Just(Breaks::Software), Just(Breaks::Hardware)];
    let memory = prop_oneof![DATA - 64..DATA + 64, 0x7fff_0000u32 - 64..0x7fff_0000 + 64];
    let kinds = prop_oneof![Just((true, false)), Just((false, true)), Just((true, true))];
    let watchpoint = (memory, 1u32..9, kinds).prop_map(|(address, bytes, (loads, stores))| Watchpoint {
        address,
        bytes,
        loads,
        stores,
    });
    prop_oneof![
        4 => Just(Move::Step),
        2 => Just(Move::Run),
        4 => Just(Move::StepBack),
        2 => Just(Move::RunBack),
        2 => (0..LIMIT + 9).prop_map(Move::GoTo),
        2 => (0u32..60, breaks, prop::bool::ANY)
            .prop_map(|(at, breaks, set)| Move::Breakpoint(BASE + 4 * at, breaks, set)),
        2 => (watchpoint, prop::bool::weighted(0.7)).prop_map(|(it, set)| Move::Watchpoint(it, set)),
    ]
}

/// Where a straight run says that a move leads from a cycle, and why.
fn expected(straight: &Straight, wanted: &Wanted, from: u64, step: &Move) -> (u64, Stop) {
    let (cycles, last) = (&straight.cycles, straight.last());
    let watchpoint = || Stop::Watchpoint(Watchpoint { address: 0, bytes: 0, loads: false, stores: false });
    // Forwards, and backwards: what a cycle is stopped at for.
    let at = |cycle: u64| -> Option<Stop> {
        if cycle > from && wanted.watches(&cycles[cycle as usize - 1]) {
            return Some(watchpoint());
        }
        wanted.breaks(&cycles[cycle as usize]).then_some(Stop::Breakpoint)
    };
    let back_at = |cycle: u64| -> Option<Stop> {
        if wanted.watches(&cycles[cycle as usize]) {
            return Some(watchpoint());
        }
        wanted.breaks(&cycles[cycle as usize]).then_some(Stop::Breakpoint)
    };
    match *step {
        Move::Step if from == last => (last, straight.beyond()),
        Move::Step => (from + 1, at(from + 1).unwrap_or(Stop::Reached)),
        Move::Run => {
            let stopped = (from + 1..=last).find_map(|cycle| Some((cycle, at(cycle)?)));
            stopped.unwrap_or_else(|| (last, straight.beyond()))
        }
        Move::StepBack if from == 0 => (0, Stop::Begin),
        Move::StepBack => {
            let watched = wanted.watches(&cycles[from as usize - 1]);
            (from - 1, if watched { watchpoint() } else { Stop::Reached })
        }
        Move::RunBack => {
            let stopped = (0..from).rev().find_map(|cycle| Some((cycle, back_at(cycle)?)));
            stopped.unwrap_or((0, Stop::Begin))
        }
        Move::GoTo(cycle) if cycle <= last => (cycle, Stop::Reached),
        Move::GoTo(_) => (last, straight.beyond()),
        Move::Breakpoint(..) | Move::Watchpoint(..) => (from, Stop::Reached),
    }
}

fn make(session: &mut Session, wanted: &mut Wanted, step: &Move, last: u64) -> Stop {
    let endless = session.exit_code().is_none() && last == LIMIT;
    // Programs that go on for ever are not followed further than the straight run was.
    let limit = if endless { LIMIT } else { u64::MAX };
    match *step {
        Move::Step if session.machine().cycle() == limit => Stop::Reached,
        Move::Step => session.forward(session.machine().cycle() + 1, true, &mut || true).unwrap(),
        Move::Run => session.forward(limit, true, &mut || true).unwrap(),
        Move::StepBack => session.step_back().unwrap(),
        Move::RunBack => session.run_back(&mut || true).unwrap(),
        Move::GoTo(cycle) => session.go_to(cycle.min(limit), &mut || true).unwrap(),
        Move::Breakpoint(address, breaks, set) => {
            session.set_breakpoint(address, breaks, set);
            wanted.breakpoints.retain(|it| *it != (address, breaks));
            wanted.breakpoints.extend(set.then_some((address, breaks)));
            Stop::Reached
        }
        Move::Watchpoint(watchpoint, set) => {
            session.set_watchpoint(watchpoint, set);
            wanted.watchpoints.retain(|it| *it != watchpoint);
            wanted.watchpoints.extend(set.then_some(watchpoint));
            Stop::Reached
        }
    }
}

fn follow(program: &Arc<Program<TestIsa>>, moves: &[Move]) {
    let straight = Straight::of(program);
    let mut session = session(program, Output::hashed());
    let mut wanted = Wanted::default();
    for step in moves {
        let from = session.machine().cycle();
        let (cycle, stop) = expected(&straight, &wanted, from, step);
        let stopped = make(&mut session, &mut wanted, step, straight.last());
        assert_eq!(session.machine().cycle(), cycle, "{step:?} from {from}: {stopped:?}");
        match (&stopped, &stop) {
            // Told once more.
            (Stop::Exited(code), Stop::End) => assert_eq!(session.exit_code(), Some(*code)),
            (Stop::Watchpoint(it), Stop::Watchpoint(_)) => assert!(wanted.watchpoints.contains(it)),
            _ => assert_eq!(stopped, stop, "{step:?} from {from}"),
        }
        let digest = session.machine.checkpoint().digest().unwrap();
        assert_eq!(digest, straight.cycles[cycle as usize].digest, "{step:?} from {from}");
    }
}

proptest! {
    /// Wherever one goes, it is as if one had run straight there, and stops are where a straight run passes them.
    #[test]
    fn moves_lead_where_a_straight_run_passes(
        program in any_program(),
        moves in prop::collection::vec(any_move(), 1..40),
    ) {
        follow(&program, &moves);
    }

    #[test]
    fn moves_in_a_program_that_ends(moves in prop::collection::vec(any_move(), 1..60)) {
        follow(&echo(), &moves);
    }

    /// The guest's output comes out once, however often its cycles are executed.
    #[test]
    fn output_comes_out_once(moves in prop::collection::vec(any_move(), 1..60)) {
        let shared = Shared::default();
        let mut session = session(&echo(), Output::new(Box::new(shared.clone()), Box::new(io::sink())));
        let mut wanted = Wanted::default();
        for step in &moves {
            make(&mut session, &mut wanted, step, 0);
            let put_out = shared.0.lock().unwrap();
            prop_assert!(INPUT.starts_with(&put_out));
        }
        session.go_to(u64::MAX, &mut || true).unwrap();
        prop_assert_eq!(&**shared.0.lock().unwrap(), INPUT);
    }
}

/// The guest ends when one goes on from its last instruction, and not before.
#[test]
fn the_end_can_be_gone_back_from() {
    let mut session = session(&echo(), Output::hashed());
    let last = Straight::of(&echo()).last();
    for _ in 0..2 {
        assert_eq!(session.run(&mut || true).unwrap(), Stop::End);
        assert_eq!((session.machine().cycle(), session.executed()), (last, last + 1));
        assert_eq!(session.step_back().unwrap(), Stop::Reached);
    }
    assert_eq!([session.step().unwrap(), session.step().unwrap()], [Stop::Reached, Stop::End]);
    let count = INPUT.len() as Word;
    assert_eq!(session.step().unwrap(), Stop::Exited(count));
    assert_eq!((session.run(&mut || true).unwrap(), session.exit_code()), (Stop::Exited(count), Some(count)));
}

#[test]
fn told_not_to_go_on_it_stands_still() {
    let mut session = session(&echo(), Output::hashed());
    assert_eq!(session.run(&mut || false).unwrap(), Stop::Interrupted);
    assert_eq!(session.machine().cycle(), 0);
    session.go_to(100, &mut || true).unwrap();
    session.set_watchpoint(Watchpoint { address: 8, bytes: 1, loads: true, stores: true }, true);
    assert_eq!(session.run_back(&mut || false).unwrap(), Stop::Interrupted);
    assert_eq!(session.machine().cycle(), 100);
    // An interval was searched in vain, and need not be again.
    let mut asked = 0;
    let mut once = || {
        asked += 1;
        asked < 2
    };
    assert_eq!(session.run_back(&mut once).unwrap(), Stop::Interrupted);
    let there = session.machine().cycle();
    assert!((1..100).contains(&there), "{there}");
    assert_eq!(session.run_back(&mut || true).unwrap(), Stop::Begin);
}

/// An instruction that loads what it may not store has touched nothing.
#[test]
fn what_faults_stops_at_no_watchpoint() {
    use crate::asm::{Layout, assemble};
    use crate::isa::Rv32imabZicond;

    let assembly =
        assemble::<Rv32imabZicond>("auipc t0, 0; amoadd.w a0, a1, (t0)", Layout::default()).unwrap();
    let program = Arc::new(assembly.program::<Rv32imabZicond>().unwrap());
    let code = program.entry();
    let initial = Checkpoint::initial(&program, Linux::default(), &[], &Input::empty()).unwrap();
    let checkpoints = CheckpointManager::new(Policy::new(2, 8), initial);
    let mut debugger = Debugger::new(program, Input::empty(), checkpoints, Output::hashed()).unwrap();
    debugger.set_watchpoint(Watchpoint { address: code, bytes: 4, loads: true, stores: true }, true);
    assert!(matches!(debugger.run(&mut || true).unwrap(), Stop::Fault(_)));
}
