/*
 * streams: a checksum of the input and the private input, taken in turn.
 *
 * Reads up to seven bytes of the input and up to three of the private one (descriptor 3), until both have ended. Prints
 * the FNV-1a hash of all of them in this order.
 */
#include "sys.h"

enum { PRIVATE = 3 };

static uint32_t fnv1a(uint32_t hash, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash;
}

int main(void)
{
    unsigned char piece[7];
    uint32_t hash = 2166136261u;
    for (;;) {
        size_t given = read_all(STDIN, piece, 7);
        hash = fnv1a(hash, piece, given);
        size_t secret = read_all(PRIVATE, piece + 1, 3);
        hash = fnv1a(hash, piece + 1, secret);
        if (given + secret == 0)
            break;
    }
    put_hex32(STDOUT, hash);
    put_str(STDOUT, "\n");
    return 0;
}
