package flink;

import static judge.Judge.check;
import static judge.Judge.equal;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import judge.Clients;
import judge.Judge;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** Main BOOTSTRAP [FILTER]: Flink copies a topic exactly once, over failures and kills; each record must come once. */
public final class Main {
    private static final int RECORDS = 6000;
    private static final String[] OPENS = {"lang", "net", "io", "nio", "lang.reflect", "text", "time", "util", "util.concurrent", "util.concurrent.atomic", "util.concurrent.locks"};

    private final Judge judge;
    private final Clients clients;

    private Main(Judge judge) {
        this.judge = judge;
        clients = new Clients(judge);
    }

    public static void main(String[] args) throws Exception {
        Judge judge = new Judge(args[0]);
        Main main = new Main(judge);
        judge.test("Flink KafkaSource and KafkaSink, exactly once: the job fails and restarts", () -> main.copy("INCREMENTING", 0, "p0-900"));
        judge.test("Flink KafkaSource and KafkaSink, exactly once: killed twice, resumed from a checkpoint", () -> main.copy("INCREMENTING", 2, "-"));
        judge.test("Flink KafkaSource and KafkaSink, exactly once: killed, transactional ids from a pool", () -> main.copy("POOLING", 1, "-"));
        judge.run(args.length > 1 ? args[1] : "", 1);
        Runtime.getRuntime().halt(0);
    }

    private void copy(String naming, int kills, String failAt) throws Exception {
        String in = clients.topic("flink-in", 2);
        String out = clients.topic("flink-out", 1);
        String prefix = judge.fresh("flink");
        List<String> expected = new ArrayList<>();
        for (int p = 0; p < 2; p++) {
            clients.fill(in, p, Clients.values("p" + p, RECORDS / 2));
            expected.addAll(Clients.values("p" + p, RECORDS / 2));
        }
        Path checkpoints = Files.createTempDirectory("flink-checkpoints");
        Path log = Files.createTempFile("flink", ".log");
        Process running = start(in, out, prefix, checkpoints, log, naming, failAt);
        try (KafkaConsumer<String, String> reader = clients.consumer("isolation.level", "read_committed")) {
            reader.assign(List.of(new TopicPartition(out, 0)));
            List<String> seen = new ArrayList<>();
            int killed = 0;
            long limit = System.nanoTime() + Duration.ofSeconds(150).toNanos();
            while (seen.size() < RECORDS) {
                check(System.nanoTime() < limit, "only " + seen.size() + " of " + RECORDS + " came; Flink says:\n" + tail(log));
                reader.poll(Duration.ofMillis(100)).forEach(record -> seen.add(record.value()));
                if (killed < kills && seen.size() > RECORDS * (killed + 1) / (kills + 3)) {
                    running.destroyForcibly().waitFor();
                    running = start(in, out, prefix, checkpoints, log, naming, failAt);
                    killed++;
                }
            }
            reader.poll(Duration.ofMillis(1500)).forEach(record -> seen.add(record.value()));
            equal(killed, kills, "kills");
            if (!failAt.equals("-")) check(new File(checkpoints.toFile(), "failed").exists(), "the job failed once");
            equal(Clients.sorted(seen), Clients.sorted(expected), "records, each once");
        } finally {
            running.destroyForcibly().waitFor();
        }
    }

    private Process start(String in, String out, String prefix, Path checkpoints, Path log, String naming, String failAt) throws Exception {
        List<String> command = new ArrayList<>(List.of(ProcessHandle.current().info().command().orElse("java"), "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"));
        for (String one : OPENS) command.add("--add-opens=java.base/java." + one + "=ALL-UNNAMED");
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "flink.Copy", judge.bootstrap, in, out, prefix, checkpoints.toString(), naming, failAt));
        latest(checkpoints).ifPresent(path -> command.add("file://" + path));
        return new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile())).start();
    }

    /** The newest checkpoint that was completed, of any job that wrote here. */
    private static Optional<Path> latest(Path checkpoints) throws Exception {
        try (Stream<Path> files = Files.walk(checkpoints)) {
            return files.filter(file -> file.endsWith("_metadata")).max(Comparator.comparing(file -> file.toFile().lastModified())).map(Path::getParent);
        }
    }

    private static String tail(Path log) throws Exception {
        List<String> lines = Files.readAllLines(log);
        return String.join("\n", lines.subList(Math.max(0, lines.size() - 60), lines.size()));
    }
}
