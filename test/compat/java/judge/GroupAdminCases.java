package judge;

import static judge.Judge.check;
import static judge.Judge.equal;
import static judge.Judge.fails;
import static judge.Judge.until;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TransactionalIdNotFoundException;
import org.apache.kafka.common.errors.UnknownMemberIdException;

/** AdminClient on groups, their offsets, producers and transactions. */
final class GroupAdminCases {
    private GroupAdminCases() {}

    static void add(Judge judge, Clients clients) {
        for (String protocol : List.of("classic", "consumer")) {
            judge.test("admin: a " + protocol + " group is listed, described, emptied, deleted", () -> {
                String topic = clients.topic("group", 2);
                String group = judge.fresh("group");
                GroupType type = protocol.equals("classic") ? GroupType.CLASSIC : GroupType.CONSUMER;
                try (Admin admin = clients.admin()) {
                    try (Member member = new Member(clients, judge.config("group.id", group, "group.protocol", protocol, "client.id", "the-client")).subscribe(topic)) {
                        until("assigned", Duration.ofSeconds(30), () -> member.size() == 2);
                        until("stable", Duration.ofSeconds(20), () -> admin.describeConsumerGroups(List.of(group)).all().get().get(group).groupState() == GroupState.STABLE);
                        var described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
                        equal(described.type(), type, "type");
                        equal(described.members().size(), 1, "members");
                        var one = described.members().iterator().next();
                        equal(one.clientId(), "the-client", "client id");
                        check(one.host().contains("127.0.0.1"), "host " + one.host());
                        equal(one.assignment().topicPartitions().size(), 2, "assignment");
                        equal(described.coordinator().id(), admin.describeCluster().nodes().get().iterator().next().id(), "coordinator");
                        check(listed(admin, new ListGroupsOptions().inGroupStates(Set.of(GroupState.STABLE)), group), "listed as stable");
                        check(!listed(admin, new ListGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY)), group), "not listed as empty");
                        check(listed(admin, new ListGroupsOptions().withTypes(Set.of(type)), group), "listed by type");
                        check(!listed(admin, new ListGroupsOptions().withTypes(Set.of(GroupType.SHARE)), group), "not listed as another type");
                        check(listed(admin, ListGroupsOptions.forConsumerGroups(), group), "listed as a consumer group");
                        member.call(KafkaConsumer::commitSync);
                        fails(() -> admin.deleteConsumerGroups(List.of(group)).all().get(), GroupNotEmptyException.class);
                        fails(() -> admin.alterConsumerGroupOffsets(group, Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(1))).all().get(), UnknownMemberIdException.class);
                        fails(() -> admin.deleteConsumerGroupOffsets(group, Set.of(new TopicPartition(topic, 0))).all().get(), GroupSubscribedToTopicException.class);
                    }
                    until("empty", Duration.ofSeconds(20), () -> admin.describeConsumerGroups(List.of(group)).all().get().get(group).groupState() == GroupState.EMPTY);
                    admin.deleteConsumerGroups(List.of(group)).all().get();
                    check(!listed(admin, new ListGroupsOptions(), group), "listed after it was deleted");
                    fails(() -> admin.deleteConsumerGroups(List.of(group)).all().get(), GroupIdNotFoundException.class);
                    fails(() -> admin.describeConsumerGroups(List.of(group)).all().get(), GroupIdNotFoundException.class);
                }
            });
        }
        judge.test("admin: offsets of groups are set, listed, deleted", () -> {
            String topic = clients.topic("offsets", 3);
            String group = judge.fresh("group");
            String other = judge.fresh("group");
            TopicPartition zero = new TopicPartition(topic, 0);
            TopicPartition one = new TopicPartition(topic, 1);
            try (Admin admin = clients.admin()) {
                admin.alterConsumerGroupOffsets(group, Map.of(zero, new OffsetAndMetadata(11, "by hand"), one, new OffsetAndMetadata(12))).all().get();
                admin.alterConsumerGroupOffsets(other, Map.of(zero, new OffsetAndMetadata(21))).all().get();
                equal(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(zero), new OffsetAndMetadata(11, "by hand"), "with metadata");
                var both = admin.listConsumerGroupOffsets(Map.of(group, new org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec(),
                        other, new org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec())).all().get();
                equal(both.get(group).size() + both.get(other).size(), 3, "of two groups in one request");
                equal(admin.listConsumerGroupOffsets(group, new ListConsumerGroupOffsetsOptions().requireStable(true)).partitionsToOffsetAndMetadata().get().size(), 2, "stable");
                admin.deleteConsumerGroupOffsets(group, Set.of(zero)).all().get();
                equal(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().keySet(), Set.of(one), "after deletion");
                admin.alterConsumerGroupOffsets(group, Map.of(one, new OffsetAndMetadata(0))).all().get();
                try (KafkaConsumer<String, String> consumer = clients.consumer("group.id", group)) {
                    equal(consumer.committed(Set.of(one)).get(one).offset(), 0L, "what a consumer sees");
                }
                fails(() -> admin.deleteConsumerGroupOffsets(judge.fresh("absent"), Set.of(zero)).all().get(), GroupIdNotFoundException.class);
            }
        });
        judge.test("admin: transactions and producers are described and listed", () -> {
            String topic = clients.topic("txn", 2);
            TopicPartition partition = new TopicPartition(topic, 1);
            String id = judge.fresh("id");
            try (Admin admin = clients.admin(); KafkaProducer<String, String> producer = clients.producer("transactional.id", id, "transaction.timeout.ms", 55_000)) {
                producer.initTransactions();
                equal(admin.describeTransactions(List.of(id)).all().get().get(id).state(), TransactionState.EMPTY, "state before");
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(topic, 1, "k", "v")).get();
                var open = admin.describeTransactions(List.of(id)).all().get().get(id);
                equal(open.state(), TransactionState.ONGOING, "state");
                equal(open.topicPartitions(), Set.of(partition), "partitions");
                equal(open.transactionTimeoutMs(), 55_000L, "timeout");
                check(open.transactionStartTimeMs().isPresent(), "start");
                var ongoing = admin.listTransactions(new ListTransactionsOptions().filterStates(Set.of(TransactionState.ONGOING))).all().get();
                check(ongoing.stream().map(TransactionListing::transactionalId).toList().contains(id), "listed as ongoing");
                check(admin.listTransactions(new ListTransactionsOptions().filterOnDuration(3_600_000)).all().get().stream().noneMatch(t -> t.transactionalId().equals(id)), "not that old");
                check(admin.listTransactions(new ListTransactionsOptions().filterProducerIds(Set.of(open.producerId()))).all().get().size() == 1, "by producer id");
                check(admin.listTransactions(new ListTransactionsOptions().filterOnTransactionalIdPattern(".*" + id)).all().get().size() == 1, "by pattern");
                var state = admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers().get(0);
                equal(state.producerId(), open.producerId(), "producer id");
                equal(state.currentTransactionStartOffset().getAsLong(), 0L, "start offset");
                equal(state.lastSequence(), 0, "sequence");
                producer.commitTransaction();
                until("complete", Duration.ofSeconds(10), () -> admin.describeTransactions(List.of(id)).all().get().get(id).state() == TransactionState.COMPLETE_COMMIT);
                until("no open transaction", Duration.ofSeconds(10), () -> admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers().get(0)
                        .currentTransactionStartOffset().isEmpty());
                fails(() -> admin.describeTransactions(List.of(judge.fresh("absent"))).all().get(), TransactionalIdNotFoundException.class);
            }
        });
        judge.test("admin: an open transaction is aborted by force", () -> {
            String topic = clients.topic("hanging", 1);
            TopicPartition partition = new TopicPartition(topic, 0);
            try (Admin admin = clients.admin(); KafkaProducer<String, String> producer = clients.producer("transactional.id", judge.fresh("id"))) {
                producer.initTransactions();
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(topic, 0, "k", "hangs")).get();
                clients.fill(topic, 0, List.of("behind"));
                var state = admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers().stream().filter(p -> p.currentTransactionStartOffset().isPresent()).findFirst().orElseThrow();
                admin.abortTransaction(new AbortTransactionSpec(partition, state.producerId(), (short) state.producerEpoch(), state.coordinatorEpoch().orElse(0))).all().get();
                until("the record behind it", Duration.ofSeconds(10), () -> clients.read(topic, "read_committed").equals(List.of("behind")));
            }
        });
        judge.test("admin: producers are fenced by their transactional ids", () -> {
            String topic = clients.topic("fence", 1);
            String id = judge.fresh("id");
            try (Admin admin = clients.admin(); KafkaProducer<String, String> producer = clients.producer("transactional.id", id)) {
                producer.initTransactions();
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(topic, 0, "k", "v")).get();
                admin.fenceProducers(List.of(id)).all().get();
                check(admin.fenceProducers(List.of(id)).producerId(id).get() >= 0, "producer id");
                fails(() -> {
                    producer.send(new ProducerRecord<>(topic, 0, "k", "w")).get();
                    producer.commitTransaction();
                }, ProducerFencedException.class, InvalidProducerEpochException.class);
                until("aborted", Duration.ofSeconds(10), () -> clients.read(topic, "read_committed").isEmpty());
            }
        });
        judge.test("admin: pending offsets are not stable", () -> {
            String topic = clients.topic("pending", 1);
            String group = judge.fresh("group");
            TopicPartition partition = new TopicPartition(topic, 0);
            try (Admin admin = clients.admin(); KafkaProducer<String, String> producer = clients.producer("transactional.id", judge.fresh("id"))) {
                admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(3))).all().get();
                producer.initTransactions();
                producer.beginTransaction();
                producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(8)), new ConsumerGroupMetadata(group));
                equal(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition).offset(), 3L, "the committed one");
                // AdminClient leaves out a partition whose answer is UNSTABLE_OFFSET_COMMIT.
                equal(admin.listConsumerGroupOffsets(group, new ListConsumerGroupOffsetsOptions().requireStable(true)).partitionsToOffsetAndMetadata().get(), Map.of(), "stable ones");
                producer.commitTransaction();
                until("offset 8", Duration.ofSeconds(10), () -> admin.listConsumerGroupOffsets(group, new ListConsumerGroupOffsetsOptions().requireStable(true))
                        .partitionsToOffsetAndMetadata().get().get(partition).offset() == 8);
            }
        });
    }

    private static boolean listed(Admin admin, ListGroupsOptions options, String group) throws Exception {
        return admin.listGroups(options).all().get().stream().map(GroupListing::groupId).collect(Collectors.toSet()).contains(group);
    }
}
