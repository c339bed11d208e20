# shellcheck shell=bash
# shellcheck disable=SC2154  # The variables that are not set here belong to bench-peers.sh.
# Finds and installs the systems that bench-peers.sh compares with. Sourced.

# is_available SYSTEM: whether the system can be measured here. Installs it if it may. Says why it cannot.
is_available() {
    local package=etcd-server
    [ "$1" != ours ] || return 0
    [ "$1" != postgresql ] || package=postgresql
    if [ "$(uname)" != Linux ]; then
        say "$1 is not measured: this script runs it on Linux only"
        return 1
    fi
    is_installed "$1" && return
    if ! $install; then
        say "$1 is not measured: it is not installed, and --no-install was given"
    elif ! command -v apt-get >/dev/null; then
        say "$1 is not measured: it is not installed, and this host has no apt-get; install $package by hand"
    elif [ "$(id -u)" != 0 ]; then
        say "$1 is not measured: it is not installed; run this script as root, or install the package $package"
    elif ! install_package "$package" || ! is_installed "$1"; then
        say "$1 is not measured: the package $package could not be installed"
    else
        return 0
    fi
    return 1
}

is_installed() {
    case $1 in
    etcd) command -v etcd >/dev/null ;;
    postgresql) pg_find && [ -x "$pg_bin/postgres" ] && [ -x "$pg_bin/pgbench" ] ;;
    esac
}

# Installs a package of Debian. Its service does not start, now or later.
install_package() {
    local policy=/usr/sbin/policy-rc.d log result=0
    say "installing $1"
    log=$(mktemp)
    if [ ! -e "$policy" ]; then
        # Debian's packages ask this program whether they may start their services. 101 means no.
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
        policy_made=$policy
    fi
    (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$1") >"$log" 2>&1 || result=$?
    forbid_no_service
    [ $result = 0 ] || tail -n 5 "$log" >&2
    rm -f "$log"
    ! command -v systemctl >/dev/null || systemctl disable etcd postgresql >/dev/null 2>&1 || true
    return $result
}

# Removes the file that keeps services from starting, if this script made it. Also called at the end of the script.
forbid_no_service() {
    [ -z "${policy_made:-}" ] || rm -f "$policy_made"
    policy_made=''
}
