# calls: every way to call and to come back, with so few instructions that they can be counted by hand. It prints nothing.
#
# The number behind an instruction says how often it is executed; a function's comment, how many cycles it takes in all. They
# add up to 116.

        .macro  function name
        .type   \name, @function
\name:
        .endm
        .macro  end name
        .size   \name, . - \name
        .endm

        .option norelax
        .text
        .globl  _start
        function _start                 # 18, called by none
        addi    s0, zero, 3             # 1
loop:                                   # a label within a function
        jal     ra, twice               # 3
        addi    s0, s0, -1              # 3
        bne     s0, zero, loop          # 3
        addi    a0, zero, 5             # 1
        jal     ra, recurse             # 1
        jal     ra, tail                # 1
        jal     ra, jumper              # 1
        jal     ra, millicode           # 1
        addi    a0, zero, 0             # 1
        addi    a7, zero, 93            # 1, exit
        ecall                           # 1
        end     _start

        function twice                  # 18, called 3 times
        addi    t1, zero, 2             # 3
1:      addi    t1, t1, -1              # 6
        bne     t1, zero, 1b            # 6
        jalr    zero, 0(ra)             # 3
        end     twice

        function recurse                # 42, called 6 times
        beq     a0, zero, 1f            # 6
        addi    sp, sp, -16             # 5
        sw      ra, 12(sp)              # 5
        addi    a0, a0, -1              # 5
        jal     ra, recurse             # 5
        lw      ra, 12(sp)              # 5
        addi    sp, sp, 16              # 5
1:      jalr    zero, 0(ra)             # 6
        end     recurse

        function tail                   # 2, called once
        addi    t1, zero, 7             # 1
        jal     zero, tailed            # 1
        end     tail

        function tailed                 # 2, jumped to: called by none, within what called tail
        addi    t1, t1, 1               # 1
        jalr    zero, 0(ra)             # 1
        end     tailed

        function jumper                 # 10, called once
        addi    sp, sp, -16             # 1
        sw      ra, 12(sp)              # 1
        jal     ra, set                 # 1, and it returns twice
        bne     a0, zero, 2f            # 2
        jal     ra, deep                # 1, and it never returns
2:      jal     ra, leaf                # 1
        lw      ra, 12(sp)              # 1
        addi    sp, sp, 16              # 1
        jalr    zero, 0(ra)             # 1
        end     jumper

        function set                    # 4, called once: setjmp, into registers
        addi    s2, ra, 0               # 1
        addi    s3, sp, 0               # 1
        addi    a0, zero, 0             # 1
        jalr    zero, 0(ra)             # 1
        end     set

        function deep                   # 3, called once
        addi    sp, sp, -32             # 1
        sw      ra, 28(sp)              # 1
        jal     ra, deeper              # 1
        end     deep

        function deeper                 # 3, called once
        addi    sp, sp, -16             # 1
        lui     t1, %hi(jump)           # 1
        jalr    ra, %lo(jump)(t1)       # 1, a call by a register
        end     deeper

        function jump                   # 4, called once: longjmp
        addi    ra, s2, 0               # 1
        addi    sp, s3, 0               # 1
        addi    a0, zero, 1             # 1
        jalr    zero, 0(ra)             # 1
        end     jump

        function leaf                   # 1, called once
        jalr    zero, 0(ra)             # 1
        end     leaf

        function millicode              # 3, called once
        jal     t0, save                # 1, by the second link register
        addi    t1, zero, 1             # 1
        jal     zero, restore           # 1
        end     millicode

        function save                   # 3, called once
        addi    sp, sp, -16             # 1
        sw      ra, 12(sp)              # 1
        jalr    zero, 0(t0)             # 1
        end     save

        function restore                # 3, jumped to
        lw      ra, 12(sp)              # 1
        addi    sp, sp, 16              # 1
        jalr    zero, 0(ra)             # 1
        end     restore
