package tools;

import java.util.List;
import judge.Clients;
import judge.Judge;

/** Tools that produce and consume: the verifiable clients, the performance tools. */
final class LoadTools extends Tools {
    LoadTools(Judge judge, Clients clients) {
        super(judge, clients);
    }

    @Override
    void add() {
        judge.test("kafka-verifiable-producer and kafka-verifiable-consumer", () -> {
            String topic = clients.topic("verifiable", 1);
            String produced = verifiable("VerifiableProducer", "--topic", topic, "--max-messages", 500, "--throughput", -1);
            has(produced, "\"sent\":500");
            has(produced, "\"acked\":500");
            for (String protocol : List.of("classic", "consumer")) {
                String consumed = verifiable("VerifiableConsumer", "--topic", topic, "--group-id", judge.fresh("group"), "--group-protocol", protocol, "--max-messages", 500, "--reset-policy", "earliest");
                has(consumed, "\"name\":\"offsets_committed\".*\"offset\":500");
            }
        });
        judge.test("kafka-producer-perf, with transactions too, and kafka-consumer-perf", () -> {
            String topic = clients.topic("perf", 2);
            has(tool("ProducerPerformance", "--topic", topic, "--num-records", 20_000, "--record-size", 100, "--throughput", -1), "20000 records sent");
            has(tool("ProducerPerformance", "--topic", topic, "--num-records", 20_000, "--record-size", 100, "--throughput", -1, "--transaction-duration-ms", 100,
                    "--transactional-id", judge.fresh("id")), "20000 records sent");
            has(tool("ConsumerPerformance", "--topic", topic, "--num-records", 40_000, "--timeout", 20_000, "--hide-header"), "40\\d\\d\\d, ");
        });
        judge.test("kafka-e2e-latency", () -> {
            String topic = clients.topic("latency", 1);
            has(tool("EndToEndLatency", "--topic", topic, "--num-records", 200, "--producer-acks", "all", "--record-size", 100), "Percentiles: 50th");
        });
        judge.test("a transactional copy from topic to topic (Kafka's own system-test tool)", () -> {
            String from = clients.topic("from", 1);
            String to = clients.topic("to", 1);
            clients.fill(from, 0, Clients.values("v", 300));
            Tool.Outcome outcome = Tool.run(TOOLS + "TransactionalMessageCopier", "", "--broker-list", judge.bootstrap, "--input-topic", from, "--input-partition", 0, "--output-topic", to,
                    "--consumer-group", judge.fresh("group"), "--transactional-id", judge.fresh("id"), "--transaction-size", 20, "--max-messages", 300, "--enable-random-aborts");
            has(outcome.output(), "ShutdownComplete.*\"remaining\":0");
            Judge.equal(clients.read(to, "read_committed"), Clients.values("v", 300), "copied records");
        });
    }

    private String verifiable(String name, Object... args) throws Exception {
        Object[] all = java.util.Arrays.copyOf(args, args.length + 2);
        all[args.length] = "--bootstrap-server";
        all[args.length + 1] = judge.bootstrap;
        return Tool.process(TOOLS + name, all).output();
    }
}
