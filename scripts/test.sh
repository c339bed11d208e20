#!/usr/bin/env bash
# Every check that CI runs. Needs the Rust toolchain with its C compiler, and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

step "format"
cargo fmt --all --check

step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings
cargo clippy --workspace --all-targets --locked --features branchd/planted-bugs -- -D warnings

step "tests"
# The end-to-end tests start the real programs, so these are built first.
cargo build --workspace --bins --locked
# So is the one with bugs on purpose, which shows that they are caught. No other command builds it; it stands beside the
# sound `branchd`, and neither replaces the other.
cargo build --workspace --bin branchd-planted --features branchd/planted-bugs --locked
cargo test --workspace --locked

step "one real run"
# In a folder of its own and on free ports, so that two of these can go on at once.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
scripts/run.sh inputs/input_big.json --base-port auto --dir "$folder/run" --output "$folder/output.json"

step "all checks passed"
