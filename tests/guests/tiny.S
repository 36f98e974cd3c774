# tiny: writes "ok\n" and exits with code 7, in fewer than 64 cycles (for tests of the smallest traces).
#
# It has no crt0. On the way it computes the message instead of storing it, so that a few of everything runs:
# a loop, a call, byte, half-word and word accesses, shifts, both comparisons, a fence and a write to x0.

        .text
        .globl  _start
        .type   _start, @function
_start:
        li      s0, 5
        li      s1, 0
sum:                                    # s1 = 5 + 4 + 3 + 2 + 1
        add     s1, s1, s0
        addi    s0, s0, -1
        bgtz    s0, sum

        la      s2, message
        slli    t0, s1, 3               # 15 * 8 = 120
        addi    t0, t0, -9              # 111 = 'o'
        sb      t0, 0(s2)
        xori    t1, t0, 4               # 111 ^ 4 = 107 = 'k'
        sb      t1, 1(s2)
        li      t2, 0x000a              # '\n', 0
        sh      t2, 2(s2)
        fence
        lw      t3, 0(s2)               # 0x000a6b6f
        srli    t3, t3, 16
        bne     t3, t2, wrong
        addi    x0, t0, 1               # x0 stays 0
        bnez    x0, wrong

        mv      a1, s2
        li      a2, 3
        call    write_message

        li      t0, -1
        slti    a0, t0, 0               # 1: -1 < 0 as signed numbers
        sltiu   t1, t0, 1               # 0: but not as unsigned ones
        srai    t2, t0, 31              # -1
        sub     a0, a0, t2              # 2
        or      a0, a0, t1              # 2
        addi    a0, a0, 5               # 7
        j       finish
wrong:
        li      a0, 1
finish:
        li      a7, 93                  # exit
        ecall
        .size   _start, . - _start

# Writes the a2 bytes at a1 to standard output; a call may take fewer than asked for.
        .type   write_message, @function
write_message:
        li      a0, 1
        li      a7, 64                  # write
        ecall
        blez    a0, wrong
        add     a1, a1, a0
        sub     a2, a2, a0
        bgtz    a2, write_message
        ret
        .size   write_message, . - write_message

        .bss
        .balign 4
message:
        .space  4
