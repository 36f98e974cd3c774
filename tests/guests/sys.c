/* sys.c: see sys.h. */
#include "sys.h"

int read(int fd, void *buffer, size_t count)
{
    long result = sys_call(SYS_READ, fd, (long)buffer, (long)count);
    return result < 0 ? -1 : (int)result;
}

int write(int fd, const void *buffer, size_t count)
{
    long result = sys_call(SYS_WRITE, fd, (long)buffer, (long)count);
    return result < 0 ? -1 : (int)result;
}

/* Linux's brk returns the break that is now in force: the new one, or on failure the old one. */
void *sbrk(ptrdiff_t increment)
{
    static uintptr_t current;
    if (current == 0)
        current = (uintptr_t)sys_call(SYS_BRK, 0, 0, 0);

    uintptr_t previous = current;
    uintptr_t wanted = current + (uintptr_t)increment;
    if (increment != 0) {
        if ((uintptr_t)sys_call(SYS_BRK, (long)wanted, 0, 0) != wanted)
            return (void *)-1;
        current = wanted;
    }
    return (void *)previous;
}

_Noreturn void _exit(int code)
{
    for (;;)
        sys_call(SYS_EXIT, code, 0, 0);
}

/* By `ebreak`, a fault whose report has the calls that led here. picolibc's would ask for signals. */
_Noreturn void abort(void)
{
    for (;;)
        __asm__ volatile("ebreak");
}

#ifdef CONSTRUCTORS

typedef void function(void);
extern function *const __preinit_array_start[], *const __preinit_array_end[];
extern function *const __init_array_start[], *const __init_array_end[];
extern function *const __fini_array_start[], *const __fini_array_end[];

void run_constructors(void)
{
    for (function *const *each = __preinit_array_start; each < __preinit_array_end; each++)
        (*each)();
    for (function *const *each = __init_array_start; each < __init_array_end; each++)
        (*each)();
}

/* What runs at exit, the last first. */
static struct {
    void (*destroy)(void *);
    void *object;
} registered[128];
static unsigned registered_count;

/* Compilers call it once a static object with a destructor is made. A guest is one file, so that `dso` says nothing. */
int __cxa_atexit(void (*destroy)(void *), void *object, void *dso)
{
    (void)dso;
    if (registered_count == sizeof registered / sizeof *registered) {
        put_str(STDERR, "sys.c: more than 128 destructors and functions for atexit\n");
        _exit(1);
    }
    registered[registered_count].destroy = destroy;
    registered[registered_count++].object = object;
    return 0;
}
void *__dso_handle;

int atexit(function *destroy)
{
    return __cxa_atexit((void (*)(void *))destroy, NULL, NULL); /* It ignores its argument. */
}

void run_destructors(void)
{
    while (registered_count > 0) {
        registered_count--;
        registered[registered_count].destroy(registered[registered_count].object);
    }
    for (function *const *each = __fini_array_end; each > __fini_array_start;)
        (*--each)();
}

/* Called in the place of a virtual function that no class has defined. */
_Noreturn void __cxa_pure_virtual(void)
{
    put_str(STDERR, "a pure virtual function was called\n");
    _exit(1);
}

/* stdio.c flushes by a destructor. */
_Noreturn void exit(int code)
{
    run_destructors();
    _exit(code);
}

#else

/* Weak: stdio.c has one that flushes first. */
__attribute__((weak)) _Noreturn void exit(int code)
{
    _exit(code);
}

#endif

size_t read_all(int fd, void *buffer, size_t count)
{
    char *to = buffer;
    size_t done = 0;
    while (done < count) {
        int moved = read(fd, to + done, count - done);
        if (moved <= 0)
            break;
        done += (size_t)moved;
    }
    return done;
}

void write_all(int fd, const void *buffer, size_t count)
{
    const char *from = buffer;
    while (count > 0) {
        int moved = write(fd, from, count);
        if (moved <= 0)
            _exit(1);
        from += moved;
        count -= (size_t)moved;
    }
}

void put_str(int fd, const char *text)
{
    size_t length = 0;
    while (text[length] != '\0')
        length++;
    write_all(fd, text, length);
}

void put_u32(int fd, uint32_t value)
{
    char digits[10];
    char *first = digits + sizeof digits;
    do {
        *--first = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    write_all(fd, first, (size_t)(digits + sizeof digits - first));
}

void put_hex32(int fd, uint32_t value)
{
    char digits[8] __attribute__((aligned(4)));
    for (int i = 0; i < 8; i++, value <<= 4)
        digits[i] = "0123456789abcdef"[value >> 28];
    write_all(fd, digits, sizeof digits);
}

uint32_t arg_u32(int argc, char **argv, int index, uint32_t fallback, uint32_t max)
{
    if (index >= argc)
        return fallback;

    const char *digit = argv[index];
    uint32_t value = 0;
    do {
        uint32_t d = (uint32_t)*digit++ - '0';
        if (d > 9 || d > max || value > (max - d) / 10) {
            put_str(STDERR, "argument 1 must be a number from 0 to ");
            put_u32(STDERR, max);
            put_str(STDERR, "\n");
            exit(2);
        }
        value = value * 10 + d;
    } while (*digit != '\0');
    return value;
}
