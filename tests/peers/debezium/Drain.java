import io.debezium.embedded.Connect;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.RecordChangeEvent;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.connect.source.SourceRecord;

/** Reads a backlog from a replication slot that was made before it was written, routes each event, and drops it. */
public final class Drain {
  private static long first;
  private static long count;

  public static void main(String[] arguments) throws IOException, InterruptedException {
    long events = Long.parseLong(System.getenv("EVENTS"));
    CountDownLatch done = new CountDownLatch(1);
    DebeziumEngine<RecordChangeEvent<SourceRecord>> engine =
        DebeziumEngine.create(io.debezium.engine.format.ChangeEventFormat.of(Connect.class))
            .using(properties())
            .notifying((List<RecordChangeEvent<SourceRecord>> batch,
                DebeziumEngine.RecordCommitter<RecordChangeEvent<SourceRecord>> committer) -> {
              if (count == 0 && !batch.isEmpty()) {
                first = System.nanoTime();
              }
              for (RecordChangeEvent<SourceRecord> event : batch) {
                if (!event.record().topic().equals(System.getenv("TOPIC"))) {
                  throw new IllegalStateException("routed to " + event.record().topic());
                }
                committer.markProcessed(event);
                count++;
              }
              committer.markBatchFinished();
              if (events <= count) {
                done.countDown();
              }
            })
            .using((success, message, error) -> {
              if (!success) {
                System.err.println(message + ": " + error);
              }
              done.countDown();
            })
            .build();
    ExecutorService executor = Executors.newSingleThreadExecutor();
    executor.execute(engine);
    done.await();
    double seconds = (System.nanoTime() - first) / 1e9;
    if (count < events) {
      System.exit(1);
    }
    System.out.println(seconds);
    engine.close();
    executor.shutdown();
    executor.awaitTermination(10, TimeUnit.SECONDS);
    System.exit(0);
  }

  private static Properties properties() {
    URI url = URI.create(System.getenv("DATABASE_URL"));
    String[] user = url.getUserInfo().split(":", 2);
    Properties properties = new Properties();
    properties.setProperty("name", "drain");
    properties.setProperty("connector.class", "io.debezium.connector.postgresql.PostgresConnector");
    properties.setProperty("offset.storage", "org.apache.kafka.connect.storage.MemoryOffsetBackingStore");
    properties.setProperty("offset.flush.interval.ms", "1000");
    properties.setProperty("topic.prefix", "drain");
    properties.setProperty("database.hostname", url.getHost());
    properties.setProperty("database.port", Integer.toString(url.getPort()));
    properties.setProperty("database.user", user[0]);
    properties.setProperty("database.password", user[1]);
    properties.setProperty("database.dbname", url.getPath().substring(1));
    properties.setProperty("plugin.name", "pgoutput");
    properties.setProperty("slot.name", System.getenv("SLOT"));
    properties.setProperty("publication.name", System.getenv("SLOT"));
    properties.setProperty("publication.autocreate.mode", "disabled");
    properties.setProperty("snapshot.mode", "no_data");
    properties.setProperty("table.include.list", "public.event_outbox");
    properties.setProperty("tombstones.on.delete", "false");
    properties.setProperty("max.batch.size", System.getenv("BATCH"));
    properties.setProperty("poll.interval.ms", "1");
    properties.setProperty("transforms", "outbox");
    properties.setProperty("transforms.outbox.type", "io.debezium.transforms.outbox.EventRouter");
    properties.setProperty("transforms.outbox.route.by.field", "topic");
    properties.setProperty("transforms.outbox.route.topic.replacement", "${routedByValue}");
    properties.setProperty("transforms.outbox.table.field.event.id", "event_id");
    properties.setProperty("transforms.outbox.table.field.event.key", "record_key");
    properties.setProperty("transforms.outbox.table.field.event.payload", "payload");
    return properties;
  }
}
