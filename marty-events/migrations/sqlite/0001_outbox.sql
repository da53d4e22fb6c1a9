-- The outbox of marty-events for SQLite. Replace `event_outbox` throughout to use another name (EVENT_OUTBOX_TABLE).
-- `marty_events::outbox::migrate` runs the same text. Times are microseconds since 1970-01-01 UTC.

-- One row per event that is not delivered yet. Rows are written in the caller's transaction and deleted once the broker
-- has acknowledged the record. AUTOINCREMENT keeps a number from being used twice.
CREATE TABLE event_outbox (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id     TEXT    NOT NULL,
    event_type   TEXT    NOT NULL,
    topic        TEXT    NOT NULL,
    record_key   TEXT,
    -- Rows with the same key are delivered in the order of seq; NULL makes no promise.
    ordering_key TEXT,
    -- CRC-32 of the ordering key, or of the event id where there is none: what shares the work between relays.
    key_hash     INTEGER NOT NULL,
    -- A JSON array of [name, value] pairs.
    headers      TEXT    NOT NULL,
    -- Exactly the bytes of the Kafka record's value.
    payload      BLOB    NOT NULL,
    -- How headers and payload are written, so that a backlog survives an upgrade; 1 is JSON in the envelope of wire version 1.
    encoding     INTEGER NOT NULL DEFAULT 1,
    created_at   INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    attempts     INTEGER NOT NULL DEFAULT 0,
    last_error   TEXT
);

-- Events that the broker refused for good. Nothing leaves this table by itself.
CREATE TABLE event_outbox_dead_letters (
    event_id     TEXT    PRIMARY KEY,
    seq          INTEGER NOT NULL,
    event_type   TEXT    NOT NULL,
    topic        TEXT    NOT NULL,
    record_key   TEXT,
    ordering_key TEXT,
    key_hash     INTEGER NOT NULL,
    headers      TEXT    NOT NULL,
    payload      BLOB    NOT NULL,
    encoding     INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    reason       TEXT    NOT NULL,
    died_at      INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER))
);

-- Who relays. The term grows with every change of owner, and every statement of a relay that removes rows checks it.
CREATE TABLE event_outbox_lanes (
    lane       INTEGER PRIMARY KEY,
    owner      TEXT,
    term       INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER NOT NULL DEFAULT 0,
    published  INTEGER NOT NULL DEFAULT 0
);

INSERT INTO event_outbox_lanes (lane) VALUES (0);
