# opt: its attributes say rv32i, and it has a `mul`, which `.option` allows without a word in the attributes. Exits with 42.

        .text
        .globl  _start
_start:
        li      a0, 6
        li      a1, 7
        .option push
        .option arch, +m
        mul     a0, a0, a1
        .option pop
        li      a7, 93
        ecall
