//! Comparison of JSON Schemas. A schema that accepts more breaks old readers; one that accepts less breaks new readers.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    change::{
        Verdict,
        Verdict::{Breaks, Reads},
    },
    keywords::{
        accepts_all, is_closed, others, parts, plain, reference, reference_free, resolve, typed, types, values,
    },
    numbers,
};

/// A difference between two schemas.
pub(super) struct Found {
    pub(super) path: String,
    pub(super) kind: &'static str,
    pub(super) old: Verdict,
    pub(super) new: Verdict,
}

pub(super) fn compare(old: &Value, new: &Value) -> Vec<Found> {
    let mut comparison = Comparison { old, new, under_way: BTreeSet::new(), found: Vec::new() };
    comparison.schema("", old, new);
    comparison.found
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    /// Pairs of references that are being compared. A type may contain itself.
    under_way: BTreeSet<(String, String)>,
    found: Vec<Found>,
}

impl<'a> Comparison<'a> {
    fn schema(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        let names = (reference(old), reference(new));
        if let (Some(before), Some(after)) = &names {
            let pair = ((*before).to_owned(), (*after).to_owned());
            if !self.under_way.insert(pair.clone()) {
                return;
            }
            let (old, new) = (resolve(self.old, old), resolve(self.new, new));
            self.resolved(path, old, new);
            self.under_way.remove(&pair);
            return;
        }
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        self.resolved(path, old, new);
    }

    fn resolved(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        if old == new && reference_free(old) {
            return;
        }
        match (accepts_all(old), accepts_all(new)) {
            (true, true) => return,
            (true, false) => return self.add(path, "type given to an untyped field", Reads, Breaks),
            (false, true) => return self.add(path, "type taken from a field", Breaks, Reads),
            (false, false) => {}
        }
        self.types(path, old, new);
        self.values(path, old, new);
        self.format(path, old, new);
        self.fields(path, old, new);
        self.open(path, old, new);
        self.items(path, old, new);
        for keyword in ["oneOf", "anyOf"] {
            self.alternatives(path, keyword, old, new);
        }
        self.parts(path, old, new);
        for (kind, old, new) in numbers::limits(old, new) {
            self.add(path, kind, old, new);
        }
        let (before, after) = (others(old), others(new));
        // The rules know no more about these, so both readers count as broken. Equal texts with references may differ in their definitions.
        let is_unsure = !before.values().all(reference_free) && self.old["$defs"] != self.new["$defs"];
        if before != after || is_unsure {
            self.add(path, "other keyword changed", Breaks, Breaks);
        }
    }

    fn types(&mut self, path: &str, old: &Value, new: &Value) {
        let (mut before, mut after) = (types(old), types(new));
        if before.is_empty() && after.is_empty() {
            return;
        }
        // An empty list accepts every type.
        if before.is_empty() {
            return self.add(path, "type narrowed", Reads, Breaks);
        }
        if after.is_empty() {
            return self.add(path, "type widened", Breaks, Reads);
        }
        match (before.remove("null"), after.remove("null")) {
            (false, true) => self.add(path, "null allowed", Breaks, Reads),
            (true, false) => self.add(path, "null forbidden", Reads, Breaks),
            _ => {}
        }
        let covers = |wide: &BTreeSet<String>, narrow: &BTreeSet<String>| {
            narrow.iter().all(|name| wide.contains(name) || (name == "integer" && wide.contains("number")))
        };
        match (covers(&after, &before), covers(&before, &after)) {
            (true, true) => {}
            (true, false) => self.add(path, "type widened", Breaks, Reads),
            (false, true) => self.add(path, "type narrowed", Reads, Breaks),
            (false, false) => self.add(path, "type changed", Breaks, Breaks),
        }
    }

    fn values(&mut self, path: &str, old: &Value, new: &Value) {
        match (values(old), values(new)) {
            (None, None) => {}
            (None, Some(_)) => self.add(path, "enum added", Reads, Breaks),
            (Some(_), None) => self.add(path, "enum removed", Breaks, Reads),
            (Some(before), Some(after)) => {
                let is_grown = after.iter().any(|value| !before.contains(value));
                let is_shrunk = before.iter().any(|value| !after.contains(value));
                if is_grown {
                    self.add(path, "enum grown", Breaks, Reads);
                }
                if is_shrunk {
                    self.add(path, "enum shrunk", Reads, Breaks);
                }
            }
        }
    }

    fn format(&mut self, path: &str, old: &Value, new: &Value) {
        match (old["format"].as_str(), new["format"].as_str()) {
            (None, Some(_)) => self.add(path, "format added", Reads, Breaks),
            (Some(_), None) => self.add(path, "format removed", Breaks, Reads),
            (Some(before), Some(after)) if before != after => self.add(path, "format changed", Breaks, Breaks),
            _ => {}
        }
    }

    fn fields(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        let empty = || Map::new();
        let names: BTreeSet<String> = [old, new]
            .into_iter()
            .flat_map(|schema| schema["properties"].as_object().cloned().unwrap_or_else(empty).into_iter())
            .map(|(name, _)| name)
            .collect();
        let is_required = |schema: &Value, name: &str| {
            schema["required"].as_array().is_some_and(|list| list.iter().any(|entry| entry.as_str() == Some(name)))
        };
        for name in names {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let (was, is) = (is_required(old, &name), is_required(new, &name));
            match (old["properties"].get(&name), new["properties"].get(&name)) {
                (None, Some(field)) => {
                    let new_readers = if is { Breaks } else { Reads };
                    let kind = match (is, field.get("default").is_some(), is_closed(old)) {
                        (_, _, true) => "field added to a closed object",
                        (true, ..) => "required field added",
                        (false, true, _) => "field with default added",
                        (false, false, _) => "optional field added",
                    };
                    self.add(&path, kind, if is_closed(old) { Breaks } else { Reads }, new_readers);
                }
                (Some(_), None) => {
                    let new_readers = if is_closed(new) { Breaks } else { Reads };
                    let kind = match (is_closed(new), was) {
                        (true, _) => "field removed from a closed object",
                        (false, true) => "required field removed",
                        (false, false) => "optional field removed",
                    };
                    self.add(&path, kind, if was { Breaks } else { Reads }, new_readers);
                }
                (Some(before), Some(after)) => {
                    match (was, is) {
                        (true, false) => self.add(&path, "field made optional", Breaks, Reads),
                        (false, true) => self.add(&path, "field made required", Reads, Breaks),
                        _ => {}
                    }
                    self.schema(&path, before, after);
                }
                (None, None) => {}
            }
        }
    }

    fn open(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        match (is_closed(old), is_closed(new)) {
            (true, false) => self.add(path, "additional properties allowed", Breaks, Reads),
            (false, true) => self.add(path, "additional properties forbidden", Reads, Breaks),
            (true, true) => {}
            (false, false) => {
                let path = format!("{path}{{}}");
                match (typed(old, "additionalProperties"), typed(new, "additionalProperties")) {
                    (Some(before), Some(after)) => self.schema(&path, before, after),
                    (Some(_), None) => self.add(&path, "map's values untyped", Breaks, Reads),
                    (None, Some(_)) => self.add(&path, "map's values typed", Reads, Breaks),
                    (None, None) => {}
                }
            }
        }
    }

    fn items(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        let path = format!("{path}[]");
        match (typed(old, "items"), typed(new, "items")) {
            (Some(before), Some(after)) => self.schema(&path, before, after),
            (Some(_), None) => self.add(&path, "array's items untyped", Breaks, Reads),
            (None, Some(_)) => self.add(&path, "array's items typed", Reads, Breaks),
            (None, None) => {}
        }
    }

    fn alternatives(&mut self, path: &str, keyword: &str, old: &'a Value, new: &'a Value) {
        let (before, after) = match (old[keyword].as_array(), new[keyword].as_array()) {
            (None, None) => return,
            (Some(before), Some(after)) => (before, after),
            _ => return self.add(path, "alternatives added or removed", Breaks, Breaks),
        };
        let mut come: Vec<&Value> = after.iter().collect();
        let mut gone = Vec::new();
        let mut pairs = Vec::new();
        for entry in before {
            let is_equal = |other: &&Value| plain(resolve(self.new, other)) == plain(resolve(self.old, entry));
            match come.iter().position(is_equal) {
                Some(index) => pairs.push((entry, come.remove(index))),
                None => gone.push(entry),
            }
        }
        // One alternative that changed is compared with itself.
        if let ([was], [is]) = (gone.as_slice(), come.as_slice()) {
            pairs.push((was, is));
            (gone, come) = (Vec::new(), Vec::new());
        }
        // Equal texts may refer to definitions that changed.
        for (was, is) in pairs {
            self.schema(&format!("{path}|"), was, is);
        }
        if !come.is_empty() {
            self.add(path, "alternative added", Breaks, Reads);
        }
        if !gone.is_empty() {
            self.add(path, "alternative removed", Reads, Breaks);
        }
    }

    /// Schemas that hold together, or for each place and each pattern of a name: compared one by one.
    fn parts(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        for keyword in ["allOf", "prefixItems", "patternProperties"] {
            let (before, after) = (parts(&old[keyword]), parts(&new[keyword]));
            if !before.iter().map(|(name, _)| name).eq(after.iter().map(|(name, _)| name)) {
                self.add(path, "other keyword changed", Breaks, Breaks);
                continue;
            }
            for ((name, was), (_, is)) in before.into_iter().zip(after) {
                let place = if keyword == "allOf" { path.to_owned() } else { format!("{path}[{name}]") };
                self.schema(&place, was, is);
            }
        }
    }

    fn add(&mut self, path: &str, kind: &'static str, old: Verdict, new: Verdict) {
        self.found.push(Found { path: path.to_owned(), kind, old, new });
    }
}
