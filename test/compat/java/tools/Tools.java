package tools;

import judge.Clients;
import judge.Judge;

/** What the families of tools share. */
abstract class Tools {
    protected static final String TOOLS = "org.apache.kafka.tools.";
    protected final Judge judge;
    protected final Clients clients;

    Tools(Judge judge, Clients clients) {
        this.judge = judge;
        this.clients = clients;
    }

    abstract void add();

    /** Runs a tool with `--bootstrap-server`, expects it to end well, and returns what it printed. */
    protected String tool(String name, Object... args) {
        return fed(name, "", args);
    }

    protected String fed(String name, String input, Object... args) {
        Tool.Outcome outcome = run(name, input, args);
        Judge.check(outcome.status() == 0, name + " ended with " + outcome.status() + ":\n" + outcome.output());
        return outcome.output();
    }

    /** A tool that must not end well. */
    protected String refused(String name, Object... args) {
        Tool.Outcome outcome = run(name, "", args);
        Judge.check(outcome.status() != 0, name + " ended well:\n" + outcome.output());
        return outcome.output();
    }

    private Tool.Outcome run(String name, String input, Object... args) {
        Object[] all = new Object[args.length + 2];
        all[0] = "--bootstrap-server";
        all[1] = judge.bootstrap;
        System.arraycopy(args, 0, all, 2, args.length);
        return Tool.run(name.startsWith("kafka.") ? name : TOOLS + name, input, all);
    }

    /** The text has this part, or matches it as a regular expression. */
    protected static void has(String text, String part) {
        boolean found = text.contains(part) || java.util.regex.Pattern.compile(part, java.util.regex.Pattern.MULTILINE).matcher(text).find();
        Judge.check(found, "no <" + part + "> in:\n" + text);
    }

    protected static void hasNot(String text, String part) {
        Judge.check(!text.contains(part), "<" + part + "> in:\n" + text);
    }
}
