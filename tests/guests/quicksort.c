/*
 * quicksort [N]: sorts N pseudo-random 32-bit numbers (default 2000) and prints, e.g.,
 *
 *     sorted 2000 numbers, checksum 0x0123abcd
 *
 * The numbers are Marsaglia's xorshift32 (13, 17, 5) from seed 2463534242; the checksum is
 * h = 31 h + a[i] mod 2^32 over the sorted array, from h = 0. Exits with code 1 if the array is not sorted.
 *
 * Uses picolibc: malloc (over sbrk, over brk) and printf (over write).
 */
#include <stdio.h>
#include <stdlib.h>

#include "sys.h"

static uint32_t next_random(void)
{
    static uint32_t x = 2463534242u;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

/* Hoare's partition, with the middle element as pivot: [low..=j] ≤ pivot ≤ [j+1..=high]. Returns j. */
static uint32_t *partition(uint32_t *low, uint32_t *high)
{
    uint32_t pivot = low[(high - low) / 2];
    for (;;) {
        while (*low < pivot)
            low++;
        while (*high > pivot)
            high--;
        if (low >= high)
            return high;
        uint32_t swapped = *low;
        *low++ = *high;
        *high-- = swapped;
    }
}

/* Recurses into the smaller part and loops over the larger, so that the stack stays below log2(N) frames. */
static void quicksort(uint32_t *low, uint32_t *high)
{
    while (low < high) {
        uint32_t *split = partition(low, high);
        if (split - low < high - split) {
            quicksort(low, split);
            low = split + 1;
        } else {
            quicksort(split + 1, high);
            high = split;
        }
    }
}

int main(int argc, char **argv)
{
    uint32_t n = arg_u32(argc, argv, 1, 2000, 10000000);
    uint32_t *a = malloc((n + 1) * sizeof *a);
    if (a == NULL) {
        printf("out of memory\n");
        return 1;
    }
    for (uint32_t i = 0; i < n; i++)
        a[i] = next_random();

    if (n > 1)
        quicksort(a, a + n - 1);

    uint32_t checksum = 0;
    int sorted = 1;
    for (uint32_t i = 0; i < n; i++) {
        checksum = (checksum << 5) - checksum + a[i];
        if (i > 0 && a[i - 1] > a[i])
            sorted = 0;
    }
    printf("%s %lu numbers, checksum 0x%08lx\n", sorted ? "sorted" : "FAILED to sort",
           (unsigned long)n, (unsigned long)checksum);
    free(a);
    return sorted ? 0 : 1;
}
