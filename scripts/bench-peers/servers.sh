# shellcheck shell=bash
# shellcheck disable=SC2154  # The variables that are not set here belong to bench-peers.sh.
# What the servers of bench-peers.sh have in common: ports, groups of processes, waits with a deadline. Sourced.

# Longest time for a server to start, to become ready or to stop, in seconds.
PATIENCE_S=60
# Process groups that are running. Each is named by its first process.
groups=()

# random_number BELOW
random_number() { echo $(((RANDOM * 32768 + RANDOM) % $1)); }

# free_ports COUNT: sets the array `ports`. The ports are below those that Linux gives to outgoing connections.
free_ports() {
    local port
    ports=()
    while [ ${#ports[@]} -lt "$1" ]; do
        port=$((20000 + $(random_number 10000)))
        case " ${ports[*]:-} " in *" $port "*) continue ;; esac
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || ports+=("$port")
    done
}

# start OUTPUT LOG COMMAND...: starts a program in a process group of its own, and sets `started` to its process. Linux
# kills it when this script ends, however that is.
start() {
    local output=$1 log=$2
    shift 2
    [ "$(uname)" != Linux ] || set -- setpriv --pdeathsig KILL -- "$@"
    set -m
    "$@" </dev/null >"$output" 2>"$log" &
    started=$!
    set +m
    groups+=("$started")
}

# end PROCESS SIGNAL: ends a process group that `start` began, and waits for it.
end() {
    local group left=() deadline=$((SECONDS + PATIENCE_S))
    kill -s "$2" -- "-$1" 2>/dev/null || true
    while kill -0 -- "-$1" 2>/dev/null; do
        [ $SECONDS -lt $deadline ] || kill -s KILL -- "-$1" 2>/dev/null || true
        sleep 0.05
    done
    wait "$1" 2>/dev/null || true
    for group in "${groups[@]}"; do [ "$group" = "$1" ] || left+=("$group"); done
    groups=(${left[@]+"${left[@]}"})
}

# wait_until WHAT LOG COMMAND...: repeats the command until it succeeds.
wait_until() {
    local what=$1 log=$2 deadline=$((SECONDS + PATIENCE_S))
    shift 2
    until "$@"; do
        if [ $SECONDS -ge $deadline ]; then
            echo "$what was not ready within $PATIENCE_S s; the end of its log:" >&2
            tail -n 5 "$log" >&2
            return 1
        fi
        sleep 0.1
    done
}

# load OUTPUT COMMAND...: runs a load to its end, with a deadline. In the background, so that a signal to this script is
# handled at once.
load() {
    local output=$1 process result=0
    shift
    ! command -v timeout >/dev/null || set -- timeout $((warm_up + seconds + PATIENCE_S)) "$@"
    start "$output" "$output.err" "$@"
    process=$started
    wait "$process" || result=$?
    end "$process" TERM
    [ $result = 0 ] || { echo "the load ended with exit code $result:" && tail -n 5 "$output.err"; } >&2
    return $result
}

# field NAME FILE: prints one number of a flat JSON object, or "-" if it is absent or null.
field() {
    local value
    value=$(sed -n "s/.*\"$1\": *\([0-9.][0-9.]*\).*/\1/p" "$2" | head -n 1)
    echo "${value:--}"
}

# joined WORD...: the words with commas between them.
joined() { (IFS=, && echo "$*"); }

# json_columns FILE: the columns of a measurement, from the JSON of a load.
json_columns() {
    local name columns=()
    for name in operations_per_second p50_us p99_us max_us branch_cpu_us_per_operation load_cpu_us_per_operation failed; do
        columns+=("$(field "$name" "$1")")
    done
    echo "${columns[*]}"
}

# threads KIND: the threads of a load. A read costs a server so little that one thread would be the limit.
threads() { if [ "$1" = query ]; then echo 2; else echo 1; fi; }
