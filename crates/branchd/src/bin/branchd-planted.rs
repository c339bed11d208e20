//! The daemon with bugs on purpose: see `planted.rs`. Under a name of its own, so that it is never taken for the other.

fn main() -> std::process::ExitCode {
    branchd::operate::command_line()
}
