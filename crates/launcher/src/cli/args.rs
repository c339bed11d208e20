//! What several commands make of their arguments.

use bank_check::output::Mode;

/// Whether customers run one after the other or at once.
pub(super) fn mode(concurrent: bool) -> Mode {
    if concurrent { Mode::Concurrent } else { Mode::Sequential }
}

/// What was typed, without the program.
pub(super) fn command_line() -> Vec<String> {
    let args = std::env::args_os().skip(1);
    args.map(|arg| arg.to_string_lossy().into_owned()).collect()
}
