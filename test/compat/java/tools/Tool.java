package tools;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.common.utils.Exit;

/** One of Kafka's command-line tools, run in this JVM: its start is dearer than most of what the tools do. */
final class Tool {
    /** How a tool ended, and all that it printed. */
    record Outcome(int status, String output) {}

    private static final class Exited extends RuntimeException {
        Exited(int status) {
            super("exit " + status, null, false, false);
        }
    }

    /** The first status counts: some tools take the exception for an error and exit once more. */
    private static volatile Integer exited;
    private static final List<Runnable> hooks = new CopyOnWriteArrayList<>();

    static {
        Exit.setExitProcedure((status, message) -> exit(status));
        Exit.setHaltProcedure((status, message) -> exit(status));
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
    }

    private static void exit(int status) {
        if (exited == null) exited = status;
        throw new Exited(status);
    }

    private Tool() {}

    /** Runs `CLASS ARGS` with this standard input. Not for two threads at once: standard streams are the JVM's. */
    static Outcome run(String tool, String input, Object... args) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        InputStream in = System.in;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        PrintStream capture = new PrintStream(printed, true, StandardCharsets.UTF_8);
        System.setOut(capture);
        System.setErr(capture);
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        int status = 0;
        exited = null;
        hooks.clear();
        try {
            List<String> texts = new ArrayList<>();
            for (Object arg : args) texts.add(String.valueOf(arg));
            Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) texts.toArray(new String[0]));
        } catch (InvocationTargetException thrown) {
            status = 1;
            if (exited == null) thrown.getCause().printStackTrace(capture);
        } catch (ReflectiveOperationException absent) {
            throw new IllegalStateException(absent);
        } finally {
            if (exited != null) status = exited;
            for (Runnable hook : hooks) hook.run();
            capture.flush();
            System.setOut(out);
            System.setErr(err);
            System.setIn(in);
        }
        return new Outcome(status, printed.toString(StandardCharsets.UTF_8));
    }

    /** Runs `CLASS ARGS` in a JVM of its own: for tools that end it themselves. */
    static Outcome process(String tool, Object... args) throws Exception {
        List<String> command = new ArrayList<>(List.of(ProcessHandle.current().info().command().orElse("java"), "-Xmx256m", "-XX:TieredStopAtLevel=1",
                "-cp", System.getProperty("java.class.path"), tool));
        for (Object arg : args) command.add(String.valueOf(arg));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Outcome(process.waitFor(), output);
    }
}
