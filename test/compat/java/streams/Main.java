package streams;

import static judge.Judge.check;
import static judge.Judge.equal;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import judge.Clients;
import judge.Judge;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** Main BOOTSTRAP [FILTER]: Kafka Streams counts words while its instances are killed; every count must appear once. */
public final class Main {
    private static final int LINES = 3000;
    private static final int WORDS_PER_LINE = 5;

    private final Judge judge;
    private final Clients clients;

    private Main(Judge judge) {
        this.judge = judge;
        clients = new Clients(judge);
    }

    public static void main(String[] args) throws Exception {
        Judge judge = new Judge(args[0]);
        Main main = new Main(judge);
        judge.test("Kafka Streams, exactly_once_v2: an application that is killed three times counts every word once", () -> main.count("exactly_once_v2", 1, 3));
        judge.test("Kafka Streams, exactly_once_v2: one of two instances is killed", () -> main.count("exactly_once_v2", 2, 1));
        judge.test("Kafka Streams, at_least_once: no word is forgotten", () -> main.count("at_least_once", 1, 1));
        judge.run(args.length > 1 ? args[1] : "", 1);
        Runtime.getRuntime().halt(0);
    }

    private void count(String guarantee, int instances, int kills) throws Exception {
        String in = clients.topic("lines", 2);
        String out = clients.topic("counts", 2);
        String application = judge.fresh("streams");
        Map<String, Integer> expected = load(in);
        Path state = Files.createTempDirectory("streams-state");
        Path log = Files.createTempFile("streams", ".log");
        List<Process> running = new ArrayList<>();
        try {
            for (int i = 0; i < instances; i++) running.add(start(application, in, out, guarantee, state.resolve("" + i), log));
            try (KafkaConsumer<String, String> reader = clients.consumer("isolation.level", "read_committed")) {
                reader.assign(List.of(new TopicPartition(out, 0), new TopicPartition(out, 1)));
                Map<String, List<Integer>> counts = new HashMap<>();
                int total = LINES * WORDS_PER_LINE;
                int seen = 0;
                int killed = 0;
                long limit = System.nanoTime() + Duration.ofSeconds(150).toNanos();
                while (!complete(counts, expected)) {
                    check(System.nanoTime() < limit, "only " + seen + " of " + total + " counts came; the application says:\n" + tail(log));
                    for (ConsumerRecord<String, String> record : reader.poll(Duration.ofMillis(100))) {
                        counts.computeIfAbsent(record.key(), word -> new ArrayList<>()).add(Integer.parseInt(record.value()));
                        seen++;
                    }
                    if (killed < kills && seen > total * (killed + 1) / (kills + 2)) {
                        running.get(0).destroyForcibly().waitFor();
                        running.set(0, start(application, in, out, guarantee, state.resolve("0"), log));
                        killed++;
                    }
                }
                equal(killed, kills, "kills");
                if (guarantee.equals("exactly_once_v2")) {
                    reader.poll(Duration.ofMillis(1000)).forEach(record -> counts.get(record.key()).add(Integer.parseInt(record.value())));
                    counts.forEach((word, found) -> {
                        for (int i = 0; i < found.size(); i++) equal(found.get(i), i + 1, "count " + i + " of " + word);
                        equal(found.size(), expected.get(word), "counts of " + word);
                    });
                }
            }
        } finally {
            for (Process one : running) one.destroyForcibly().waitFor();
        }
    }

    private static boolean complete(Map<String, List<Integer>> counts, Map<String, Integer> expected) {
        for (Map.Entry<String, Integer> one : expected.entrySet()) {
            List<Integer> found = counts.get(one.getKey());
            if (found == null || found.get(found.size() - 1) < one.getValue()) return false;
        }
        return true;
    }

    private Map<String, Integer> load(String topic) throws Exception {
        Random random = new Random(3);
        Map<String, Integer> counts = new HashMap<>();
        List<List<String>> lines = List.of(new ArrayList<>(), new ArrayList<>());
        for (int i = 0; i < LINES; i++) {
            StringBuilder line = new StringBuilder();
            for (int w = 0; w < WORDS_PER_LINE; w++) {
                String word = "word" + random.nextInt(120);
                counts.merge(word, 1, Integer::sum);
                line.append(w == 0 ? "" : " ").append(word);
            }
            lines.get(i % 2).add(line.toString());
        }
        for (int p = 0; p < 2; p++) clients.fill(topic, p, lines.get(p));
        return counts;
    }

    private Process start(String application, String in, String out, String guarantee, Path state, Path log) throws Exception {
        String java = ProcessHandle.current().info().command().orElse("java");
        return new ProcessBuilder(java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path"), "streams.WordCount",
                judge.bootstrap, application, in, out, guarantee, state.toString()).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.appendTo(new File(log.toString()))).start();
    }

    private static String tail(Path log) throws Exception {
        List<String> lines = Files.readAllLines(log);
        return String.join("\n", lines.subList(Math.max(0, lines.size() - 40), lines.size()));
    }
}
