package judge;

import static judge.Judge.check;
import static judge.Judge.equal;
import static judge.Judge.fails;
import static judge.Judge.until;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.ListConfigResourcesOptions;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** Configs of topics, brokers and groups: described with their sources, changed one by one, in force at once. */
final class ConfigCases {
    private ConfigCases() {}

    static void add(Judge judge, Clients clients) {
        judge.test("configs: a topic's, with defaults, sources, synonyms and types", () -> {
            String topic = clients.topic("config", 1, "retention.ms", "98765", "compression.type", "zstd");
            try (Admin admin = clients.admin()) {
                ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
                Config config = admin.describeConfigs(List.of(resource), new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true)).all().get().get(resource);
                equal(config.get("retention.ms").value(), "98765", "value");
                equal(config.get("retention.ms").source(), ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, "source");
                equal(config.get("retention.ms").type(), ConfigEntry.ConfigType.LONG, "type");
                check(config.get("retention.ms").documentation() != null, "documentation");
                equal(config.get("compression.type").synonyms().stream().map(one -> one.name() + "=" + one.value() + " " + one.source()).toList(),
                        List.of("compression.type=zstd DYNAMIC_TOPIC_CONFIG", "compression.type=producer DEFAULT_CONFIG"), "synonyms");
                equal(config.get("cleanup.policy").value(), "delete", "cleanup.policy");
                equal(config.get("cleanup.policy").source(), ConfigEntry.ConfigSource.DEFAULT_CONFIG, "source of a default");
                equal(config.get("segment.bytes").value(), "1073741824", "segment.bytes");
                equal(config.get("max.message.bytes").value(), "1048588", "max.message.bytes");
                for (String name : List.of("min.insync.replicas", "compression.type", "message.timestamp.type", "delete.retention.ms", "min.cleanable.dirty.ratio",
                        "segment.ms", "retention.bytes", "flush.messages", "unclean.leader.election.enable", "file.delete.delay.ms", "message.timestamp.after.max.ms")) {
                    check(config.get(name) != null, name + " is described");
                }
                fails(() -> admin.describeConfigs(List.of(new ConfigResource(ConfigResource.Type.TOPIC, judge.fresh("absent")))).all().get(), UnknownTopicOrPartitionException.class);
            }
        });
        judge.test("configs: set, append, subtract, delete; in force at once", () -> {
            String topic = clients.topic("alter", 1);
            ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
            try (Admin admin = clients.admin(); KafkaProducer<String, String> producer = clients.producer()) {
                producer.send(new ProducerRecord<>(topic, "k", "x".repeat(3000))).get();
                alter(admin, resource, "max.message.bytes", "500", AlterConfigOp.OpType.SET);
                until("in force", Duration.ofSeconds(10), () -> {
                    try {
                        producer.send(new ProducerRecord<>(topic, "k", "x".repeat(3000))).get();
                        return false;
                    } catch (java.util.concurrent.ExecutionException refused) {
                        return refused.getCause() instanceof RecordTooLargeException;
                    }
                });
                alter(admin, resource, "cleanup.policy", "compact", AlterConfigOp.OpType.APPEND);
                until("appended", Duration.ofSeconds(10), () -> value(admin, resource, "cleanup.policy").equals("delete,compact"));
                alter(admin, resource, "cleanup.policy", "delete", AlterConfigOp.OpType.SUBTRACT);
                until("subtracted", Duration.ofSeconds(10), () -> value(admin, resource, "cleanup.policy").equals("compact"));
                alter(admin, resource, "max.message.bytes", null, AlterConfigOp.OpType.DELETE);
                until("the default again", Duration.ofSeconds(10), () -> value(admin, resource, "max.message.bytes").equals("1048588"));
                producer.send(new ProducerRecord<>(topic, "k", "x".repeat(3000))).get();
                fails(() -> alter(admin, resource, "retention.ms", "soon", AlterConfigOp.OpType.SET), InvalidConfigurationException.class);
                fails(() -> alter(admin, resource, "no.such.config", "1", AlterConfigOp.OpType.SET), InvalidConfigurationException.class);
                fails(() -> alter(admin, resource, "retention.ms", "5", AlterConfigOp.OpType.APPEND), InvalidConfigurationException.class, InvalidRequestException.class);
                fails(() -> alter(admin, new ConfigResource(ConfigResource.Type.TOPIC, judge.fresh("absent")), "retention.ms", "5", AlterConfigOp.OpType.SET), UnknownTopicOrPartitionException.class);
                admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "77"), AlterConfigOp.OpType.SET))),
                        new AlterConfigsOptions().validateOnly(true)).all().get();
                equal(value(admin, resource, "retention.ms"), "604800000", "validateOnly changes nothing");
            }
        });
        judge.test("configs: a broker's own and all brokers' defaults, dynamic", () -> {
            try (Admin admin = clients.admin()) {
                String node = admin.describeCluster().nodes().get().iterator().next().idString();
                ConfigResource one = new ConfigResource(ConfigResource.Type.BROKER, node);
                ConfigResource all = new ConfigResource(ConfigResource.Type.BROKER, "");
                Config config = admin.describeConfigs(List.of(one)).all().get().get(one);
                for (String name : List.of("num.partitions", "log.retention.ms", "log.segment.bytes", "offsets.topic.num.partitions", "group.max.session.timeout.ms",
                        "transaction.max.timeout.ms", "node.id", "auto.create.topics.enable", "message.max.bytes")) {
                    check(config.get(name) != null, name + " is described");
                }
                check(config.get("node.id").isReadOnly(), "node.id is read-only");
                equal(config.get("num.partitions").source(), ConfigEntry.ConfigSource.STATIC_BROKER_CONFIG, "source of a static config");
                alter(admin, one, "log.cleaner.backoff.ms", "14321", AlterConfigOp.OpType.SET);
                until("set", Duration.ofSeconds(10), () -> value(admin, one, "log.cleaner.backoff.ms").equals("14321"));
                equal(admin.describeConfigs(List.of(one)).all().get().get(one).get("log.cleaner.backoff.ms").source(), ConfigEntry.ConfigSource.DYNAMIC_BROKER_CONFIG, "source");
                alter(admin, all, "log.cleaner.backoff.ms", "12321", AlterConfigOp.OpType.SET);
                alter(admin, one, "log.cleaner.backoff.ms", null, AlterConfigOp.OpType.DELETE);
                until("the default of all", Duration.ofSeconds(10), () -> value(admin, one, "log.cleaner.backoff.ms").equals("12321"));
                equal(admin.describeConfigs(List.of(one)).all().get().get(one).get("log.cleaner.backoff.ms").source(), ConfigEntry.ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG, "source");
                alter(admin, all, "log.cleaner.backoff.ms", null, AlterConfigOp.OpType.DELETE);
                until("Kafka's default", Duration.ofSeconds(10), () -> value(admin, one, "log.cleaner.backoff.ms").equals("15000"));
                fails(() -> alter(admin, one, "node.id", "5", AlterConfigOp.OpType.SET), InvalidRequestException.class, InvalidConfigurationException.class);
            }
        });
        judge.test("configs: a broker tells where it listens and where its data are", () -> {
            try (Admin admin = clients.admin()) {
                ConfigResource one = new ConfigResource(ConfigResource.Type.BROKER, admin.describeCluster().nodes().get().iterator().next().idString());
                Config config = admin.describeConfigs(List.of(one)).all().get().get(one);
                for (String name : List.of("listeners", "log.dirs")) {
                    check(config.get(name) != null, name + " is described");
                    equal(config.get(name).source(), ConfigEntry.ConfigSource.STATIC_BROKER_CONFIG, "source of " + name);
                }
                check(config.get("listeners").value().contains(":" + judge.bootstrap.split(":")[1]), "the port: " + config.get("listeners").value());
            }
        });
        judge.test("configs: a broker's default that topics inherit, at once", () -> {
            String topic = clients.topic("inherit", 1);
            try (Admin admin = clients.admin()) {
                ConfigResource all = new ConfigResource(ConfigResource.Type.BROKER, "");
                ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
                alter(admin, all, "log.local.retention.ms", "-2", AlterConfigOp.OpType.SET);
                alter(admin, all, "log.retention.ms", "777777777", AlterConfigOp.OpType.SET);
                until("inherited", Duration.ofSeconds(10), () -> value(admin, resource, "retention.ms").equals("777777777"));
                equal(admin.describeConfigs(List.of(resource)).all().get().get(resource).get("retention.ms").source(), ConfigEntry.ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG, "source");
                alter(admin, all, "log.retention.ms", null, AlterConfigOp.OpType.DELETE);
                alter(admin, all, "log.local.retention.ms", null, AlterConfigOp.OpType.DELETE);
                until("as before", Duration.ofSeconds(10), () -> value(admin, resource, "retention.ms").equals("604800000"));
            }
        });
        judge.test("configs: a group's", () -> {
            try (Admin admin = clients.admin()) {
                String group = judge.fresh("group");
                ConfigResource resource = new ConfigResource(ConfigResource.Type.GROUP, group);
                alter(admin, resource, "consumer.session.timeout.ms", "50000", AlterConfigOp.OpType.SET);
                until("set", Duration.ofSeconds(10), () -> value(admin, resource, "consumer.session.timeout.ms").equals("50000"));
                check(admin.listConfigResources(java.util.Set.of(ConfigResource.Type.GROUP), new ListConfigResourcesOptions()).all().get().contains(resource), "listed");
                fails(() -> alter(admin, resource, "consumer.session.timeout.ms", "1", AlterConfigOp.OpType.SET), InvalidConfigurationException.class);
                alter(admin, resource, "consumer.session.timeout.ms", null, AlterConfigOp.OpType.DELETE);
                until("the default again", Duration.ofSeconds(10), () -> value(admin, resource, "consumer.session.timeout.ms").equals("45000"));
            }
        });
        judge.test("configs: resources are listed", () -> {
            String topic = clients.topic("listed", 1, "retention.ms", "5");
            try (Admin admin = clients.admin()) {
                until("the topic", Duration.ofSeconds(10), () -> admin.listConfigResources().all().get().contains(new ConfigResource(ConfigResource.Type.TOPIC, topic)));
                check(admin.listConfigResources().all().get().stream().anyMatch(one -> one.type() == ConfigResource.Type.BROKER), "broker");
            }
        });
    }

    private static void alter(Admin admin, ConfigResource resource, String name, String value, AlterConfigOp.OpType how) throws Exception {
        admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry(name, value), how)))).all().get();
    }

    private static String value(Admin admin, ConfigResource resource, String name) throws Exception {
        ConfigEntry entry = admin.describeConfigs(List.of(resource)).all().get().get(resource).get(name);
        return entry == null ? "(none)" : entry.value();
    }
}
