//! The catalogue as a page for people.

use std::{collections::BTreeMap, fmt::Write};

use super::model::{Catalogue, Handled};

impl Catalogue {
    /// Tables of the events, and a mermaid picture of publishers, topics and handlers.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut page = format!("# Events of {}\n\n", cell(&self.service));
        self.picture(&mut page);
        page.push_str("\n## Published\n\n| topic | type | kind | version | key | ordering | route | fields | documentation |\n|---|---|---|---|---|---|---|---|---|\n");
        for event in &self.publishes {
            let fields = event.schema.as_ref().and_then(|schema| schema["properties"].as_object());
            let fields: Vec<&str> = fields.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            let cells = [
                self.topic_of(event),
                event.event_type.clone(),
                event.kind.clone(),
                event.version.to_string(),
                event.key.clone().unwrap_or_default(),
                event.ordering.clone(),
                event.route.clone(),
                fields.join(", "),
                event.documentation.clone().unwrap_or_default(),
            ];
            row(&mut page, &cells);
        }
        if self.handles.is_empty() {
            return page;
        }
        page.push_str("\n## Handled\n\n| group | topic | type | versions |\n|---|---|---|---|\n");
        for event in &self.handles {
            let versions: Vec<String> = event.versions.iter().map(u32::to_string).collect();
            let versions = if versions.is_empty() { "all".to_owned() } else { versions.join(", ") };
            row(
                &mut page,
                &[event.group.clone().unwrap_or_default(), event.topic.clone(), event.event_type.clone(), versions],
            );
        }
        page
    }

    fn picture(&self, page: &mut String) {
        page.push_str("```mermaid\nflowchart LR\n");
        let topics = self.publishes.iter().map(|event| self.topic_of(event));
        let topics: std::collections::BTreeSet<String> =
            topics.chain(self.handles.iter().map(|event| event.topic.clone())).collect();
        let nodes: BTreeMap<&str, usize> =
            topics.iter().enumerate().map(|(number, name)| (name.as_str(), number)).collect();
        line(page, format_args!("    service[\"{}\"]", label(&self.service)));
        for (name, number) in &nodes {
            line(page, format_args!("    topic{number}([\"{}\"])", label(name)));
        }
        for event in &self.publishes {
            let number = nodes.get(self.topic_of(event).as_str()).copied().unwrap_or_default();
            line(page, format_args!("    service -- \"{}\" --> topic{number}", label(&event.event_type)));
        }
        let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
        for event in &self.handles {
            let next = groups.len();
            groups.entry(self.group_of(event)).or_insert(next);
        }
        for (name, number) in &groups {
            line(page, format_args!("    group{number}[/\"{}\"/]", label(name)));
        }
        for event in &self.handles {
            let topic = nodes.get(event.topic.as_str()).copied().unwrap_or_default();
            let group = groups.get(self.group_of(event)).copied().unwrap_or_default();
            line(page, format_args!("    topic{topic} -- \"{}\" --> group{group}", label(&event.event_type)));
        }
        page.push_str("```\n");
    }

    /// The group of a handler is not known; most services have one, under their own name.
    fn group_of<'a>(&'a self, event: &'a Handled) -> &'a str {
        event.group.as_deref().unwrap_or(&self.service)
    }
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    _ = writeln!(page, "{text}");
}

fn row(page: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    line(page, format_args!("| {} |", cells.join(" | ")));
}

/// A text on one line that cannot end its cell.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}

fn label(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('"', "#quot;")
}
