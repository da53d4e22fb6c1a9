//! The dead letters of a group of consumers, in its inbox.

use std::fmt;

use marty_events::inbox::{InboxLetter, InboxQuery, InboxRepository};

use super::{
    Filter,
    letters::{Contents, Letter, Letters},
};
use crate::{
    exit::Exit,
    failure::{Failure, Result},
    output::or_dash,
    payload::Payload,
    plain::plain,
    time::stamp,
};

/// The letters of one group.
pub(super) struct GroupLetters {
    inbox: InboxRepository,
    group: String,
}

impl GroupLetters {
    pub(super) fn new(inbox: InboxRepository, group: String) -> Self {
        Self { inbox, group }
    }

    fn query(&self, filter: &Filter) -> Result<InboxQuery> {
        let Filter { topic, event_type, older_than } = filter;
        if event_type.is_some() {
            let failure = Failure::new(Exit::Usage, "the letters of a group are not selected by --type");
            return Err(failure.advise("select them by --topic, or name their ids"));
        }
        let mut query = InboxQuery::default().group(&self.group).without_value();
        if let Some(topic) = topic {
            query = query.topic(topic);
        }
        if let Some(age) = older_than {
            query = query.older_than(*age);
        }
        Ok(query)
    }
}

impl Letters for GroupLetters {
    type Key = i64;
    type Letter = InboxLetter;

    fn id(&self, given: &str) -> Result<String> {
        Ok(given.to_owned())
    }

    async fn find(&self, id: &str, with_payload: bool) -> Result<Option<InboxLetter>> {
        let query = InboxQuery::default().group(&self.group).event_id(id);
        let query = if with_payload { query } else { query.without_value() };
        Ok(self.inbox.dead_letters(query).await?.pop())
    }

    async fn count(&self, filter: &Filter) -> Result<u64> {
        Ok(self.inbox.count_dead_letters(&self.query(filter)?).await?)
    }

    async fn page(&self, filter: &Filter, last: Option<&InboxLetter>, limit: u32) -> Result<Vec<InboxLetter>> {
        let query = self.query(filter)?.limit(limit);
        let query = last.into_iter().fold(query, |query, last| query.after(last.id));
        Ok(self.inbox.dead_letters(query).await?)
    }

    async fn requeue(&self, keys: &[i64]) -> Result<u64> {
        Ok(self.inbox.requeue(keys).await?)
    }

    async fn discard(&self, keys: &[i64]) -> Result<u64> {
        Ok(self.inbox.discard(keys).await?)
    }

    fn can_redact(&self) -> Result<()> {
        let failure = Failure::new(Exit::Usage, "the letters of a group are not redacted");
        Err(failure.advise("discard them: the group still knows the events, and drops them if they come again"))
    }

    async fn redact(&self, _: &[i64]) -> Result<u64> {
        self.can_redact().map(|()| 0)
    }
}

impl Letter for InboxLetter {
    type Key = i64;

    fn key(&self) -> i64 {
        self.id
    }

    fn event_id(&self) -> String {
        self.event_id.clone()
    }

    fn is_redacted(&self) -> bool {
        false
    }

    fn row(&self) -> [String; 7] {
        let reason = plain(&self.reason);
        [
            plain(&self.event_id),
            stamp(self.died_at),
            or_dash(self.event_type.as_deref()),
            plain(&self.topic),
            plain(&self.key),
            self.attempts.to_string(),
            if self.is_held { format!("{reason}; its key waits") } else { reason },
        ]
    }

    fn fields(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "event      {}", plain(&self.event_id))?;
        writeln!(f, "group      {}", plain(&self.group))?;
        writeln!(f, "type       {}", or_dash(self.event_type.as_deref()))?;
        writeln!(f, "topic      {}, partition {}, offset {}", plain(&self.topic), self.partition, self.offset)?;
        writeln!(f, "key        {}, which {}", plain(&self.key), if self.is_held { "waits" } else { "has gone on" })?;
        writeln!(f, "parked     {}", stamp(self.parked_at))?;
        writeln!(f, "died       {}, after {} attempts", stamp(self.died_at), self.attempts)?;
        writeln!(f, "reason     {}", plain(&self.reason))?;
        writeln!(f, "payload    {} bytes", self.value_bytes)
    }

    fn contents(&self) -> Contents {
        let text = |(name, value): &(String, Vec<u8>)| (name.clone(), String::from_utf8_lossy(value).into_owned());
        let headers = self.headers.iter().map(text).collect();
        Contents { headers, payload: Payload::of(self.value.as_deref().unwrap_or_default()) }
    }
}
