package judge;

import static judge.Judge.check;
import static judge.Judge.equal;
import static judge.Judge.fails;
import static judge.Judge.until;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.*;

/** Topics, records, log folders, the cluster: AdminClient's calls as a one-node cluster answers them. */
final class AdminCases {
    private AdminCases() {}

    static void add(Judge judge, Clients clients) {
        judge.test("admin: a topic is created, described, listed, deleted; by name and by id", () -> {
            try (Admin admin = clients.admin()) {
                String topic = judge.fresh("topic");
                var created = admin.createTopics(List.of(new NewTopic(topic, Optional.of(3), Optional.empty()).configs(Map.of("retention.ms", "1234567"))));
                equal(created.numPartitions(topic).get(), 3, "partitions");
                equal(created.replicationFactor(topic).get(), 1, "replication factor");
                equal(created.config(topic).get().get("retention.ms").value(), "1234567", "config in the answer");
                Uuid id = created.topicId(topic).get();
                TopicDescription byName = described(admin, TopicCollection.ofTopicNames(List.of(topic)));
                equal(byName.topicId(), id, "id");
                equal(byName.partitions().size(), 3, "partitions");
                for (var partition : byName.partitions()) {
                    equal(partition.isr().size(), 1, "in-sync replicas");
                    equal(partition.leader().id(), partition.replicas().get(0).id(), "leader");
                }
                equal(described(admin, TopicCollection.ofTopicIds(List.of(id))).name(), topic, "name");
                check(admin.listTopics().names().get().contains(topic), "listed");
                admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
                until("gone", Duration.ofSeconds(10), () -> !admin.listTopics().names().get().contains(topic));
                fails(() -> admin.describeTopics(List.of(topic)).allTopicNames().get(), UnknownTopicOrPartitionException.class);
                fails(() -> admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get(), UnknownTopicIdException.class);
            }
        });
        judge.test("admin: topics that cannot be", () -> {
            try (Admin admin = clients.admin()) {
                String topic = clients.topic("there", 1);
                fails(() -> create(admin, new NewTopic(topic, 1, (short) 1)), TopicExistsException.class);
                fails(() -> create(admin, new NewTopic("no/slash", 1, (short) 1)), InvalidTopicException.class);
                fails(() -> create(admin, new NewTopic(judge.fresh("t"), 0, (short) 1)), InvalidPartitionsException.class);
                fails(() -> create(admin, new NewTopic(judge.fresh("t"), 1, (short) 3)), InvalidReplicationFactorException.class);
                fails(() -> create(admin, new NewTopic(judge.fresh("t"), Map.of(0, List.of(77)))), InvalidReplicaAssignmentException.class);
                fails(() -> create(admin, new NewTopic(judge.fresh("t"), 1, (short) 1).configs(Map.of("no.such.config", "1"))), InvalidConfigurationException.class);
                fails(() -> create(admin, new NewTopic(judge.fresh("t"), 1, (short) 1).configs(Map.of("retention.ms", "soon"))), InvalidConfigurationException.class);
                String only = judge.fresh("validate");
                admin.createTopics(List.of(new NewTopic(only, 1, (short) 1)), new CreateTopicsOptions().validateOnly(true)).all().get();
                check(!admin.listTopics().names().get().contains(only), "validateOnly creates nothing");
                fails(() -> admin.deleteTopics(List.of(judge.fresh("absent"))).all().get(), UnknownTopicOrPartitionException.class);
                String assigned = judge.fresh("assigned");
                int node = admin.describeCluster().nodes().get().iterator().next().id();
                create(admin, new NewTopic(assigned, Map.of(0, List.of(node), 1, List.of(node))));
                equal(described(admin, TopicCollection.ofTopicNames(List.of(assigned))).partitions().size(), 2, "assigned partitions");
            }
        });
        judge.test("admin: partitions are added, never taken away", () -> {
            try (Admin admin = clients.admin()) {
                String topic = clients.topic("grow", 2);
                admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
                until("five partitions", Duration.ofSeconds(10), () -> described(admin, TopicCollection.ofTopicNames(List.of(topic))).partitions().size() == 5);
                fails(() -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get(), InvalidPartitionsException.class);
                fails(() -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get(), InvalidPartitionsException.class);
                fails(() -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(6, List.of(List.of(9))))).all().get(), InvalidReplicaAssignmentException.class);
                fails(() -> admin.createPartitions(Map.of(judge.fresh("absent"), NewPartitions.increaseTo(6))).all().get(), UnknownTopicOrPartitionException.class);
            }
        });
        judge.test("admin: more topics than one page of descriptions", () -> {
            try (Admin admin = clients.admin()) {
                List<NewTopic> many = new ArrayList<>();
                for (int i = 0; i < 30; i++) many.add(new NewTopic(judge.fresh("page"), 20, (short) 1));
                admin.createTopics(many).all().get();
                List<String> names = many.stream().map(NewTopic::name).toList();
                var options = new org.apache.kafka.clients.admin.DescribeTopicsOptions().partitionSizeLimitPerResponse(47);
                var all = admin.describeTopics(names, options).allTopicNames().get();
                equal(all.size(), 30, "topics");
                for (TopicDescription one : all.values()) equal(one.partitions().size(), 20, one.name());
                admin.deleteTopics(names).all().get();
            }
        });
        judge.test("admin: offsets by every kind of question", () -> {
            String topic = clients.topic("offsets", 1, "retention.ms", "-1");
            TopicPartition partition = new TopicPartition(topic, 0);
            try (Admin admin = clients.admin(); KafkaProducer<String, String> producer = clients.producer("batch.size", 0)) {
                long[] times = {1_700_000_001_000L, 1_700_000_009_000L, 1_700_000_005_000L};
                for (long time : times) producer.send(new ProducerRecord<>(topic, 0, time, "k", "v")).get();
                equal(offset(admin, partition, OffsetSpec.earliest()), 0L, "earliest");
                equal(offset(admin, partition, OffsetSpec.latest()), 3L, "latest");
                equal(offset(admin, partition, OffsetSpec.maxTimestamp()), 1L, "greatest timestamp");
                equal(offset(admin, partition, OffsetSpec.forTimestamp(1_700_000_002_000L)), 1L, "by time");
                equal(offset(admin, partition, OffsetSpec.forTimestamp(1_800_000_000_000L)), -1L, "after all");
                equal(offset(admin, partition, OffsetSpec.earliestLocal()), 0L, "earliest local");
                equal(offset(admin, partition, OffsetSpec.latestTiered()), -1L, "latest tiered");
                fails(() -> offset(admin, new TopicPartition(topic, 9), OffsetSpec.latest()), UnknownTopicOrPartitionException.class, TimeoutException.class);
            }
        });
        judge.test("admin: records are deleted up to an offset", () -> {
            String topic = clients.topic("records", 1);
            TopicPartition partition = new TopicPartition(topic, 0);
            clients.fill(topic, 0, Clients.values("v", 10));
            try (Admin admin = clients.admin()) {
                equal(admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(4))).lowWatermarks().get(partition).get().lowWatermark(), 4L, "low watermark");
                equal(offset(admin, partition, OffsetSpec.earliest()), 4L, "earliest");
                fails(() -> admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(99))).all().get(), OffsetOutOfRangeException.class);
                admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(-1))).all().get();
                equal(offset(admin, partition, OffsetSpec.earliest()), 10L, "all of them");
            }
        });
        judge.test("admin: the cluster, its quorum and its features", () -> {
            try (Admin admin = clients.admin()) {
                var cluster = admin.describeCluster();
                equal(cluster.nodes().get().size(), 1, "nodes");
                int node = cluster.nodes().get().iterator().next().id();
                equal(cluster.controller().get().id(), node, "controller");
                check(!cluster.clusterId().get().isEmpty(), "cluster id");
                var quorum = admin.describeMetadataQuorum().quorumInfo().get();
                equal(quorum.leaderId(), node, "leader");
                equal(quorum.voters().size(), 1, "voters");
                check(quorum.highWatermark() > 0 && quorum.voters().get(0).logEndOffset() >= quorum.highWatermark(), "offsets " + quorum);
                var features = admin.describeFeatures().featureMetadata().get().finalizedFeatures();
                equal(features.get("transaction.version").maxVersionLevel(), (short) 2, "transaction.version");
                equal(features.get("group.version").maxVersionLevel(), (short) 1, "group.version");
                check(features.get("metadata.version").maxVersionLevel() >= 25, "metadata.version " + features.get("metadata.version"));
                fails(() -> admin.updateFeatures(Map.of("no.such.feature", new FeatureUpdate((short) 1, FeatureUpdate.UpgradeType.UPGRADE)),
                        new UpdateFeaturesOptions()).all().get(), InvalidUpdateVersionException.class);
                admin.updateFeatures(Map.of("group.version", new FeatureUpdate((short) 1, FeatureUpdate.UpgradeType.UPGRADE)), new UpdateFeaturesOptions().validateOnly(true)).all().get();
            }
        });
        judge.test("admin: leaders, reassignments, log folders of one node", () -> {
            String topic = clients.topic("folders", 2);
            TopicPartition partition = new TopicPartition(topic, 0);
            clients.fill(topic, 0, Clients.values("v", 100));
            try (Admin admin = clients.admin()) {
                int node = admin.describeCluster().nodes().get().iterator().next().id();
                equal(admin.electLeaders(ElectionType.PREFERRED, Set.of(partition)).partitions().get().get(partition).map(Object::getClass),
                        Optional.of(ElectionNotNeededException.class), "preferred election");
                equal(admin.electLeaders(ElectionType.UNCLEAN, Set.of(partition)).partitions().get().get(partition).map(Object::getClass),
                        Optional.of(ElectionNotNeededException.class), "unclean election");
                equal(admin.electLeaders(ElectionType.PREFERRED, Set.of(new TopicPartition(judge.fresh("absent"), 0))).partitions().get().values().iterator().next()
                        .map(Object::getClass), Optional.of(UnknownTopicOrPartitionException.class), "of no topic");
                equal(admin.listPartitionReassignments().reassignments().get(), Map.of(), "reassignments");
                fails(() -> admin.alterPartitionReassignments(Map.of(partition, Optional.of(new NewPartitionReassignment(List.of(88))))).all().get(), InvalidReplicaAssignmentException.class);
                fails(() -> admin.alterPartitionReassignments(Map.of(partition, Optional.empty())).all().get(), NoReassignmentInProgressException.class);
                admin.alterPartitionReassignments(Map.of(partition, Optional.of(new NewPartitionReassignment(List.of(node))))).all().get();
                var folders = admin.describeLogDirs(List.of(node)).allDescriptions().get().get(node);
                equal(folders.size(), 1, "folders");
                var folder = folders.entrySet().iterator().next();
                check(folder.getValue().replicaInfos().get(partition).size() > 100, "bytes of the partition");
                check(folder.getValue().totalBytes().orElse(0) > 0, "bytes of the volume");
                equal(admin.describeReplicaLogDirs(List.of(new org.apache.kafka.common.TopicPartitionReplica(topic, 0, node))).all().get().values().iterator().next().getCurrentReplicaLogDir(),
                        folder.getKey(), "folder of the replica");
                admin.alterReplicaLogDirs(Map.of(new org.apache.kafka.common.TopicPartitionReplica(topic, 0, node), folder.getKey())).all().get();
                fails(() -> admin.alterReplicaLogDirs(Map.of(new org.apache.kafka.common.TopicPartitionReplica(topic, 0, node), "/no/such/folder")).all().get(), LogDirNotFoundException.class);
            }
        });
        judge.test("admin: internal topics are listed as such", () -> {
            try (Admin admin = clients.admin()) {
                String topic = clients.topic("internal", 1);
                try (var consumer = clients.consumer("group.id", judge.fresh("group"))) {
                    consumer.commitSync(Map.of(new TopicPartition(topic, 0), new org.apache.kafka.clients.consumer.OffsetAndMetadata(0)));
                }
                check(!admin.listTopics().names().get().contains("__consumer_offsets"), "not listed without the option");
                var listing = admin.listTopics(new ListTopicsOptions().listInternal(true)).namesToListings().get().get("__consumer_offsets");
                check(listing != null && listing.isInternal(), "listed as internal");
                equal(described(admin, TopicCollection.ofTopicNames(List.of("__consumer_offsets"))).isInternal(), true, "described as internal");
            }
        });
    }

    private static void create(Admin admin, NewTopic topic) throws Exception {
        admin.createTopics(List.of(topic)).all().get();
    }

    private static TopicDescription described(Admin admin, TopicCollection which) throws Exception {
        var answer = admin.describeTopics(which);
        return which instanceof TopicCollection.TopicNameCollection ? answer.allTopicNames().get().values().iterator().next()
                : answer.allTopicIds().get().values().iterator().next();
    }

    private static long offset(Admin admin, TopicPartition partition, OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(partition, spec), new org.apache.kafka.clients.admin.ListOffsetsOptions().timeoutMs(5000)).partitionResult(partition).get().offset();
    }
}
