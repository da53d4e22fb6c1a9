"""The relay of most services: claims a page, sends it, waits for every acknowledgement, marks it as published."""

import asyncio
import os
import time

import asyncpg
from aiokafka import AIOKafkaProducer

CLAIM = """
    SELECT id, record_key, headers, payload FROM usual_outbox
    WHERE published_at IS NULL ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
"""
MARK = "UPDATE usual_outbox SET published_at = now() WHERE id = ANY($1::bigint[])"


async def drain(connection, producer, topic, batch):
    while True:
        async with connection.transaction():
            rows = await connection.fetch(CLAIM, batch)
            if not rows:
                return
            sent = [
                await producer.send(topic, row["payload"], key=row["record_key"].encode()) for row in rows
            ]
            await asyncio.gather(*sent)
            await connection.execute(MARK, [row["id"] for row in rows])


async def main():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    producer = AIOKafkaProducer(bootstrap_servers=os.environ["KAFKA_BROKERS"], acks="all", enable_idempotence=True)
    await producer.start()
    try:
        begin = time.monotonic()
        await drain(connection, producer, os.environ["TOPIC"], int(os.environ["BATCH"]))
        print(time.monotonic() - begin)
    finally:
        await producer.stop()
        await connection.close()


asyncio.run(main())
