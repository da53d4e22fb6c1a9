//! A selection of dead letters in a page's address: by ids, or by topic, type and reason.

use marty_events::{inbox::InboxQuery, outbox::DeadLetterQuery};
use maud::{Markup, html};

use super::{change::Change, id::Id, text::address};
use crate::plain::plain;

/// Topic, type and reason, each as a whole. An empty one selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) topic: String,
    pub(super) event_type: String,
    pub(super) reason: String,
}

/// The dead letters that a change is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    Ids(Vec<Id>),
    Matching(Filter),
}

impl Filter {
    /// The filter in the pairs of an address.
    pub(super) fn read(pairs: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let mut values = pairs.iter().filter(|(key, _)| key == name);
            values.next_back().map(|(_, value)| value.clone()).unwrap_or_default()
        };
        Self { topic: value("topic"), event_type: value("type"), reason: value("reason") }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pairs().next().is_none()
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        [("topic", self.topic.as_str()), ("type", &self.event_type), ("reason", &self.reason)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
    }

    /// The value of the field with this name in addresses.
    pub(super) fn value(&self, name: &str) -> &str {
        self.pairs().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// The letters of the outbox that a change can touch, or all that match.
    pub(super) fn outbox_query(&self, change: Option<Change>) -> DeadLetterQuery {
        let mut query = DeadLetterQuery::default().without_payload();
        if !self.topic.is_empty() {
            query = query.topic(&self.topic);
        }
        if !self.event_type.is_empty() {
            query = query.event_type(&self.event_type);
        }
        if !self.reason.is_empty() {
            query = query.reason(&self.reason);
        }
        if matches!(change, Some(Change::Requeue)) { query.requeueable() } else { query }
    }

    /// The letters of a group. They are not selected by type.
    pub(super) fn inbox_query(&self, group: &str) -> InboxQuery {
        let mut query = InboxQuery::default().group(group).without_value();
        if !self.topic.is_empty() {
            query = query.topic(&self.topic);
        }
        if !self.reason.is_empty() {
            query = query.reason(&self.reason);
        }
        query
    }

    /// The filter in words, as the facts of a page.
    pub(super) fn facts(&self) -> Markup {
        html! {
            dl.facts {
                @for (name, value) in self.pairs() {
                    dt { (match name { "topic" => "Topic", "type" => "Type", _ => "Reason" }) }
                    dd.reason { bdi { (plain(value)) } }
                }
            }
        }
    }
}

impl Selection {
    /// The ids in the pairs of an address; without one, the filter there.
    pub(super) fn read(pairs: &[(String, String)]) -> Result<Self, uuid::Error> {
        let ids = pairs.iter().filter(|(name, _)| name == "id").map(|(_, id)| id.parse());
        let ids = ids.collect::<Result<Vec<Id>, _>>()?;
        Ok(if ids.is_empty() { Self::Matching(Filter::read(pairs)) } else { Self::Ids(ids) })
    }

    /// The address of the page that asks about a change of this selection, below the path of the letters.
    pub(super) fn address(&self, letters: &str, change: &str) -> String {
        let path = format!("{letters}/{}/{change}", self.path());
        match self {
            Self::Ids(ids) => {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                address(&path, ids.iter().map(|id| ("id", id.as_str())))
            }
            Self::Matching(filter) => address(&path, filter.pairs()),
        }
    }

    fn path(&self) -> &'static str {
        match self {
            Self::Ids(_) => "selected",
            Self::Matching(_) => "matching",
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_selection_comes_back_from_its_address() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let id = Id::Event(Uuid::from_u128(7));
        let ids = Selection::read(&[pair("id", &id.to_string()), pair("topic", "x")]);
        assert_eq!(ids, Ok(Selection::Ids(vec![id])));
        let address = Selection::Ids(vec![id, id]).address("/outbox/a/dead-letters", "requeue");
        assert_eq!(address, format!("/outbox/a/dead-letters/selected/requeue?id={id}&id={id}"));
        assert_eq!(
            Selection::read(&[pair("id", "12")]),
            Ok(Selection::Ids(vec![Id::Number(12)])),
            "a letter of a group"
        );
        assert!(Selection::read(&[pair("id", "x")]).is_err());
        let filter = Filter { topic: "a".to_owned(), event_type: String::new(), reason: "b c".to_owned() };
        assert_eq!(
            Selection::read(&[pair("topic", "a"), pair("reason", "b c")]),
            Ok(Selection::Matching(filter.clone()))
        );
        let address = Selection::Matching(filter).address("/groups/g/dead-letters", "discard");
        assert_eq!(address, "/groups/g/dead-letters/matching/discard?topic=a&reason=b%20c");
    }
}
