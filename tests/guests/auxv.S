# Walks the auxiliary vector, of which the System V ABI's RISC-V supplement and Linux's auxvec.h say what is in it. Exits
# with a bit for each entry that is there and right:
#
#   1 AT_PHDR    2 AT_PHENT    4 AT_PHNUM    8 AT_PAGESZ    16 AT_ENTRY    32 AT_RANDOM    64 AT_EXECFN
#
# It is linked by the linker's own script, so that a segment loads the file's header and the program headers.

        .option norelax
        .text
        .globl  _start
        .type   _start, @function
_start:
        li      a0, 0
        addi    t0, sp, 4
0:      lw      t1, 0(t0)               # argv
        addi    t0, t0, 4
        bnez    t1, 0b
0:      lw      t1, 0(t0)               # the environment
        addi    t0, t0, 4
        bnez    t1, 0b
        la      a1, __executable_start  # the file's header

entry:  lw      t1, 0(t0)               # the key
        lw      t2, 4(t0)               # the value
        addi    t0, t0, 8
        beqz    t1, exit
        li      t3, 3
        beq     t1, t3, phdr
        li      t3, 4
        beq     t1, t3, phent
        li      t3, 5
        beq     t1, t3, phnum
        li      t3, 6
        beq     t1, t3, pagesz
        li      t3, 9
        beq     t1, t3, start
        li      t3, 25
        beq     t1, t3, random
        li      t3, 31
        beq     t1, t3, execfn
        j       entry

phdr:   lw      t4, 28(a1)              # e_phoff
        add     t4, t4, a1
        li      t5, 1
        j       same
phent:  lhu     t4, 42(a1)              # e_phentsize
        li      t5, 2
        j       same
phnum:  lhu     t4, 44(a1)              # e_phnum
        li      t5, 4
        j       same
pagesz: li      t4, 4096
        li      t5, 8
        j       same
start:  la      t4, _start
        li      t5, 16
        j       same
random: lbu     t4, 15(t2)              # it can be read
        li      t4, 32
        or      a0, a0, t4
        j       entry
execfn: lw      t4, 4(sp)               # argv[0] is the same string here
0:      lbu     t5, 0(t2)
        lbu     t6, 0(t4)
        bne     t5, t6, entry
        addi    t2, t2, 1
        addi    t4, t4, 1
        bnez    t5, 0b
        li      t5, 64
        or      a0, a0, t5
        j       entry
same:   bne     t2, t4, entry
        or      a0, a0, t5
        j       entry

exit:   li      a7, 93
        ecall
        .size   _start, . - _start
