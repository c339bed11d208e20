#!/usr/bin/env bash
# Compares Passbook with etcd and PostgreSQL on this host: the same load on each in turn, repeated, with fsync on.
# docs/PERFORMANCE.md explains the rows and the settings. `--help` lists the flags.
set -euo pipefail

usage() {
    cat <<'EOT'
usage: scripts/bench-peers.sh [flags]
  --rows 1,2,3,4,5,6,10   rows to measure (all)
  --seconds N             duration of one measurement (10)
  --warm-up N             time before it (2)
  --repeats N             measurements of each row and system (5)
  --systems ours,etcd,postgresql
  --quick                 one repeat of 2 seconds: shows that all works, measures little
  --dir DIR               where the data goes, in a directory that is removed at the end (the build directory)
  --no-install            use only what is installed
  --json                  print JSON instead of tables
  --help
Root on Debian: installs etcd-server and postgresql with apt if they are missing, without starting their services.
EOT
}

fail() {
    echo "bench-peers.sh: $1" >&2
    exit 2
}

# Number of accounts, or keys.
ACCOUNTS=200
# row, what, unit, kind of load, clients, members, systems
ROWS='1|1 client, deposit, p50|ms|deposit|1|3|ours etcd postgresql
2|16 clients, deposits|/s|deposit|16|3|ours etcd postgresql
3|64 clients, deposits|/s|deposit|64|3|ours etcd postgresql
4|256 clients, deposits|/s|deposit|256|3|ours etcd postgresql
5|one hot account, 64 clients|/s|hot|64|3|ours postgresql
6|session query, 64 clients|/s|query|64|3|ours etcd postgresql
10|ten members, 64 clients|/s|deposit|64|10|ours etcd
10|ten members, 256 clients|/s|deposit|256|10|ours etcd'

rows='' seconds=10 warm_up=2 repeats=5 systems=ours,etcd,postgresql dir='' install=true json=false
while [ $# -gt 0 ]; do
    case $1 in
    --rows | --seconds | --warm-up | --repeats | --systems | --dir) [ $# -gt 1 ] || fail "$1 needs a value" ;;
    esac
    case $1 in
    --rows) rows=$2 && shift ;;
    --seconds) seconds=$2 && shift ;;
    --warm-up) warm_up=$2 && shift ;;
    --repeats) repeats=$2 && shift ;;
    --systems) systems=$2 && shift ;;
    --dir) dir=$2 && shift ;;
    --quick) seconds=2 warm_up=1 repeats=1 ;;
    --no-install) install=false ;;
    --json) json=true ;;
    --help | -h) usage && exit ;;
    *) fail "there is no flag $1; --help lists the flags" ;;
    esac
    shift
done
for number in "$seconds" "$warm_up" "$repeats"; do
    case $number in '' | *[!0-9]* | 0*) fail "a duration or a number of repeats is \"$number\": give a whole number from 1" ;; esac
done
IFS=, read -r -a chosen_rows <<<"$rows"
for row in ${chosen_rows[@]+"${chosen_rows[@]}"}; do
    grep -q "^$row|" <<<"$ROWS" || fail "there is no row \"$row\"; the rows are 1, 2, 3, 4, 5, 6 and 10"
done
IFS=, read -r -a systems <<<"$systems"
for system in "${systems[@]}"; do
    case $system in ours | etcd | postgresql) ;; *) fail "there is no system \"$system\"; the systems are ours, etcd and postgresql" ;; esac
done

[ -z "$dir" ] || dir=$(mkdir -p "$dir" && cd "$dir" && pwd)
cd "$(dirname "$0")/.."
# shellcheck source=scripts/bench-peers/servers.sh
source scripts/bench-peers/servers.sh
# shellcheck source=scripts/bench-peers/etcd.sh
source scripts/bench-peers/etcd.sh
# shellcheck source=scripts/bench-peers/postgresql.sh
source scripts/bench-peers/postgresql.sh
# shellcheck source=scripts/bench-peers/install.sh
source scripts/bench-peers/install.sh

say() { printf '%s\n' "$*" >&2; }

work=''
cleanup() {
    local process
    trap '' INT TERM HUP
    forbid_no_service
    for process in ${groups[@]+"${groups[@]}"}; do end "$process" INT; done
    [ -z "$work" ] || rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

available=()
for system in "${systems[@]}"; do
    if is_available "$system"; then available+=("$system"); fi
done
[ ${#available[@]} -gt 0 ] || fail "nothing is left to measure"
load_average=$(uptime | sed 's/.*load average[s]*: \([0-9.]*\).*/\1/')
say "building"
cargo build --quiet --release --locked --workspace --bins --example etcd_load
target=$(cargo metadata --format-version 1 --no-deps --locked | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/release
work=$(mktemp -d "${dir:-$target}/bench-peers.XXXXXX")
[ "$(df -P "$work" | sed -n '2s/ .*//p')" != tmpfs ] || say "note: $work is in memory, where a sync costs nothing; choose a disk with --dir"
# PostgreSQL runs as another user, who reaches its data through this directory.
chmod 711 "$work"

# ours_measure KIND CLIENTS MEMBERS: writes the columns of one measurement to stdout.
ours_measure() {
    local kind=$1 operation=(--op deposit) accounts=many:$ACCOUNTS
    [ "$kind" != hot ] || accounts=one
    [ "$kind" != query ] || operation=(--op query --level session)
    load "$work/ours" "$target/launcher" bench "${operation[@]}" --clients "$2" --branches "$3" --accounts "$accounts" \
        --duration "${seconds}s" --warm-up "${warm_up}s" --repeats 1 --load-threads "$(threads "$kind")" \
        --data "$work" --json || return
    json_columns "$work/ours"
}

# measure SYSTEM KIND CLIENTS MEMBERS
measure() {
    # Pages that the last measurement left in memory reach the disk now, and not during this one.
    sync
    case $1 in
    ours) ours_measure "$2" "$3" "$4" ;;
    etcd) etcd_measure "$2" "$3" "$4" ;;
    postgresql) pg_measure "$2" "$3" ;;
    esac
}

# about: what the tables say before the figures, as lines NAME|TEXT.
about() {
    local system
    echo "machine|$(getconf _NPROCESSORS_ONLN) processors$(sed -n 's/^model name[^:]*: /, /p' /proc/cpuinfo 2>/dev/null | head -n 1), $(uname -sr); data on $(df -P "$work" | sed -n '2s/ .*//p')"
    echo "time|$(date -u +%Y-%m-%dT%H:%MZ), load average before the start $load_average"
    echo "each measurement|$seconds s after $warm_up s of warm-up, $repeats repeats in turn; each client has one connection and one call at a time; fsync on; $ACCOUNTS accounts or keys; 1 thread of load for writes, 2 for reads"
    for system in "${available[@]}"; do
        case $system in
        ours) echo "ours|commit $(git describe --always --dirty 2>/dev/null || echo unknown); clients spread over the branches; a write is applied where it was asked for when it is acknowledged; reads at level session" ;;
        etcd) echo "etcd|version $(etcd_version); clients spread over the members; Put of 24 bytes, and serializable Range; heartbeat 100 ms" ;;
        postgresql) echo "PostgreSQL|version $(pg_version); primary and 2 standbys, synchronous_commit=remote_apply, ANY 1, shared_buffers=$PG_SHARED_BUFFERS, TCP; a deposit is one prepared statement that updates the account and inserts the entry; reads at one standby; pgbench" ;;
        esac
    done
}

failed=0
about >"$work/results"
while IFS='|' read -r row what unit kind clients members of <&3; do
    [ -z "$rows" ] || [[ ,$rows, == *,$row,* ]] || continue
    for ((repeat = 1; repeat <= repeats; repeat++)); do
        for system in "${available[@]}"; do
            [[ " $of " == *" $system "* ]] || continue
            if measure "$system" "$kind" "$clients" "$members" >"$work/columns"; then
                read -r a_second p50_us rest <"$work/columns"
                say "row $row, $what, repeat $repeat, $system: $a_second a second, median $p50_us us"
                echo "$row|$what|$unit|$system|$repeat|$a_second $p50_us $rest" >>"$work/results"
            else
                say "row $row, $what, repeat $repeat, $system: failed"
                failed=$((failed + 1))
            fi
        done
    done
done 3<<<"$ROWS"
awk -v json="$($json && echo 1 || echo 0)" -f scripts/bench-peers/summary.awk "$work/results"
[ $failed = 0 ] || { say "$failed measurements failed" && exit 1; }
