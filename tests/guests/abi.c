/*
 * abi [ARGS…]: checks what Linux promises a static program, and copies standard input to standard output.
 *
 * Prints each argument on a line, then a line "ok: …" for each promise kept (exit code 1 and "FAILED: …" at
 * the first that is not), then all of standard input, moved by reads and writes of many lengths and alignments.
 */
#include <stdbool.h>

#include "sys.h"

enum { ENOSYS = 38, RISCV_HWPROBE = 258, AT_NULL = 0, AT_PAGESZ = 6, PAGE = 4096 };

/* In memory: one word that the file fills, one that it does not, and a constant. */
static volatile uint32_t initialised = 0x01020304;
static volatile uint32_t zeroed[3];
static const char letters[] = "abcdefghijklmnopqrstuvwxyz\n";

static void check(bool kept, const char *promise)
{
    put_str(STDOUT, kept ? "ok: " : "FAILED: ");
    put_str(STDOUT, promise);
    put_str(STDOUT, "\n");
    if (!kept)
        exit(1);
}

static void check_start(int argc, char **argv)
{
    /* argv[-1] is argc itself: the initial stack pointer. */
    check(((uintptr_t)(argv - 1) & 15) == 0, "sp is a multiple of 16");
    check(argv[argc] == NULL, "argv ends with a null pointer");

    char **environment = argv + argc + 1;
    while (*environment != NULL)
        environment++;
    uint32_t page_size = PAGE; /* an auxiliary vector need not name it */
    for (uint32_t *aux = (uint32_t *)(environment + 1); aux[0] != AT_NULL; aux += 2)
        if (aux[0] == AT_PAGESZ)
            page_size = aux[1];
    check(page_size == PAGE, "envp and auxv end, and the page size is 4096");

    check(initialised == 0x01020304, ".data is loaded");
    check((zeroed[0] | zeroed[1] | zeroed[2]) == 0, ".bss is zero");
}

static void check_brk(void)
{
    extern char end[];
    uintptr_t start = (uintptr_t)sys_call(SYS_BRK, 0, 0, 0);
    check(start >= (uintptr_t)end, "the heap starts at or after `end`");

    uintptr_t wanted = start + 3 * PAGE + 5;
    check((uintptr_t)sys_call(SYS_BRK, (long)wanted, 0, 0) == wanted, "brk returns the new break");
    check((uintptr_t)sys_call(SYS_BRK, 0, 0, 0) == wanted, "brk(0) returns the break in force");

    uint8_t any = 0;
    for (uint8_t *p = (uint8_t *)start; p < (uint8_t *)wanted; p++)
        any |= *p;
    check(any == 0, "new heap memory is zero");
    *(uint8_t *)(wanted - 1) = 42;
    check(*(uint8_t *)(wanted - 1) == 42, "the heap can be written to its end");
}

static void check_calls(void)
{
    check(sys_call(RISCV_HWPROBE, 1, 2, 3) == -ENOSYS, "a system call that is not there is answered with -ENOSYS");
    check(write(STDOUT, letters, 0) == 0, "a write of no bytes returns 0");
    check(read(STDIN, (void *)letters, 0) == 0, "a read of no bytes returns 0");

    /* Any start, any length: "a\nab\nabc\n…" would hide a wrong start, so each line starts one letter later. */
    for (size_t from = 0; from < 8; from++)
        write_all(STDOUT, letters + from, sizeof letters - 1 - from);
}

/* Lengths and alignments cycle with different periods, so that all pairs occur. */
static void copy_input(void)
{
    static char buffer[64] __attribute__((aligned(4)));
    size_t offset = 0, length = 1;
    for (;;) {
        int got = read(STDIN, buffer + offset, length);
        if (got <= 0)
            break;
        write_all(STDOUT, buffer + offset, (size_t)got);
        offset = (offset + 1) & 3;
        length = length == 13 ? 1 : length + 1;
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        put_str(STDOUT, argv[i]);
        put_str(STDOUT, "\n");
    }
    check_start(argc, argv);
    check_brk();
    check_calls();
    copy_input();
    sys_call(SYS_EXIT_GROUP, 0, 0, 0);
    return 1;
}
