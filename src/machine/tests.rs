use proptest::prelude::*;

use super::test_isa::{Asm, BASE, DATA, TestIsa, any_program, call, echo, program};
use super::*;
use crate::guest::Linux;
use crate::pages::PAGE_WORDS;

type TestMachine = Machine<TestIsa, Linux>;

fn machine(parts: &[&[u32]]) -> TestMachine {
    start(program(parts))
}

fn input() -> Input {
    Input::from(&b"some input"[..])
}

fn start(program: Arc<Program<TestIsa>>) -> TestMachine {
    let initial = Checkpoint::initial(&program, Linux::default(), &[b"test".to_vec()], &input()).unwrap();
    Machine::new(program, input(), &initial).unwrap()
}

fn fault(machine: &mut TestMachine) -> Fault {
    match machine.run(1000, &mut ()) {
        Err(RunError::Fault(fault)) => *fault,
        other => panic!("{other:?} is no fault"),
    }
}

#[test]
fn runs_to_the_cycle_asked_for_and_to_the_exit() {
    let mut machine = machine(&[&[Asm::addi(10, 10, 5), Asm::addi(0, 10, 1)], &Asm::exit()]);
    assert_eq!(machine.run(2, &mut ()).unwrap(), Pause::Reached);
    assert_eq!((machine.cycle(), machine.pc()), (2, BASE + 8));
    assert_eq!(machine.registers()[0], 0, "the zero register stays zero");
    assert_eq!(machine.run(1, &mut ()).unwrap(), Pause::Reached, "no way back");
    assert_eq!(machine.cycle(), 2);
    assert_eq!(machine.run(1000, &mut ()).unwrap(), Pause::Exited(5));
    assert_eq!((machine.cycle(), machine.pc()), (4, 0), "the exit is a row");
    let fault = fault(&mut machine);
    assert_eq!(
        (fault.cause, fault.pc, fault.cycle),
        (TrapCause::OutsideCode, 0, 4),
        "nothing comes after it"
    );
}

#[test]
fn falling_off_the_end_is_outside_the_code() {
    let mut machine = machine(&[&[Asm::addi(1, 0, 1)]]);
    let fault = fault(&mut machine);
    assert_eq!((fault.cause, fault.value, fault.pc), (TrapCause::OutsideCode, BASE + 4, BASE + 4));
    assert_eq!((fault.cycle, fault.word), (1, None));
}

#[test]
fn the_jump_out_is_counted_and_the_fetch_is_not() {
    for (target, cause) in [(DATA, TrapCause::OutsideCode), (BASE + 2, TrapCause::MisalignedTarget)] {
        let [high, low] = Asm::li(5, target);
        let mut machine = machine(&[&[high, low, Asm::jalr(1, 5, 0)]]);
        let fault = fault(&mut machine);
        let jumped = u64::from(cause == TrapCause::OutsideCode);
        assert_eq!((fault.cause, fault.value), (cause, target));
        assert_eq!(fault.cycle, 2 + jumped);
        assert_eq!(fault.jumped_from, (jumped == 1).then_some(BASE + 8));
        assert_eq!(fault.pc, if jumped == 1 { target } else { BASE + 8 });
        assert_eq!(machine.registers()[1], if jumped == 1 { BASE + 12 } else { 0 });
    }
}

#[test]
fn words_that_do_not_decode_fault_when_executed() {
    let mut machine = machine(&[&[Asm::jal(0, 8), 0, 0xffff_ffff]]);
    let fault = fault(&mut machine);
    assert_eq!((fault.cause, fault.value, fault.cycle), (TrapCause::Undecodable, 0xffff_ffff, 1));
    assert_eq!(fault.word, Some(0xffff_ffff));
}

#[test]
fn stores_into_code_fault_and_data_beside_code_does_not() {
    let [high, low] = Asm::li(5, BASE);
    let good = [Asm::sw(5, 5, 0x100), Asm::sw(5, 5, 4)];
    let mut machine = machine(&[&[high, low], &good]);
    let fault = fault(&mut machine);
    assert_eq!((fault.cause, fault.value, fault.cycle), (TrapCause::StoreToCode, BASE + 4, 3));
    assert_eq!(machine.memory().peek(BASE + 0x100).unwrap(), BASE);
    assert_eq!(machine.memory().peek(BASE + 4).unwrap(), low);
}

#[test]
fn a_fault_says_everything() {
    let mut machine = machine(&[&[Asm::addi(5, 0, 1), Asm::lw(3, 5, 8)]]);
    let text = fault(&mut machine).to_string();
    for part in
        ["misaligned load (0x00000009)", "cycle 1", "pc 0x00010004", "0x00080533", "`lw x3, 8(x5)`", "align"]
    {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

#[test]
fn every_fault_has_a_remedy_of_its_own() {
    let causes = [
        (Asm::lw(1, 0, 0), TrapCause::NullLoad),
        (Asm::sb(1, 0, 9), TrapCause::NullStore),
        (Asm::sw(1, 0, -2), TrapCause::MisalignedStore),
        (Asm::ebreak(), TrapCause::Breakpoint),
    ];
    for (word, cause) in causes {
        let fault = fault(&mut machine(&[&[word]]));
        assert_eq!((fault.cause, fault.cycle), (cause, 0));
        assert!(fault.to_string().ends_with(&*fault.remedy()));
    }
}

#[test]
fn a_checkpoint_is_not_touched_by_what_follows() {
    let mut machine = start(echo());
    machine.run(20, &mut ()).unwrap();
    let kept = machine.checkpoint();
    let (digest, pages) = (kept.digest().unwrap(), kept.pages.clone());
    machine.run(1000, &mut ()).unwrap();
    assert_ne!(machine.checkpoint().digest().unwrap(), digest);
    assert_eq!((kept.digest().unwrap(), &kept.pages), (digest, &pages));
    machine.restore(&kept);
    assert_eq!(machine.checkpoint(), kept);
    assert_eq!(machine.run(1000, &mut ()).unwrap(), Pause::Exited(10));
}

#[test]
fn the_input_goes_back_too() {
    let mut machine = machine(&[&call(63, [0, DATA, 4])]);
    let kept = machine.checkpoint();
    for _ in 0..2 {
        machine.run(8, &mut ()).unwrap();
        assert_eq!(machine.registers()[10], 4);
        assert_eq!(machine.memory().peek(DATA).unwrap().to_le_bytes(), *b"some");
        machine.restore(&kept);
        assert_eq!(machine.checkpoint(), kept);
    }
}

#[test]
fn every_part_of_the_state_is_in_the_digest() {
    let state = machine(&[&[Asm::ebreak()]]).checkpoint();
    let mut others = vec![state.clone(); 4];
    let mut one = [0; PAGE_WORDS];
    one[25] = 1;
    others[0].pc += 4;
    others[1].registers[15] += 1;
    others[2].registers[16] += 1;
    others[3].pages.set(0x21, &one);
    for other in others {
        assert_ne!(other.digest().unwrap(), state.digest().unwrap());
    }
    let mut zeroed = state.clone();
    zeroed.pages.set(0x21, &one);
    zeroed.pages.set(0x21, &[0; PAGE_WORDS]);
    assert_eq!(zeroed.digest().unwrap(), state.digest().unwrap());
}

proptest! {
    /// A cycle that faults changes nothing, whatever the program did before.
    #[test]
    fn a_fault_leaves_the_state_before_it(program in any_program()) {
        let mut machine = start(Arc::clone(&program));
        if let Err(error) = machine.run(500, &mut ()) {
            let RunError::Fault(fault) = error else { panic!("{error}") };
            let mut again = start(program);
            prop_assert_eq!(again.run(fault.cycle, &mut ()).unwrap(), Pause::Reached);
            prop_assert_eq!(machine.checkpoint(), again.checkpoint());
            prop_assert_eq!(fault.pc, again.pc());
        }
    }

    /// The digest is that of the state, not of how it was reached.
    #[test]
    fn stopping_on_the_way_changes_nothing(program in any_program(), stops in prop::collection::vec(0u64..300, 0..5)) {
        let mut straight = start(Arc::clone(&program));
        let mut halting = start(program);
        let ended = straight.run(300, &mut ()).ok();
        let mut states = Vec::new();
        let mut pause = Some(Pause::Reached);
        for stop in stops.into_iter().chain([300]) {
            if pause == Some(Pause::Reached) {
                pause = halting.run(stop, &mut ()).ok();
            }
            states.push(halting.checkpoint());
        }
        prop_assert_eq!(pause, ended);
        prop_assert_eq!(straight.checkpoint().digest().unwrap(), halting.checkpoint().digest().unwrap());
        for state in states.iter().rev() {
            straight.restore(state);
            let _ = straight.run(300, &mut ());
            prop_assert_eq!(straight.checkpoint().digest().unwrap(), halting.checkpoint().digest().unwrap());
        }
    }
}
