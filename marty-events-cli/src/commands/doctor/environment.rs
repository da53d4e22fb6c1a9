use marty_events::{ConfigFault, EventConfig};

use super::report::{Check, Report};
use crate::{
    kafka,
    plain::plain,
    shared::Shared,
    variables::{self, Misspelt},
};

/// Reports every fault of the environment's variables in one check.
pub(super) fn check(shared: &Shared, report: &mut Report) -> Option<EventConfig> {
    let name = "configuration";
    let misspelt = variables::misspelt();
    if !misspelt.is_empty() {
        let found = plain_lines(misspelt.iter().map(Misspelt::in_words));
        let advice = "rename the variables, unless they belong to another program";
        report.add(Check::warning("variables", found, advice));
    }
    match kafka::config(shared) {
        Ok(config) => {
            let prefix = if config.topic_prefix().is_empty() { "none" } else { config.topic_prefix() };
            let mut found = format!("outbox `{}`, topic prefix {prefix}", config.outbox_table());
            if !kafka::has_service_name() {
                found += "; SERVICE_NAME is not set, which a service needs and this command does not";
            }
            report.add(Check::ok(name, found));
            Some(config)
        }
        Err(error) => {
            let of_each = |part: fn(&ConfigFault) -> String| plain_lines(error.faults().iter().map(part));
            let problem = |fault: &ConfigFault| match &fault.value {
                Some(value) => format!("{}={value}: {}", fault.variable, fault.problem),
                None => format!("{}: {}", fault.variable, fault.problem),
            };
            let accepted = |fault: &ConfigFault| format!("{}: {}", fault.variable, fault.accepted);
            report.add(Check::failed(name, of_each(problem), of_each(accepted)));
            None
        }
    }
}

fn plain_lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| plain(&line)).collect::<Vec<_>>().join("\n")
}
