package judge;

import static judge.Judge.check;
import static judge.Judge.equal;
import static judge.Judge.until;

import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.MemberAssignment;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidRegularExpression;
import org.apache.kafka.common.errors.UnreleasedInstanceIdException;
import org.apache.kafka.common.errors.UnsupportedAssignorException;

/** What only the consumer protocol of KIP-848 has, and groups that move between it and the classic one. */
final class ConsumerProtocolCases {
    private ConsumerProtocolCases() {}

    static void add(Judge judge, Clients clients) {
        for (String assignor : List.of("uniform", "range")) {
            judge.test("KIP-848: the broker's assignor " + assignor, () -> {
                String one = clients.topic("one", 3);
                String two = clients.topic("two", 3);
                String group = judge.fresh("group");
                try (Member a = member(judge, clients, group, "group.remote.assignor", assignor).subscribe(one, two);
                        Member b = member(judge, clients, group, "group.remote.assignor", assignor).subscribe(one, two)) {
                    until("all partitions", Duration.ofSeconds(40), () -> a.size() + b.size() == 6 && a.size() > 1 && b.size() > 1);
                    // The larger half of each topic goes to one member with range; uniform knows no topics.
                    equal(Math.abs(a.size() - b.size()), assignor.equals("range") ? 2 : 0, "difference");
                    try (var admin = clients.admin()) {
                        var described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
                        equal(described.partitionAssignor(), assignor, "assignor");
                        equal(described.type(), GroupType.CONSUMER, "type");
                        equal(described.groupState(), GroupState.STABLE, "state");
                        check(described.groupEpoch().isPresent() && described.targetAssignmentEpoch().isPresent(), "epochs");
                        Set<TopicPartition> all = new HashSet<>();
                        for (var one1 : described.members()) {
                            equal(one1.targetAssignment().map(MemberAssignment::topicPartitions), java.util.Optional.of(one1.assignment().topicPartitions()), "target");
                            check(one1.memberEpoch().isPresent() && one1.upgraded().orElse(false), "member epoch, upgraded");
                            all.addAll(one1.assignment().topicPartitions());
                        }
                        equal(all.size(), 6, "described partitions");
                    }
                }
            });
        }
        judge.test("KIP-848: an assignor that the broker does not have", () -> {
            String topic = clients.topic("assignor", 1);
            try (Member member = member(judge, clients, judge.fresh("group"), "group.remote.assignor", "nobody-has-this").subscribe(topic)) {
                until("the error", Duration.ofSeconds(20), () -> member.error() != null);
                check(member.error() instanceof UnsupportedAssignorException, "error: " + member.error());
            }
        });
        judge.test("KIP-848: the broker resolves a regular expression", () -> {
            String stem = judge.fresh("regex");
            clients.create(stem + "-one", 1);
            try (Member member = member(judge, clients, judge.fresh("group"))) {
                member.started(consumer -> consumer.subscribe(new SubscriptionPattern(Pattern.quote(stem).replace("\\Q", "").replace("\\E", "") + "-(one|two)"), member));
                until("the first topic", Duration.ofSeconds(30), () -> member.size() == 1);
                clients.create(stem + "-two", 2);
                clients.create(stem + "-three", 2);
                until("the second topic", Duration.ofSeconds(60), () -> member.size() == 3);
            }
        });
        judge.test("KIP-848: a regular expression that is none", () -> {
            try (Member member = member(judge, clients, judge.fresh("group"))) {
                member.started(consumer -> consumer.subscribe(new SubscriptionPattern("(abc"), member));
                until("the error", Duration.ofSeconds(20), () -> member.error() != null);
                check(member.error() instanceof InvalidRegularExpression, "error: " + member.error());
            }
        });
        judge.test("KIP-848: an instance id in use is not released to another", () -> {
            String topic = clients.topic("instance", 2);
            String group = judge.fresh("group");
            try (Member first = member(judge, clients, group, "group.instance.id", "one").subscribe(topic)) {
                until("assigned", Duration.ofSeconds(30), () -> first.size() == 2);
                try (Member second = member(judge, clients, group, "group.instance.id", "one").subscribe(topic)) {
                    until("the second is told", Duration.ofSeconds(30), () -> second.error() != null);
                    check(second.error() instanceof UnreleasedInstanceIdException, "error: " + second.error());
                }
                equal(first.size(), 2, "the first keeps its partitions");
            }
        });
        judge.test("KIP-848: partitions move one by one, nobody stops", () -> {
            String topic = clients.topic("incremental", 6);
            String group = judge.fresh("group");
            try (Member a = member(judge, clients, group).subscribe(topic)) {
                until("all", Duration.ofSeconds(30), () -> a.size() == 6);
                try (Member b = member(judge, clients, group).subscribe(topic)) {
                    until("half", Duration.ofSeconds(40), () -> a.size() == 3 && b.size() == 3);
                    equal(a.revoked(), 3, "only what moves is revoked");
                }
                until("all again", Duration.ofSeconds(40), () -> a.size() == 6);
                equal(a.revoked(), 3, "nothing is revoked when partitions come");
            }
        });
        judge.test("KIP-848: an unsubscribed member gives its partitions back", () -> {
            String topic = clients.topic("unsubscribe", 4);
            String group = judge.fresh("group");
            try (Member a = member(judge, clients, group).subscribe(topic); Member b = member(judge, clients, group).subscribe(topic)) {
                until("half", Duration.ofSeconds(40), () -> a.size() == 2 && b.size() == 2);
                b.call(KafkaConsumer::unsubscribe);
                until("all", Duration.ofSeconds(40), () -> a.size() == 4);
            }
        });
        for (boolean up : new boolean[] {true, false}) {
            judge.test("KIP-848: a live group moves " + (up ? "from the classic protocol to it" : "from it to the classic protocol"), () -> {
                String topic = clients.topic("move", 4);
                String group = judge.fresh("group");
                String before = up ? "classic" : "consumer";
                String after = up ? "consumer" : "classic";
                Map<String, GroupType> types = Map.of("classic", GroupType.CLASSIC, "consumer", GroupType.CONSUMER);
                clients.fill(topic, 0, List.of("first"));
                try (Member b = member(judge, clients, group, "group.protocol", after)) {
                    try (Member a = member(judge, clients, group, "group.protocol", before).subscribe(topic)) {
                        until("all", Duration.ofSeconds(30), () -> a.size() == 4);
                        a.awaitRecords(1);
                        a.call(KafkaConsumer::commitSync);
                        equal(type(clients, group), types.get(before), "type before");
                        b.subscribe(topic);
                        until("shared between both protocols", Duration.ofSeconds(40), () -> a.size() == 2 && b.size() == 2);
                        equal(type(clients, group), GroupType.CONSUMER, "type while both are members");
                        clients.fill(topic, 1, List.of("between"));
                        until("one of them reads it", Duration.ofSeconds(20), () -> a.records.size() + b.records.size() == 2);
                        a.call(KafkaConsumer::commitSync);
                        b.call(KafkaConsumer::commitSync);
                    }
                    until("the new protocol alone", Duration.ofSeconds(40), () -> b.size() == 4);
                    until("type after", Duration.ofSeconds(20), () -> type(clients, group) == types.get(after));
                    clients.fill(topic, 2, List.of("last"));
                    until("the last record", Duration.ofSeconds(20), () -> b.records.contains("last"));
                    check(!b.records.contains("first"), "offsets were kept");
                }
            });
        }
        judge.test("KIP-848: a classic group without members becomes one when the first member comes", () -> {
            String topic = clients.topic("empty", 1);
            String group = judge.fresh("group");
            clients.fill(topic, 0, List.of("first"));
            try (Member a = member(judge, clients, group, "group.protocol", "classic").subscribe(topic)) {
                a.awaitRecords(1);
                a.call(KafkaConsumer::commitSync);
            }
            clients.fill(topic, 0, List.of("second"));
            try (Member b = member(judge, clients, group).subscribe(topic)) {
                b.awaitRecords(1);
                equal(b.records, List.of("second"), "records");
                equal(type(clients, group), GroupType.CONSUMER, "type");
            }
        });
        judge.test("groups: a dynamic member that closes without leaving, a static one that leaves", () -> {
            String topic = clients.topic("close", 2);
            String group = judge.fresh("group");
            try (KafkaConsumer<String, String> stays = clients.consumer("group.id", group, "group.protocol", "classic")) {
                stays.subscribe(List.of(topic));
                until("assigned", Duration.ofSeconds(30), () -> !stays.poll(Duration.ofMillis(100)).isEmpty() || stays.assignment().size() == 2);
                stays.close(CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.REMAIN_IN_GROUP));
            }
            try (var admin = clients.admin()) {
                equal(admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().size(), 1, "members that remain");
            }
            String second = judge.fresh("group");
            try (KafkaConsumer<String, String> leaves = clients.consumer("group.id", second, "group.protocol", "classic", "group.instance.id", "one")) {
                leaves.subscribe(List.of(topic));
                until("assigned", Duration.ofSeconds(30), () -> !leaves.poll(Duration.ofMillis(100)).isEmpty() || leaves.assignment().size() == 2);
                leaves.close(CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP));
            }
            try (var admin = clients.admin()) {
                equal(admin.describeConsumerGroups(List.of(second)).all().get().get(second).members().size(), 0, "members after one left");
            }
        });
        judge.test("groups: an administrator removes a static member", () -> {
            String topic = clients.topic("remove", 2);
            String group = judge.fresh("group");
            Member member = member(judge, clients, group, "group.protocol", "classic", "group.instance.id", "one").subscribe(topic);
            until("assigned", Duration.ofSeconds(30), () -> member.size() == 2);
            member.close();
            try (var admin = clients.admin()) {
                equal(admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().size(), 1, "the member is waited for");
                admin.removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("one")))).all().get();
                equal(admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().size(), 0, "members");
            }
        });
    }

    private static GroupType type(Clients clients, String group) throws Exception {
        try (var admin = clients.admin()) {
            return admin.describeConsumerGroups(List.of(group)).all().get().get(group).type();
        }
    }

    private static Member member(Judge judge, Clients clients, String group, Object... more) {
        Map<String, Object> config = judge.config(more);
        config.put("group.id", group);
        config.putIfAbsent("group.protocol", "consumer");
        config.putIfAbsent("metadata.max.age.ms", "1000");
        return new Member(clients, config);
    }
}
