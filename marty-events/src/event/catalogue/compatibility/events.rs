//! Comparison of events, apart from their data.

use super::super::model::{Catalogue, Published, rank};
use super::{
    change::{
        Change, Verdict,
        Verdict::{Breaks, Reads, Told},
    },
    schema,
};

/// The changes from an old catalogue of a publisher to a new one, sorted by event.
#[must_use]
pub fn compare(old: &Catalogue, new: &Catalogue) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut left: Vec<&Published> = new.publishes.iter().collect();
    let mut gone = Vec::new();
    for event in &old.publishes {
        match left.iter().position(|other| is_same_topic(event, other) && other.event_type == event.event_type) {
            Some(index) => pair(event, left.remove(index), &mut changes),
            None => gone.push(event),
        }
    }
    // An event that moved has its type still.
    for event in gone {
        match left.iter().position(|other| other.event_type == event.event_type && event.event_type != "*") {
            Some(index) => pair(event, left.remove(index), &mut changes),
            None => changes.push(change(event, "event removed", Breaks, Reads)),
        }
    }
    changes.extend(left.into_iter().map(|event| change(event, "event added", Reads, Reads)));
    changes.sort_by(|left, right| (&left.event, &left.path).cmp(&(&right.event, &right.path)));
    changes
}

/// The handlers of `reader` that cannot read what `producer` publishes. Handlers of topics of other services are left out.
#[must_use]
pub fn unreadable(reader: &Catalogue, producer: &Catalogue) -> Vec<Change> {
    let mut changes = Vec::new();
    for handled in &reader.handles {
        let topic: Vec<&Published> =
            producer.publishes.iter().filter(|event| producer.topic_of(event) == handled.topic).collect();
        let is_of_producer = handled.topic.starts_with(&format!("{}.", producer.service));
        let name = format!("{} {}", handled.topic, handled.event_type);
        let of =
            |kind| Change { event: name.clone(), path: String::new(), kind, old_readers: Reads, new_readers: Breaks };
        if handled.event_type == "*" && !topic.is_empty() {
            continue;
        }
        let Some(event) = topic.iter().find(|event| event.event_type == handled.event_type) else {
            if is_of_producer {
                changes.push(of("event not published"));
            }
            continue;
        };
        if !handled.versions.is_empty() && !handled.versions.contains(&event.version) {
            changes.push(of("version not read"));
            continue;
        }
        // The schema is that of the newest version; an older one is read as a type of its own.
        let has_newest = handled.versions.iter().max().is_none_or(|newest| *newest == event.version);
        if let (true, Some(written), Some(read)) = (has_newest, &event.schema, &handled.schema) {
            let found = schema::compare(written, read);
            changes.extend(found.into_iter().filter(|found| found.new == Breaks).map(|found| Change {
                event: name.clone(),
                path: found.path,
                kind: found.kind,
                old_readers: Reads,
                new_readers: Breaks,
            }));
        }
    }
    changes
}

fn pair(old: &Published, new: &Published, changes: &mut Vec<Change>) {
    if !is_same_topic(old, new) {
        changes.push(change(old, "topic changed", Breaks, Breaks));
    }
    if old.kind != new.kind {
        changes.push(change(old, "kind changed", Breaks, Breaks));
    }
    if old.key != new.key {
        changes.push(change(old, "key changed", Breaks, Breaks));
    }
    match rank(&old.ordering).cmp(&rank(&new.ordering)) {
        std::cmp::Ordering::Less => changes.push(change(old, "ordering strengthened", Reads, Reads)),
        std::cmp::Ordering::Equal => {}
        std::cmp::Ordering::Greater => changes.push(change(old, "ordering weakened", Breaks, Reads)),
    }
    if old.route != new.route {
        changes.push(change(old, "route changed", Reads, Reads));
    }
    if old.documentation != new.documentation {
        changes.push(change(old, "documentation changed", Reads, Reads));
    }
    // A raised version is another shape. Its readers are told by the number, so its fields are not compared.
    if old.version < new.version {
        changes.push(if new.from.contains(&old.version) {
            change(old, "version raised with from", Told, Reads)
        } else {
            change(old, "version raised without from", Told, Breaks)
        });
        return;
    }
    if new.version < old.version {
        changes.push(change(old, "version lowered", Breaks, Breaks));
        return;
    }
    match (&old.schema, &new.schema) {
        (Some(before), Some(after)) => {
            changes.extend(schema::compare(before, after).into_iter().map(|found| Change {
                event: name(old),
                path: found.path,
                kind: found.kind,
                old_readers: found.old,
                new_readers: found.new,
            }));
        }
        (Some(_), None) => changes.push(change(old, "schema removed", Breaks, Reads)),
        (None, Some(_)) => changes.push(change(old, "schema added", Reads, Breaks)),
        (None, None) => {}
    }
}

/// A typed event may name its service, and `{service}` stands for the same one: no other service can publish the event.
fn is_same_topic(old: &Published, new: &Published) -> bool {
    let names_it = |template: &str, topic: &str| {
        let rest = template.strip_prefix("{service}.");
        rest.is_some_and(|rest| topic.split_once('.').is_some_and(|(_, after)| after == rest))
    };
    let (old, new) = (&old.topic, &new.topic);
    old == new || names_it(old, new) || names_it(new, old)
}

fn change(event: &Published, kind: &'static str, old_readers: Verdict, new_readers: Verdict) -> Change {
    Change { event: name(event), path: String::new(), kind, old_readers, new_readers }
}

fn name(event: &Published) -> String {
    if event.topic.ends_with(&event.event_type) {
        event.topic.clone()
    } else {
        format!("{} {}", event.topic, event.event_type)
    }
}
