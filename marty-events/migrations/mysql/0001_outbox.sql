-- The outbox of marty-events for MySQL and MariaDB. Replace `event_outbox` throughout to use another name or database
-- (EVENT_OUTBOX_TABLE). `marty_events::outbox::migrate` runs the same text. Every statement can be run again, because these
-- databases commit each by itself. Times are microseconds since 1970-01-01 UTC, whatever the session's time zone.

-- One row per event that is not delivered yet. Rows are written in the caller's transaction and deleted once the broker
-- has acknowledged the record. No column has a length that a server without strict mode could cut an event to.
CREATE TABLE IF NOT EXISTS event_outbox (
    seq          BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    event_id     CHAR(36) CHARACTER SET ascii NOT NULL,
    event_type   LONGTEXT     NOT NULL,
    topic        LONGTEXT     NOT NULL,
    record_key   LONGTEXT,
    -- Rows with the same key are delivered in the order of seq; NULL makes no promise.
    ordering_key LONGTEXT,
    -- CRC-32 of the ordering key, or of the event id where there is none: what shares the work between relays.
    key_hash     BIGINT       NOT NULL,
    -- A JSON array of [name, value] pairs.
    headers      LONGTEXT     NOT NULL,
    -- Exactly the bytes of the Kafka record's value.
    payload      LONGBLOB     NOT NULL,
    -- How headers and payload are written, so that a backlog survives an upgrade; 1 is JSON in the envelope of wire version 1.
    encoding     SMALLINT     NOT NULL DEFAULT 1,
    created_at   BIGINT       NOT NULL DEFAULT (timestampdiff(MICROSECOND, '1970-01-01 00:00:00', utc_timestamp(6))),
    attempts     INT          NOT NULL DEFAULT 0,
    last_error   LONGTEXT
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4;

-- Events that the broker refused for good. Nothing leaves this table by itself.
CREATE TABLE IF NOT EXISTS event_outbox_dead_letters (
    event_id     CHAR(36) CHARACTER SET ascii PRIMARY KEY,
    seq          BIGINT       NOT NULL,
    event_type   LONGTEXT     NOT NULL,
    topic        LONGTEXT     NOT NULL,
    record_key   LONGTEXT,
    ordering_key LONGTEXT,
    key_hash     BIGINT       NOT NULL,
    headers      LONGTEXT     NOT NULL,
    payload      LONGBLOB     NOT NULL,
    encoding     SMALLINT     NOT NULL,
    created_at   BIGINT       NOT NULL,
    attempts     INT          NOT NULL,
    reason       LONGTEXT     NOT NULL,
    died_at      BIGINT       NOT NULL DEFAULT (timestampdiff(MICROSECOND, '1970-01-01 00:00:00', utc_timestamp(6)))
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4;

-- Delivered events, where a relay is told to keep them; as they stood in the outbox.
CREATE TABLE IF NOT EXISTS event_outbox_published (
    event_id     CHAR(36) CHARACTER SET ascii NOT NULL,
    seq          BIGINT       PRIMARY KEY,
    event_type   LONGTEXT     NOT NULL,
    topic        LONGTEXT     NOT NULL,
    record_key   LONGTEXT,
    ordering_key LONGTEXT,
    key_hash     BIGINT       NOT NULL,
    headers      LONGTEXT     NOT NULL,
    payload      LONGBLOB     NOT NULL,
    encoding     SMALLINT     NOT NULL,
    created_at   BIGINT       NOT NULL,
    attempts     INT          NOT NULL,
    published_at BIGINT       NOT NULL DEFAULT (timestampdiff(MICROSECOND, '1970-01-01 00:00:00', utc_timestamp(6))),
    INDEX published_at (published_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4;

-- The relays that are at work or stand by.
CREATE TABLE IF NOT EXISTS event_outbox_relays (
    relay      CHAR(36) CHARACTER SET ascii PRIMARY KEY,
    started_at BIGINT   NOT NULL DEFAULT (timestampdiff(MICROSECOND, '1970-01-01 00:00:00', utc_timestamp(6))),
    expires_at BIGINT   NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4;

-- Who relays what: a row goes by lane 1 + key_hash % 16. The term grows with every change of owner, and every statement of a
-- relay that removes rows checks it.
CREATE TABLE IF NOT EXISTS event_outbox_lanes (
    lane       INT      PRIMARY KEY,
    owner      CHAR(36) CHARACTER SET ascii,
    term       BIGINT   NOT NULL DEFAULT 0,
    expires_at BIGINT   NOT NULL DEFAULT 0,
    published  BIGINT   NOT NULL DEFAULT 0
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4;

INSERT IGNORE INTO event_outbox_lanes (lane)
    VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15), (16);

-- What transactions that order their events by their commits lock: 256 rows, one of which stands for an ordering key.
CREATE TABLE IF NOT EXISTS event_outbox_order_locks (bucket INT PRIMARY KEY) ENGINE = InnoDB;

INSERT IGNORE INTO event_outbox_order_locks (bucket)
    SELECT 16 * (high.lane - 1) + low.lane - 1 FROM event_outbox_lanes AS high, event_outbox_lanes AS low;
