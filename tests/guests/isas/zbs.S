# zbs: its attributes name the extension Zbs, whose `bset` it executes. Exits with 42.

        .attribute arch, "rv32i2p1_m2p0_zbs1p0"
        .text
        .globl  _start
        .type   _start, @function
_start:
        li      a0, 34
        li      a1, 3
        bset    a0, a0, a1
        li      a7, 93
        ecall
