/*
 * jsonfmt [INDENT]: reads one JSON text (RFC 8259) from standard input and writes it to standard output:
 * minified, or with INDENT (0 to 16) pretty-printed with so many spaces a level. A newline ends the output.
 *
 * Malformed input: exit code 1 and on standard error, e.g., "jsonfmt: line 3, column 14: expected ',' or ']'".
 * The filter streams, so that by then it may have written a part of its output. Strings and numbers are
 * checked (escapes, UTF-8, digits) and passed on as they are spelled. At most 256 levels of nesting; the
 * space does not grow with the input.
 */
#include <stdbool.h>

#include "sys.h"

enum { MAX_DEPTH = 256, BUFFER = 1024, END = -1 };

/* Input: `current` is the byte at line:column, or END. */
static char input[BUFFER] __attribute__((aligned(4)));
static size_t input_at, input_end;
static int current;
static uint32_t line = 1, column = 0;

static char output[BUFFER] __attribute__((aligned(4)));
static size_t output_end;

/* The open containers, each as the bracket that will close it. */
static char closers[MAX_DEPTH];
static uint32_t depth;

static bool pretty;
static uint32_t indent;

static void flush(void)
{
    write_all(STDOUT, output, output_end);
    output_end = 0;
}

static void emit(int byte)
{
    output[output_end++] = (char)byte;
    if (output_end == BUFFER)
        flush();
}

/* In pretty output, starts a new line at the present depth. */
static void emit_break(void)
{
    if (!pretty)
        return;
    emit('\n');
    for (uint32_t level = 0; level < depth; level++)
        for (uint32_t space = 0; space < indent; space++)
            emit(' ');
}

static _Noreturn void fail(const char *message)
{
    flush();
    put_str(STDERR, "jsonfmt: line ");
    put_u32(STDERR, line);
    put_str(STDERR, ", column ");
    put_u32(STDERR, column);
    put_str(STDERR, ": ");
    put_str(STDERR, current == END ? "unexpected end of input" : message);
    put_str(STDERR, "\n");
    exit(1);
}

static void advance(void)
{
    if (current == '\n')
        line++, column = 0;
    column++;

    if (input_at == input_end) {
        int moved = read(STDIN, input, BUFFER);
        if (moved <= 0) {
            current = END;
            return;
        }
        input_at = 0;
        input_end = (size_t)moved;
    }
    current = (unsigned char)input[input_at++];
}

/* Passes the current byte on. */
static void copy(void)
{
    emit(current);
    advance();
}

static void skip_space(void)
{
    while (current == ' ' || current == '\t' || current == '\n' || current == '\r')
        advance();
}

static bool is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_hex_digit(int byte)
{
    return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

static void copy_escape(void)
{
    copy(); /* the backslash */
    switch (current) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
        copy();
        break;
    case 'u':
        copy();
        for (int i = 0; i < 4; i++) {
            if (!is_hex_digit(current))
                fail("expected four hexadecimal digits");
            copy();
        }
        break;
    default:
        fail("unknown escape");
    }
}

/* A character of two to four bytes. The bounds of the second byte exclude overlong forms, surrogates and > U+10FFFF. */
static void copy_utf8(void)
{
    int lead = current;
    int low = 0x80, high = 0xbf, more;
    if (lead >= 0xc2 && lead <= 0xdf)
        more = 1;
    else if (lead >= 0xe0 && lead <= 0xef)
        more = 2;
    else if (lead >= 0xf0 && lead <= 0xf4)
        more = 3;
    else
        fail("invalid UTF-8");
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;

    copy();
    for (; more > 0; more--, low = 0x80, high = 0xbf) {
        if (current < low || current > high)
            fail("invalid UTF-8");
        copy();
    }
}

static void copy_string(void)
{
    copy();
    while (current != '"') {
        if (current == '\\')
            copy_escape();
        else if (current >= 0x80)
            copy_utf8();
        else if (current < 0x20)
            fail("control character in a string");
        else
            copy();
    }
    copy();
}

static void copy_digits(void)
{
    if (!is_digit(current))
        fail("expected a digit");
    while (is_digit(current))
        copy();
}

static void copy_number(void)
{
    if (current == '-')
        copy();
    if (current == '0') {
        copy();
        if (is_digit(current))
            fail("a number must not start with 0");
    } else {
        copy_digits();
    }
    if (current == '.') {
        copy();
        copy_digits();
    }
    if (current == 'e' || current == 'E') {
        copy();
        if (current == '+' || current == '-')
            copy();
        copy_digits();
    }
}

static void copy_word(const char *word)
{
    for (; *word != '\0'; word++) {
        if (current != *word)
            fail("expected a value");
        copy();
    }
}

static void copy_key(void)
{
    if (current != '"')
        fail("expected a string as key");
    copy_string();
    skip_space();
    if (current != ':')
        fail("expected ':'");
    copy();
    if (pretty)
        emit(' ');
}

/* Goes into an object or array. Returns false if it is empty and thus already done with. */
static bool open_container(void)
{
    if (depth == MAX_DEPTH)
        fail("nested too deeply");
    char closer = current == '{' ? '}' : ']';
    copy();
    skip_space();
    if (current == closer) {
        copy();
        return false;
    }
    closers[depth++] = closer;
    emit_break();
    if (closer == '}')
        copy_key();
    return true;
}

/* After a value: closes what ends here. Returns true if another value follows. */
static bool next_value(void)
{
    while (depth > 0) {
        char closer = closers[depth - 1];
        skip_space();
        if (current == ',') {
            copy();
            skip_space();
            emit_break();
            if (closer == '}')
                copy_key();
            return true;
        }
        if (current != closer)
            fail(closer == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
        depth--;
        emit_break();
        copy();
    }
    return false;
}

static void copy_text(void)
{
    do {
        skip_space();
        while (current == '{' || current == '[') {
            if (!open_container())
                goto after_value;
            skip_space();
        }
        if (current == '"')
            copy_string();
        else if (current == '-' || is_digit(current))
            copy_number();
        else if (current == 't')
            copy_word("true");
        else if (current == 'f')
            copy_word("false");
        else if (current == 'n')
            copy_word("null");
        else
            fail("expected a value");
    after_value:;
    } while (next_value());

    skip_space();
    if (current != END)
        fail("expected the end of the input");
}

int main(int argc, char **argv)
{
    pretty = argc > 1;
    indent = arg_u32(argc, argv, 1, 0, 16);

    advance();
    copy_text();
    emit('\n');
    flush();
    return 0;
}
