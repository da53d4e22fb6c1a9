-- Several relays share the work by lanes.

-- Delivered events, where a relay is told to keep them; as they stood in the outbox.
CREATE TABLE event_outbox_published (
    event_id     TEXT    NOT NULL,
    seq          INTEGER PRIMARY KEY,
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
    published_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER))
);
CREATE INDEX event_outbox_published_at ON event_outbox_published (published_at);

-- The relays that are at work or stand by.
CREATE TABLE event_outbox_relays (
    relay      TEXT    PRIMARY KEY,
    started_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    expires_at INTEGER NOT NULL
);

-- A row goes by lane 1 + key_hash % 16. Lane 0, by which one relay delivered everything, is no more: a relay of an earlier
-- version finds nothing to take.
INSERT INTO event_outbox_lanes (lane)
    VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15), (16);
UPDATE event_outbox_lanes SET published = (SELECT published FROM event_outbox_lanes WHERE lane = 0) WHERE lane = 1;
DELETE FROM event_outbox_lanes WHERE lane = 0;
