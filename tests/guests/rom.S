# A program for bare metal: rom.ld places .data in RAM and loads it behind the code, in ROM. The start-up code copies it
# from there, clears .bss, and sets the stack pointer, as picolibc's crt0 does. Exits with 42, the sum of three words of
# .data, two of .bss, and one that went through the stack.

        .option norelax
        .section .text._start, "ax", @progbits
        .globl  _start
        .type   _start, @function
_start:
        la      sp, _stack
        la      t0, _data_source
        la      t1, _data_start
        la      t2, _data_end
        j       1f
0:      lw      t3, 0(t0)
        sw      t3, 0(t1)
        addi    t0, t0, 4
        addi    t1, t1, 4
1:      bltu    t1, t2, 0b
        la      t1, _bss_start
        la      t2, _bss_end
        j       1f
0:      sw      zero, 0(t1)
        addi    t1, t1, 4
1:      bltu    t1, t2, 0b

        la      t0, first
        lw      a0, 0(t0)
        lw      t1, 4(t0)
        add     a0, a0, t1
        la      t0, last
        lw      t1, 0(t0)
        add     a0, a0, t1
        la      t0, zeros
        lw      t1, 0(t0)
        add     a0, a0, t1
        lw      t1, 0x7fc(t0)
        add     a0, a0, t1
        addi    sp, sp, -16
        sw      a0, 12(sp)
        lw      a0, 12(sp)
        li      a7, 93
        ecall
        .size   _start, . - _start

        .data
first:  .word   20, 15
        .space  2000
last:   .word   7

        .bss
zeros:  .space  0x800
