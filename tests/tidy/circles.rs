//! Files that use each other in a circle cannot be read one by one.

use std::collections::BTreeSet;

use crate::imports::{Crate, Module};

/// All files that are reached from `begin`, which is among them where a circle leads back.
fn reached(begin: &Module, arrows: &BTreeSet<(Module, Module)>) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut left = vec![begin.clone()];
    while let Some(file) = left.pop() {
        for (_, used) in arrows.iter().filter(|(from, _)| *from == file) {
            if reached.insert(used.clone()) {
                left.push(used.clone());
            }
        }
    }
    reached
}

fn assert_no_circle(source: &str) {
    let arrows = Crate::read(&crate::root().join(source)).arrows();
    let reaching: Vec<(&(Module, Module), BTreeSet<Module>)> =
        arrows.iter().map(|arrow| (arrow, reached(&arrow.1, &arrows))).collect();
    let circles: Vec<String> = reaching
        .iter()
        .filter(|((from, _), reached)| reached.contains(from))
        .map(|((from, to), _)| format!("{} uses {}, from which a way leads back", from.join("/"), to.join("/")))
        .collect();
    assert!(circles.is_empty(), "{source}:\n{}", circles.join("\n"));
}

#[test]
fn no_files_of_the_library_use_each_other_in_a_circle() {
    assert_no_circle("marty-events/src");
}

#[test]
fn no_files_of_the_macro_crate_use_each_other_in_a_circle() {
    assert_no_circle("marty-events-macros/src");
}

#[test]
fn no_files_of_the_command_line_use_each_other_in_a_circle() {
    assert_no_circle("marty-events-cli/src");
}
