# noattr: has M's instructions and, since the Makefile removes them, no attributes. Exits with 107.

        .text
        .globl  _start
_start:
        .option arch, +m
        li      t0, 1000003
        li      t1, 107
        mul     t2, t0, t1
        divu    a0, t2, t0
        li      a7, 93
        ecall
