package judge;

import static judge.Judge.check;
import static judge.Judge.equal;
import static judge.Judge.fails;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.Utils;

/** What a producer sends is what a consumer reads, and what is wrong is refused with Kafka's error. */
final class ProducerCases {
    private ProducerCases() {}

    static void add(Judge judge, Clients clients) {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            judge.test("producer: keys, values, headers and timestamps come back, compression " + codec, () -> roundTrip(clients, codec));
        }
        for (String acks : List.of("0", "1", "all")) {
            judge.test("producer: acks=" + acks, () -> {
                String topic = clients.topic("acks", 1);
                try (KafkaProducer<String, String> producer = clients.producer("acks", acks, "enable.idempotence", "all".equals(acks))) {
                    Clients.send(producer, topic, 0, Clients.values("value", 300));
                }
                Judge.until("300 records", java.time.Duration.ofSeconds(10), () -> clients.read(topic, "read_uncommitted").size() == 300);
            });
        }
        judge.test("producer: five requests in flight keep their order", () -> {
            String topic = clients.topic("in-flight", 1);
            List<String> sent = Clients.values("value", 3000);
            try (KafkaProducer<String, String> producer = clients.producer("batch.size", 200, "linger.ms", 0)) {
                Clients.send(producer, topic, 0, sent);
            }
            equal(clients.read(topic, "read_uncommitted"), sent, "records");
        });
        judge.test("producer: a key chooses its partition", () -> {
            String topic = clients.topic("keys", 5);
            try (KafkaProducer<String, String> producer = clients.producer()) {
                for (int i = 0; i < 50; i++) {
                    String key = "key-" + i;
                    int expected = Utils.toPositive(Utils.murmur2(key.getBytes())) % 5;
                    equal(producer.send(new ProducerRecord<>(topic, key, "v")).get().partition(), expected, key);
                }
            }
        });
        judge.test("producer: a topic is created when it is first used", () -> {
            String topic = judge.fresh("auto");
            try (KafkaProducer<String, String> producer = clients.producer()) {
                equal(producer.send(new ProducerRecord<>(topic, "v")).get().offset(), 0L, "offset");
                equal(producer.partitionsFor(topic).size(), 3, "partitions");
            }
        });
        judge.test("producer: a record over max.message.bytes is refused, the next is not", () -> {
            String topic = clients.topic("large", 1, "max.message.bytes", "1000");
            try (KafkaProducer<String, String> producer = clients.producer()) {
                fails(() -> producer.send(new ProducerRecord<>(topic, "x".repeat(5000))).get(), RecordTooLargeException.class);
                equal(producer.send(new ProducerRecord<>(topic, "small")).get().offset(), 0L, "offset");
            }
        });
        judge.test("producer: one megabyte in one record", () -> {
            String topic = clients.topic("megabyte", 1);
            String value = "0123456789abcdef".repeat(65_000 - 100);
            try (KafkaProducer<String, String> producer = clients.producer("max.request.size", 2_000_000)) {
                producer.send(new ProducerRecord<>(topic, value)).get();
            }
            equal(clients.read(topic, "read_committed"), List.of(value), "records");
        });
        judge.test("producer: a name that no topic may have", () -> {
            try (KafkaProducer<String, String> producer = clients.producer("max.block.ms", 5000)) {
                fails(() -> producer.send(new ProducerRecord<>("not/a/name", "v")).get(), InvalidTopicException.class);
            }
        });
        judge.test("producer: a partition that does not exist", () -> {
            String topic = clients.topic("partition", 1);
            try (KafkaProducer<String, String> producer = clients.producer("max.block.ms", 1500)) {
                fails(() -> producer.send(new ProducerRecord<>(topic, 7, "k", "v")).get(), TimeoutException.class);
            }
        });
        judge.test("producer: a record without a key on a compacted topic", () -> {
            String topic = clients.topic("compacted", 1, "cleanup.policy", "compact");
            try (KafkaProducer<String, String> producer = clients.producer()) {
                fails(() -> producer.send(new ProducerRecord<>(topic, "v")).get(), InvalidRecordException.class);
                equal(producer.send(new ProducerRecord<>(topic, "k", "v")).get().offset(), 0L, "offset");
            }
        });
        judge.test("producer: a timestamp out of the topic's bounds", () -> {
            String topic = clients.topic("bounds", 1, "message.timestamp.before.max.ms", "60000", "message.timestamp.after.max.ms", "60000");
            long now = System.currentTimeMillis();
            try (KafkaProducer<String, String> producer = clients.producer()) {
                fails(() -> producer.send(new ProducerRecord<>(topic, 0, now - 3_600_000, "k", "v")).get(), InvalidTimestampException.class);
                fails(() -> producer.send(new ProducerRecord<>(topic, 0, now + 3_600_000, "k", "v")).get(), InvalidTimestampException.class);
                equal(producer.send(new ProducerRecord<>(topic, 0, now, "k", "v")).get().offset(), 0L, "offset");
            }
        });
        judge.test("producer: the broker's time with LogAppendTime", () -> {
            String topic = clients.topic("append-time", 1, "retention.ms", "-1", "message.timestamp.type", "LogAppendTime");
            long before = System.currentTimeMillis();
            try (KafkaProducer<String, String> producer = clients.producer()) {
                RecordMetadata metadata = producer.send(new ProducerRecord<>(topic, 0, 5L, "k", "v")).get();
                check(metadata.timestamp() >= before, "the answer has the time of the append: " + metadata.timestamp());
            }
            try (KafkaConsumer<String, String> consumer = clients.consumer()) {
                consumer.assign(List.of(new TopicPartition(topic, 0)));
                ConsumerRecord<String, String> record = Clients.take(consumer, 1).get(0);
                equal(record.timestampType(), TimestampType.LOG_APPEND_TIME, "type");
                check(record.timestamp() >= before, "the record has the time of the append");
            }
        });
        judge.test("producer: goes on when its topic is deleted and made again", () -> {
            String topic = clients.topic("again", 1);
            try (KafkaProducer<String, String> producer = clients.producer("metadata.max.age.ms", 1000)) {
                producer.send(new ProducerRecord<>(topic, "old")).get();
                try (var admin = clients.admin()) {
                    admin.deleteTopics(List.of(topic)).all().get();
                    Judge.until("deleted", java.time.Duration.ofSeconds(10), () -> !admin.listTopics().names().get().contains(topic));
                }
                try {
                    clients.create(topic, 1);
                } catch (java.util.concurrent.ExecutionException there) {
                    // The producer asks for metadata once a second, and a topic that is asked for is created.
                    check(there.getCause() instanceof TopicExistsException, "created again: " + there);
                }
                equal(producer.send(new ProducerRecord<>(topic, "new")).get().offset(), 0L, "offset");
            }
            equal(clients.read(topic, "read_uncommitted"), List.of("new"), "records");
        });
    }

    private static void roundTrip(Clients clients, String codec) throws Exception {
        String topic = clients.topic("round-trip", 1, "retention.ms", "-1");
        int count = 500;
        try (KafkaProducer<String, String> producer = clients.producer("compression.type", codec, "linger.ms", 20)) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                sent.add(producer.send(new ProducerRecord<>(topic, 0, 1_700_000_000_000L + i, i % 7 == 0 ? null : "key-" + i,
                        i % 11 == 0 ? null : "value-" + "x".repeat(i), List.of(new RecordHeader("n", new byte[] {(byte) i}), new RecordHeader("none", null)))));
            }
            for (int i = 0; i < count; i++) equal(sent.get(i).get().offset(), (long) i, "offset of record " + i);
        }
        try (KafkaConsumer<String, String> consumer = clients.consumer()) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            List<ConsumerRecord<String, String>> records = Clients.take(consumer, count);
            for (int i = 0; i < count; i++) {
                ConsumerRecord<String, String> record = records.get(i);
                equal(record.offset(), (long) i, "offset");
                equal(record.timestamp(), 1_700_000_000_000L + i, "timestamp");
                equal(record.timestampType(), TimestampType.CREATE_TIME, "timestamp type");
                equal(record.key(), i % 7 == 0 ? null : "key-" + i, "key");
                equal(record.value(), i % 11 == 0 ? null : "value-" + "x".repeat(i), "value");
                equal(record.headers().toArray().length, 2, "headers");
                equal(record.headers().lastHeader("n").value()[0], (byte) i, "header");
                equal(record.headers().lastHeader("none").value(), null, "null header");
            }
        }
    }
}
