# shellcheck shell=bash
# shellcheck disable=SC2154  # The variables that are not set here belong to bench-peers.sh.
# A PostgreSQL primary with two standbys on this host for bench-peers.sh. Sourced. They are made once, and run while they
# are measured.

PG_SHARED_BUFFERS=256MB
# Where the programs of PostgreSQL are, and where its data is. Empty until they are known, or made.
pg_bin='' pg_data=''

# pg_find: sets `pg_bin`. Debian keeps the programs off the PATH. The newest version counts.
pg_find() {
    pg_bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    [ -n "$pg_bin" ]
}

pg_version() { "$pg_bin/postgres" --version | sed 's/^postgres (PostgreSQL) //'; }

# as_postgres COMMAND...: PostgreSQL refuses to run as root, so that root becomes the user `postgres`.
as_postgres() {
    [ "$(id -u)" != 0 ] || set -- setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
    "$@"
}

# pg_start NAME PORT [SETTING...]: starts one server.
pg_start() {
    local name=$1 port=$2 setting settings=()
    shift 2
    for setting in "port=$port" "cluster_name=$name" listen_addresses=127.0.0.1 unix_socket_directories= max_connections=300 \
        "shared_buffers=$PG_SHARED_BUFFERS" fsync=on full_page_writes=on wal_keep_size=1GB "$@"; do
        settings+=(-c "$setting")
    done
    set -- "$pg_bin/postgres" -D "$pg_data/$name" "${settings[@]}"
    [ "$(id -u)" != 0 ] || set -- setpriv --reuid=postgres --regid=postgres --init-groups --pdeathsig KILL -- "$@"
    start /dev/null "$work/$name.log" "$@"
    pg_processes+=("$started")
    wait_until "PostgreSQL's $name" "$work/$name.log" "$pg_bin/pg_isready" --quiet --host 127.0.0.1 --port "$port"
}

pg_start_primary() {
    pg_start primary "${pg_ports[0]}" synchronous_commit=remote_apply \
        "synchronous_standby_names=ANY 1 (standby1, standby2)"
}

pg_start_standbys() {
    pg_start standby1 "${pg_ports[1]}" && pg_start standby2 "${pg_ports[2]}" &&
        wait_until "PostgreSQL's replication" "$work/primary.log" pg_replicates
}

# pg_stop: stops the primary first, which then sends the standbys all that they lack.
pg_stop() {
    local process
    for process in ${pg_processes[@]+"${pg_processes[@]}"}; do end "$process" INT; done
    pg_processes=()
}

# pg_sql: runs the statements on stdin at the primary.
pg_sql() {
    "$pg_bin/psql" --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --host=127.0.0.1 \
        --port="${pg_ports[0]}" --username=postgres postgres
}

# Whether both standbys confirm commits.
pg_replicates() {
    [ "$(pg_sql <<<"SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'quorum'")" = 2 ]
}

# pg_prepare: makes the primary and its standbys.
pg_prepare() {
    local result=0
    pg_processes=()
    mkdir "$work/postgresql"
    pg_data=$work/postgresql
    free_ports 3
    pg_ports=("${ports[@]}")
    pg_prepare_servers >"$work/pg_prepare.log" 2>&1 || result=$?
    pg_stop
    [ $result = 0 ] || { tail -n 5 "$work/pg_prepare.log" >&2 && rm -rf "$pg_data" && pg_data=''; }
    return $result
}

pg_prepare_servers() {
    local standby
    # Every user of this host can reach the ports, so there is a password. Its check is cheap with md5: pgbench makes its
    # connections, one after the other, in the time that it measures.
    PGPASSWORD=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    export PGPASSWORD
    (umask 077 && echo "$PGPASSWORD" >"$pg_data/password")
    [ "$(id -u)" != 0 ] || chown -R postgres: "$pg_data" || return
    if ! as_postgres test -w "$pg_data"; then
        echo "the user postgres cannot reach $pg_data; choose another directory with --dir"
        return 1
    fi
    as_postgres "$pg_bin/initdb" --pgdata="$pg_data/primary" --username=postgres --encoding=UTF8 --locale=C \
        --auth=md5 --pwfile="$pg_data/password" || return
    # No standby could confirm a commit yet, so commits do not wait for one.
    pg_start primary "${pg_ports[0]}" || return
    pg_sql <<EOSQL || return
CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0)) WITH (fillfactor = 10);
INSERT INTO accounts SELECT id, 0 FROM generate_series(1, $ACCOUNTS) AS id;
CREATE TABLE entries (request_id uuid PRIMARY KEY, account int NOT NULL, amount bigint NOT NULL, balance bigint NOT NULL);
EOSQL
    for standby in standby1 standby2; do
        as_postgres "$pg_bin/pg_basebackup" --pgdata="$pg_data/$standby" --write-recovery-conf --wal-method=stream \
            --checkpoint=fast --host=127.0.0.1 --port="${pg_ports[0]}" --username=postgres || return
    done
}

# pg_measure KIND CLIENTS: writes the columns of one measurement to stdout.
pg_measure() {
    local kind=$1 clients=$2 result=0
    [ -n "$pg_data" ] || pg_prepare || return
    pg_measure_running || result=$?
    pg_stop
    return $result
}

pg_measure_running() {
    local port=${pg_ports[0]} output=$work/pgbench log=() before after
    pg_start_primary && pg_start_standbys && pg_sql <<<"TRUNCATE entries" || return
    # One statement is one transaction and one round trip. A repeated request id fails, and changes nothing.
    cat >"$work/deposit.sql" <<'EOSQL'
\set account random(1, :accounts)
WITH paid AS (UPDATE accounts SET balance = balance + 1 WHERE id = :account RETURNING balance) INSERT INTO entries (request_id, account, amount, balance) SELECT gen_random_uuid(), :account, 1, balance FROM paid RETURNING balance;
EOSQL
    cat >"$work/query.sql" <<'EOSQL'
\set account random(1, :accounts)
SELECT balance FROM accounts WHERE id = :account;
EOSQL
    case $kind in
    deposit) set -- deposit "$ACCOUNTS" ;;
    hot) set -- deposit 1 ;;
    query) set -- query "$ACCOUNTS" && port=${pg_ports[1]} ;;
    esac
    # A log line for each read would slow down the load.
    [ "$1" = query ] || log=(--log "--log-prefix=$output.log")
    rm -f "$output.log".*
    set -- "$pg_bin/pgbench" --no-vacuum --protocol=prepared --file="$work/$1.sql" --define="accounts=$2" \
        --client="$clients" --jobs="$(threads "$kind")" --host=127.0.0.1 --port="$port" --username=postgres
    load "$output" "$@" --time="$warm_up" postgres || return
    before=$(pg_processor_us)
    load "$output" "$@" --time="$seconds" ${log[@]+"${log[@]}"} postgres || return
    after=$(pg_processor_us)
    pg_columns "$output" $((after - before))
}

# pg_processor_us: the processor time of all servers so far: their first processes, those that run, those that ended.
pg_processor_us() {
    local first process
    for first in "${pg_processes[@]}"; do
        for process in "$first" $(pgrep --parent "$first"); do
            # After the program's name, the 12th to 15th field: user and system time, and those of children that ended.
            sed 's/.*) //' "/proc/$process/stat" 2>/dev/null || true
        done
    done | awk '{ ticks += $12 + $13 + $14 + $15 } END { printf "%.0f\n", ticks * 10000 }'
}

# pg_columns OUTPUT PROCESSOR_US: the columns, from the output of pgbench and its log.
pg_columns() {
    local transactions
    transactions=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$1")
    if [ "${transactions:-0}" = 0 ]; then
        echo "pgbench made no transaction" >&2
        return 1
    fi
    { cat "$1".log.* 2>/dev/null || true; } | cut -d ' ' -f 3 | sort -n | awk -v us="$2" -v transactions="$transactions" \
        -v a_second="$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$1")" \
        -v errors="$(sed -n 's/^number of failed transactions: \([0-9]*\).*/\1/p' "$1")" '
        # The nearest rank, or "-" without a log.
        function at(percent, rank) { rank = int((NR * percent + 99) / 100); return NR ? taken[rank] : "-" }
        { taken[NR] = $1 }
        END { print a_second + 0, at(50), at(99), at(100), us / transactions, "-", errors + 0 }'
}
