// reached: words that no ISA decodes. Built with debug information.
//
// The word in `reached` is led to: from the entry by a call that returns, and a call of it; harmless.elf is built without it.
// The others are not led to: zeros behind a branch, as compilers write `unimp` where a path ends; text behind the call of a function that never returns, and
// behind the system call that ends the program.

        .text
        .globl  _start
        .type   _start, @function
_start:
        jal     t0, returns             // another link register than ra
        beqz    sp, trap
        jal     ra, never
        .ascii  "text behind the call"
        .balign 4
        .size   _start, . - _start

        .type   trap, @function
trap:
        .word   0
        .size   trap, . - trap

        .type   returns, @function
returns:
        jr      t0
        .size   returns, . - returns

        .type   never, @function
never:
        mv      s0, ra
        jal     ra, reached
        li      a0, 0
        li      a7, 93
        ecall
        .ascii  "text behind the system call."
        .balign 4
        .size   never, . - never

        .type   reached, @function
reached:
        nop
#ifndef HARMLESS
        .word   0x0000000b              // of the custom-0 opcodes
#endif
        ret
        .size   reached, . - reached
