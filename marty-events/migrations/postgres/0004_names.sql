-- Relays have names, by which people find the process that has a lane. All four are NULL for a relay of an earlier version, which goes
-- on beside these columns.

-- `host`, `process_id`: the process. `version`: its version of marty-events. `service`: the SERVICE_NAME that it was started with.
ALTER TABLE event_outbox_relays
    ADD COLUMN host text,
    ADD COLUMN process_id bigint,
    ADD COLUMN version text,
    ADD COLUMN service text;
