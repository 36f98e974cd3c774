/*
 * stdio.c: what picolibc's stdio asks of the program: `stdin`, `stdout` and `stderr` over our `read` and `write`;
 * `stdout` is flushed at exit.
 * Linked into the guests that use printf.
 */
#include <stdio.h>
#include <stdio-bufio.h>

#include "sys.h"

/* Word-aligned, so that the VM's `read` and `write` take a whole word at each call. */
static char in_buffer[64] __attribute__((aligned(4)));
static char out_buffer[256] __attribute__((aligned(4)));

/*
 * A `write` that loops. picolibc's flush loops too, but before its pull request 911 (2025; 1.8 is affected) it
 * writes the start of the buffer again after each short count.
 */
static int write_whole(int fd, const void *buffer, size_t count)
{
    write_all(fd, buffer, count);
    return (int)count;
}

static struct __file_bufio in =
    FDEV_SETUP_BUFIO(STDIN, in_buffer, sizeof in_buffer, read, write_whole, NULL, NULL, __SRD, 0);
static struct __file_bufio out =
    FDEV_SETUP_BUFIO(STDOUT, out_buffer, sizeof out_buffer, read, write_whole, NULL, NULL, __SWR, 0);

/* Unbuffered, so that what it takes is out even if the guest faults next. */
static int put_error(char byte, FILE *file)
{
    (void)file;
    write_all(STDERR, &byte, 1);
    return (unsigned char)byte;
}

static FILE error = FDEV_SETUP_STREAM(put_error, NULL, NULL, __SWR);

FILE *const stdin = (FILE *)&in;
FILE *const stdout = (FILE *)&out;
FILE *const stderr = &error;

#ifdef CONSTRUCTORS

static void flush(void)
{
    fflush(stdout);
}

/* Destructors run from the last of the table to the first, which by its number is this one. */
__attribute__((used, section(".fini_array.00000"))) static void (*const last_destructor)(void) = flush;

#else

_Noreturn void exit(int code)
{
    fflush(stdout);
    _exit(code);
}

#endif
