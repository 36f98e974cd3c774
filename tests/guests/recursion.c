/*
 * Recursion through three functions with frames of different sizes, of which one is larger than a page.
 *
 *   recursion N    goes N calls deep and exits with N modulo 251
 *   recursion      never comes back
 */
#include "sys.h"

static unsigned twice(unsigned depth, unsigned limit);
static unsigned thrice(unsigned depth, unsigned limit);

__attribute__((noinline)) static unsigned once(unsigned depth, unsigned limit)
{
    volatile unsigned char frame[24];
    frame[depth % sizeof frame] = 1;
    return depth == limit ? 0 : twice(depth + 1, limit) + frame[depth % sizeof frame];
}

__attribute__((noinline)) static unsigned twice(unsigned depth, unsigned limit)
{
    volatile unsigned char frame[9000];
    frame[depth % sizeof frame] = 1;
    return depth == limit ? 0 : thrice(depth + 1, limit) + frame[depth % sizeof frame];
}

__attribute__((noinline)) static unsigned thrice(unsigned depth, unsigned limit)
{
    volatile unsigned char frame[700];
    frame[depth % sizeof frame] = 1;
    return depth == limit ? 0 : once(depth + 1, limit) + frame[depth % sizeof frame];
}

int main(int argc, char **argv)
{
    unsigned limit = ~0u;
    if (argc > 1) {
        limit = 0;
        for (const char *digit = argv[1]; *digit != 0; digit++)
            limit = limit * 10 + (unsigned)(*digit - '0');
    }
    return (int)(once(0, limit) % 251);
}
