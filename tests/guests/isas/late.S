# late: its attributes say rv32i, and after 6,000,000 cycles it executes a `mul`, given as a number. Exits with 42.

        .attribute arch, "rv32i2p1"
        .text
        .globl  _start
_start:
        li      t0, 3000000
again:
        addi    t0, t0, -1
        bnez    t0, again
        li      a0, 6
        li      a1, 7
        .word   0x02b50533              # mul a0, a0, a1
        li      a7, 93
        ecall
