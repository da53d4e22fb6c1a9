use std::process::ExitCode;

/// The end of a command. Scripts may rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command is done.
    Done = 0,
    /// The command failed; the reason is on standard error.
    Failed = 1,
    /// The arguments or the environment's variables are wrong. The same number as the argument parser's own.
    Usage = 2,
    /// `doctor` found something wrong, `catalogue diff` a breaking change, or `topics` a topic that differs.
    Found = 3,
    /// The user refused or interrupted it, so it is not done, or only in part.
    Refused = 4,
}

/// The exit codes for the help.
pub(crate) const TABLE: &str = "\
Exit codes:
  0  done
  1  failed; the reason and what to do are on standard error
  2  wrong usage: the arguments, or the environment's variables
  3  `doctor` found something wrong, `catalogue diff` a breaking change, or `topics` a topic that differs
  4  refused or interrupted: the question was not answered with yes, or the work was stopped before its end";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
