#!/usr/bin/env bash
# Measures on this machine what docs/MEASUREMENTS.md reports. Takes a few minutes.
#   scripts/bench.sh            everything except the cold build
#   scripts/bench.sh --cold     also the cold release build, in a target directory of its own
set -euo pipefail
cd "$(dirname "$0")/.."

cold=false
[ "${1:-}" = --cold ] && cold=true
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo build --quiet --release --locked --workspace --bins
target=$(cargo metadata --format-version 1 --no-deps --locked | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/release

median() { sort -n | sed -n 3p; }

# field NAME: prints one number of the launcher report on stdin
field() { grep -o "\"$1\":[0-9.]*" | head -n 1 | cut -d: -f2; }

run() { # INPUT NAME [FLAGS]: runs the input five times; the reports go to $work/NAME-1..5
    local input=$1 name=$2
    shift 2
    for i in 1 2 3 4 5; do
        "$target/launcher" run "$input" --base-port auto --dir "$work/run" --output "$work/out.json" --json "$@" >"$work/$name-$i"
        rm -rf "$work/run"
    done
}

show() { # NAME LABEL: prints the median of each phase
    printf '%s\n' "$2"
    for phase in start_us founding_us events_us stop_us total_us; do
        printf '  %-12s %8.1f ms\n' "${phase%_us}" \
            "$(for i in 1 2 3 4 5; do field "$phase" <"$work/$1-$i"; done | median | awk '{print $1 / 1000}')"
    done
}

run inputs/input_big.json big
show big "launcher run inputs/input_big.json (10 branches, 60 events)"

# Fifty branches and one event show how long it takes until all are ready.
{
    printf '[{"id":1,"type":"customer","events":[{"id":1,"interface":"query","branch":50}]}'
    for b in $(seq 50); do printf ',{"id":%d,"type":"branch","balance":0}' "$b"; done
    printf ']'
} >"$work/fifty.json"
run "$work/fifty.json" fifty
show fifty "50 branches, one query"

echo "resident memory of an idle branch (of 3, founded, follower)"
"$target/launcher" run inputs/three_customers.json --base-port auto --dir "$work/keep" --output "$work/out.json" --keep >"$work/kept"
pids=$("$target/launcher" status --json --dir "$work/keep" | grep -o '"pid":[0-9]*' | cut -d: -f2)
for pid in $pids; do ps -o rss= -p "$pid"; done | sort -n | awk '{v[NR]=$1} END {printf "  median %.1f MiB, largest %.1f MiB\n", v[int((NR+1)/2)]/1024, v[NR]/1024}'
"$target/launcher" down --dir "$work/keep" >"$work/down"

echo "appends to the write-ahead log beside a bare write and fdatasync"
cargo bench --quiet --locked -p bank-wal --bench wal | sed 's/^/  /'

if $cold; then
    echo "cold release build"
    started=$(date +%s)
    CARGO_TARGET_DIR="$work/target" cargo build --quiet --release --locked --workspace --bins
    echo "  $(($(date +%s) - started)) s"
fi
