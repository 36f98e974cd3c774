/*
 * sieve [N]: prints how many primes there are up to N (default 4000000), e.g. "283146 primes up to 4000000".
 *
 * Eratosthenes, with a byte for each number from brk, so that N bytes of memory are in play; even numbers
 * are not looked at. A program of large memory and strided stores.
 */
#include "sys.h"

static uint32_t count_primes(uint8_t *composite, uint32_t n)
{
    if (n < 2)
        return 0;

    for (uint32_t p = 3, square = 9; square <= n; square += 4 * (p + 1), p += 2)
        if (!composite[p])
            for (uint32_t multiple = square; multiple <= n; multiple += 2 * p)
                composite[multiple] = 1;

    uint32_t count = 1; /* 2 */
    for (uint32_t i = 3; i <= n; i += 2)
        count += !composite[i];
    return count;
}

int main(int argc, char **argv)
{
    uint32_t n = arg_u32(argc, argv, 1, 4000000, 100000000);

    /* Fresh memory is zero. */
    uint8_t *composite = sbrk((ptrdiff_t)n + 1);
    if (composite == (void *)-1) {
        put_str(STDERR, "out of memory\n");
        return 1;
    }
    put_u32(STDOUT, count_primes(composite, n));
    put_str(STDOUT, " primes up to ");
    put_u32(STDOUT, n);
    put_str(STDOUT, "\n");
    return 0;
}
