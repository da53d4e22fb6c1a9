//! The dead letters of the outbox.

use std::fmt;

use marty_events::{
    OutboxRepository,
    outbox::{DeadLetter, DeadLetterQuery},
};
use uuid::Uuid;

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

impl Letters for OutboxRepository {
    type Key = Uuid;
    type Letter = DeadLetter;

    fn id(&self, given: &str) -> Result<String> {
        uuid(given).map(|id| id.to_string())
    }

    async fn find(&self, id: &str, _: bool) -> Result<Option<DeadLetter>> {
        Ok(self.dead_letter(uuid(id)?).await?)
    }

    async fn count(&self, filter: &Filter) -> Result<u64> {
        Ok(self.count_dead_letters(&query(filter)).await?)
    }

    async fn page(&self, filter: &Filter, last: Option<&DeadLetter>, limit: u32) -> Result<Vec<DeadLetter>> {
        let query = query(filter).limit(limit).without_payload();
        let query = last.into_iter().fold(query, |query, last| query.after(last.place()));
        Ok(self.dead_letters(query).await?)
    }

    async fn requeue(&self, keys: &[Uuid]) -> Result<u64> {
        Ok(self.requeue(keys).await?)
    }

    async fn discard(&self, keys: &[Uuid]) -> Result<u64> {
        Ok(self.discard(keys).await?)
    }

    fn can_redact(&self) -> Result<()> {
        Ok(())
    }

    async fn redact(&self, keys: &[Uuid]) -> Result<u64> {
        Ok(self.redact(keys).await?)
    }
}

impl Letter for DeadLetter {
    type Key = Uuid;

    fn key(&self) -> Uuid {
        self.event.event_id
    }

    fn event_id(&self) -> String {
        self.event.event_id.to_string()
    }

    fn is_redacted(&self) -> bool {
        self.redacted
    }

    fn row(&self) -> [String; 7] {
        let reason = plain(&self.reason);
        [
            self.event_id(),
            stamp(self.died_at),
            plain(&self.event.event_type),
            plain(&self.event.topic),
            or_dash(self.event.key.as_deref()),
            self.event.attempts.to_string(),
            // The part that cannot be read stands behind the reason of the refusal.
            match &self.problem {
                Some(problem) => format!("{reason}; cannot be read: {}", plain(problem)),
                None => reason,
            },
        ]
    }

    fn fields(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event, reason, died_at, problem, redacted, .. } = self;
        writeln!(f, "event      {}", event.event_id)?;
        writeln!(f, "type       {}", plain(&event.event_type))?;
        writeln!(f, "topic      {}", plain(&event.topic))?;
        writeln!(f, "key        {}", or_dash(event.key.as_deref()))?;
        writeln!(f, "ordering   {}, lane {}", or_dash(event.ordering_key.as_deref()), event.lane)?;
        writeln!(f, "number     {}", event.seq)?;
        writeln!(f, "written    {}", stamp(event.created_at))?;
        writeln!(f, "died       {}, after {} attempts", stamp(*died_at), event.attempts)?;
        writeln!(f, "reason     {}", plain(reason))?;
        if let Some(problem) = problem {
            writeln!(f, "problem    {}", plain(problem))?;
        }
        if *redacted {
            return writeln!(f, "payload    redacted");
        }
        writeln!(f, "payload    {} bytes", event.payload_bytes)
    }

    fn contents(&self) -> Contents {
        Contents { headers: self.event.headers.clone(), payload: Payload::of(&self.event.payload) }
    }
}

fn uuid(id: &str) -> Result<Uuid> {
    id.parse().map_err(|error| {
        let failure = Failure::new(Exit::Usage, format!("`{}` is not an id of the outbox", plain(id))).because(&error);
        failure.advise("give the event's UUID; for the letters of a group of consumers, name it by --group")
    })
}

fn query(filter: &Filter) -> DeadLetterQuery {
    let mut query = DeadLetterQuery::default();
    if let Some(topic) = &filter.topic {
        query = query.topic(topic);
    }
    if let Some(event_type) = &filter.event_type {
        query = query.event_type(event_type);
    }
    if let Some(age) = filter.older_than {
        query = query.older_than(age);
    }
    query
}
