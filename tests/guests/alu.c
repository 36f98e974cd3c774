/*
 * alu [N]: N rounds (default 1000000) of a loop of eleven instructions that stays in registers; prints the final
 * state as eight hexadecimal digits. For benchmarks: no memory, no calls, about 11 N cycles.
 *
 * A round is a step of Marsaglia's xorshift32 (13, 17, 5), and y = (y + x) ^ (x < y), from x = 2463534242, y = 0.
 */
#include "sys.h"

int main(int argc, char **argv)
{
    uint32_t rounds = arg_u32(argc, argv, 1, 1000000, UINT32_MAX);
    uint32_t x = 2463534242u;
    uint32_t y = 0;

    for (; rounds != 0; rounds--) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        y = (y + x) ^ (x < y);
    }
    put_hex32(STDOUT, y);
    put_str(STDOUT, "\n");
    return 0;
}
