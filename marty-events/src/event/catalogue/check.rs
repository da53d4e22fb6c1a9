//! Checks for tests: the file of a catalogue beside the code.

use std::{fs, io, path::Path};

use super::{
    compatibility::{Change, compare, unreadable},
    error::CatalogueError,
    model::Catalogue,
    registered::catalogue,
};

/// Compares the events of this binary with a file, which belongs into the repository.
///
/// The first run writes the file. Later a breaking change fails the test with the change, the readers that break, and the way out.
/// `UPDATE_EVENTS=1` accepts changes that break no reader, `UPDATE_EVENTS=breaking` all. A change that was not accepted fails the test too, so that the
/// file is always that of the code. With `CI` set, a missing file fails the test. A path is relative to the package, where Cargo runs tests.
///
/// ```no_run
/// #[test]
/// fn events_stay_compatible() {
///     marty_events::catalogue::assert_compatible("events.json");
/// }
/// ```
///
/// # Panics
///
/// If the events changed and the change was not accepted, if there are none, or if the file cannot be used.
#[track_caller]
pub fn assert_compatible(path: impl AsRef<Path>) {
    let path = path.as_ref();
    let update = std::env::var("UPDATE_EVENTS").unwrap_or_default();
    let outcome = catalogue().and_then(|now| check(path, now, &update, std::env::var_os("CI").is_some()));
    match outcome {
        Ok(None) => {}
        Ok(Some(problem)) => panic!("{problem}"),
        Err(error) => panic!("{}", described(&error)),
    }
}

/// Checks that the handlers of this binary read the events in a producer's file: those of `#[event_handlers]`, and the events that
/// [`handles!`](crate::handles) names because they are read by hand.
///
/// # Panics
///
/// If a handler cannot read a published event, if no handler reads an event of this producer, or if the file cannot be used.
#[track_caller]
pub fn assert_handles(path: impl AsRef<Path>) {
    let path = path.as_ref();
    match catalogue().and_then(|reader| Ok(problem_of(path, &reader, &read(path)?))) {
        Ok(None) => {}
        Ok(Some(problem)) => panic!("{problem}"),
        Err(error) => panic!("{}", described(&error)),
    }
}

/// The problem of a reader, if there is one. A binary without a handler would pass each time.
fn problem_of(path: &Path, reader: &Catalogue, producer: &Catalogue) -> Option<String> {
    let file = path.display();
    let changes = unreadable(reader, producer);
    if !changes.is_empty() {
        return Some(format!("handlers cannot read the events of `{file}`:\n{}", lines(changes.iter())));
    }
    let is_published = |topic: &str| producer.publishes.iter().any(|event| producer.topic_of(event) == topic);
    let has_handler = reader.handles.iter().any(|handled| is_published(&handled.topic));
    (!has_handler).then(|| {
        format!(
            "no handler of this binary reads an event of `{file}`; handle them with `#[event_handlers]` or name them with `marty_events::handles!`, and link the package: `use the_crate as _;`"
        )
    })
}

/// The problem, if there is one.
fn check(path: &Path, mut now: Catalogue, update: &str, is_ci: bool) -> Result<Option<String>, CatalogueError> {
    if !path.exists() {
        if is_ci {
            return Ok(Some(format!("there is no file `{}`; run the test once and commit the file", path.display())));
        }
        write(path, &now)?;
        return Ok(None);
    }
    let before = read(path)?;
    // The name of the process's environment is not the code's.
    now.service.clone_from(&before.service);
    if before == now {
        return Ok(None);
    }
    let changes = compare(&before, &now);
    let breaking: Vec<&Change> = changes.iter().filter(|change| change.is_breaking()).collect();
    if update == "breaking" || (update == "1" && breaking.is_empty()) {
        write(path, &now)?;
        return Ok(None);
    }
    let file = path.display();
    if changes.is_empty() {
        return Ok(Some(format!(
            "`{file}` differs from the events in texts that no reader sees; write it anew with UPDATE_EVENTS=1, and commit it"
        )));
    }
    Ok(Some(if breaking.is_empty() {
        format!(
            "the events changed, and no reader breaks:\n{}\naccept it with UPDATE_EVENTS=1, and commit `{file}`",
            lines(changes.iter())
        )
    } else {
        format!(
            "the events changed, and readers break:\n{}\nif this is meant, accept it with UPDATE_EVENTS=breaking, and commit `{file}`",
            lines(breaking.into_iter())
        )
    }))
}

fn read(path: &Path) -> Result<Catalogue, CatalogueError> {
    let text = fs::read_to_string(path).map_err(|source| file(path, source))?;
    Catalogue::from_json(&text)
}

fn write(path: &Path, catalogue: &Catalogue) -> Result<(), CatalogueError> {
    fs::write(path, catalogue.to_json()).map_err(|source| file(path, source))
}

fn file(path: &Path, source: io::Error) -> CatalogueError {
    CatalogueError::File { path: path.display().to_string(), source }
}

fn described(error: &CatalogueError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

fn lines<'a>(changes: impl Iterator<Item = &'a Change>) -> String {
    changes.map(|change| format!("- {change}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{super::model::Published, *};

    fn users(event: Published) -> Catalogue {
        Catalogue::new("users").publishing(event)
    }

    fn created() -> Published {
        Published::new("domain", "{service}.user.user_created", "user_created").key("id")
    }

    #[test]
    fn the_first_run_writes_and_later_runs_compare() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("events.json");
        let old = users(created().fields(&["name"], &[]));
        assert!(check(&path, old.clone(), "", true).expect("readable").expect("a problem").contains("no file"));
        assert_eq!(check(&path, old.clone(), "", false).expect("written"), None);
        assert_eq!(check(&path, old, "", true).expect("equal"), None);

        let more = users(created().fields(&["name"], &["email"]));
        let problem = check(&path, more.clone(), "", false).expect("readable").expect("a problem");
        assert!(problem.contains("optional field added") && problem.contains("UPDATE_EVENTS=1"), "{problem}");
        assert_eq!(check(&path, more.clone(), "1", false).expect("written"), None);
        assert_eq!(read(&path).expect("a catalogue"), more);

        let less = users(created().fields(&[], &["email"]));
        let problem = check(&path, less.clone(), "1", false).expect("readable").expect("a problem");
        assert!(problem.contains("required field removed") && problem.contains("raise `event_version`"), "{problem}");
        assert_eq!(check(&path, less, "breaking", false).expect("written"), None);
    }
}
