package judge;

import static judge.Judge.check;
import static judge.Judge.equal;
import static judge.Judge.fails;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;

/** Positions: seek, pause, offsets by time, resets, limits of a fetch. Only calls that kafka-clients 2.8 has. */
final class ReaderCases {
    private ReaderCases() {}

    /** A reader of `protocol`: "classic", "consumer", or "" for a client that is too old to choose. */
    static void add(Judge judge, Clients clients, String protocol) {
        String family = protocol.equals("consumer") ? "reader, KIP-848: " : "reader, classic: ";
        judge.test(family + "seek to an offset, to the beginning, to the end", () -> {
            String topic = clients.topic("seek", 1);
            clients.fill(topic, 0, Clients.values("v", 100));
            TopicPartition partition = new TopicPartition(topic, 0);
            try (KafkaConsumer<String, String> consumer = reader(judge, clients, protocol)) {
                consumer.assign(List.of(partition));
                consumer.seek(partition, 40);
                equal(Clients.take(consumer, 1).get(0).offset(), 40L, "after seek");
                consumer.seekToBeginning(List.of(partition));
                equal(Clients.take(consumer, 1).get(0).offset(), 0L, "at the beginning");
                consumer.seekToEnd(List.of(partition));
                equal(consumer.position(partition), 100L, "position at the end");
                equal(consumer.poll(Duration.ofMillis(200)).count(), 0, "records at the end");
            }
        });
        judge.test(family + "a paused partition gives nothing until it is resumed", () -> {
            String topic = clients.topic("pause", 2);
            clients.fill(topic, 0, List.of("zero"));
            clients.fill(topic, 1, List.of("one"));
            List<TopicPartition> both = List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1));
            try (KafkaConsumer<String, String> consumer = reader(judge, clients, protocol)) {
                consumer.assign(both);
                consumer.pause(both.subList(0, 1));
                equal(Clients.valuesOf(Clients.take(consumer, 1)), List.of("one"), "paused");
                equal(consumer.poll(Duration.ofMillis(300)).count(), 0, "still paused");
                consumer.resume(both.subList(0, 1));
                equal(Clients.valuesOf(Clients.take(consumer, 1)), List.of("zero"), "resumed");
            }
        });
        judge.test(family + "offsets by time, first and last offsets", () -> {
            String topic = clients.topic("times", 1, "retention.ms", "-1");
            TopicPartition partition = new TopicPartition(topic, 0);
            try (KafkaProducer<String, String> producer = clients.producer("batch.size", 300)) {
                for (int i = 0; i < 50; i++) producer.send(new ProducerRecord<>(topic, 0, 1_700_000_000_000L + i * 1000L, "k", "v" + i));
            }
            try (KafkaConsumer<String, String> consumer = reader(judge, clients, protocol)) {
                equal(consumer.offsetsForTimes(Map.of(partition, 1_700_000_020_500L)).get(partition).offset(), 21L, "between two records");
                equal(consumer.offsetsForTimes(Map.of(partition, 1_700_000_020_000L)).get(partition).timestamp(), 1_700_000_020_000L, "its time");
                equal(consumer.offsetsForTimes(Map.of(partition, 1_800_000_000_000L)).get(partition), null, "after all records");
                equal(consumer.beginningOffsets(List.of(partition)).get(partition), 0L, "first");
                equal(consumer.endOffsets(List.of(partition)).get(partition), 50L, "last");
            }
        });
        judge.test(family + "without an offset and without a reset there is an error", () -> {
            String topic = clients.topic("none", 1);
            clients.fill(topic, 0, List.of("v"));
            TopicPartition partition = new TopicPartition(topic, 0);
            try (KafkaConsumer<String, String> consumer = reader(judge, clients, protocol, "auto.offset.reset", "none")) {
                consumer.assign(List.of(partition));
                fails(() -> {
                    for (int i = 0; i < 50; i++) consumer.poll(Duration.ofMillis(100));
                }, NoOffsetForPartitionException.class);
            }
            try (KafkaConsumer<String, String> consumer = reader(judge, clients, protocol, "auto.offset.reset", "none")) {
                consumer.assign(List.of(partition));
                consumer.seek(partition, 1_000_000);
                fails(() -> {
                    for (int i = 0; i < 50; i++) consumer.poll(Duration.ofMillis(100));
                }, OffsetOutOfRangeException.class);
            }
        });
        judge.test(family + "an offset out of range is reset", () -> {
            String topic = clients.topic("range", 1);
            clients.fill(topic, 0, Clients.values("v", 10));
            TopicPartition partition = new TopicPartition(topic, 0);
            try (KafkaConsumer<String, String> consumer = reader(judge, clients, protocol)) {
                consumer.assign(List.of(partition));
                consumer.seek(partition, 1_000_000);
                equal(Clients.take(consumer, 1).get(0).offset(), 0L, "earliest");
            }
            try (KafkaConsumer<String, String> consumer = reader(judge, clients, protocol, "auto.offset.reset", "latest")) {
                consumer.assign(List.of(partition));
                consumer.poll(Duration.ofMillis(100));
                equal(consumer.position(partition), 10L, "latest");
            }
        });
        judge.test(family + "records that were deleted are skipped", () -> {
            String topic = clients.topic("deleted", 1);
            clients.fill(topic, 0, Clients.values("v", 10));
            TopicPartition partition = new TopicPartition(topic, 0);
            try (var admin = clients.admin(); KafkaConsumer<String, String> consumer = reader(judge, clients, protocol)) {
                admin.deleteRecords(Map.of(partition, org.apache.kafka.clients.admin.RecordsToDelete.beforeOffset(6))).all().get();
                consumer.assign(List.of(partition));
                consumer.seek(partition, 2);
                equal(Clients.take(consumer, 1).get(0).offset(), 6L, "the first that is left");
                equal(consumer.beginningOffsets(List.of(partition)).get(partition), 6L, "log start offset");
            }
        });
        judge.test(family + "a record larger than a fetch comes all the same", () -> {
            String topic = clients.topic("large", 2);
            String large = "x".repeat(200_000);
            clients.fill(topic, 0, List.of(large, "small"));
            clients.fill(topic, 1, List.of(large));
            try (KafkaConsumer<String, String> consumer = reader(judge, clients, protocol, "max.partition.fetch.bytes", 1000, "fetch.max.bytes", 2000)) {
                consumer.assign(List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1)));
                equal(Clients.take(consumer, 3).size(), 3, "records");
            }
        });
        judge.test(family + "fetch.min.bytes makes the broker wait, fetch.max.wait.ms ends the wait", () -> {
            String topic = clients.topic("wait", 1);
            clients.fill(topic, 0, List.of("v"));
            TopicPartition partition = new TopicPartition(topic, 0);
            try (KafkaConsumer<String, String> consumer = reader(judge, clients, protocol, "fetch.min.bytes", 100_000, "fetch.max.wait.ms", 1500)) {
                consumer.assign(List.of(partition));
                consumer.seek(partition, 0);
                long started = System.nanoTime();
                List<ConsumerRecord<String, String>> records = Clients.take(consumer, 1);
                long ms = (System.nanoTime() - started) / 1_000_000;
                equal(records.size(), 1, "records");
                check(ms >= 1300, "the broker answered after " + ms + " ms");
            }
        });
        judge.test(family + "wakeup ends a poll", () -> {
            String topic = clients.topic("wakeup", 1);
            try (KafkaConsumer<String, String> consumer = reader(judge, clients, protocol)) {
                consumer.assign(List.of(new TopicPartition(topic, 0)));
                consumer.wakeup();
                fails(() -> consumer.poll(Duration.ofSeconds(10)), WakeupException.class);
            }
        });
        judge.test(family + "a fetch session whose partitions come and go", () -> {
            String topic = clients.topic("session", 40);
            java.util.List<TopicPartition> partitions = new java.util.ArrayList<>();
            for (int p = 0; p < 40; p++) partitions.add(new TopicPartition(topic, p));
            try (KafkaConsumer<String, String> consumer = reader(judge, clients, protocol); KafkaProducer<String, String> producer = clients.producer()) {
                consumer.assign(partitions);
                for (int round = 0; round < 30; round++) {
                    Clients.send(producer, topic, (round * 7) % 30, List.of("r" + round));
                    equal(Clients.valuesOf(Clients.take(consumer, 1)), List.of("r" + round), "round " + round);
                    if (round == 10) consumer.assign(partitions.subList(0, 30));
                    if (round == 20) consumer.assign(partitions);
                    if (round == 10 || round == 20) consumer.seekToEnd(consumer.assignment());
                    if (round == 10 || round == 20) for (TopicPartition one : consumer.assignment()) consumer.position(one);
                }
            }
        });
    }

    private static KafkaConsumer<String, String> reader(Judge judge, Clients clients, String protocol, Object... more) {
        Object[] config = java.util.Arrays.copyOf(more, more.length + (protocol.isEmpty() ? 2 : 4));
        config[more.length] = "group.id";
        config[more.length + 1] = judge.fresh("reader");
        if (!protocol.isEmpty()) {
            config[more.length + 2] = "group.protocol";
            config[more.length + 3] = protocol;
        }
        return clients.consumer(config);
    }
}
