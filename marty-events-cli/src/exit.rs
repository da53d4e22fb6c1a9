use std::process::ExitCode;

/// How a command ended. The numbers are promised to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for is done.
    Done = 0,
    /// It could not be done; the reason is on standard error.
    Failed = 1,
    /// The arguments or the environment's variables are wrong. The same number as the argument parser's own.
    Usage = 2,
    /// `doctor` found something wrong.
    Found = 3,
    /// Not done, or only in part, because the user said so.
    Refused = 4,
}

/// For the help.
pub(crate) const TABLE: &str = "\
Exit codes:
  0  done
  1  failed; the reason and what to do are on standard error
  2  wrong usage: the arguments, or the environment's variables
  3  `doctor` found something wrong
  4  refused or interrupted: the question was not answered with yes, or the work was stopped before its end";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
