/*
 * sys.h: the Linux system calls a guest may use, and small helpers over them.
 *
 * exit, exit_group, read, write, fstat and brk exist; those that libcs live without are answered with -ENOSYS; any
 * other number is a fault.
 *
 * In the VM `read` and `write` move at most one aligned word a call, so that a call is one row of the trace.
 * A short count is legal under POSIX, and every caller must loop. Under an ordinary Linux kernel whole
 * buffers move at once; the same ELF runs under both.
 */
#ifndef SYS_H
#define SYS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define _Noreturn [[noreturn]]
extern "C" {
#endif

enum {
    SYS_READ = 63,
    SYS_WRITE = 64,
    SYS_FSTAT = 80,
    SYS_EXIT = 93,
    SYS_EXIT_GROUP = 94,
    SYS_BRK = 214,
};

enum { STDIN, STDOUT, STDERR };

/* A system call of up to three arguments. Returns the kernel's answer: a result, or minus an errno. */
static inline long sys_call(long number, long arg0, long arg1, long arg2)
{
    register long a0 __asm__("a0") = arg0;
    register long a1 __asm__("a1") = arg1;
    register long a2 __asm__("a2") = arg2;
    register long a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

/* POSIX names, so that a C library finds them. One system call each; counts may be short; -1 on failure. */
int read(int fd, void *buffer, size_t count);
int write(int fd, const void *buffer, size_t count);
void *sbrk(ptrdiff_t increment);
_Noreturn void _exit(int code);

/* Ends the guest; with stdio.c linked, flushes stdout first; with CONSTRUCTORS, runs destructors before that. */
_Noreturn void exit(int code);

/* Ends the guest by a fault. `assert` and others of a C library call it. */
_Noreturn void abort(void);

/* Compiled with CONSTRUCTORS: crt0.S runs the former before main, exit the latter. */
void run_constructors(void);
void run_destructors(void);

/* Reads until the buffer is full or the input ends. Returns the number of bytes read. */
size_t read_all(int fd, void *buffer, size_t count);

/* Writes all of the buffer, or exits with code 1. */
void write_all(int fd, const void *buffer, size_t count);

/* Output in pieces; each piece is written at once. */
void put_str(int fd, const char *text);
void put_u32(int fd, uint32_t value);
void put_hex32(int fd, uint32_t value); /* eight lower-case digits, no prefix */

/* argv[index] as a decimal number; `fallback` if it is absent. Exits with code 2 if it is no number or above `max`. */
uint32_t arg_u32(int argc, char **argv, int index, uint32_t fallback, uint32_t max);

#ifdef __cplusplus
}
#endif

#endif
