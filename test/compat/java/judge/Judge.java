package judge;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Runs cases against a broker and prints one line of JSON for each: {"case", "ok", "ms", "error"}. Cases that wait for
 * the broker run side by side: the start of a JVM is dear, and so is a rebalance.
 */
public final class Judge {
    public interface Body {
        void run() throws Exception;
    }

    public interface Condition {
        boolean holds() throws Exception;
    }

    private record Case(String name, Body body) {}

    private final List<Case> cases = new ArrayList<>();
    private final PrintStream out = System.out;
    private final AtomicInteger names = new AtomicInteger();
    public final String bootstrap;

    public Judge(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    public void test(String name, Body body) {
        cases.add(new Case(name, body));
    }

    /** A name that nothing else uses, on a broker that keeps what it was given. */
    public String fresh(String stem) {
        return "judge-" + stem + "-" + ProcessHandle.current().pid() + "-" + names.incrementAndGet();
    }

    public Map<String, Object> config(Object... more) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", bootstrap);
        for (int i = 0; i < more.length; i += 2) config.put((String) more[i], more[i + 1]);
        return config;
    }

    /** Runs the cases whose name contains `filter`, `threads` at a time. */
    public void run(String filter, int threads) throws InterruptedException {
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        for (Case one : cases) {
            if (one.name.contains(filter)) pool.submit(() -> run(one));
        }
        pool.shutdown();
        if (!pool.awaitTermination(20, TimeUnit.MINUTES)) throw new IllegalStateException("cases hang");
    }

    private void run(Case one) {
        long started = System.nanoTime();
        String error = null;
        try {
            one.body.run();
        } catch (Throwable thrown) {
            StringWriter text = new StringWriter();
            thrown.printStackTrace(new PrintWriter(text));
            error = text.toString();
        }
        String line = "{\"case\":" + quoted(one.name) + ",\"ok\":" + (error == null) + ",\"ms\":"
                + (System.nanoTime() - started) / 1_000_000 + (error == null ? "" : ",\"error\":" + quoted(error)) + "}\n";
        out.writeBytes(line.getBytes(StandardCharsets.UTF_8));
        out.flush();
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') quoted.append('\\').append(c);
            else if (c < ' ') quoted.append(String.format("\\u%04x", (int) c));
            else quoted.append(c);
        }
        return quoted.append('"').toString();
    }

    public static void check(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
    }

    public static void equal(Object actual, Object expected, String what) {
        if (!java.util.Objects.equals(actual, expected)) {
            throw new AssertionError(what + ": expected <" + expected + "> but got <" + actual + ">");
        }
    }

    /** The error that the body ends with, unwrapped from the future or the client that carried it. */
    public static Throwable failure(Body body) {
        try {
            body.run();
        } catch (Throwable thrown) {
            return thrown instanceof ExecutionException && thrown.getCause() != null ? thrown.getCause() : thrown;
        }
        throw new AssertionError("no error came");
    }

    /** The body ends with an error of one of these classes, itself or as its cause. */
    public static void fails(Body body, Class<?>... kinds) {
        Throwable thrown = failure(body);
        for (Throwable error = thrown; error != null; error = error.getCause()) {
            for (Class<?> kind : kinds) if (kind.isInstance(error)) return;
        }
        throw new AssertionError("expected " + List.of(kinds) + " but got " + thrown, thrown);
    }

    public static void until(String what, Duration limit, Condition condition) throws Exception {
        long end = System.nanoTime() + limit.toNanos();
        while (!condition.holds()) {
            if (System.nanoTime() > end) throw new AssertionError("not within " + limit + ": " + what);
            Thread.sleep(20);
        }
    }
}
