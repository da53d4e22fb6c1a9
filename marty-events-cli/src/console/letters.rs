//! The places of dead letters: the outbox, and each consumer group of the inbox. The pages about letters are the same for both.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use marty_events::{
    EventError, OutboxRepository,
    inbox::{InboxQuery, InboxRepository},
    outbox::DeadLetterGroup,
};
use maud::html;
use uuid::Uuid;

use super::{
    change::Change,
    id::{Cursor, Id},
    letter::Letter,
    page,
    selection::Filter,
    state::Console,
    text,
    visit::Visit,
};
use crate::plain::plain;

/// The dead letters of one place.
#[derive(Debug, Clone)]
pub(super) struct Letters {
    /// The path of their list, before the paths of all their pages.
    pub(super) path: String,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Outbox(OutboxRepository),
    Group { inbox: InboxRepository, group: String },
}

impl Letters {
    /// The path of a group's letters.
    pub(super) fn path_of_group(base: &str, group: &str) -> String {
        format!("{base}/groups/{}/dead-letters", text::encoded(group))
    }

    /// The group that has given the events up; `None` for the outbox.
    pub(super) fn group(&self) -> Option<&str> {
        match &self.place {
            Place::Outbox(_) => None,
            Place::Group { group, .. } => Some(group),
        }
    }

    pub(super) fn title(&self) -> String {
        self.group().map_or_else(|| "Dead letters".to_owned(), |group| format!("Dead letters of {}", plain(group)))
    }

    /// The fields that letters are selected by: their names in addresses, and on pages.
    pub(super) fn fields(&self) -> &'static [(&'static str, &'static str)] {
        match self.place {
            Place::Outbox(_) => &[("topic", "Topic"), ("type", "Type"), ("reason", "Reason")],
            Place::Group { .. } => &[("topic", "Topic"), ("reason", "Reason")],
        }
    }

    /// False for a filter with a field that these letters are not selected by. It would select too much.
    pub(super) fn knows(&self, filter: &Filter) -> bool {
        filter.pairs().all(|(name, _)| self.fields().iter().any(|(known, _)| *known == name))
    }

    pub(super) fn cursor(&self, text: &str) -> Option<Cursor> {
        match self.place {
            Place::Outbox(_) => text.parse().ok().map(Cursor::Outbox),
            Place::Group { .. } => text.parse().ok().map(Cursor::Inbox),
        }
    }

    /// A letter with its payload.
    pub(super) async fn letter(&self, id: Id) -> Result<Option<Letter>, EventError> {
        match (&self.place, id) {
            (Place::Outbox(outbox), Id::Event(id)) => Ok(outbox.dead_letter(id).await?.map(Letter::from)),
            (Place::Group { inbox, group }, Id::Number(number)) => {
                numbered(inbox, number, InboxQuery::default().group(group)).await
            }
            _ => Ok(None),
        }
    }

    /// The answer where a letter is not there.
    pub(super) fn gone(&self, visit: &Visit) -> Response {
        let body = html! {
            p { "There is no dead letter with this id. It may have been requeued or discarded meanwhile." }
            p { a href=(self.path) { "To the dead letters" } }
        };
        (StatusCode::NOT_FOUND, page::page(visit, "Not found", None, &body)).into_response()
    }

    /// Letters behind `after` without their payloads, `limit` at the most: those that a change can touch, or all.
    pub(super) async fn page(
        &self,
        filter: &Filter,
        change: Option<Change>,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Vec<Letter>, EventError> {
        match &self.place {
            Place::Outbox(outbox) => {
                let mut query = filter.outbox_query(change).limit(limit);
                if let Some(Cursor::Outbox(place)) = after {
                    query = query.after(place);
                }
                Ok(outbox.dead_letters(query).await?.into_iter().map(Letter::from).collect())
            }
            Place::Group { inbox, group } => {
                let mut query = filter.inbox_query(group).limit(limit);
                if let Some(Cursor::Inbox(number)) = after {
                    query = query.after(number);
                }
                Ok(inbox.dead_letters(query).await?.into_iter().map(Letter::from).collect())
            }
        }
    }

    /// The number of letters that a change can touch, or of all.
    pub(super) async fn count(&self, filter: &Filter, change: Option<Change>) -> Result<u64, EventError> {
        match &self.place {
            Place::Outbox(outbox) => outbox.count_dead_letters(&filter.outbox_query(change)).await,
            Place::Group { inbox, group } => inbox.count_dead_letters(&filter.inbox_query(group)).await,
        }
    }

    /// The largest groups of letters alike, where the database counts them.
    pub(super) async fn alike(&self, filter: &Filter, limit: u32) -> Result<Vec<DeadLetterGroup>, EventError> {
        match &self.place {
            Place::Outbox(outbox) => outbox.dead_letter_groups(filter.outbox_query(None).limit(limit)).await,
            Place::Group { .. } => Ok(Vec::new()),
        }
    }

    /// The ids of this place, each with the event's own id. A number of another group is left out.
    pub(super) async fn own(&self, ids: &[Id]) -> Result<Vec<(Id, String)>, EventError> {
        let mut own = Vec::with_capacity(ids.len());
        for &id in ids {
            match (&self.place, id) {
                (Place::Outbox(_), Id::Event(event)) => own.push((id, event.to_string())),
                (Place::Group { inbox, group }, Id::Number(number)) => {
                    let query = InboxQuery::default().group(group).without_value();
                    own.extend(numbered(inbox, number, query).await?.map(|letter| (id, letter.event_id())));
                }
                _ => {}
            }
        }
        Ok(own)
    }

    /// Changes letters of this place, and answers how many were there.
    pub(super) async fn make(&self, change: Change, letters: &[(Id, String)]) -> Result<u64, EventError> {
        let ids = || letters.iter().map(|(id, _)| id);
        match &self.place {
            Place::Outbox(outbox) => {
                let events: Vec<Uuid> =
                    ids().filter_map(|id| if let Id::Event(id) = id { Some(*id) } else { None }).collect();
                match change {
                    Change::Requeue => outbox.requeue(&events).await,
                    Change::Discard => outbox.discard(&events).await,
                }
            }
            Place::Group { inbox, .. } => {
                let numbers: Vec<i64> =
                    ids().filter_map(|id| if let Id::Number(id) = id { Some(*id) } else { None }).collect();
                match change {
                    Change::Requeue => inbox.requeue(&numbers).await,
                    Change::Discard => inbox.discard(&numbers).await,
                }
            }
        }
    }
}

/// The letter with this number: the first one behind the number before it.
async fn numbered(inbox: &InboxRepository, number: i64, query: InboxQuery) -> Result<Option<Letter>, EventError> {
    let found = inbox.dead_letters(query.after(number.saturating_sub(1)).limit(1)).await?;
    Ok(found.into_iter().find(|letter| letter.id == number).map(Letter::from))
}

/// A path with a group in it is about that group's letters, and any other path about the outbox's.
impl FromRequestParts<Arc<Console>> for Letters {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, StatusCode> {
        let outbox = Visit::from_request_parts(parts, console).await?.outbox;
        let Ok(names) = RawPathParams::from_request_parts(parts, console).await else {
            return Err(StatusCode::BAD_REQUEST);
        };
        let base = &outbox.base;
        Ok(match names.iter().find(|(name, _)| *name == "group") {
            Some((_, group)) => {
                let place = Place::Group { inbox: outbox.inbox.clone(), group: group.to_owned() };
                Self { path: Self::path_of_group(base, group), place }
            }
            None => Self { path: format!("{base}/dead-letters"), place: Place::Outbox(outbox.repository.clone()) },
        })
    }
}
