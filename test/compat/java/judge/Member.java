package judge;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** A consumer that is polled by a thread of its own, as an application would; the test watches what it is given. */
final class Member implements AutoCloseable, ConsumerRebalanceListener {
    private final KafkaConsumer<String, String> consumer;
    private final Thread thread = new Thread(this::poll, "member");
    private final ConcurrentLinkedQueue<Runnable> calls = new ConcurrentLinkedQueue<>();
    private final Set<TopicPartition> assigned = new HashSet<>();
    private int changes;
    private int revoked;
    private volatile boolean closed;
    private volatile Exception error;
    final List<String> records = new CopyOnWriteArrayList<>();

    Member(Clients clients, Map<String, Object> config) {
        List<Object> flat = new ArrayList<>();
        config.forEach((key, value) -> {
            flat.add(key);
            flat.add(value);
        });
        consumer = clients.consumer(flat.toArray());
    }

    Member subscribe(String... topics) throws Exception {
        return started(consumer -> consumer.subscribe(List.of(topics), this));
    }

    Member subscribe(Pattern pattern) throws Exception {
        return started(consumer -> consumer.subscribe(pattern, this));
    }

    Member started(Consumer<KafkaConsumer<String, String>> subscribe) throws Exception {
        if (thread.getState() != Thread.State.NEW) {
            call(subscribe);
            return this;
        }
        subscribe.accept(consumer);
        thread.start();
        return this;
    }

    private void poll() {
        try {
            while (!closed) {
                for (Runnable call; (call = calls.poll()) != null;) call.run();
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) records.add(record.value());
            }
        } catch (Exception thrown) {
            error = thrown;
        }
        try {
            consumer.close();
        } catch (Exception thrown) {
            if (error == null) error = thrown;
        }
    }

    /** Runs on the thread that polls: a consumer may be used by one thread only. */
    <T> T ask(Function<KafkaConsumer<String, String>, T> question) throws Exception {
        CompletableFuture<T> answer = new CompletableFuture<>();
        calls.add(() -> {
            try {
                answer.complete(question.apply(consumer));
            } catch (Throwable thrown) {
                answer.completeExceptionally(thrown);
            }
        });
        return answer.get(30, TimeUnit.SECONDS);
    }

    void call(Consumer<KafkaConsumer<String, String>> action) throws Exception {
        ask(consumer -> {
            action.accept(consumer);
            return null;
        });
    }

    void awaitRecords(int count) throws Exception {
        Judge.until(count + " records", Duration.ofSeconds(45), () -> {
            if (error != null) throw error;
            return records.size() >= count;
        });
    }

    synchronized Set<TopicPartition> assigned() {
        return new HashSet<>(assigned);
    }

    synchronized int size() {
        return assigned.size();
    }

    /** How many times partitions came or went. */
    synchronized int changes() {
        return changes;
    }

    /** How many partitions were taken away so far. */
    synchronized int revoked() {
        return revoked;
    }

    Exception error() {
        return error;
    }

    @Override
    public synchronized void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        changes++;
        assigned.addAll(partitions);
    }

    @Override
    public synchronized void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        changes++;
        revoked += partitions.size();
        assigned.removeAll(partitions);
    }

    @Override
    public synchronized void onPartitionsLost(Collection<TopicPartition> partitions) {
        changes++;
        assigned.removeAll(partitions);
    }

    @Override
    public void close() throws Exception {
        closed = true;
        consumer.wakeup();
        if (thread.getState() == Thread.State.NEW) consumer.close();
        thread.join(30_000);
    }
}
