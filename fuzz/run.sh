#!/usr/bin/env bash
# fuzz/run.sh [SECONDS [TARGET…]]: runs each target for so many seconds, from the committed corpus and what earlier runs
# found. 0 seconds run the corpus alone. Fails if an input panics, takes longer than 10 seconds or more memory than it justifies;
# the input is then in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-60}
[ $# -gt 0 ] && shift
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(ls corpus)

# libFuzzer's coverage: counters at edges, and the operands of comparisons. All are options of the stable compiler; --target
# keeps them from build scripts and macros, which are not linked with libFuzzer.
export RUSTFLAGS="-Ccodegen-units=1 -Cpasses=sancov-module"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    RUSTFLAGS+=" -Cllvm-args=-sanitizer-coverage-$option"
done
host=$(rustc -vV | sed -n 's/^host: //p')
cargo build --release --quiet --target "$host"

for target in "${targets[@]}"; do
    # What others keep for us: longer inputs, that are in the repository anyway.
    case $target in
        assembler | elf) more=../tests/guests length=24576 ;;
        spec) more="../isa ../macros/core/tests/broken" length=49152 ;;
        *) more='' length=1024 ;;
    esac
    found=target/corpus/$target
    mkdir -p "$found" "artifacts/$target"
    limit="-max_total_time=$seconds"
    [ "$seconds" != 0 ] || limit="-runs=0"
    log=$(mktemp)
    # shellcheck disable=SC2086
    FUZZ_TARGET=$target "target/$host/release/retrace-fuzz" "$limit" -max_len="$length" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="artifacts/$target/" "$found" "corpus/$target" $more >"$log" 2>&1 ||
        { tail -n 60 "$log"; echo "$target: FAILED"; exit 1; }
    printf '%-9s  first %s\n           last  %s\n' "$target" "$(sed -n 's/.*INITED *//p' "$log" | head -n 1)" \
        "$(sed -n 's/.*DONE *//p' "$log" | tail -n 1)"
    rm "$log"
done
