package tools;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import judge.Clients;
import judge.Judge;
import org.apache.kafka.clients.producer.KafkaProducer;

/** kafka-topics, kafka-configs, the console clients, kafka-get-offsets, kafka-delete-records. */
final class TopicTools extends Tools {
    TopicTools(Judge judge, Clients clients) {
        super(judge, clients);
    }

    @Override
    void add() {
        judge.test("kafka-topics: create, list, describe, alter, delete", () -> {
            String topic = judge.fresh("topics");
            has(tool("TopicCommand", "--create", "--topic", topic, "--partitions", 3, "--replication-factor", 1, "--config", "retention.ms=12345"), "Created topic " + topic);
            has(tool("TopicCommand", "--list"), "(?m)^" + topic + "$");
            String described = tool("TopicCommand", "--describe", "--topic", topic);
            has(described, "PartitionCount: 3\tReplicationFactor: 1\tConfigs:.*retention\\.ms=12345");
            has(described, "Partition: 2\tLeader: (\\d+)\tReplicas: \\1\tIsr: \\1");
            tool("TopicCommand", "--create", "--topic", topic, "--if-not-exists");
            has(refused("TopicCommand", "--create", "--topic", topic), "already exists");
            tool("TopicCommand", "--alter", "--topic", topic, "--partitions", 5);
            Judge.until("five partitions", Duration.ofSeconds(10), () -> tool("TopicCommand", "--describe", "--topic", topic).contains("PartitionCount: 5"));
            hasNot(tool("TopicCommand", "--describe", "--under-replicated-partitions"), topic);
            hasNot(tool("TopicCommand", "--describe", "--unavailable-partitions"), topic);
            tool("TopicCommand", "--delete", "--topic", topic);
            Judge.until("gone", Duration.ofSeconds(10), () -> !tool("TopicCommand", "--list").contains(topic));
        });
        judge.test("kafka-configs: topics", () -> {
            String topic = clients.topic("configs", 1);
            has(tool("kafka.admin.ConfigCommand", "--entity-type", "topics", "--entity-name", topic, "--alter", "--add-config", "retention.ms=777,cleanup.policy=[delete,compact]"), "Completed updating config for topic " + topic);
            String described = tool("kafka.admin.ConfigCommand", "--entity-type", "topics", "--entity-name", topic, "--describe");
            has(described, "retention.ms=777 sensitive=false synonyms=\\{DYNAMIC_TOPIC_CONFIG:retention.ms=777");
            has(described, "cleanup.policy=delete,compact");
            has(tool("kafka.admin.ConfigCommand", "--entity-type", "topics", "--entity-name", topic, "--describe", "--all"), "segment.bytes=1073741824 sensitive=false synonyms=\\{DEFAULT_CONFIG:log.segment.bytes=1073741824");
            tool("kafka.admin.ConfigCommand", "--entity-type", "topics", "--entity-name", topic, "--alter", "--delete-config", "retention.ms");
            Judge.until("deleted", Duration.ofSeconds(10), () -> !tool("kafka.admin.ConfigCommand", "--entity-type", "topics", "--entity-name", topic, "--describe").contains("retention.ms"));
            has(refused("kafka.admin.ConfigCommand", "--entity-type", "topics", "--entity-name", topic, "--alter", "--add-config", "retention.ms=soon"), "InvalidConfigurationException");
        });
        judge.test("kafka-configs: brokers and groups", () -> {
            String node = tool("TopicCommand", "--describe", "--topic", clients.topic("node", 1)).replaceAll("(?s).*Leader: (\\d+).*", "$1");
            tool("kafka.admin.ConfigCommand", "--entity-type", "brokers", "--entity-name", node, "--alter", "--add-config", "log.cleaner.backoff.ms=14999");
            has(tool("kafka.admin.ConfigCommand", "--entity-type", "brokers", "--entity-name", node, "--describe"), "log.cleaner.backoff.ms=14999.*DYNAMIC_BROKER_CONFIG");
            tool("kafka.admin.ConfigCommand", "--entity-type", "brokers", "--entity-name", node, "--alter", "--delete-config", "log.cleaner.backoff.ms");
            tool("kafka.admin.ConfigCommand", "--entity-type", "brokers", "--entity-default", "--alter", "--add-config", "log.cleaner.backoff.ms=14998");
            has(tool("kafka.admin.ConfigCommand", "--entity-type", "brokers", "--entity-default", "--describe"), "log.cleaner.backoff.ms=14998");
            tool("kafka.admin.ConfigCommand", "--entity-type", "brokers", "--entity-default", "--alter", "--delete-config", "log.cleaner.backoff.ms");
            has(tool("kafka.admin.ConfigCommand", "--entity-type", "brokers", "--entity-name", node, "--describe", "--all"), "num.partitions=3.*STATIC_BROKER_CONFIG");
            String group = judge.fresh("group");
            tool("kafka.admin.ConfigCommand", "--entity-type", "groups", "--entity-name", group, "--alter", "--add-config", "consumer.session.timeout.ms=50001");
            has(tool("kafka.admin.ConfigCommand", "--entity-type", "groups", "--entity-name", group, "--describe"), "consumer.session.timeout.ms=50001");
        });
        judge.test("kafka-console-producer and kafka-console-consumer", () -> {
            String topic = clients.topic("console", 1);
            fed("ConsoleProducer", "a:one\nb:two\nc:three\n", "--topic", topic, "--reader-property", "parse.key=true", "--reader-property", "key.separator=:", "--compression-codec", "zstd");
            String printed = tool("consumer.ConsoleConsumer", "--topic", topic, "--from-beginning", "--max-messages", 3, "--timeout-ms", 20_000,
                    "--formatter-property", "print.key=true", "--formatter-property", "print.offset=true");
            for (String line : List.of("Offset:0\ta\tone", "Offset:1\tb\ttwo", "Offset:2\tc\tthree")) has(printed, line);
            has(tool("consumer.ConsoleConsumer", "--topic", topic, "--partition", 0, "--offset", 2, "--max-messages", 1, "--timeout-ms", 20_000), "three");
            has(tool("consumer.ConsoleConsumer", "--topic", topic, "--group", judge.fresh("group"), "--from-beginning", "--max-messages", 3, "--timeout-ms", 20_000,
                    "--isolation-level", "read_committed", "--command-property", "group.protocol=consumer"), "two");
        });
        judge.test("kafka-console-consumer: reads what the coordinators wrote", () -> {
            String group = judge.fresh("group");
            String topic = clients.topic("internal", 1);
            clients.fill(topic, 0, List.of("v"));
            tool("consumer.ConsoleConsumer", "--topic", topic, "--group", group, "--from-beginning", "--max-messages", 1, "--timeout-ms", 20_000);
            String offsets = Tool.run(TOOLS + "consumer.ConsoleConsumer", "", "--bootstrap-server", judge.bootstrap, "--topic", "__consumer_offsets", "--from-beginning", "--timeout-ms", 4000,
                    "--formatter", "org.apache.kafka.tools.consumer.OffsetsMessageFormatter").output();
            has(offsets, "\"group\":\"" + group + "\",\"topic\":\"" + topic + "\"");
            String id = judge.fresh("id");
            try (KafkaProducer<String, String> producer = clients.producer("transactional.id", id)) {
                producer.initTransactions();
                producer.beginTransaction();
                Clients.send(producer, topic, 0, List.of("w"));
                producer.commitTransaction();
            }
            String transactions = Tool.run(TOOLS + "consumer.ConsoleConsumer", "", "--bootstrap-server", judge.bootstrap, "--topic", "__transaction_state", "--from-beginning", "--timeout-ms", 4000,
                    "--formatter", "org.apache.kafka.tools.consumer.TransactionLogMessageFormatter").output();
            has(transactions, "\"transactionalId\":\"" + id + "\"");
        });
        judge.test("kafka-get-offsets: earliest, latest, by time, of many topics", () -> {
            String topic = clients.topic("offsets", 2);
            clients.fill(topic, 1, Clients.values("v", 7));
            String latest = tool("GetOffsetShell", "--topic", topic);
            has(latest, topic + ":0:0");
            has(latest, topic + ":1:7");
            has(tool("GetOffsetShell", "--topic", topic, "--time", "earliest"), topic + ":1:0");
            has(tool("GetOffsetShell", "--topic-partitions", topic + ":1", "--time", "max-timestamp"), topic + ":1:\\d");
            has(tool("GetOffsetShell", "--topic", topic, "--time", 0), topic + ":1:0");
            has(tool("GetOffsetShell", "--topic", topic, "--partitions", 1, "--time", "earliest-local"), topic + ":1:0");
            has(tool("GetOffsetShell", "--topic", "__consumer_offsets"), "__consumer_offsets:0:");
        });
        judge.test("kafka-delete-records", () -> {
            String topic = clients.topic("delete", 1);
            clients.fill(topic, 0, Clients.values("v", 10));
            Path file = Files.createTempFile("offsets", ".json");
            Files.writeString(file, "{\"partitions\":[{\"topic\":\"" + topic + "\",\"partition\":0,\"offset\":6}],\"version\":1}");
            has(tool("DeleteRecordsCommand", "--offset-json-file", file), "partition: " + topic + "-0\tlow_watermark: 6");
            has(tool("GetOffsetShell", "--topic", topic, "--time", "earliest"), topic + ":0:6");
            Files.delete(file);
        });
    }
}
