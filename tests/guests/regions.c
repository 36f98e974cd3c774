/*
 * regions: marked regions, and debug information with functions that are inlined. It prints nothing, and exits with 0.
 *
 * Usage: regions [anything]. With an argument its markers are not balanced.
 */
#include "region.h"

static unsigned memory[64];

static inline __attribute__((always_inline)) unsigned square(unsigned x)
{
    return (x << 3) ^ (x << 5);
}

static __attribute__((noinline)) void fill(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        memory[i] = square(i);
}

static __attribute__((noinline)) unsigned sum(unsigned n)
{
    unsigned all = 0;
    RETRACE_REGION_BEGIN("sum");
    for (unsigned i = 0; i < n; i++)
        all += memory[i];
    RETRACE_REGION_END("sum");
    return all;
}

static __attribute__((noinline)) unsigned work(void)
{
    unsigned all = 0;
    RETRACE_REGION_BEGIN("work");
    for (unsigned i = 0; i < 10; i++) {
        fill(64);
        all += sum(64);
    }
    RETRACE_REGION_END("work");
    return all;
}

static _Noreturn void finish(unsigned code)
{
    register unsigned a0 __asm__("a0") = code;
    register unsigned a7 __asm__("a7") = 93;
    __asm__ volatile("ecall" : : "r"(a0), "r"(a7));
    __builtin_unreachable();
}

void _start(void) __attribute__((naked));
void _start(void)
{
    __asm__("lw a0, 0(sp)\n call start");
}

__attribute__((used)) static void start(int argc)
{
    if (argc > 1)
        RETRACE_REGION_END("sum");
    unsigned all = work();
    if (argc > 1)
        RETRACE_REGION_BEGIN("never ends");
    finish(all == 0);
}
