# Nothing sets gp here, and the linker relaxes addresses to offsets from it: below it, above it, and the address itself
# before an access. By the first letter of its argument it loads or stores there; without one it loads below.
#
#   below   above   address   store

        .section .text._start, "ax", @progbits
        .globl  _start
        .type   _start, @function
_start:
        lw      t0, 0(sp)               # argc
        li      t1, 2
        blt     t0, t1, below
        lw      t0, 8(sp)
        lbu     t0, 0(t0)
        li      t1, 's'
        beq     t0, t1, store
        li      t1, 'a'
        bne     t0, t1, below
        lw      t0, 8(sp)
        lbu     t0, 1(t0)
        li      t1, 'd'
        beq     t0, t1, address
above:  lw      a0, last
        j       exit
address:
        la      a0, first
        addi    a1, a0, 4
        lw      a0, 0(a1)
        j       exit
store:  sw      a0, last, t0
        j       exit
below:  lw      a0, first
exit:   li      a7, 93
        ecall
        .size   _start, . - _start

        .data
        .space  256
first:  .word   42, 42
        .space  2800
last:   .word   42
