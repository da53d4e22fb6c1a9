-- The inbox of marty-events for SQLite. Replace `event_inbox` throughout to use another name.
-- `marty_events::inbox::migrate` runs the same text. Times are microseconds since 1970-01-01 UTC.

-- The events that groups of consumers have taken. A row is written in the transaction of the event's effect: the handler's writes, or the
-- row of the parked event. It stays for as long as the event could come again.
CREATE TABLE event_inbox (
    consumer_group TEXT    NOT NULL,
    event_id       TEXT    NOT NULL,
    taken_at       INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    PRIMARY KEY (consumer_group, event_id)
) WITHOUT ROWID;
CREATE INDEX event_inbox_taken_at ON event_inbox (consumer_group, taken_at);

-- Events of keys that wait, in the order of their numbers, and dead letters, which keep their numbers. AUTOINCREMENT keeps a number from
-- being used twice.
CREATE TABLE event_inbox_parked (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    consumer_group   TEXT    NOT NULL,
    event_id         TEXT    NOT NULL,
    topic            TEXT    NOT NULL,
    -- The key of the order within the topic: the record's key, or the event's id where there is none.
    ordering_key     BLOB    NOT NULL,
    record_partition INTEGER NOT NULL,
    record_offset    INTEGER NOT NULL,
    record_key       BLOB,
    -- Kafka's time of the record, in milliseconds since 1970-01-01 UTC.
    record_time      INTEGER,
    -- A JSON array of [name, value] pairs. A value that is not UTF-8 is an array of its bytes.
    headers          TEXT    NOT NULL,
    -- Exactly the bytes of the record's value; NULL for a tombstone.
    value            BLOB,
    -- How headers and value are written, so that events that wait survive an upgrade.
    encoding         INTEGER NOT NULL DEFAULT 1,
    -- The number of calls that failed.
    attempts         INTEGER NOT NULL DEFAULT 0,
    -- `held` is a dead letter whose key waits for somebody's decision.
    state            TEXT    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'dead', 'held')),
    -- NULL for an event behind another one of its key: it gets a time when that one leaves.
    due_at           INTEGER,
    reason           TEXT,
    parked_at        INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    died_at          INTEGER,
    UNIQUE (consumer_group, event_id)
);
CREATE INDEX event_inbox_parked_order ON event_inbox_parked (consumer_group, topic, ordering_key, id) WHERE state <> 'dead';
CREATE INDEX event_inbox_parked_due ON event_inbox_parked (consumer_group, due_at)
    WHERE state = 'waiting' AND due_at IS NOT NULL;
