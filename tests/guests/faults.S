# faults: ends in the fault that the first letter of argv[1] names; without an argument exits with code 0.
#
#   load      lw from an address that is no multiple of 4        half      lh from an odd address
#   xzero     the same load into x0: still a fault               store     sw to an address that is no multiple of 4
#   null      lw from page 0                                     zero      sw to page 0
#   code      sw into the program's own code                     illegal   the all-zero word
#   unimp     the word of `unimp`, no RV32I instruction          break     ebreak
#   out       jump to an address where nothing is mapped         data      jump into the data segment
#   pointer   call of a null function pointer                    end       run past the last word of the code
#   misalign  jalr to a target with bit 1 set                    jump      jal to such a target
#   taken     taken branch to such a target                      forever   no fault: an endless loop, for cycle limits
#
# Each case is a function of its own, `fault_<name>`, and the faulting instruction is the one labelled
# `at_<name>`, so that error messages and tests can name it. A fault that does not happen exits with code 99;
# an unknown letter with code 2.

        .macro  case letter, name
        li      t1, \letter
        beq     t0, t1, fault_\name
        .endm

        .macro  fault name
        .globl  fault_\name
        .type   fault_\name, @function
fault_\name:
        .endm

        .macro  end_fault name
        j       survived
        .size   fault_\name, . - fault_\name
        .endm

        # The assembler and the linker refuse misaligned targets, so these words are given as numbers.
        .equ    JAL_PLUS_6, 0x0060006f          # jal x0, .+6
        .equ    BEQ_PLUS_6, 0x00000363          # beq x0, x0, .+6
        .equ    BNE_PLUS_6, 0x00001363          # bne x0, x0, .+6

        .text
        .globl  _start
        .type   _start, @function
_start:
        lw      t0, 0(sp)               # argc
        li      t1, 2
        blt     t0, t1, harmless
        lw      t0, 8(sp)               # argv[1]
        lbu     t0, 0(t0)
        la      s0, word                # a good address, and one with which nothing is wrong but the alignment
        addi    s1, s0, 1
        case    'l', load
        case    'h', half
        case    'x', xzero
        case    's', store
        case    'n', null
        case    'z', zero
        case    'c', code
        case    'i', illegal
        case    'u', unimp
        case    'b', break
        case    'o', out
        case    'd', data
        case    'p', pointer
        case    'e', end
        case    'm', misalign
        case    'j', jump
        case    't', taken
        case    'f', forever
        li      a0, 2
        j       finish
        .size   _start, . - _start

# What looks like a fault and is none; each step that went wrong would leave a0 other than 0.
        .type   harmless, @function
harmless:
        la      s0, word
        lbu     a0, 1(s0)               # a byte has no alignment
        lh      t0, 2(s0)               # a half-word needs only 2
        or      a0, a0, t0
        lw      x0, 0(s0)               # a load into x0 is allowed, and x0 stays 0
        or      a0, a0, x0
        .word   BNE_PLUS_6              # the target of a branch not taken is not looked at
        la      t0, 1f
        addi    t0, t0, 1
        jr      t0                      # jalr clears the low bit of its target
        .word   0                       # data among code, never executed
1:      j       finish
        .size   harmless, . - harmless

        .type   survived, @function
survived:
        li      a0, 99
finish:
        li      a7, 93                  # exit
        ecall
        .size   survived, . - survived

        fault   load
at_load:
        lw      a0, 0(s1)
        end_fault load

        fault   half
at_half:
        lh      a0, 0(s1)
        end_fault half

        fault   xzero
at_xzero:
        lw      x0, 0(s1)
        end_fault xzero

        fault   store
at_store:
        sw      x0, 0(s1)
        end_fault store

        fault   null
at_null:
        lw      a0, 16(x0)
        end_fault null

        fault   zero
at_zero:
        sw      x0, 16(x0)
        end_fault zero

        fault   code
        la      t0, _start
at_code:
        sw      x0, 0(t0)
        end_fault code

        fault   illegal
at_illegal:
        .word   0
        end_fault illegal

        fault   unimp
at_unimp:
        .word   0xc0001073              # csrrw x0, cycle, x0
        end_fault unimp

        fault   break
at_break:
        ebreak
        end_fault break

        fault   out
        li      t0, 0x40000000
at_out:
        jr      t0
        end_fault out

        fault   data
        la      t0, word
at_data:
        jr      t0
        end_fault data

        fault   pointer
at_pointer:
        jalr    x0
        end_fault pointer

        fault   misalign
        la      t0, survived
        addi    t0, t0, 2
at_misalign:
        jr      t0
        end_fault misalign

        fault   jump
at_jump:
        .word   JAL_PLUS_6
        end_fault jump

        fault   taken
at_taken:
        .word   BEQ_PLUS_6
        end_fault taken

        fault   forever
at_forever:
        nop                             # a jump to itself alone would be told at once
        j       at_forever
        end_fault forever

# Must stay last: after its only word the code ends.
        fault   end
at_end:
        nop
        .size   fault_end, . - fault_end

        .data
        .balign 8
word:
        .word   0, 0
