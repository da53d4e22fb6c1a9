//! The floors of the library: a module uses only modules below it.

use std::collections::BTreeSet;

use crate::imports::Crate;

/// From the ground up. Modules of one floor do not use each other.
const FLOORS: [&[&str]; 9] = [
    &["error"],
    &["event"],
    &["database"],
    &["inbox", "outbox", "testing", "tower"],
    &["config", "observe"],
    &["kafka"],
    &["retry"],
    &["consumer", "publisher", "relay"],
    &["__private", "attributes", "macros"],
];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

#[test]
fn no_import_runs_up() {
    let library = Crate::read(&crate::root().join("marty-events/src"));
    let mut wrong = BTreeSet::new();
    for (file, used) in library.arrows() {
        let [Some(from), Some(to)] = [&file, &used].map(|path| path.first()) else { continue };
        if from == to {
            continue;
        }
        match (floor(from), floor(to)) {
            (Some(above), Some(below)) if below < above => {}
            (Some(_), Some(_)) => {
                wrong.insert(format!("{} uses `{to}`; move the definition to `{from}` or below it", file.join("/")));
            }
            (None, _) => {
                wrong.insert(format!("`{from}` has no floor; give it one in FLOORS"));
            }
            (_, None) => {
                wrong.insert(format!("`{to}` has no floor; give it one in FLOORS"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}
