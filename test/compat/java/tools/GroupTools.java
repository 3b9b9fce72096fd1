package tools;

import static judge.Judge.until;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import judge.Clients;
import judge.Judge;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidTxnStateException;

/** kafka-consumer-groups, kafka-groups, kafka-transactions. */
final class GroupTools extends Tools {
    GroupTools(Judge judge, Clients clients) {
        super(judge, clients);
    }

    @Override
    void add() {
        for (String protocol : List.of("classic", "consumer")) {
            judge.test("kafka-consumer-groups: describe, reset, delete a " + protocol + " group", () -> {
                String topic = clients.topic("groups", 2);
                String group = judge.fresh("group");
                clients.fill(topic, 0, Clients.values("v", 10));
                try (KafkaConsumer<String, String> consumer = clients.consumer("group.id", group, "group.protocol", protocol, "client.id", "tool-client")) {
                    consumer.subscribe(List.of(topic));
                    Clients.take(consumer, 10);
                    consumer.commitSync(Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(4)));
                    has(tool("consumer.group.ConsumerGroupCommand", "--list"), "(?m)^" + group + "$");
                    has(tool("consumer.group.ConsumerGroupCommand", "--list", "--state", "--type"), group + " +" + (protocol.equals("classic") ? "Classic" : "Consumer") + " +Stable");
                    has(tool("consumer.group.ConsumerGroupCommand", "--describe", "--group", group), group + " +" + topic + " +0 +4 +10 +6 +.*tool-client");
                    has(tool("consumer.group.ConsumerGroupCommand", "--describe", "--group", group, "--members", "--verbose"), "tool-client");
                    has(tool("consumer.group.ConsumerGroupCommand", "--describe", "--group", group, "--state"), "Stable +1");
                    consumer.poll(Duration.ofMillis(100));
                    has(Tool.run(TOOLS + "consumer.group.ConsumerGroupCommand", "", "--bootstrap-server", judge.bootstrap, "--delete", "--group", group).output(), "GroupNotEmptyException");
                }
                until("empty", Duration.ofSeconds(20), () -> tool("consumer.group.ConsumerGroupCommand", "--describe", "--group", group, "--state").contains("Empty"));
                has(tool("consumer.group.ConsumerGroupCommand", "--group", group, "--topic", topic + ":0", "--reset-offsets", "--shift-by", -3, "--execute"), topic + " +0 +1");
                has(tool("consumer.group.ConsumerGroupCommand", "--group", group, "--all-topics", "--reset-offsets", "--to-earliest", "--execute"), topic + " +0 +0");
                has(tool("consumer.group.ConsumerGroupCommand", "--group", group, "--topic", topic, "--reset-offsets", "--to-latest", "--dry-run"), topic + " +0 +10");
                has(tool("consumer.group.ConsumerGroupCommand", "--group", group, "--topic", topic + ":0", "--delete-offsets"), topic + " +0 +Successful");
                has(tool("consumer.group.ConsumerGroupCommand", "--delete", "--group", group), "successful");
                hasNot(tool("consumer.group.ConsumerGroupCommand", "--list"), group);
            });
        }
        judge.test("kafka-groups: lists groups of every type", () -> {
            String topic = clients.topic("list", 1);
            String group = judge.fresh("group");
            clients.fill(topic, 0, List.of("v"));
            try (KafkaConsumer<String, String> consumer = clients.consumer("group.id", group)) {
                consumer.subscribe(List.of(topic));
                Clients.take(consumer, 1);
                has(tool("GroupsCommand", "--list"), group + " +Classic +consumer");
                has(tool("GroupsCommand", "--list", "--group-type", "classic"), group);
                hasNot(tool("GroupsCommand", "--list", "--group-type", "share"), group);
            }
        });
        judge.test("kafka-transactions: list, describe, find-hanging, abort", () -> {
            String topic = clients.topic("txn", 1);
            String id = judge.fresh("id");
            try (KafkaProducer<String, String> producer = clients.producer("transactional.id", id, "transaction.timeout.ms", 600_000)) {
                producer.initTransactions();
                producer.beginTransaction();
                Clients.send(producer, topic, 0, List.of("open"));
                has(tool("TransactionsCommand", "list"), id + "\\s+\\d+\\s+\\d+\\s+Ongoing");
                has(tool("TransactionsCommand", "describe", "--transactional-id", id), "Ongoing\\s+600000.*" + topic + "-0");
                String producers = tool("TransactionsCommand", "describe-producers", "--topic", topic, "--partition", 0);
                has(producers, "(?m)^\\d+\\s+\\d+\\s+-?\\d+\\s+0\\s+\\d+\\s+0");
                // The coordinator knows of it: it is open, not hanging.
                hasNot(tool("TransactionsCommand", "find-hanging", "--topic", topic, "--partition", 0, "--max-transaction-timeout", 0), topic);
                String node = tool("TopicCommand", "--describe", "--topic", topic).replaceAll("(?s).*Leader: (\\d+).*", "$1");
                hasNot(tool("TransactionsCommand", "find-hanging", "--broker-id", node), topic);
                clients.fill(topic, 0, List.of("behind"));
                Judge.equal(clients.read(topic, "read_committed"), List.of(), "before");
                tool("TransactionsCommand", "abort", "--topic", topic, "--partition", 0, "--start-offset", 0);
                until("the record behind", Duration.ofSeconds(10), () -> clients.read(topic, "read_committed").equals(List.of("behind")));
            }
        });
        judge.test("kafka-transactions: finds a hanging transaction and aborts it", () -> {
            String topic = clients.topic("hanging", 1);
            TopicPartition partition = new TopicPartition(topic, 0);
            String id = judge.fresh("id");
            String node = tool("TopicCommand", "--describe", "--topic", topic).replaceAll("(?s).*Leader: (\\d+).*", "$1");
            String check = "transaction.partition.verification.enable";
            // Without this check, which is Kafka's default, a broker takes such a record (KIP-890).
            tool("kafka.admin.ConfigCommand", "--entity-type", "brokers", "--entity-name", node, "--alter", "--add-config", check + "=false");
            try (KafkaProducer<String, String> producer = clients.producer("transactional.id", id); Admin admin = clients.admin()) {
                producer.initTransactions();
                var producing = admin.describeTransactions(List.of(id)).all().get().get(id);
                until("the check is off", Duration.ofSeconds(20), () -> {
                    try {
                        HangingTransaction.write(judge.bootstrap, id, partition, producing.producerId(), (short) producing.producerEpoch());
                        return true;
                    } catch (InvalidTxnStateException stillOn) {
                        return false;
                    }
                });
            } finally {
                tool("kafka.admin.ConfigCommand", "--entity-type", "brokers", "--entity-name", node, "--alter", "--delete-config", check);
            }
            clients.fill(topic, 0, List.of("behind"));
            Judge.equal(clients.read(topic, "read_committed"), List.of(), "before");
            // The tool counts in minutes, and takes what is older than none for hanging when the coordinator does not know it.
            has(tool("TransactionsCommand", "find-hanging", "--broker-id", node, "--topic", topic, "--max-transaction-timeout", 0), topic + "\\s+0\\s+\\d+");
            tool("TransactionsCommand", "abort", "--topic", topic, "--partition", 0, "--start-offset", 0);
            until("the record behind", Duration.ofSeconds(10), () -> clients.read(topic, "read_committed").equals(List.of("behind")));
        });
        judge.test("kafka-transactions: force-terminate", () -> {
            String topic = clients.topic("terminate", 1);
            String id = judge.fresh("id");
            try (KafkaProducer<String, String> producer = clients.producer("transactional.id", id)) {
                producer.initTransactions();
                producer.beginTransaction();
                Clients.send(producer, topic, 0, List.of("open"));
                tool("TransactionsCommand", "forceTerminateTransaction", "--transactionalId", id);
                until("ended", Duration.ofSeconds(10), () -> !tool("TransactionsCommand", "describe", "--transactional-id", id).matches("(?s).*(Ongoing|Prepare).*"));
                Judge.equal(clients.read(topic, "read_committed"), List.of(), "records");
            }
        });
    }
}
