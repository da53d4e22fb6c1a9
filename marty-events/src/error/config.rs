//! Faults of a configuration.

use std::fmt;

/// All faults of a configuration at once. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    faults: Vec<ConfigFault>,
}

/// One value that cannot be used, or is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigFault {
    /// The variable's name, also if the value was set with a builder.
    pub variable: String,
    /// The given value, if there is one; `***` in place of a secret.
    pub value: Option<String>,
    /// The fault.
    pub problem: String,
    /// The accepted values.
    pub accepted: String,
}

impl ConfigError {
    pub(crate) fn new(faults: Vec<ConfigFault>) -> Self {
        Self { faults }
    }

    /// The faults, in the order of the documentation's table.
    #[must_use]
    pub fn faults(&self) -> &[ConfigFault] {
        &self.faults
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.faults.len() {
            1 => f.write_str("the configuration has a fault:")?,
            count => write!(f, "the configuration has {count} faults:")?,
        }
        self.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, value, problem, accepted } = self;
        match value {
            Some(value) => write!(f, "{variable}={value}: {problem}; {accepted}"),
            None => write!(f, "{variable}: {problem}; {accepted}"),
        }
    }
}
