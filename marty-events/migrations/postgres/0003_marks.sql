-- A lease is one row of its relay, not one of each lane: a lane changes with its owner alone, and so stays as fast as it was made.

-- `lease`: how many milliseconds the others wait for the next heartbeat. `delivers`: whether the relay's records reach the broker.
-- `published`: how many events it has settled. `mark`: where another relay goes on with its lanes; NULL where their own marks count.
ALTER TABLE event_outbox_relays
    ADD COLUMN lease bigint NOT NULL DEFAULT 4000,
    ADD COLUMN delivers boolean NOT NULL DEFAULT true,
    ADD COLUMN published bigint NOT NULL DEFAULT 0,
    ADD COLUMN mark text;

-- `mark`: where the next owner goes on, unless the present owner's mark says so; NULL is the outbox's beginning. A lane is free if it has
-- no owner, or its owner has no row among the relays, or the lease there is over. `published` is what relays that are gone have settled.
ALTER TABLE event_outbox_lanes ADD COLUMN mark text;
ALTER TABLE event_outbox_lanes DROP COLUMN expires_at;

-- A few rows that change all the time: room for their versions beside them, and a vacuum that counts in rows.
ALTER TABLE event_outbox_relays SET (
    fillfactor = 20, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 500
);
ALTER TABLE event_outbox_lanes SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 500
);
