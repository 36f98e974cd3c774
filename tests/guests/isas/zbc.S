# zbc: its attributes name the extension Zbc, whose `clmul` it executes. Exits with 102.

        .attribute arch, "rv32i2p1_m2p0_zbc1p0"
        .text
        .globl  _start
        .type   _start, @function
_start:
        li      a0, 34
        li      a1, 3
        clmul   a0, a0, a1
        li      a7, 93
        ecall
