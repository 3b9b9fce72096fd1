import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;

/**
 * Topics BOOTSTRAP [+NAME:PARTITIONS[:KEY=VALUE;…]] [*COUNT:STEM:PARTITIONS] [-NAME] …: deletes and waits until they are gone, creates
 * and waits until every partition has a leader. Prints the milliseconds that creation took, from the first request on.
 */
public final class Topics {
    public static void main(String[] args) throws Exception {
        List<String> gone = new ArrayList<>();
        List<NewTopic> made = new ArrayList<>();
        for (String what : List.of(args).subList(1, args.length)) {
            String[] parts = what.substring(1).split(":", 3);
            if (what.charAt(0) == '-') {
                gone.add(parts[0]);
            } else if (what.charAt(0) == '*') {
                for (int i = 0; i < Integer.parseInt(parts[0]); i++) made.add(new NewTopic(parts[1] + i, Integer.parseInt(parts[2]), (short) 1));
            } else {
                Map<String, String> config = new HashMap<>();
                if (parts.length > 2) for (String pair : parts[2].split(";")) config.put(pair.split("=", 2)[0], pair.split("=", 2)[1]);
                made.add(new NewTopic(parts[0], Integer.parseInt(parts[1]), (short) 1).configs(config));
            }
        }
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0], "request.timeout.ms", 120_000, "default.api.timeout.ms", 120_000))) {
            if (!gone.isEmpty()) {
                for (var answer : admin.deleteTopics(gone).topicNameValues().values()) {
                    try {
                        answer.get();
                    } catch (ExecutionException absent) {
                        // It was not there.
                    }
                }
                while (!Collections.disjoint(admin.listTopics().names().get(), gone)) Thread.sleep(20);
            }
            if (!made.isEmpty()) System.out.printf("%.1f%n", create(admin, made));
        }
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static double create(Admin admin, List<NewTopic> made) throws Exception {
        admin.listTopics().names().get(); // The connection is up: the time below is the broker's.
        long started = System.nanoTime();
        admin.createTopics(made).all().get();
        List<String> names = made.stream().map(NewTopic::name).toList();
        int wanted = made.stream().mapToInt(NewTopic::numPartitions).sum();
        for (;;) {
            try {
                int led = 0;
                for (var topic : admin.describeTopics(names).allTopicNames().get().values()) {
                    led += (int) topic.partitions().stream().filter(one -> one.leader() != null && one.leader().id() >= 0).count();
                }
                if (led == wanted) return (System.nanoTime() - started) / 1e6;
            } catch (ExecutionException notYet) {
                // Not in the metadata yet.
            }
            Thread.sleep(5);
        }
    }
}
