#!/bin/sh
# Runs every guest and compares what it prints and its exit code with what they should be; README.md says
# where the expected values come from. Exits with code 1 if anything differs.
#
#   ./check.sh                             under qemu-riscv32
#   RUN='cargo retrace run' ./check.sh   under any command that takes an ELF and its arguments, passes on
#                                          standard input, output and exit code, and exits with 126 on a fault

cd "$(dirname "$0")" || exit 1
RUN=${RUN:-qemu-riscv32}
ulimit -c 0
errors=$(mktemp) || exit 1
trap 'rm -f "$errors"' EXIT
checks=0
failures=0

# same WHAT WANTED GOT
same() {
    checks=$((checks + 1))
    if [ "$2" != "$3" ]; then
        failures=$((failures + 1))
        printf 'FAILED: %s\n  wanted: %s\n  got:    %s\n' "$1" "$2" "$3"
    fi
}

# expect CODE OUTPUT GUEST [ARGS…]: runs the guest on our standard input. OUTPUT is one or more whole lines, or ''.
expect() {
    code=$1 output=${2:+$2'
'}
    shift 2
    got=$($RUN "$@" 2>"$errors"; echo "exit code $?")
    same "$*" "${output}exit code $code" "$got"
}

# malformed MESSAGE JSON: jsonfmt must refuse the text with this message. JSON is a printf format.
malformed() {
    # shellcheck disable=SC2059
    printf "$2" | $RUN jsonfmt.elf >/dev/null 2>"$errors"
    same "jsonfmt.elf on $2" "exit code 1, jsonfmt: $1" "exit code $?, $(cat "$errors")"
}

# fault NAME CODE: the code under Linux is 128 + the signal, or - where an emulator shows nothing of the fault.
fault() {
    case $RUN in
    *qemu*) wanted=$2 ;;
    *) wanted=126 ;;
    esac
    [ "$wanted" = - ] && return
    # In a shell of its own, because a shell reports the signals of its children.
    same "faults.elf $1" "exit code $wanted" \
        "$(sh -c "$RUN faults.elf $1 >/dev/null 2>&1; echo exit code \$?" 2>/dev/null)"
}

SIGILL=132 SIGTRAP=133 SIGSEGV=139

expect 7 'ok' tiny.elf

while read -r digest file; do
    expect 0 "$digest" sha256.elf <"inputs/$file"
done <inputs/SHA256SUMS
if command -v sha256sum >/dev/null; then
    for length in 1 55 57 63 64 65 119 120 128 1000; do
        wanted=$(head -c $length inputs/sample.json | sha256sum | cut -d ' ' -f 1)
        got=$(head -c $length inputs/sample.json | $RUN sha256.elf)
        same "sha256.elf on $length bytes" "$wanted" "$got"
    done
fi

expect 0 'sorted 2000 numbers, checksum 0xa3be5e47' quicksort.elf
expect 0 'sorted 0 numbers, checksum 0x00000000' quicksort.elf 0
expect 0 'sorted 1 numbers, checksum 0x2b1f4d63' quicksort.elf 1
expect 0 'sorted 2 numbers, checksum 0xcda52a77' quicksort.elf 2

expect 0 '283146 primes up to 4000000' sieve.elf
expect 0 '0 primes up to 1' sieve.elf 1
expect 0 '4 primes up to 10' sieve.elf 10
expect 0 '168 primes up to 1000' sieve.elf 1000
expect 2 '' sieve.elf many

expect 0 'collatz up to 150: 129 takes 121 steps' interp.elf
expect 0 'collatz up to 27: 27 takes 111 steps' interp.elf 27

expect 0 'a05a06fd' alu.elf
expect 0 'dff094f5' alu.elf 10

expect 0 '11903d84' bits.elf
expect 0 'ac587caa' bits.elf 10
expect 0 '84efadea' bits.elf 1
expect 0 '00000000' bits.elf 0

expect 0 '9113c4bd' atomic.elf
expect 0 '0b2f4f3d' atomic.elf 10
expect 0 '9113c4bd' atomic_zig.elf

expect 0 '934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d82442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5' k256.elf
expect 0 '164483 bytes, FNV-1a 4024fd7c' serde_json.elf

case $RUN in
*qemu*) expect 0 '3adce336' streams.elf <inputs/sample.json 3<inputs/two-blocks.txt ;;
*) expect 0 '3adce336' streams.elf --private-input inputs/two-blocks.txt <inputs/sample.json ;;
esac

expect 0 '' calls.elf
expect 222 '' handlers.elf
expect 127 '' auxv.elf
expect 0 '' recursion.elf 0
expect 245 '' recursion.elf 1500
expect 0 '' regions.elf
expect 0 '' regions.elf unbalanced

expect 0 "$(cat inputs/sample.min.json)" jsonfmt.elf <inputs/sample.json
expect 0 "$(cat inputs/sample.pretty.json)" jsonfmt.elf 2 <inputs/sample.json
expect 0 "$(cat inputs/sample.min.json)" jsonfmt.elf <inputs/sample.pretty.json
malformed 'line 1, column 1: unexpected end of input' ''
malformed 'line 1, column 5: expected a value' '[1, ]'
malformed "line 2, column 5: expected ':'" '{\n"a" 1}'
malformed 'line 1, column 10: expected a string as key' '{"a": 1, }'
malformed "line 1, column 4: expected ',' or ']'" '[1 2]'
malformed "line 1, column 8: expected ',' or '}'" '{"a": 1]'
malformed 'line 1, column 5: unexpected end of input' '"abc'
malformed 'line 1, column 3: a number must not start with 0' '[01]'
malformed 'line 1, column 4: expected a digit' '[1.]'
malformed 'line 1, column 3: unknown escape' '"\\x"'
malformed 'line 1, column 6: expected four hexadecimal digits' '"\\u12"'
malformed 'line 1, column 2: control character in a string' '"\t"'
malformed 'line 1, column 2: invalid UTF-8' '"\300\200"'
malformed 'line 1, column 4: expected a value' 'nul '
malformed 'line 1, column 6: expected the end of the input' 'true false'
malformed 'line 1, column 257: nested too deeply' "$(printf '%257s' '' | tr ' ' '[')"

expect 0 'one
two three
ok: sp is a multiple of 16
ok: argv ends with a null pointer
ok: envp and auxv end, and the page size is 4096
ok: .data is loaded
ok: .bss is zero
ok: the heap starts at or after `end`
ok: brk returns the new break
ok: brk(0) returns the break in force
ok: new heap memory is zero
ok: the heap can be written to its end
ok: an unknown system call is answered with -ENOSYS
ok: a write of no bytes returns 0
ok: a read of no bytes returns 0
abcdefghijklmnopqrstuvwxyz
bcdefghijklmnopqrstuvwxyz
cdefghijklmnopqrstuvwxyz
defghijklmnopqrstuvwxyz
efghijklmnopqrstuvwxyz
fghijklmnopqrstuvwxyz
ghijklmnopqrstuvwxyz
hijklmnopqrstuvwxyz
'"$(cat inputs/sample.json)" abi.elf one 'two three' <inputs/sample.json

expect 0 '' faults.elf
expect 2 '' faults.elf '?'
fault load -
fault half -
fault xzero -
fault store -
fault null $SIGSEGV
fault zero $SIGSEGV
fault code $SIGSEGV
fault illegal $SIGILL
fault unimp $SIGILL
fault break $SIGTRAP
fault out $SIGSEGV
fault data $SIGSEGV
fault pointer $SIGSEGV
fault end -
fault misalign -
fault jump -
fault taken -

echo "$checks checks, $failures failures ($RUN)"
[ "$failures" -eq 0 ]
