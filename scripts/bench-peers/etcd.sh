# shellcheck shell=bash
# shellcheck disable=SC2154  # The variables that are not set here belong to bench-peers.sh.
# An etcd cluster on this host for bench-peers.sh. Sourced. Each measurement has a new cluster.

etcd_version() { etcd --version | sed -n 's/^etcd Version: //p'; }

# etcd_measure KIND CLIENTS MEMBERS: writes the columns of one measurement to stdout.
etcd_measure() {
    local kind=$1 clients=$2 members=$3 data=$work/etcd peers=() addresses=() processes=() cluster='' i result=0
    rm -rf "$data"
    mkdir "$data"
    free_ports $((2 * members))
    for ((i = 0; i < members; i++)); do
        peers[i]=http://127.0.0.1:${ports[2 * i]}
        addresses[i]=127.0.0.1:${ports[2 * i + 1]}
        cluster+=${cluster:+,}m$i=${peers[i]}
    done
    for ((i = 0; i < members; i++)); do
        start /dev/null "$data/m$i.log" etcd --name "m$i" --data-dir "$data/m$i" \
            --listen-peer-urls "${peers[i]}" --initial-advertise-peer-urls "${peers[i]}" \
            --listen-client-urls "http://${addresses[i]}" --advertise-client-urls "http://${addresses[i]}" \
            --initial-cluster "$cluster" --initial-cluster-state new --logger zap --log-level warn
        processes[i]=$started
    done
    etcd_measure_running || result=$?
    for ((i = 0; i < members; i++)); do end "${processes[i]}" TERM; done
    rm -rf "$data"
    return $result
}

# Waits for the members that etcd_measure started, and measures.
etcd_measure_running() {
    local i operation=put leader_first=()
    [ "$kind" != query ] || operation=range
    for ((i = 0; i < members; i++)); do
        wait_until "etcd member m$i" "$data/m$i.log" etcd_answers "${addresses[i]}" /health '"health":"true"' || return
    done
    # A single client asks the leader, as a single client of ours does.
    for ((i = 0; i < members; i++)); do
        if etcd_answers "${addresses[i]}" /metrics '^etcd_server_is_leader 1'; then
            leader_first=("${addresses[i]}" ${leader_first[@]+"${leader_first[@]}"})
        else
            leader_first+=("${addresses[i]}")
        fi
    done
    load "$data/load" "$target/examples/etcd_load" --op "$operation" --clients "$clients" --keys "$ACCOUNTS" \
        --members "$(joined "${leader_first[@]}")" --processes "$(joined "${processes[@]}")" \
        --duration "$seconds" --warm-up "$warm_up" --threads "$(threads "$kind")" || return
    json_columns "$data/load"
}

# etcd_answers ADDRESS PATH PATTERN: whether a member's answer over HTTP matches.
etcd_answers() (
    exec 2>/dev/null 3<>"/dev/tcp/${1%:*}/${1#*:}" || exit
    printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&3
    timeout 2 cat <&3 | grep "$3" >/dev/null
)
