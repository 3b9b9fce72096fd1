package judge;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Clients over strings, made and used in one line. Only calls that kafka-clients 2.8 has: the old clients use it too. */
public final class Clients {
    public final Judge judge;

    public Clients(Judge judge) {
        this.judge = judge;
    }

    public KafkaProducer<String, String> producer(Object... more) {
        return new KafkaProducer<>(judge.config(more), new StringSerializer(), new StringSerializer());
    }

    public KafkaConsumer<String, String> consumer(Object... more) {
        Map<String, Object> config = judge.config(more);
        config.putIfAbsent("auto.offset.reset", "earliest");
        config.putIfAbsent("enable.auto.commit", "false");
        return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    }

    public Admin admin() {
        return Admin.create(judge.config());
    }

    /** A new topic with `partitions` partitions and configs `key, value, …`. */
    public String topic(String stem, int partitions, String... configs) throws Exception {
        String name = judge.fresh(stem);
        create(name, partitions, configs);
        return name;
    }

    public void create(String name, int partitions, String... configs) throws Exception {
        Map<String, String> config = new java.util.HashMap<>();
        for (int i = 0; i < configs.length; i += 2) config.put(configs[i], configs[i + 1]);
        try (Admin admin = admin()) {
            admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1).configs(config))).all().get();
        }
    }

    public static List<String> values(String stem, int count) {
        List<String> values = new ArrayList<>();
        for (int i = 0; i < count; i++) values.add(stem + "-" + i);
        return values;
    }

    /** Sends to one partition and waits for every acknowledgement. */
    public static void send(KafkaProducer<String, String> producer, String topic, int partition, List<String> values) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (String value : values) sent.add(producer.send(new ProducerRecord<>(topic, partition, "key", value)));
        producer.flush();
        for (Future<RecordMetadata> one : sent) one.get();
    }

    /** Plain records, by a producer of their own. */
    public void fill(String topic, int partition, List<String> values) throws Exception {
        try (KafkaProducer<String, String> producer = producer()) {
            send(producer, topic, partition, values);
        }
    }

    /** Everything that the topic's partitions hold now for this isolation level, from their start. */
    public List<String> read(String topic, String isolation) {
        try (KafkaConsumer<String, String> consumer = consumer("isolation.level", isolation)) {
            List<TopicPartition> partitions = new ArrayList<>();
            consumer.partitionsFor(topic).forEach(info -> partitions.add(new TopicPartition(topic, info.partition())));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            List<String> values = new ArrayList<>();
            long limit = System.nanoTime() + 30_000_000_000L;
            while (!ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue())) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) values.add(record.value());
                if (System.nanoTime() > limit) throw new AssertionError("stuck after " + values.size() + " records, ends " + ends);
            }
            return values;
        }
    }

    /** Polls until `count` records have come. */
    public static List<ConsumerRecord<String, String>> take(KafkaConsumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        long limit = System.nanoTime() + 45_000_000_000L;
        while (records.size() < count) {
            consumer.poll(Duration.ofMillis(100)).forEach(records::add);
            if (System.nanoTime() > limit) throw new AssertionError("only " + records.size() + " of " + count + " records came");
        }
        return records;
    }

    public static List<String> valuesOf(Collection<ConsumerRecord<String, String>> records) {
        List<String> values = new ArrayList<>();
        for (ConsumerRecord<String, String> record : records) values.add(record.value());
        return values;
    }

    public static List<String> sorted(Collection<String> values) {
        List<String> sorted = new ArrayList<>(values);
        java.util.Collections.sort(sorted);
        return sorted;
    }
}
