use super::{
    InboxGroup, InboxLetter, InboxQuery, InboxTable, ParkedEvent, ParkedKey,
    fault::database_error,
    people::{Look, Value},
};
use crate::{EventError, database::OutboxPool};

/// Looks into the inbox of a database and repairs it.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool) -> Result<(), marty_events::EventError> {
/// use marty_events::inbox::{InboxQuery, InboxRepository};
///
/// let inbox = InboxRepository::new(&pool);
/// for letter in inbox.dead_letters(InboxQuery::default().group("status-list")).await? {
///     println!("{} at {}: {}", letter.event_id, letter.offset, letter.reason);
///     inbox.requeue(&[letter.id]).await?;
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct InboxRepository {
    pool: OutboxPool,
    table: InboxTable,
}

/// The names of the groups come from the small table first. The large one is walked from name to name, by its key.
const GROUPS: &str = "
    WITH RECURSIVE names (name) AS (
        SELECT min(consumer_group) FROM {inbox}
        UNION ALL SELECT (SELECT min(consumer_group) FROM {inbox} WHERE names.name < consumer_group)
        FROM names WHERE names.name IS NOT NULL),
    found AS (SELECT name FROM names WHERE name IS NOT NULL UNION SELECT DISTINCT consumer_group FROM {parked})
    SELECT {text:found.name}, count(CASE WHEN state = 'waiting' THEN 1 END),
        count(DISTINCT CASE WHEN state <> 'dead' THEN {place} END), count(CASE WHEN state <> 'waiting' THEN 1 END),
        {time:min(CASE WHEN state <> 'dead' THEN parked_at END)}, {time:min(CASE WHEN state = 'waiting' THEN due_at END)}
    FROM found LEFT JOIN {parked} AS parked ON parked.consumer_group = found.name GROUP BY found.name ORDER BY found.name";

const KEYS: &str = "
    SELECT {text:parked.consumer_group}, {text:parked.topic}, parked.ordering_key, waits.waiting, parked.id, parked.state,
        {time:parked.parked_at}, parked.attempts, {time:parked.due_at}, parked.reason
    FROM {parked} AS parked JOIN (
        SELECT min(id) AS first, count(CASE WHEN state = 'waiting' THEN 1 END) AS waiting FROM {parked}
        WHERE state <> 'dead' AND consumer_group = {1} GROUP BY topic, ordering_key) AS waits ON waits.first = parked.id
    ORDER BY parked.id LIMIT {2}";

/// The columns of letters, with the time of the next try in the place of the death's.
const EVENTS: &str = "
    SELECT id, {text:consumer_group}, {text:event_id}, {text:topic}, record_partition, record_offset, ordering_key, headers, NULL,
        {bytes}, attempts, reason, state, {time:parked_at}, {time:due_at}
    FROM {parked} AS parked JOIN (
        SELECT consumer_group AS of_group, topic AS of_topic, ordering_key AS of_key FROM {parked} WHERE id = {1}) AS place
        ON consumer_group = of_group AND topic = of_topic AND ordering_key = of_key
    WHERE state <> 'dead' ORDER BY id LIMIT {2}";

const LETTERS: &str = "
    SELECT id, {text:consumer_group}, {text:event_id}, {text:topic}, record_partition, record_offset, ordering_key, headers, {value},
        {bytes}, attempts, reason, state, {time:parked_at}, {time:died_at}
    FROM {parked} WHERE {condition} ORDER BY id LIMIT {limit}";

/// The row of an event that is parked stays: it is in the way of a second one.
const FORGET: &str = "
    DELETE FROM {inbox} WHERE consumer_group = {1} AND event_id IN ({ids})
        AND NOT EXISTS (SELECT 1 FROM {parked} AS parked
            WHERE parked.consumer_group = {inbox}.consumer_group AND parked.event_id = {inbox}.event_id)";

impl InboxRepository {
    /// The inbox in the default table of `pool`'s database.
    #[must_use]
    pub fn new(pool: impl Into<OutboxPool>) -> Self {
        Self { pool: pool.into(), table: InboxTable::default() }
    }

    /// The same in another table.
    #[must_use]
    pub fn table(mut self, table: InboxTable) -> Self {
        self.table = table;
        self
    }

    /// Fails unless the tables are there, of this version, and open to this user.
    ///
    /// # Errors
    ///
    /// [`EventError::InboxTableMissing`], [`EventError::InboxForbidden`] and [`EventError::InboxUnfit`], which say what to run.
    pub async fn validate(&self) -> Result<(), EventError> {
        super::people::validate(&self.pool, &self.table).await
    }

    /// The groups that have events in the inbox, with their counts.
    pub async fn groups(&self) -> Result<Vec<InboxGroup>, EventError> {
        let look = self.look("list its groups");
        Ok(look.groups(GROUPS).await?.into_iter().map(super::letter::group).collect())
    }

    /// The keys of a group whose events wait, `limit` at the most; the key that has waited longest first.
    pub async fn parked_keys(&self, group: &str, limit: u32) -> Result<Vec<ParkedKey>, EventError> {
        let look = self.look("list the keys that wait");
        let values = [Value::Name(group), Value::Number(limit.into())];
        Ok(look.keys(KEYS, &values).await?.into_iter().map(super::letter::key).collect())
    }

    /// The events of a parked key in their order, `limit` at the most, without their values. `first` is the number of any of them. None are
    /// found once the key waits no longer.
    pub async fn parked_events(&self, first: i64, limit: u32) -> Result<Vec<ParkedEvent>, EventError> {
        let look = self.look("list the events of a key");
        let values = [Value::Number(first), Value::Number(limit.into())];
        Ok(look.letters(EVENTS, &values).await?.into_iter().map(super::letter::parked).collect())
    }

    /// The dead letters that a query means, in the order of their numbers.
    pub async fn dead_letters(&self, query: InboxQuery) -> Result<Vec<InboxLetter>, EventError> {
        let (condition, mut values) = condition(&query);
        values.push(Value::Number(query.limit.unwrap_or(100).into()));
        let sql = LETTERS
            .replace("{value}", if query.without_value { "NULL" } else { "value" })
            .replace("{condition}", &condition)
            .replace("{limit}", &format!("{{{}}}", values.len()));
        let look = self.look("list dead letters");
        Ok(look.letters(&sql, &values).await?.into_iter().map(super::letter::letter).collect())
    }

    /// The number of dead letters that a query means. Its limit does not count.
    pub async fn count_dead_letters(&self, query: &InboxQuery) -> Result<u64, EventError> {
        let (condition, values) = condition(query);
        let sql = format!("SELECT count(*) FROM {{parked}} WHERE {condition}");
        let counts = self.look("count dead letters").numbers(&sql, &values).await?;
        Ok(counts.first().map_or(0, |&number| super::row::count(number)))
    }

    /// Puts dead letters back at their old places: in front of the later events of their keys that wait. They are due at once, and have
    /// their attempts anew. Answers how many there were.
    ///
    /// Waits for a handler that has a later event of the key just now, so that the two do not run side by side. A record that a consumer
    /// has just taken from the topic may still be handled before the letter, or beside it, also where its first call has failed in that moment: it
    /// went on because the letter was dead.
    pub async fn requeue(&self, ids: &[i64]) -> Result<u64, EventError> {
        if ids.is_empty() {
            return Ok(0);
        }
        self.look("requeue dead letters").requeue(ids).await
    }

    /// Deletes dead letters for good; answers how many there were. A key that one of them has held goes on. An event that comes again is
    /// still known, and dropped.
    pub async fn discard(&self, ids: &[i64]) -> Result<u64, EventError> {
        if ids.is_empty() {
            return Ok(0);
        }
        self.look("discard dead letters").discard(ids).await
    }

    /// Forgets that a group has taken these events; answers how many it knew. They are handled again when their records come again, so nothing
    /// else makes an event have its effect twice: name events alone whose effect is wanted anew. Events that wait and dead letters stay known.
    ///
    /// The ids are those of [`Delivery::inbox_id`](super::Delivery::inbox_id). A call takes some hundreds of them.
    pub async fn forget(&self, group: &str, event_ids: &[String]) -> Result<u64, EventError> {
        if event_ids.is_empty() {
            return Ok(0);
        }
        let mut values = vec![Value::Name(group)];
        values.extend(event_ids.iter().map(|id| Value::Name(id)));
        let ids: Vec<String> = (2..=values.len()).map(|number| format!("{{{number}}}")).collect();
        let look = self.look("forget events");
        look.change_rows(&FORGET.replace("{ids}", &ids.join(", ")), &values).await
    }

    fn look(&self, operation: &'static str) -> Look<'_> {
        Look { pool: &self.pool, table: &self.table, operation }
    }
}

/// The condition of a query, and its values in the order of their numbers.
fn condition(query: &InboxQuery) -> (String, Vec<Value<'_>>) {
    let mut values = Vec::new();
    let mut text = if query.held { "state = 'held'" } else { "state <> 'waiting'" }.to_owned();
    let mut and = |column: &str, value| {
        values.push(value);
        text.extend([" AND ", column, " {", &values.len().to_string(), "}"]);
    };
    let names = [("consumer_group =", &query.group), ("topic =", &query.topic), ("event_id =", &query.event_id)];
    for (column, name) in names {
        if let Some(name) = name {
            and(column, Value::Name(name));
        }
    }
    if let Some(reason) = &query.reason {
        and("{reason} =", Value::Text(reason));
    }
    if let Some(age) = query.older_than {
        and("{age:died_at} >=", Value::Number(super::row::milliseconds(age)));
    }
    if let Some(id) = query.after {
        and("id >", Value::Number(id));
    }
    (text, values)
}

impl Look<'_> {
    pub(super) fn error(&self) -> impl FnOnce(sqlx::Error) -> EventError + use<'_> {
        move |error| database_error(self.operation, self.table, error)
    }
}
