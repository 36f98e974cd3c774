/*
 * region.h: marks regions for `retrace profile`.
 *
 * A marker is a nop, so one cycle, and an ELF note in a section that is not loaded. It does nothing anywhere else.
 */
#ifndef RETRACE_REGION_H
#define RETRACE_REGION_H

#define RETRACE_REGION_BEGIN(name) RETRACE_REGION_MARKER("1", name)
#define RETRACE_REGION_END(name)   RETRACE_REGION_MARKER("2", name)

#define RETRACE_REGION_MARKER(type, name)                             \
    __asm__ volatile("9471: nop\n"                                    \
                     ".pushsection .retrace.regions, \"?\", @note\n"  \
                     ".balign 4\n"                                    \
                     ".4byte 8, 9473f - 9472f, " type "\n"            \
                     ".asciz \"retrace\"\n"                           \
                     "9472: .4byte 9471b\n"                           \
                     ".asciz \"" name "\"\n"                          \
                     "9473: .balign 4\n"                              \
                     ".popsection" ::: "memory")

#endif
