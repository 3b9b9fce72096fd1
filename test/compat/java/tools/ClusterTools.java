package tools;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import judge.Clients;
import judge.Judge;

/** The cluster's tools: log folders, quorum, features, elections, reassignments, versions. */
final class ClusterTools extends Tools {
    ClusterTools(Judge judge, Clients clients) {
        super(judge, clients);
    }

    @Override
    void add() {
        judge.test("kafka-log-dirs", () -> {
            String topic = clients.topic("dirs", 1);
            clients.fill(topic, 0, Clients.values("v", 10));
            has(tool("LogDirsCommand", "--describe", "--topic-list", topic), "\"partition\":\"" + topic + "-0\",\"size\":\\d+,\"offsetLag\":0,\"isFuture\":false");
        });
        judge.test("kafka-metadata-quorum", () -> {
            String status = tool("MetadataQuorumCommand", "describe", "--status");
            has(status, "ClusterId: +\\S+");
            has(status, "LeaderId: +\\d+");
            has(status, "HighWatermark: +[1-9]");
            has(status, "CurrentVoters: ");
            has(tool("MetadataQuorumCommand", "describe", "--replication"), "Leader");
        });
        judge.test("kafka-features", () -> {
            String features = tool("FeatureCommand", "describe");
            has(features, "Feature: transaction.version +SupportedMinVersion: 0 +SupportedMaxVersion: 2 +FinalizedVersionLevel: 2");
            has(features, "Feature: group.version +SupportedMinVersion: 0 +SupportedMaxVersion: 1 +FinalizedVersionLevel: 1");
            has(features, "Feature: metadata.version +.*FinalizedVersionLevel: 4\\.\\d-IV\\d");
            has(tool("FeatureCommand", "upgrade", "--feature", "group.version=1", "--dry-run"), "can be upgraded");
            has(refused("FeatureCommand", "upgrade", "--feature", "group.version=9"), "Could not upgrade");
        });
        judge.test("kafka-leader-election", () -> {
            String topic = clients.topic("election", 1);
            has(tool("LeaderElectionCommand", "--election-type", "preferred", "--topic", topic, "--partition", 0), "Valid replica already elected");
            tool("LeaderElectionCommand", "--election-type", "preferred", "--all-topic-partitions");
        });
        judge.test("kafka-reassign-partitions", () -> {
            String topic = clients.topic("reassign", 1);
            String node = tool("TopicCommand", "--describe", "--topic", topic).replaceAll("(?s).*Leader: (\\d+).*", "$1");
            Path topics = Files.createTempFile("topics", ".json");
            Path plan = Files.createTempFile("plan", ".json");
            Files.writeString(topics, "{\"topics\":[{\"topic\":\"" + topic + "\"}],\"version\":1}");
            Files.writeString(plan, "{\"version\":1,\"partitions\":[{\"topic\":\"" + topic + "\",\"partition\":0,\"replicas\":[" + node + "],\"log_dirs\":[\"any\"]}]}");
            has(tool("reassign.ReassignPartitionsCommand", "--generate", "--topics-to-move-json-file", topics, "--broker-list", node), "Proposed partition reassignment");
            has(tool("reassign.ReassignPartitionsCommand", "--execute", "--reassignment-json-file", plan), "Successfully started partition reassignment");
            Judge.until("complete", Duration.ofSeconds(10), () -> tool("reassign.ReassignPartitionsCommand", "--verify", "--reassignment-json-file", plan).contains("is completed"));
            has(tool("reassign.ReassignPartitionsCommand", "--list"), "No partition reassignments found");
            Files.delete(topics);
            Files.delete(plan);
        });
        judge.test("kafka-broker-api-versions", () -> {
            String versions = tool("BrokerApiVersionsCommand");
            for (String api : List.of("Produce\\(0\\): 0 to 13", "Fetch\\(1\\): 4 to 18", "InitProducerId\\(22\\): 0 to [56]", "ConsumerGroupHeartbeat\\(68\\): 0 to 1", "DescribeTopicPartitions\\(75\\): 0",
                    "ListTransactions\\(66\\): 0 to 2", "WriteTxnMarkers\\(27\\): 1 to 2", "OffsetFetch\\(9\\): 1 to 10", "DescribeQuorum\\(55\\): 0 to 2")) {
                has(versions, api);
            }
            hasNot(versions, "UNSUPPORTED-");
        });
        judge.test("kafka-cluster: cluster-id, list-endpoints", () -> {
            has(Tool.run(TOOLS + "ClusterTool", "", "cluster-id", "--bootstrap-server", judge.bootstrap).output(), "Cluster ID: \\S{22}");
            has(Tool.run(TOOLS + "ClusterTool", "", "list-endpoints", "--bootstrap-server", judge.bootstrap).output(), judge.bootstrap.split(":")[1]);
        });
    }
}
