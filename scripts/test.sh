#!/usr/bin/env bash
# Runs every check of continuous integration. Needs only the Rust toolchain and a C compiler.
#   scripts/test.sh           everything
#   scripts/test.sh --fast    format, lints, and the tests that start no program: for a first look at a small change
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

fast=false
case "${1:-}" in
"") ;;
--fast) fast=true ;;
*)
    echo "usage: scripts/test.sh [--fast]" >&2
    exit 2
    ;;
esac

step "format"
cargo fmt --all --check

step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings
if $fast; then
    step "tests that start no program"
    cargo test --workspace --lib --locked
    step "the fast checks passed; scripts/test.sh without --fast has the others"
    exit 0
fi
cargo clippy --workspace --all-targets --locked --features branchd/planted-bugs -- -D warnings

step "documentation"
# With the examples, cargo gives the crates the same features as for tests, so that what the lints have checked serves again.
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --lib --examples --locked

step "tests"
# The end-to-end tests start the real programs. This builds them too, with the features that the tests have.
cargo test --workspace --no-run --locked
# Some tests need `branchd-planted`, which has bugs on purpose, to show that the judge catches them. No other command builds
# it. It is a second file beside `branchd`. The test that is named only makes cargo choose the features of tests again, so
# that nothing but `branchd` is built a second time.
cargo build --workspace --bin branchd-planted --test map --features branchd/planted-bugs --locked
cargo test --workspace --locked

step "one real run"
# The run has a folder of its own and free ports, so that two of these scripts can run at once. Without optimization across
# crates, the release build takes half of the time.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
scripts/run.sh inputs/input_big.json --base-port auto --dir "$folder/run" --output "$folder/output.json"

step "all checks passed"
