//! Values as they are asked for, and the faults that are found meanwhile.

use super::{mask::shown, values::Values};
use crate::error::ConfigFault;

/// Reads values and collects their faults.
pub(super) struct Reader<'a> {
    pub(super) values: &'a Values,
    pub(super) faults: Vec<ConfigFault>,
}

impl<'a> Reader<'a> {
    /// A value that may be absent; an empty one counts as absent.
    pub(super) fn optional(&mut self, name: &str) -> Option<&'a str> {
        self.given(name).filter(|text| !text.is_empty())
    }

    pub(super) fn fault(&mut self, name: &str, problem: &str, accepted: &str) {
        let value = self.values.get(name).map(|value| shown(name, value));
        self.add(name, value, problem, accepted);
    }

    /// A fault of a value that may not be shown, independent of its variable's name.
    pub(super) fn fault_of_secret(&mut self, name: &str, problem: &str, accepted: &str) {
        self.add(name, Some("***".to_owned()), problem, accepted);
    }

    fn add(&mut self, name: &str, value: Option<String>, problem: &str, accepted: &str) {
        self.faults.push(ConfigFault {
            variable: name.to_owned(),
            value,
            problem: problem.to_owned(),
            accepted: accepted.to_owned(),
        });
    }

    pub(super) fn given(&mut self, name: &str) -> Option<&'a str> {
        if self.values.is_garbled(name) && !self.faults.iter().any(|fault| fault.variable == name) {
            self.fault(name, "its value is not UTF-8", "write it in UTF-8");
        }
        self.values.get(name).map(str::trim)
    }

    pub(super) fn flag(&mut self, name: &str, default: bool) -> bool {
        let Some(text) = self.optional(name) else { return default };
        match text.to_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => true,
            "false" | "0" | "no" | "off" => false,
            _ => {
                self.fault(name, "it is neither true nor false", "write true or false");
                default
            }
        }
    }
}
