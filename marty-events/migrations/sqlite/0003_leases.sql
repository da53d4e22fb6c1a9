-- A lease is one row of event_outbox_relays: a heartbeat writes that row alone, and the lanes change only with their owner.

-- How long the others wait for the relay, in milliseconds.
ALTER TABLE event_outbox_relays ADD COLUMN lease INTEGER NOT NULL DEFAULT 4000;
-- Whether its records reach the broker.
ALTER TABLE event_outbox_relays ADD COLUMN delivers INTEGER NOT NULL DEFAULT 1;
-- How many events it has delivered.
ALTER TABLE event_outbox_relays ADD COLUMN published INTEGER NOT NULL DEFAULT 0;
-- Where another relay goes on with its lanes; SQLite needs none, and keeps the column for the sake of one schema.
ALTER TABLE event_outbox_relays ADD COLUMN mark TEXT;

-- A lane is free where its owner is NULL, has no row in event_outbox_relays, or has one whose lease is over. A relay of an earlier
-- version finds no column expires_at here, and takes nothing.
ALTER TABLE event_outbox_lanes ADD COLUMN mark TEXT;
ALTER TABLE event_outbox_lanes DROP COLUMN expires_at;
