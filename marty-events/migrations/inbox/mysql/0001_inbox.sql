-- The inbox of marty-events for MySQL and MariaDB. Replace `event_inbox` throughout to use another name or database.
-- `marty_events::inbox::migrate` runs the same text. Every statement can be run again, because these databases commit each by itself.
-- Times are microseconds since 1970-01-01 UTC, whatever the session's time zone.
-- Groups, ids and keys are binary: a collation would take `a` for `A`, and leave spaces at the end out.

-- The events that groups of consumers have taken. A row is written in the transaction of the event's effect: the handler's writes, or the
-- row of the parked event. It stays for as long as the event could come again.
CREATE TABLE IF NOT EXISTS event_inbox (
    consumer_group VARBINARY(255) NOT NULL,
    event_id       VARBINARY(255) NOT NULL,
    taken_at       BIGINT         NOT NULL DEFAULT (timestampdiff(MICROSECOND, '1970-01-01 00:00:00', utc_timestamp(6))),
    -- Set by a transaction that would take the event and finds its row: so each transaction knows the rows of its own.
    is_again       BOOLEAN        NOT NULL DEFAULT FALSE,
    PRIMARY KEY (consumer_group, event_id),
    INDEX taken_at (consumer_group, taken_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 ROW_FORMAT = DYNAMIC;

-- Events of keys that wait, in the order of their numbers, and dead letters, which keep their numbers.
CREATE TABLE IF NOT EXISTS event_inbox_parked (
    id               BIGINT         NOT NULL AUTO_INCREMENT PRIMARY KEY,
    consumer_group   VARBINARY(255) NOT NULL,
    event_id         VARBINARY(255) NOT NULL,
    topic            VARBINARY(255) NOT NULL,
    -- The key of the order within the topic: the record's key, or the event's id where there is none.
    ordering_key     VARBINARY(255) NOT NULL,
    record_partition INT            NOT NULL,
    record_offset    BIGINT         NOT NULL,
    record_key       LONGBLOB,
    -- Kafka's time of the record, in milliseconds since 1970-01-01 UTC.
    record_time      BIGINT,
    -- A JSON array of [name, value] pairs. A value that is not UTF-8 is an array of its bytes.
    headers          LONGTEXT       NOT NULL,
    -- Exactly the bytes of the record's value; NULL for a tombstone.
    value            LONGBLOB,
    -- How headers and value are written, so that events that wait survive an upgrade.
    encoding         SMALLINT       NOT NULL DEFAULT 1,
    -- The number of calls that failed.
    attempts         INT            NOT NULL DEFAULT 0,
    -- `waiting`, `dead`, or `held`: a dead letter whose key waits for somebody's decision.
    state            VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'waiting',
    -- NULL for an event behind another one of its key: it gets a time when that one leaves.
    due_at           BIGINT,
    reason           LONGTEXT,
    parked_at        BIGINT         NOT NULL DEFAULT (timestampdiff(MICROSECOND, '1970-01-01 00:00:00', utc_timestamp(6))),
    died_at          BIGINT,
    UNIQUE INDEX event (consumer_group, event_id),
    INDEX key_order (consumer_group, topic, ordering_key, id),
    INDEX due (consumer_group, due_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 ROW_FORMAT = DYNAMIC;
