# tohost [WHAT]: stores to `tohost`, the word by which a RISC-V architecture test tells that it has ended. WHAT is known by
# its first letter; without it the program passes.
#
#   -           1: pass
#   code        11: exit code 5
#   large       0x201: exit code 256, of which a shell sees 0
#   byte        first zero, and something to the words around; then the byte 3: exit code 1
#   input       a call reads four bytes of input to it
#   request     an even word, which is no exit
#   device      1, with a high word that is not zero, which is no exit either
#   forever     nothing: an endless loop
#   call        nothing: exits by a call, with code 3
#   null        nothing: stores to page 0
#
# The signature is 11111111, 22222222 and the case's letter. Whatever is executed after the store spoils it.

        .option norelax
        .text
        .globl  _start
        .type   _start, @function
_start:
        la      s0, tohost
        la      s1, begin_signature
        li      t0, 0x22222222
        sw      t0, 4(s1)
        li      a0, 1
        lw      t0, 0(sp)               # argc
        li      t1, 2
        blt     t0, t1, store
        lw      t0, 8(sp)               # argv[1]
        lbu     t0, 0(t0)
        sw      t0, 8(s1)
        li      a0, 11
        li      t1, 'c'
        beq     t0, t1, code_or_call
        li      a0, 0x201
        li      t1, 'l'
        beq     t0, t1, store
        li      t1, 'b'
        beq     t0, t1, byte
        li      t1, 'i'
        beq     t0, t1, input
        li      a0, 0x30
        li      t1, 'r'
        beq     t0, t1, store
        li      t1, 'd'
        beq     t0, t1, device
        li      t1, 'n'
        beq     t0, t1, null
forever:
        nop                             # a jump to itself alone would be told at once
        j       forever

code_or_call:
        lw      t0, 8(sp)
        lbu     t0, 1(t0)
        li      t1, 'o'
        beq     t0, t1, store
        li      a0, 3
        li      a7, 93                  # exit
        ecall

byte:
        sw      zero, 0(s0)
        sw      s0, -4(s0)
        sw      zero, 4(s0)
        sw      s0, 8(s0)
        li      a0, 3
        sb      a0, 0(s0)
        j       spoil

input:
        li      a0, 0
        mv      a1, s0
        li      a2, 4
        li      a7, 63                  # read
        ecall
        j       spoil

device:
        li      a0, 0x01010000
        sw      a0, 4(s0)
        li      a0, 1

store:
        sw      a0, 0(s0)
spoil:
        sw      zero, 0(s1)
        j       store
        .size   _start, . - _start

null:
        sw      zero, 16(zero)

        .data
        .balign 8
        .word   0, 0
        .globl  tohost
tohost: .word   0, 0
        .word   0, 0
        .globl  begin_signature
begin_signature:
        .word   0x11111111, 0, 0
        .globl  end_signature
end_signature:
