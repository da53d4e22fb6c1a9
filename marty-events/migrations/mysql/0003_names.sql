-- Relays have names, by which people find the process that has a lane. All four are NULL for a relay of an earlier version, which goes
-- on beside these columns. Every statement can be run again, because these databases commit each by itself.

SET @marty_events_is_new = (
    SELECT count(*) = 0 FROM information_schema.columns
    WHERE table_schema = if(locate('.', 'event_outbox_relays'),
            replace(substring_index('event_outbox_relays', '.', 1), '`', ''), database())
        AND table_name = replace(substring_index('event_outbox_relays', '.', -1), '`', '')
        AND column_name = 'service');
-- host, process_id: the process. version: its version of marty-events. service: the SERVICE_NAME that it was started with.
SET @marty_events_change = if(@marty_events_is_new,
    'ALTER TABLE event_outbox_relays ADD COLUMN host VARCHAR(255), ADD COLUMN process_id BIGINT,
        ADD COLUMN version VARCHAR(255), ADD COLUMN service VARCHAR(255)', 'DO 0');
PREPARE marty_events_change FROM @marty_events_change;
EXECUTE marty_events_change;
DEALLOCATE PREPARE marty_events_change;
