//! The program `branchd`. `branchd::operate` has its verbs.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    branchd::operate::command_line()
}
