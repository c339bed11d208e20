//! The exit codes of `launcher`, all in one place.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The run is consistent, or the command did what it was asked for.
    Done,
    /// A promised guarantee or the books failed. For a command that judges nothing: the command failed.
    Failed,
    /// The usage or the input is wrong. Nothing was started.
    Usage,
    /// The run could not be finished, or nothing could be judged.
    NotFinished,
    /// A signal ended the command. The value is the exit code: 128 plus the number of the signal.
    Signal(u8),
}

/// The exit codes of `launcher run` and `launcher check`, for `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  consistent
  1  NOT consistent: a guarantee or the books failed
  2  wrong usage or input; nothing was started
  3  not finished: the run could not be finished, or nothing could be judged
  128 plus the number of the signal, after a signal; 130 after Ctrl-C";

impl Exit {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NotFinished => 3,
            Exit::Signal(code) => code,
        }
    }

    /// The end that has this exit code.
    pub fn of(code: u8) -> Self {
        match code {
            0 => Exit::Done,
            1 => Exit::Failed,
            2 => Exit::Usage,
            3 => Exit::NotFinished,
            code => Exit::Signal(code),
        }
    }

    /// Name of the end in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Failed => "failed",
            Exit::Usage => "usage-error",
            Exit::NotFinished => "not-finished",
            Exit::Signal(_) => "interrupted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_one_end() {
        for code in [0, 1, 2, 3, 129, 130, 143] {
            assert_eq!(Exit::of(code).code(), code);
        }
        for exit in [Exit::Done, Exit::Failed, Exit::Usage, Exit::NotFinished] {
            assert!(EXIT_CODES.contains(&format!("\n  {}  ", exit.code())), "{exit:?}");
        }
    }
}
