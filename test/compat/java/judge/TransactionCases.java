package judge;

import static judge.Judge.check;
import static judge.Judge.equal;
import static judge.Judge.fails;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;

/**
 * Transactions as a client sees them. Only calls of kafka-clients 2.8: with it and with 3.9 the same cases run over the
 * first protocol (AddPartitionsToTxn), with 4.x over the second (KIP-890).
 */
final class TransactionCases {
    private TransactionCases() {}

    static void add(Judge judge, Clients clients) {
        judge.test("transactions: committed records are read, aborted ones are not", () -> {
            String topic = clients.topic("txn", 2);
            try (KafkaProducer<String, String> producer = transactional(judge, clients)) {
                producer.initTransactions();
                producer.beginTransaction();
                Clients.send(producer, topic, 0, List.of("a", "b"));
                Clients.send(producer, topic, 1, List.of("c"));
                equal(clients.read(topic, "read_committed"), List.of(), "before the commit");
                equal(Clients.sorted(clients.read(topic, "read_uncommitted")), List.of("a", "b", "c"), "uncommitted");
                producer.commitTransaction();
                Judge.until("committed", Duration.ofSeconds(10), () -> Clients.sorted(clients.read(topic, "read_committed")).equals(List.of("a", "b", "c")));
                producer.beginTransaction();
                Clients.send(producer, topic, 0, List.of("never"));
                producer.abortTransaction();
                producer.beginTransaction();
                Clients.send(producer, topic, 0, List.of("d"));
                producer.commitTransaction();
            }
            Judge.until("the second commit", Duration.ofSeconds(10), () -> Clients.sorted(clients.read(topic, "read_committed")).equals(List.of("a", "b", "c", "d")));
            equal(Clients.sorted(clients.read(topic, "read_uncommitted")), List.of("a", "b", "c", "d", "never"), "uncommitted");
        });
        judge.test("transactions: empty ones commit and abort", () -> {
            try (KafkaProducer<String, String> producer = transactional(judge, clients)) {
                producer.initTransactions();
                for (int i = 0; i < 3; i++) {
                    producer.beginTransaction();
                    producer.commitTransaction();
                    producer.beginTransaction();
                    producer.abortTransaction();
                }
            }
        });
        judge.test("transactions: the end for read_committed is the last stable offset", () -> {
            String topic = clients.topic("stable", 1);
            List<TopicPartition> partitions = List.of(new TopicPartition(topic, 0));
            clients.fill(topic, 0, List.of("first"));
            try (KafkaProducer<String, String> producer = transactional(judge, clients);
                    KafkaConsumer<String, String> committed = clients.consumer("isolation.level", "read_committed");
                    KafkaConsumer<String, String> uncommitted = clients.consumer()) {
                producer.initTransactions();
                producer.beginTransaction();
                Clients.send(producer, topic, 0, List.of("open"));
                clients.fill(topic, 0, List.of("behind"));
                equal(committed.endOffsets(partitions).get(partitions.get(0)), 1L, "stable end");
                equal(uncommitted.endOffsets(partitions).get(partitions.get(0)), 3L, "end");
                committed.assign(partitions);
                equal(Clients.valuesOf(Clients.take(committed, 1)), List.of("first"), "readable");
                equal(committed.poll(Duration.ofMillis(500)).count(), 0, "nothing behind an open transaction");
                producer.abortTransaction();
                equal(Clients.valuesOf(Clients.take(committed, 1)), List.of("behind"), "readable after the abort");
                equal(committed.endOffsets(partitions).get(partitions.get(0)), 4L, "stable end after the abort");
            }
        });
        judge.test("transactions: a waiting reader is woken by the commit", () -> {
            String topic = clients.topic("woken", 1);
            try (KafkaProducer<String, String> producer = transactional(judge, clients);
                    KafkaConsumer<String, String> consumer = clients.consumer("isolation.level", "read_committed", "fetch.max.wait.ms", 8000)) {
                consumer.assign(List.of(new TopicPartition(topic, 0)));
                producer.initTransactions();
                producer.beginTransaction();
                Clients.send(producer, topic, 0, List.of("v"));
                consumer.poll(Duration.ofMillis(700));
                long started = System.nanoTime();
                producer.commitTransaction();
                Clients.take(consumer, 1);
                check(System.nanoTime() - started < 5_000_000_000L, "the fetch waited its full time");
            }
        });
        judge.test("transactions: many producers, random ends: exactly the committed records, in order", () -> interleaved(judge, clients));
        judge.test("transactions: many batches over thirty partitions", () -> {
            String topic = clients.topic("wide", 30);
            try (KafkaProducer<String, String> producer = transactional(judge, clients)) {
                producer.initTransactions();
                for (int round = 0; round < 4; round++) {
                    producer.beginTransaction();
                    for (int p = 0; p < 30; p++) Clients.send(producer, topic, p, List.of("r" + round));
                    if (round % 2 == 0) producer.commitTransaction();
                    else producer.abortTransaction();
                }
            }
            Judge.until("60 records", Duration.ofSeconds(10), () -> clients.read(topic, "read_committed").size() == 60);
        });
        judge.test("transactions: a second producer fences the first and aborts what it left open", () -> {
            String topic = clients.topic("fenced", 1);
            String id = judge.fresh("id");
            try (KafkaProducer<String, String> first = clients.producer("transactional.id", id);
                    KafkaProducer<String, String> second = clients.producer("transactional.id", id)) {
                first.initTransactions();
                first.beginTransaction();
                Clients.send(first, topic, 0, List.of("zombie"));
                second.initTransactions();
                second.beginTransaction();
                Clients.send(second, topic, 0, List.of("heir"));
                fails(() -> {
                    first.send(new ProducerRecord<>(topic, 0, "k", "late")).get();
                    first.commitTransaction();
                }, ProducerFencedException.class, InvalidProducerEpochException.class);
                second.commitTransaction();
            }
            Judge.until("the heir's record", Duration.ofSeconds(10), () -> clients.read(topic, "read_committed").equals(List.of("heir")));
        });
        judge.test("transactions: a timeout aborts, and the producer is told", () -> {
            String topic = clients.topic("timeout", 1);
            try (KafkaProducer<String, String> producer = transactional(judge, clients, "transaction.timeout.ms", 1500)) {
                producer.initTransactions();
                producer.beginTransaction();
                Clients.send(producer, topic, 0, List.of("too late"));
                clients.fill(topic, 0, List.of("plain"));
                Judge.until("aborted by the broker", Duration.ofSeconds(30), () -> clients.read(topic, "read_committed").equals(List.of("plain")));
                fails(producer::commitTransaction, KafkaException.class);
            }
            equal(clients.read(topic, "read_committed"), List.of("plain"), "records");
        });
        judge.test("transactions: a timeout over the broker's cap is refused", () -> {
            try (KafkaProducer<String, String> producer = transactional(judge, clients, "transaction.timeout.ms", 3_600_000)) {
                Throwable error = Judge.failure(producer::initTransactions);
                check(error.getMessage().contains("transaction timeout is larger"), "the error says why: " + error);
            }
        });
        judge.test("transactions: offsets are visible with the commit, not before and not after an abort", () -> {
            String topic = clients.topic("offsets", 1);
            TopicPartition partition = new TopicPartition(topic, 0);
            String group = judge.fresh("group");
            try (KafkaProducer<String, String> producer = transactional(judge, clients);
                    KafkaConsumer<String, String> consumer = clients.consumer("group.id", group)) {
                producer.initTransactions();
                producer.beginTransaction();
                producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(7, "note")), new ConsumerGroupMetadata(group));
                try (var admin = clients.admin()) {
                    equal(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition), null, "pending");
                }
                producer.commitTransaction();
                Judge.until("offset 7", Duration.ofSeconds(10), () -> offset(consumer, partition) == 7);
                equal(consumer.committed(java.util.Set.of(partition)).get(partition).metadata(), "note", "metadata");
                producer.beginTransaction();
                producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(9)), new ConsumerGroupMetadata(group));
                producer.abortTransaction();
                equal(offset(consumer, partition), 7L, "after the abort");
            }
        });
        judge.test("transactions: offsets of a member whose generation has passed are refused", () -> {
            String topic = clients.topic("generation", 1);
            String group = judge.fresh("group");
            try (KafkaProducer<String, String> producer = transactional(judge, clients);
                    KafkaConsumer<String, String> consumer = clients.consumer("group.id", group)) {
                clients.fill(topic, 0, List.of("v"));
                consumer.subscribe(List.of(topic));
                Clients.take(consumer, 1);
                ConsumerGroupMetadata now = consumer.groupMetadata();
                producer.initTransactions();
                producer.beginTransaction();
                ConsumerGroupMetadata old = new ConsumerGroupMetadata(group, now.generationId() - 1, now.memberId(), java.util.Optional.empty());
                fails(() -> {
                    producer.sendOffsetsToTransaction(Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(1)), old);
                    producer.commitTransaction();
                }, org.apache.kafka.clients.consumer.CommitFailedException.class);
                producer.abortTransaction();
            }
        });
        judge.test("transactions: read, process, write: exactly once over producers that die", () -> readProcessWrite(judge, clients));
    }

    private static KafkaProducer<String, String> transactional(Judge judge, Clients clients, Object... more) {
        Object[] config = java.util.Arrays.copyOf(more, more.length + 2);
        config[more.length] = "transactional.id";
        config[more.length + 1] = judge.fresh("id");
        return clients.producer(config);
    }

    private static long offset(KafkaConsumer<String, String> consumer, TopicPartition partition) {
        OffsetAndMetadata committed = consumer.committed(java.util.Set.of(partition)).get(partition);
        return committed == null ? -1 : committed.offset();
    }

    private static void interleaved(Judge judge, Clients clients) throws Exception {
        String topic = clients.topic("interleaved", 2);
        Random random = new Random(5);
        List<KafkaProducer<String, String>> producers = new ArrayList<>();
        Map<String, List<String>> expected = new HashMap<>();
        for (int i = 0; i < 4; i++) {
            producers.add(transactional(judge, clients));
            producers.get(i).initTransactions();
        }
        List<List<String>> open = new ArrayList<>(java.util.Collections.nCopies(4, null));
        for (int step = 0; step < 160; step++) {
            int who = random.nextInt(4);
            KafkaProducer<String, String> producer = producers.get(who);
            if (open.get(who) == null) {
                producer.beginTransaction();
                open.set(who, new ArrayList<>());
            }
            int partition = random.nextInt(2);
            String value = partition + ":" + who + ":" + step;
            Clients.send(producer, topic, partition, List.of(value));
            open.get(who).add(value);
            if (random.nextInt(4) > 0) continue;
            if (random.nextBoolean()) {
                producer.commitTransaction();
                for (String one : open.get(who)) expected.computeIfAbsent(one.substring(0, 3), key -> new ArrayList<>()).add(one);
            } else {
                producer.abortTransaction();
            }
            open.set(who, null);
        }
        for (int who = 0; who < 4; who++) {
            if (open.get(who) != null) producers.get(who).abortTransaction();
            producers.get(who).close();
        }
        int count = expected.values().stream().mapToInt(List::size).sum();
        Judge.until("all transactions have ended", Duration.ofSeconds(10), () -> clients.read(topic, "read_committed").size() >= count);
        Map<String, List<String>> actual = new HashMap<>();
        for (String one : clients.read(topic, "read_committed")) actual.computeIfAbsent(one.substring(0, 3), key -> new ArrayList<>()).add(one);
        equal(actual, expected, "records by partition and producer");
    }

    private static void readProcessWrite(Judge judge, Clients clients) throws Exception {
        String from = clients.topic("from", 2);
        String to = clients.topic("to", 2);
        String group = judge.fresh("group");
        String id = judge.fresh("id");
        for (int p = 0; p < 2; p++) clients.fill(from, p, Clients.values("p" + p, 200));
        int done = 0;
        for (int life = 0; done < 400 && life < 40; life++) {
            KafkaProducer<String, String> producer = clients.producer("transactional.id", id);
            try (KafkaConsumer<String, String> consumer = clients.consumer("group.id", group, "isolation.level", "read_committed", "max.poll.records", 40)) {
                producer.initTransactions();
                consumer.subscribe(List.of(from));
                for (int round = 0; round < 3 && done < 400; round++) {
                    List<ConsumerRecord<String, String>> records = Clients.take(consumer, 1);
                    producer.beginTransaction();
                    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                    for (ConsumerRecord<String, String> record : records) {
                        producer.send(new ProducerRecord<>(to, record.partition(), record.key(), record.value()));
                        offsets.put(new TopicPartition(from, record.partition()), new OffsetAndMetadata(record.offset() + 1));
                    }
                    producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                    if (round == 2) {
                        producer.flush();
                        break;
                    }
                    producer.commitTransaction();
                    done += records.size();
                }
            }
            producer.close(Duration.ZERO);
        }
        List<String> expected = new ArrayList<>(Clients.values("p0", 200));
        expected.addAll(Clients.values("p1", 200));
        Judge.until("400 records", Duration.ofSeconds(10), () -> clients.read(to, "read_committed").size() >= 400);
        equal(Clients.sorted(clients.read(to, "read_committed")), Clients.sorted(expected), "each record once");
    }
}
