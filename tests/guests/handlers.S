# handlers: a bytecode interpreter with 2048 handlers of three instructions each, which a program of 65,536 words calls at
# random, 200 times. The compiler of native code takes a part of the handlers at once, so that its code is left after a
# few cycles. The exit code is the low byte of what the handlers computed.

        .equ    HANDLERS, 2048
        .equ    LENGTH, 1 << 16
        .equ    ROUNDS, 200

        .text
        .globl  _start
        .type   _start, @function
_start:
        la      s2, program             # write the program: an address of a handler a word
        la      s3, program_end
        la      s4, handlers
        li      s5, HANDLERS - 1
        li      s1, 0x2545f491
write:
        slli    t0, s1, 13              # xorshift
        xor     s1, s1, t0
        srli    t0, s1, 17
        xor     s1, s1, t0
        slli    t0, s1, 5
        xor     s1, s1, t0
        srli    t0, s1, 8
        and     t0, t0, s5
        slli    t1, t0, 3               # 12 bytes each
        slli    t0, t0, 2
        add     t0, t0, t1
        add     t0, t0, s4
        sw      t0, 0(s2)
        addi    s2, s2, 4
        bne     s2, s3, write

        la      t0, restart             # which is its last instruction
        sw      t0, 0(s2)
        li      s6, ROUNDS
        li      a0, 0
restart:
        la      s2, program
        addi    s6, s6, -1
        bltz    s6, finish
next:
        lw      t0, 0(s2)
        addi    s2, s2, 4
        jr      t0

handlers:
        .rept   HANDLERS / 4
        addi    a0, a0, 1
        xori    a0, a0, 0x55
        j       next
        slli    t1, a0, 1
        sub     a0, t1, a0
        j       next
        add     a0, a0, t0
        addi    a0, a0, 7
        j       next
        srli    t1, a0, 3
        xor     a0, a0, t1
        j       next
        .endr

finish:
        andi    a0, a0, 0xff
        li      a7, 93                  # exit
        ecall
        .size   _start, . - _start

        .bss
        .balign 4
program:
        .skip   4 * LENGTH
program_end:
        .skip   4
