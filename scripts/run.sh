#!/usr/bin/env bash
# Builds Passbook, then runs an input file: scripts/run.sh inputs/input_big.json [launcher flags]
set -euo pipefail

if [ $# -eq 0 ]; then
    echo "usage: scripts/run.sh INPUT [launcher flags]     for example: scripts/run.sh inputs/input_big.json" >&2
    exit 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
# Cargo looks for its settings (.cargo/config.toml) in the current directory, so it must run in the project's directory.
in_root() { (cd "$root" && "$@"); }
in_root cargo build --release --locked --workspace --bins
target=$(in_root cargo metadata --format-version 1 --no-deps --locked |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
exec "$target/release/launcher" run "$@"
