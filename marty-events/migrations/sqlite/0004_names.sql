-- Relays have names, by which people find the process that has a lane. All four are NULL for a relay of an earlier version, which goes
-- on beside these columns.

-- The process.
ALTER TABLE event_outbox_relays ADD COLUMN host TEXT;
ALTER TABLE event_outbox_relays ADD COLUMN process_id INTEGER;
-- Its version of marty-events.
ALTER TABLE event_outbox_relays ADD COLUMN version TEXT;
-- The SERVICE_NAME that it was started with.
ALTER TABLE event_outbox_relays ADD COLUMN service TEXT;
