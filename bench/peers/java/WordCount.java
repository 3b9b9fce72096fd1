import java.util.Arrays;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * WordCount BOOTSTRAP IN OUT APPLICATION GUARANTEE COMMIT_MS WORDS STATE_FOLDER: split, group by word (repartition topic), count (store and
 * changelog), to OUT. Ends when WORDS words were counted; prints seconds from the first line that was read, and words/s.
 */
public final class WordCount {
    public static void main(String[] args) throws Exception {
        long wanted = Long.parseLong(args[6]);
        LongAdder words = new LongAdder();
        AtomicLong first = new AtomicLong();
        Properties config = new Properties();
        config.putAll(Map.of("bootstrap.servers", args[0], "application.id", args[3], "processing.guarantee", args[4], "num.stream.threads", "1",
                "commit.interval.ms", args[5], "auto.offset.reset", "earliest", "state.dir", args[7]));
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(args[1], Consumed.with(Serdes.ByteArray(), Serdes.String()))
                .peek((key, line) -> first.compareAndSet(0, System.nanoTime()))
                .flatMapValues(line -> Arrays.asList(line.split(" ")))
                .groupBy((key, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
                .aggregate(() -> 0L, (key, word, count) -> {
                    words.increment();
                    return count + 1;
                }, Materialized.with(Serdes.String(), Serdes.Long()))
                .toStream().to(args[2], Produced.with(Serdes.String(), Serdes.Long()));
        KafkaStreams streams = new KafkaStreams(builder.build(), config);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.cleanUp();
        streams.start();
        long limit = System.nanoTime() + 240_000_000_000L;
        while (words.sum() < wanted && System.nanoTime() < limit) Thread.sleep(5);
        double seconds = (System.nanoTime() - first.get()) / 1e9;
        streams.close();
        System.out.printf("%.2f %.0f%n", seconds, words.sum() / seconds);
        System.out.flush();
        Runtime.getRuntime().halt(words.sum() < wanted ? 1 : 0);
    }
}
