-- A lease is one row of event_outbox_relays: a heartbeat writes that row alone, and the lanes change only with their owner.
-- Every statement can be run again, because these databases commit each by itself. MySQL has no ADD COLUMN IF NOT EXISTS, so the
-- columns that are there already are asked for first.

SET @marty_events_is_new = (
    SELECT count(*) = 0 FROM information_schema.columns
    WHERE table_schema = if(locate('.', 'event_outbox_relays'),
            replace(substring_index('event_outbox_relays', '.', 1), '`', ''), database())
        AND table_name = replace(substring_index('event_outbox_relays', '.', -1), '`', '')
        AND column_name = 'mark');
-- lease: how long the others wait for the relay, in milliseconds. delivers: whether its records reach the broker. published: how
-- many events it has delivered. mark: where another relay goes on with its lanes; only a relay reads it.
SET @marty_events_change = if(@marty_events_is_new,
    'ALTER TABLE event_outbox_relays ADD COLUMN lease BIGINT NOT NULL DEFAULT 4000,
        ADD COLUMN delivers BOOLEAN NOT NULL DEFAULT TRUE, ADD COLUMN published BIGINT NOT NULL DEFAULT 0,
        ADD COLUMN mark LONGTEXT CHARACTER SET ascii', 'DO 0');
PREPARE marty_events_change FROM @marty_events_change;
EXECUTE marty_events_change;
DEALLOCATE PREPARE marty_events_change;

-- A lane is free where its owner is NULL, has no row in event_outbox_relays, or has one whose lease is over. A relay of an earlier
-- version finds no column expires_at here, and takes nothing.
SET @marty_events_is_new = (
    SELECT count(*) = 0 FROM information_schema.columns
    WHERE table_schema = if(locate('.', 'event_outbox_lanes'),
            replace(substring_index('event_outbox_lanes', '.', 1), '`', ''), database())
        AND table_name = replace(substring_index('event_outbox_lanes', '.', -1), '`', '')
        AND column_name = 'mark');
SET @marty_events_change = if(@marty_events_is_new,
    'ALTER TABLE event_outbox_lanes DROP COLUMN expires_at, ADD COLUMN mark LONGTEXT CHARACTER SET ascii', 'DO 0');
PREPARE marty_events_change FROM @marty_events_change;
EXECUTE marty_events_change;
DEALLOCATE PREPARE marty_events_change;
