package judge;

import static judge.Judge.check;
import static judge.Judge.equal;
import static judge.Judge.fails;
import static judge.Judge.until;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.RebalanceInProgressException;

/** Groups of consumers, the same cases for the classic protocol and for KIP-848. Only calls that kafka-clients 2.8 has. */
final class GroupCases {
    private final Judge judge;
    private final Clients clients;
    /** "classic", "consumer", or "" for a client that is too old to choose. */
    private final String protocol;

    private GroupCases(Judge judge, Clients clients, String protocol) {
        this.judge = judge;
        this.clients = clients;
        this.protocol = protocol;
    }

    static void add(Judge judge, Clients clients, String protocol) {
        new GroupCases(judge, clients, protocol).add();
    }

    private void test(String name, Judge.Body body) {
        judge.test((protocol.equals("consumer") ? "group, KIP-848: " : "group, classic: ") + name, body);
    }

    private Member member(String group, Object... more) {
        Map<String, Object> config = judge.config(more);
        config.put("group.id", group);
        if (!protocol.isEmpty()) config.put("group.protocol", protocol);
        if (!protocol.equals("consumer")) config.putIfAbsent("session.timeout.ms", "6000");
        if (!protocol.equals("consumer")) config.putIfAbsent("heartbeat.interval.ms", "300");
        config.putIfAbsent("metadata.max.age.ms", "1000");
        return new Member(clients, config);
    }

    private void add() {
        test("one member reads all, commits, and its successor goes on", () -> {
            String topic = clients.topic("resume", 3);
            String group = judge.fresh("group");
            for (int p = 0; p < 3; p++) clients.fill(topic, p, Clients.values("p" + p, 50));
            try (Member first = member(group).subscribe(topic)) {
                first.awaitRecords(150);
                first.call(KafkaConsumer::commitSync);
            }
            clients.fill(topic, 1, List.of("later"));
            try (Member second = member(group).subscribe(topic)) {
                second.awaitRecords(1);
                equal(second.records, List.of("later"), "records");
            }
        });
        test("members share the partitions, and take over those of one that leaves", () -> {
            String topic = clients.topic("share", 6);
            String group = judge.fresh("group");
            try (Member a = member(group).subscribe(topic); Member b = member(group).subscribe(topic)) {
                try (Member c = member(group).subscribe(topic)) {
                    until("two partitions each", Duration.ofSeconds(40), () -> a.size() == 2 && b.size() == 2 && c.size() == 2);
                    Set<TopicPartition> all = new HashSet<>(a.assigned());
                    all.addAll(b.assigned());
                    all.addAll(c.assigned());
                    equal(all.size(), 6, "distinct partitions");
                    for (int p = 0; p < 6; p++) clients.fill(topic, p, Clients.values("p" + p, 20));
                    until("all records, once", Duration.ofSeconds(20), () -> a.records.size() + b.records.size() + c.records.size() == 120);
                }
                until("three partitions each", Duration.ofSeconds(40), () -> a.size() == 3 && b.size() == 3);
            }
        });
        test("a crowd joins at once", () -> {
            String topic = clients.topic("crowd", 16);
            String group = judge.fresh("group");
            List<Member> members = new ArrayList<>();
            try {
                for (int i = 0; i < 8; i++) members.add(member(group).subscribe(topic));
                until("two partitions each", Duration.ofSeconds(60), () -> members.stream().allMatch(one -> one.size() == 2));
            } finally {
                for (Member one : members) one.close();
            }
        });
        test("a pattern takes in topics that come later", () -> {
            String stem = judge.fresh("pattern");
            clients.create(stem + "-one", 1);
            try (Member member = member(judge.fresh("group")).subscribe(Pattern.compile(Pattern.quote(stem) + "-.*"))) {
                until("the first topic", Duration.ofSeconds(30), () -> member.size() == 1);
                clients.create(stem + "-two", 2);
                until("the second topic", Duration.ofSeconds(30), () -> member.size() == 3);
            }
        });
        test("partitions that are added are assigned", () -> {
            String topic = clients.topic("grow", 1);
            try (Member member = member(judge.fresh("group")).subscribe(topic)) {
                until("one partition", Duration.ofSeconds(30), () -> member.size() == 1);
                try (var admin = clients.admin()) {
                    admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(4))).all().get();
                }
                until("four partitions", Duration.ofSeconds(30), () -> member.size() == 4);
            }
        });
        test("members with different subscriptions", () -> {
            String one = clients.topic("one", 2);
            String two = clients.topic("two", 2);
            String group = judge.fresh("group");
            try (Member a = member(group).subscribe(one); Member b = member(group).subscribe(one, two)) {
                until("all four partitions", Duration.ofSeconds(40), () -> a.size() + b.size() == 4 && a.size() > 0);
                check(a.assigned().stream().allMatch(partition -> partition.topic().equals(one)), "only what it subscribed to: " + a.assigned());
            }
        });
        test("a subscription that changes", () -> {
            String one = clients.topic("one", 1);
            String two = clients.topic("two", 2);
            try (Member member = member(judge.fresh("group")).subscribe(one)) {
                until("the first topic", Duration.ofSeconds(30), () -> member.size() == 1);
                member.subscribe(two);
                until("the second topic alone", Duration.ofSeconds(30), () -> member.size() == 2);
            }
        });
        test("a static member comes back to its partitions and nobody else notices", () -> {
            String topic = clients.topic("static", 4);
            String group = judge.fresh("group");
            try (Member stays = member(group, "group.instance.id", "stays").subscribe(topic)) {
                Member first = member(group, "group.instance.id", "restarts").subscribe(topic);
                until("two partitions each", Duration.ofSeconds(40), () -> stays.size() == 2 && first.size() == 2);
                Set<TopicPartition> had = first.assigned();
                int changes = stays.changes();
                first.close();
                try (Member again = member(group, "group.instance.id", "restarts").subscribe(topic)) {
                    until("its partitions again", Duration.ofSeconds(30), () -> again.assigned().equals(had));
                    Thread.sleep(700);
                    equal(stays.changes(), changes, "rebalances that the other saw");
                }
            }
        });
        if (!protocol.equals("consumer")) addClassicOnly();
        test("a member that does not poll loses its partitions", () -> {
            String topic = clients.topic("slow", 2);
            String group = judge.fresh("group");
            clients.fill(topic, 0, List.of("v"));
            Map<String, Object> config = judge.config("group.id", group, "max.poll.interval.ms", 2000, "session.timeout.ms", "6000", "heartbeat.interval.ms", "300");
            if (!protocol.isEmpty()) config.put("group.protocol", protocol);
            if (protocol.equals("consumer")) config.keySet().removeAll(List.of("session.timeout.ms", "heartbeat.interval.ms"));
            try (KafkaConsumer<String, String> slow = clients.consumer(flat(config)); Member other = member(group)) {
                slow.subscribe(List.of(topic));
                Clients.take(slow, 1);
                other.subscribe(topic);
                until("the other has both", Duration.ofSeconds(40), () -> other.size() == 2);
                // With KIP-848 the client has left the group by itself, and commits as one who never was a member.
                if (!protocol.equals("consumer")) fails(() -> slow.commitSync(Duration.ofSeconds(10)), CommitFailedException.class, RebalanceInProgressException.class);
            }
        });
        test("offsets are committed with their metadata, asynchronously too", () -> {
            String topic = clients.topic("commit", 2);
            String group = judge.fresh("group");
            TopicPartition zero = new TopicPartition(topic, 0);
            try (Member member = member(group).subscribe(topic)) {
                until("assigned", Duration.ofSeconds(30), () -> member.size() == 2);
                member.call(consumer -> consumer.commitSync(Map.of(zero, new OffsetAndMetadata(3, java.util.Optional.of(0), "a note, ünïcode"))));
                List<Exception> errors = new ArrayList<>();
                member.call(consumer -> consumer.commitAsync(Map.of(new TopicPartition(topic, 1), new OffsetAndMetadata(5)), (offsets, error) -> errors.add(error)));
                until("the answer", Duration.ofSeconds(10), () -> errors.size() == 1);
                equal(errors.get(0), null, "error");
                Map<TopicPartition, OffsetAndMetadata> found = member.ask(consumer -> consumer.committed(Set.of(zero, new TopicPartition(topic, 1))));
                equal(found.get(zero), new OffsetAndMetadata(3, java.util.Optional.of(0), "a note, ünïcode"), "first");
                equal(found.get(new TopicPartition(topic, 1)).offset(), 5L, "second");
            }
        });
        test("a group id with a slash, and one in another script", () -> {
            for (String group : List.of(judge.fresh("a/b"), judge.fresh("группа"))) {
                String topic = clients.topic("names", 1);
                clients.fill(topic, 0, List.of("v"));
                try (Member member = member(group).subscribe(topic)) {
                    member.awaitRecords(1);
                    member.call(KafkaConsumer::commitSync);
                }
                try (var admin = clients.admin()) {
                    equal(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(new TopicPartition(topic, 0)).offset(), 1L, group);
                }
            }
        });
    }

    private void addClassicOnly() {
        for (String assignor : List.of("RangeAssignor", "RoundRobinAssignor", "StickyAssignor", "CooperativeStickyAssignor")) {
            test("assignor " + assignor, () -> {
                String topic = clients.topic("assignor", 5);
                String group = judge.fresh("group");
                String name = "org.apache.kafka.clients.consumer." + assignor;
                try (Member a = member(group, "partition.assignment.strategy", name).subscribe(topic)) {
                    until("all partitions", Duration.ofSeconds(30), () -> a.size() == 5);
                    int lost = a.revoked();
                    try (Member b = member(group, "partition.assignment.strategy", name).subscribe(topic)) {
                        until("shared", Duration.ofSeconds(40), () -> a.size() + b.size() == 5 && a.size() >= 2 && b.size() >= 2);
                        if (assignor.startsWith("Coop")) equal(a.revoked() - lost, 2, "only what moves is revoked");
                    }
                    until("all partitions again", Duration.ofSeconds(30), () -> a.size() == 5);
                }
            });
        }
        test("a second static member of one name fences the first", () -> {
            String topic = clients.topic("fence", 2);
            String group = judge.fresh("group");
            try (Member first = member(group, "group.instance.id", "one").subscribe(topic)) {
                until("assigned", Duration.ofSeconds(30), () -> first.size() == 2);
                try (Member second = member(group, "group.instance.id", "one").subscribe(topic)) {
                    until("the heir has them", Duration.ofSeconds(30), () -> second.size() == 2);
                    until("the first is told", Duration.ofSeconds(30), () -> first.error() != null);
                    check(first.error() instanceof FencedInstanceIdException, "fenced: " + first.error());
                }
            }
        });
    }

    private static Object[] flat(Map<String, Object> config) {
        List<Object> flat = new ArrayList<>();
        config.forEach((key, value) -> {
            flat.add(key);
            flat.add(value);
        });
        return flat.toArray();
    }
}
