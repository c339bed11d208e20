//! The daemon with bugs on purpose: see `planted.rs`. It has its own name, so that nobody takes it for `branchd`.

fn main() -> std::process::ExitCode {
    branchd::operate::command_line()
}
