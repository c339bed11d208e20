//! Conversions of arguments that several commands share.

use bank_check::output::Mode;

/// Mode of a run for the flag `--concurrent`.
pub(super) fn mode(concurrent: bool) -> Mode {
    if concurrent { Mode::Concurrent } else { Mode::Sequential }
}

/// Arguments of this process, without the name of the program.
pub(super) fn command_line() -> Vec<String> {
    let args = std::env::args_os().skip(1);
    args.map(|arg| arg.to_string_lossy().into_owned()).collect()
}
