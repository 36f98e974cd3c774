/*
 * atomic [N]: N rounds (default 1000) of every atomic operation that C has on a word, each on the state and on what the
 * one before it found; prints the final state as eight hexadecimal digits. Built for rv32ima by gcc (atomic.elf) and by
 * zig cc (atomic_zig.elf), so that compare_exchange is lr.w and sc.w, and the others are AMOs.
 *
 * A round is a step of Marsaglia's xorshift32 (13, 17, 5) of x, from x = 2463534242, and then, for each operation in the
 * order below on a word that begins as 1, y = (y * 31) ^ what the operation found, and likewise what it left; from y = 0.
 */
#include "sys.h"

#define FETCH(operation)                                             \
    do {                                                             \
        y = (y * 31) ^ operation(&word, x ^ y, __ATOMIC_SEQ_CST);    \
        y = (y * 31) ^ __atomic_load_n(&word, __ATOMIC_ACQUIRE);     \
    } while (0)

int main(int argc, char **argv)
{
    static uint32_t word = 1;
    uint32_t rounds = arg_u32(argc, argv, 1, 1000, UINT32_MAX);
    uint32_t x = 2463534242u;
    uint32_t y = 0;

    for (; rounds != 0; rounds--) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        FETCH(__atomic_fetch_add);
        FETCH(__atomic_fetch_sub);
        FETCH(__atomic_fetch_and);
        FETCH(__atomic_fetch_or);
        FETCH(__atomic_fetch_xor);
        FETCH(__atomic_exchange_n);

        /* The word is what is expected in the first, and is not in the second. */
        uint32_t expected = __atomic_load_n(&word, __ATOMIC_RELAXED);
        _Bool first = __atomic_compare_exchange_n(&word, &expected, y, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
        expected = ~y;
        _Bool second = __atomic_compare_exchange_n(&word, &expected, x, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        y = (y * 31) ^ expected ^ (uint32_t)first ^ (uint32_t)second << 1;
    }
    put_hex32(STDOUT, y);
    put_str(STDOUT, "\n");
    return 0;
}
