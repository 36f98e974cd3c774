/*
 * bits [N]: N rounds (default 1000) of every instruction of Zbb, each on the state and on what the one before it gave;
 * prints the final state as eight hexadecimal digits. Built for rv32im_zbb, and says so in its attributes.
 *
 * A round is a step of Marsaglia's xorshift32 (13, 17, 5) of x, from x = 2463534242, and then, for each operation in the
 * order below, y = (y * 31) ^ op(y, x), from y = 0. An operation on one operand takes y ^ x.
 */
#include "sys.h"

/* The state after an instruction on two registers, on one, and on a register and an amount. */
#define TWO(op)       NEXT(op " %0, %1, %2", y)
#define ONE(op)       NEXT(op " %0, %1", y ^ x)
#define AMOUNT(op, n) NEXT(op " %0, %1, " #n, y)
#define NEXT(text, operand) \
    do { \
        __asm__(text : "=r"(z) : "r"(operand), "r"(x)); \
        y = (y * 31) ^ z; \
    } while (0)

int main(int argc, char **argv)
{
    uint32_t rounds = arg_u32(argc, argv, 1, 1000, UINT32_MAX);
    uint32_t x = 2463534242u;
    uint32_t y = 0;
    uint32_t z;

    for (; rounds != 0; rounds--) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        TWO("andn");
        TWO("orn");
        TWO("xnor");
        ONE("clz");
        ONE("ctz");
        ONE("cpop");
        TWO("max");
        TWO("maxu");
        TWO("min");
        TWO("minu");
        ONE("sext.b");
        ONE("sext.h");
        ONE("zext.h");
        TWO("rol");
        TWO("ror");
        AMOUNT("rori", 13);
        ONE("orc.b");
        ONE("rev8");
    }
    put_hex32(STDOUT, y);
    put_str(STDOUT, "\n");
    return 0;
}
