import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Latency BOOTSTRAP TOPIC COUNT WARMUP SIZE: sends one record with acks=all, waits until a consumer has it, and again. Prints in
 * microseconds: end to end p50 p99, acknowledgement p50 p99. (Kafka's own tool counts whole milliseconds.)
 */
public final class Latency {
    public static void main(String[] args) throws Exception {
        int count = Integer.parseInt(args[2]);
        int warmup = Integer.parseInt(args[3]);
        byte[] value = new byte[Integer.parseInt(args[4])];
        Arrays.fill(value, (byte) 'x');
        Map<String, Object> sending = new HashMap<>(Map.of("bootstrap.servers", args[0], "acks", "all", "linger.ms", 0));
        Map<String, Object> reading = Map.of("bootstrap.servers", args[0], "enable.auto.commit", false, "fetch.max.wait.ms", 500);
        long[] whole = new long[count];
        long[] acknowledged = new long[count];
        try (var producer = new KafkaProducer<>(sending, new ByteArraySerializer(), new ByteArraySerializer());
                var consumer = new KafkaConsumer<>(reading, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partition = List.of(new TopicPartition(args[1], 0));
            consumer.assign(partition);
            consumer.seekToEnd(partition);
            consumer.position(partition.get(0));
            for (int i = -warmup; i < count; i++) {
                long started = System.nanoTime();
                producer.send(new ProducerRecord<>(args[1], 0, null, value)).get();
                long answered = System.nanoTime();
                int got = 0;
                while (got == 0) {
                    got = consumer.poll(Duration.ofSeconds(20)).count();
                    if (got > 1 || System.nanoTime() - started > 20_000_000_000L) throw new IllegalStateException("got " + got + " records");
                }
                if (i < 0) continue;
                whole[i] = System.nanoTime() - started;
                acknowledged[i] = answered - started;
            }
        }
        Arrays.sort(whole);
        Arrays.sort(acknowledged);
        System.out.printf("%.0f %.0f %.0f %.0f%n", whole[count / 2] / 1e3, whole[count * 99 / 100] / 1e3, acknowledged[count / 2] / 1e3, acknowledged[count * 99 / 100] / 1e3);
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }
}
