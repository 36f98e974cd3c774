# signature: a program as the RISC-V architecture tests are, with the macros and the linker script that these are given
# to run in retrace (../conformance/riscof). It stores results to its signature, then halts by storing to `tohost`.
#
# Every word of the signature is 0xdeadbeef before, as in these tests; the comments say what each becomes.

#include "model_test.h"

        .section .text.init
        .globl  rvtest_entry_point
rvtest_entry_point:
        RVMODEL_BOOT
        la      x2, begin_signature
        li      x10, 0x7fffffff
        li      x11, 1
        add     x12, x10, x11
        sw      x12, 4(x2)              # 80000000
        srai    x13, x12, 4
        sw      x13, 8(x2)              # f8000000
        srli    x13, x12, 4
        sw      x13, 12(x2)             # 08000000
        sltu    x13, x11, x12
        sw      x13, 16(x2)             # 00000001: 1 < 2^31
        slt     x13, x11, x12
        sw      x13, 20(x2)             # 00000000: but not 1 < -2^31
        li      x13, 0xfe
        sb      x13, 25(x2)             # deadfeef: the second byte from below
        lb      x13, 25(x2)
        sw      x13, 28(x2)             # fffffffe: sign-extended
        li      x13, 0x1234
        sh      x13, 34(x2)             # 1234beef: the upper half
        RVMODEL_HALT

        .data
RVMODEL_DATA_BEGIN
        .word   0x6f5ca309              # which these tests begin with
        .fill   11, 4, 0xdeadbeef
RVMODEL_DATA_END
