// What an architecture test (riscv-arch-test, by hand or through RISCOF) is compiled with to run in retrace: the macros
// that its framework asks a target for. The test loops on the store, behind which retrace executes nothing.
#ifndef RETRACE_MODEL_TEST_H
#define RETRACE_MODEL_TEST_H

#define RVMODEL_BOOT

#define RVMODEL_HALT                                                                                                   \
        li x1, 1;                                                                                                      \
write_tohost:                                                                                                          \
        sw x1, tohost, t5;                                                                                             \
        j write_tohost;

#define RVMODEL_DATA_BEGIN                                                                                             \
        .pushsection .tohost, "aw", @progbits;                                                                         \
        .balign 64;                                                                                                    \
        .globl tohost;                                                                                                 \
tohost: .dword 0;                                                                                                      \
        .popsection;                                                                                                   \
        .balign 16;                                                                                                    \
        .globl begin_signature;                                                                                        \
begin_signature:

#define RVMODEL_DATA_END                                                                                               \
        .balign 16;                                                                                                    \
        .globl end_signature;                                                                                          \
end_signature:

// There is no console, and there are no interrupts.
#define RVMODEL_IO_INIT
#define RVMODEL_IO_WRITE_STR(_SP, _STR)
#define RVMODEL_IO_CHECK()
#define RVMODEL_IO_ASSERT_GPR_EQ(_SP, _R, _I)
#define RVMODEL_IO_ASSERT_SFPR_EQ(_F, _R, _I)
#define RVMODEL_IO_ASSERT_DFPR_EQ(_D, _R, _I)
#define RVMODEL_SET_MSW_INT
#define RVMODEL_CLEAR_MSW_INT
#define RVMODEL_CLEAR_MTIMER_INT
#define RVMODEL_CLEAR_MEXT_INT

#endif
