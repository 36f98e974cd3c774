/*
 * interp [N]: a bytecode interpreter that looks for the longest Collatz sequence that starts below or at
 * N (default 150, at most 100000) and prints, e.g.,
 *
 *     collatz up to 150: 129 takes 121 steps
 *
 * The interpreter is a stack machine with 8 variables, dispatched by a `switch` that becomes a jump table:
 * a program of indirect jumps. Uses picolibc's printf.
 */
#include <stdio.h>

#include "sys.h"

enum op {
    PUSH,  /* push the operand */
    LOAD,  /* push variable [operand] */
    STORE, /* pop into variable [operand] */
    ADD,   /* pop b, a; push a + b */
    AND,   /* pop b, a; push a & b */
    HALVE, /* pop a; push a >> 1 */
    LESS,  /* pop b, a; push a < b */
    JUMP,  /* go to [operand] */
    JZERO, /* pop a; go to [operand] if a is 0 */
    HALT,
};

struct instruction {
    uint16_t op;
    uint16_t operand;
};

/* Variables of the program. */
enum { LIMIT, START, VALUE, STEPS, BEST_START, BEST_STEPS, VARIABLES = 8 };

/* Jump targets are indices into this table. */
static const struct instruction COLLATZ[] = {
    /*  0 */ {PUSH, 0}, {STORE, START},
    /*  2 next start */
    {LOAD, START}, {PUSH, 1}, {ADD, 0}, {STORE, START},
    {LOAD, LIMIT}, {LOAD, START}, {LESS, 0}, {JZERO, 11},
    {HALT, 0},
    /* 10 is the HALT; 11: value = start, steps = 0 */
    {LOAD, START}, {STORE, VALUE}, {PUSH, 0}, {STORE, STEPS},
    /* 15 next step: until value < 2 */
    {LOAD, VALUE}, {PUSH, 2}, {LESS, 0}, {JZERO, 28},
    /* 19 done: keep the best */
    {LOAD, BEST_STEPS}, {LOAD, STEPS}, {LESS, 0}, {JZERO, 2},
    {LOAD, STEPS}, {STORE, BEST_STEPS}, {LOAD, START}, {STORE, BEST_START}, {JUMP, 2},
    /* 28: steps = steps + 1; odd or even? */
    {LOAD, STEPS}, {PUSH, 1}, {ADD, 0}, {STORE, STEPS},
    {LOAD, VALUE}, {PUSH, 1}, {AND, 0}, {JZERO, 45},
    /* 36 odd: value = value + value + value + 1 */
    {LOAD, VALUE}, {LOAD, VALUE}, {ADD, 0}, {LOAD, VALUE}, {ADD, 0}, {PUSH, 1}, {ADD, 0}, {STORE, VALUE}, {JUMP, 15},
    /* 45 even: value = value / 2 */
    {LOAD, VALUE}, {HALVE, 0}, {STORE, VALUE}, {JUMP, 15},
};

/* Runs a program until its HALT. `noipa`, so that it stays one function under this name. */
__attribute__((noipa)) static void interpret(const struct instruction *program, uint32_t *variables)
{
    uint32_t stack[8];
    uint32_t *top = stack; /* the next free slot */

    for (const struct instruction *at = program;; at++) {
        switch ((enum op)at->op) {
        case PUSH:
            *top++ = at->operand;
            break;
        case LOAD:
            *top++ = variables[at->operand];
            break;
        case STORE:
            variables[at->operand] = *--top;
            break;
        case ADD:
            top--;
            top[-1] += top[0];
            break;
        case AND:
            top--;
            top[-1] &= top[0];
            break;
        case HALVE:
            top[-1] >>= 1;
            break;
        case LESS:
            top--;
            top[-1] = top[-1] < top[0];
            break;
        case JUMP:
            at = program + at->operand - 1;
            break;
        case JZERO:
            if (*--top == 0)
                at = program + at->operand - 1;
            break;
        case HALT:
            return;
        }
    }
}

int main(int argc, char **argv)
{
    uint32_t variables[VARIABLES] = {[LIMIT] = arg_u32(argc, argv, 1, 150, 100000)};

    interpret(COLLATZ, variables);
    printf("collatz up to %lu: %lu takes %lu steps\n", (unsigned long)variables[LIMIT],
           (unsigned long)variables[BEST_START], (unsigned long)variables[BEST_STEPS]);
    return 0;
}
