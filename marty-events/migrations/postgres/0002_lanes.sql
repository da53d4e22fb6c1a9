-- Several relays share the work by lanes, and read on from where they stopped.

-- The transaction that wrote the row, which it gets before its number: so a relay that has read up to a number knows from
-- its snapshot which transactions may still commit lower ones.
ALTER TABLE event_outbox ADD COLUMN xid xid8 NOT NULL DEFAULT '0';
ALTER TABLE event_outbox ALTER COLUMN xid SET DEFAULT pg_current_xact_id();

-- Rows live for milliseconds, so what autovacuum has to look for comes in numbers of rows, not in parts of the table.
ALTER TABLE event_outbox SET (
    autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0.0, autovacuum_analyze_threshold = 50000
);

-- Delivered events, where a relay is told to keep them; as they stood in the outbox.
CREATE TABLE event_outbox_published (
    event_id     uuid        NOT NULL,
    seq          bigint      PRIMARY KEY,
    event_type   text        NOT NULL,
    topic        text        NOT NULL,
    record_key   text,
    ordering_key text,
    key_hash     bigint      NOT NULL,
    headers      text        NOT NULL,
    payload      bytea       NOT NULL,
    encoding     smallint    NOT NULL,
    created_at   timestamptz NOT NULL,
    attempts     integer     NOT NULL,
    published_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX event_outbox_published_at ON event_outbox_published (published_at);

-- The relays that are at work or stand by.
CREATE TABLE event_outbox_relays (
    relay      uuid        PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL
);

-- A row goes by lane 1 + key_hash % 16. Lane 0, by which one relay delivered everything, is no more: a relay of an earlier
-- version finds nothing to take.
INSERT INTO event_outbox_lanes (lane) SELECT generate_series(1, 16);
UPDATE event_outbox_lanes SET published = (SELECT published FROM event_outbox_lanes WHERE lane = 0) WHERE lane = 1;
DELETE FROM event_outbox_lanes WHERE lane = 0;
