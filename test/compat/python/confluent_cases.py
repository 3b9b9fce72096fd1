"""librdkafka through confluent-kafka: producer, transactions, consumers of both group protocols, admin."""

import time

import judge
from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
    OFFSET_BEGINNING,
    OFFSET_END,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)
from judge import case, check, equal, fresh, until

BASE = {"bootstrap.servers": judge.bootstrap}


ADMIN = AdminClient(BASE)


def topic(stem, partitions=1, **config):
    name = fresh(stem)
    new = NewTopic(name, num_partitions=partitions, replication_factor=1, config={k.replace("_", "."): v for k, v in config.items()})
    for made in ADMIN.create_topics([new]).values():
        made.result(20)
    return name


def producer(**more):
    return Producer({**BASE, **{k.replace("_", "."): v for k, v in more.items()}})


def send(to, name, partition, values, **more):
    errors = []

    def delivered(error, _message):
        if error:
            errors.append(error)

    for value in values:
        to.produce(name, value=value, key="key", partition=partition, on_delivery=delivered, **more)
    check(to.flush(30) == 0, "not all were delivered")
    equal(errors, [], "delivery errors")


def consumer(group, protocol="classic", **more):
    config = {**BASE, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False, "group.protocol": protocol}
    if protocol == "classic":
        config.update({"session.timeout.ms": 6000, "heartbeat.interval.ms": 300})
    config["topic.metadata.refresh.interval.ms"] = 1000
    config.update({k.replace("_", "."): v for k, v in more.items()})
    return Consumer(config)


def take(reader, count, limit_s=45):
    messages = []
    end = time.monotonic() + limit_s
    while len(messages) < count:
        message = reader.poll(0.1)
        if message is not None:
            if message.error():
                raise KafkaException(message.error())
            messages.append(message)
        check(time.monotonic() < end, f"only {len(messages)} of {count} came")
    return messages


def read(name, isolation="read_committed"):
    """All that the topic holds now, for this isolation level."""
    reader = Consumer({**BASE, "group.id": fresh("reader"), "isolation.level": isolation, "enable.partition.eof": True, "auto.offset.reset": "earliest"})
    partitions = list(reader.list_topics(name, 10).topics[name].partitions)
    reader.assign([TopicPartition(name, p, OFFSET_BEGINNING) for p in partitions])
    values, ended = [], set()
    end = time.monotonic() + 30
    while len(ended) < len(partitions):
        message = reader.poll(0.2)
        check(time.monotonic() < end, f"stuck after {len(values)} records")
        if message is None:
            continue
        if message.error():
            equal(message.error().code(), KafkaError._PARTITION_EOF, "error")
            ended.add(message.partition())
        else:
            values.append(message.value().decode())
    reader.close()
    return values


def code_of(action):
    try:
        action()
    except KafkaException as error:
        return error.args[0].code()
    raise AssertionError("no error came")


for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:

    @case(f"librdkafka: produces and consumes, compression {codec}")
    def round_trip(codec=codec):
        name = topic("codec")
        values = [f"value-{i}-{'x' * (i % 50)}" for i in range(1000)]
        send(producer(compression_type=codec, enable_idempotence=True), name, 0, values, headers=[("origin", b"judge"), ("none", None)])
        reader = consumer(fresh("group"))
        reader.subscribe([name])
        messages = take(reader, 1000)
        equal([m.value().decode() for m in messages], values, "values")
        equal([m.offset() for m in messages], list(range(1000)), "offsets")
        equal(messages[0].headers(), [("origin", b"judge"), ("none", None)], "headers")
        reader.close()


@case("librdkafka: transactions commit, abort, are isolated")
def transactions():
    name = topic("txn", 2)
    writer = producer(transactional_id=fresh("id"))
    writer.init_transactions(30)
    writer.begin_transaction()
    send(writer, name, 0, ["a"])
    send(writer, name, 1, ["b"])
    equal(read(name), [], "before the commit")
    equal(sorted(read(name, "read_uncommitted")), ["a", "b"], "uncommitted")
    writer.commit_transaction(30)
    until("committed", lambda: sorted(read(name)) == ["a", "b"], 10)
    writer.begin_transaction()
    send(writer, name, 0, ["never"])
    writer.abort_transaction(30)
    until("aborted", lambda: sorted(read(name)) == ["a", "b"], 10)
    for i in range(20):
        writer.begin_transaction()
        send(writer, name, i % 2, [f"t{i}"])
        writer.abort_transaction(30) if i % 3 == 0 else writer.commit_transaction(30)
    until("thirteen more", lambda: len(read(name)) == 15, 10)


@case("librdkafka: a second transactional producer fences the first")
def fencing():
    name = topic("fence")
    transactional_id = fresh("id")
    first = producer(transactional_id=transactional_id)
    first.init_transactions(30)
    first.begin_transaction()
    send(first, name, 0, ["zombie"])
    second = producer(transactional_id=transactional_id)
    second.init_transactions(30)

    def commit():
        first.produce(name, value="late", partition=0)
        first.commit_transaction(30)

    check(code_of(commit) in (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED), "fenced")
    second.begin_transaction()
    send(second, name, 0, ["heir"])
    second.commit_transaction(30)
    until("the heir's record", lambda: read(name) == ["heir"], 10)


@case("librdkafka: offsets belong to the transaction")
def transactional_offsets():
    source, sink, group = topic("from"), topic("to"), fresh("group")
    send(producer(), source, 0, [f"v{i}" for i in range(30)])
    transactional_id = fresh("id")
    done = 0
    for life in range(10):
        writer = producer(transactional_id=transactional_id)
        writer.init_transactions(30)
        reader = consumer(group, isolation_level="read_committed")
        reader.subscribe([source])
        if done == 30:
            check(reader.poll(1) is None, "nothing is read twice")
            break
        messages = take(reader, min(7, 30 - done))
        writer.begin_transaction()
        for message in messages:
            writer.produce(sink, value=message.value(), partition=0)
        writer.send_offsets_to_transaction(reader.position(reader.assignment()), reader.consumer_group_metadata(), 30)
        if life % 2 == 0:
            writer.commit_transaction(30)
            done += len(messages)
        else:
            writer.flush(10)
        reader.close()
        del writer
    until("all, once", lambda: read(sink) == [f"v{i}" for i in range(30)], 10)


@case("librdkafka: transaction.timeout.ms over the cap is refused")
def timeout_cap():
    code = code_of(lambda: producer(transactional_id=fresh("id"), transaction_timeout_ms=3_600_000).init_transactions(30))
    equal(code, KafkaError.INVALID_TRANSACTION_TIMEOUT, "error")


for protocol in ["classic", "consumer"]:

    @case(f"librdkafka: group protocol {protocol}: shares, takes over, commits")
    def group(protocol=protocol):
        name, group_id = topic("group", 4), fresh("group")
        first, second = consumer(group_id, protocol), consumer(group_id, protocol)
        received = []

        def poll():
            for one in (first, second):
                message = one.poll(0.05)
                if message is not None and not message.error():
                    received.append(message.value().decode())

        first.subscribe([name])
        until("all partitions", lambda: poll() or len(first.assignment()) == 4, 40)
        second.subscribe([name])
        until("two each", lambda: poll() or (len(first.assignment()) == 2 and len(second.assignment()) == 2), 40)
        writer = producer()
        for p in range(4):
            send(writer, name, p, [f"{p}-{i}" for i in range(25)])
        until("all records", lambda: poll() or len(received) == 100, 40)
        equal(len(set(received)), 100, "distinct records")
        first.commit(asynchronous=False)
        second.commit(asynchronous=False)
        second.close()
        until("all partitions again", lambda: first.poll(0.05) is None and len(first.assignment()) == 4, 40)
        committed = first.committed([TopicPartition(name, p) for p in range(4)], 10)
        equal([one.offset for one in committed], [25] * 4, "committed offsets")
        first.close()

    @case(f"librdkafka: group protocol {protocol}: a pattern takes in new topics")
    def pattern(protocol=protocol):
        stem = fresh("pattern")
        client = ADMIN
        client.create_topics([NewTopic(f"{stem}-one", 1, 1)])[f"{stem}-one"].result(20)
        reader = consumer(fresh("group"), protocol)
        reader.subscribe([f"^{stem}-.*"])
        until("the first topic", lambda: reader.poll(0.05) is None and len(reader.assignment()) == 1, 60)
        client.create_topics([NewTopic(f"{stem}-two", 2, 1)])[f"{stem}-two"].result(20)
        until("the second topic", lambda: reader.poll(0.05) is None and len(reader.assignment()) == 3, 60)
        reader.close()

    @case(f"librdkafka: group protocol {protocol}: a static member keeps its partitions over a restart")
    def static(protocol=protocol):
        name, group_id = topic("static", 4), fresh("group")
        stays = consumer(group_id, protocol, group_instance_id="stays")
        stays.subscribe([name])
        again = consumer(group_id, protocol, group_instance_id="restarts")
        again.subscribe([name])
        until("two each", lambda: [c.poll(0.05) for c in (stays, again)] and len(stays.assignment()) == 2 and len(again.assignment()) == 2, 40)
        had, kept = sorted(str(p) for p in again.assignment()), sorted(str(p) for p in stays.assignment())
        again.close()
        again = consumer(group_id, protocol, group_instance_id="restarts")
        again.subscribe([name])
        until("its partitions again", lambda: [c.poll(0.05) for c in (stays, again)] and sorted(str(p) for p in again.assignment()) == had, 40)
        equal(sorted(str(p) for p in stays.assignment()), kept, "the other's partitions")
        stays.close()
        again.close()


@case("librdkafka: cooperative-sticky revokes only what moves")
def cooperative():
    name, group_id, revoked = topic("coop", 4), fresh("group"), []
    first = consumer(group_id, partition_assignment_strategy="cooperative-sticky")
    first.subscribe([name], on_revoke=lambda _c, partitions: revoked.extend(partitions))
    until("all", lambda: first.poll(0.05) is None and len(first.assignment()) == 4, 40)
    second = consumer(group_id, partition_assignment_strategy="cooperative-sticky")
    second.subscribe([name])
    until("two each", lambda: [c.poll(0.05) for c in (first, second)] and len(first.assignment()) == 2 and len(second.assignment()) == 2, 40)
    equal(len(revoked), 2, "revoked")
    first.close()
    second.close()


@case("librdkafka: seek, pause, resume, watermarks, offsets for times")
def positions():
    name = topic("seek", 1, retention_ms="-1")
    writer = producer()
    for i in range(50):
        writer.produce(name, value=f"v{i}", partition=0, timestamp=1_700_000_000_000 + i * 1000)
    writer.flush(20)
    reader = consumer(fresh("group"))
    reader.assign([TopicPartition(name, 0, 40)])
    equal(take(reader, 1)[0].offset(), 40, "assigned at 40")
    reader.seek(TopicPartition(name, 0, 7))
    equal(take(reader, 1)[0].offset(), 7, "after seek")
    reader.pause([TopicPartition(name, 0)])
    check(reader.poll(0.5) is None, "paused")
    reader.resume([TopicPartition(name, 0)])
    equal(take(reader, 1)[0].offset(), 8, "resumed")
    equal(reader.get_watermark_offsets(TopicPartition(name, 0), 10), (0, 50), "watermarks")
    equal(reader.offsets_for_times([TopicPartition(name, 0, 1_700_000_020_500)], 10)[0].offset, 21, "offset by time")
    equal(reader.offsets_for_times([TopicPartition(name, 0, 1_800_000_000_000)], 10)[0].offset, OFFSET_END, "after all")
    reader.close()


@case("librdkafka: errors have Kafka's codes")
def errors():
    compacted, small = topic("compacted", 1, cleanup_policy="compact"), topic("small", 1, max_message_bytes="500")
    codes = []
    writer = producer()
    writer.produce(compacted, value="no key", partition=0, on_delivery=lambda e, _m: codes.append(e and e.code()))
    writer.produce(small, value="x" * 2000, partition=0, on_delivery=lambda e, _m: codes.append(e and e.code()))
    writer.flush(20)
    equal(sorted(codes), sorted([KafkaError.INVALID_RECORD, KafkaError.MSG_SIZE_TOO_LARGE]), "codes")


@case("librdkafka admin: topics and partitions")
def admin_topics():
    client, name = ADMIN, topic("admin", 2, retention_ms="12345")
    described = client.describe_topics(TopicCollection([name]))[name].result(20)
    equal(len(described.partitions), 2, "partitions")
    client.create_partitions([NewPartitions(name, 5)])[name].result(20)
    until("five", lambda: len(client.list_topics(name, 10).topics[name].partitions) == 5, 10)
    equal(code_of(lambda: client.create_topics([NewTopic(name, 1, 1)])[name].result(20)), KafkaError.TOPIC_ALREADY_EXISTS, "again")
    equal(code_of(lambda: client.create_topics([NewTopic("no/slash", 1, 1)])["no/slash"].result(20)), KafkaError.TOPIC_EXCEPTION, "name")
    client.delete_topics([name])[name].result(20)
    until("gone", lambda: name not in client.list_topics(timeout=10).topics, 10)


@case("librdkafka admin: configs")
def admin_configs():
    client, name = ADMIN, topic("config")
    resource = ConfigResource(ResourceType.TOPIC, name)
    equal(client.describe_configs([resource])[resource].result(20)["cleanup.policy"].value, "delete", "default")
    resource = ConfigResource(ResourceType.TOPIC, name)
    resource.add_incremental_config(ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND))
    resource.add_incremental_config(ConfigEntry("retention.ms", "777", incremental_operation=AlterConfigOpType.SET))
    client.incremental_alter_configs([resource])[resource].result(20)
    resource = ConfigResource(ResourceType.TOPIC, name)
    until("altered", lambda: client.describe_configs([resource])[resource].result(20)["retention.ms"].value == "777", 10)
    equal(client.describe_configs([resource])[resource].result(20)["cleanup.policy"].value, "delete,compact", "appended")
    bad = ConfigResource(ResourceType.TOPIC, name)
    bad.add_incremental_config(ConfigEntry("retention.ms", "soon", incremental_operation=AlterConfigOpType.SET))
    equal(code_of(lambda: client.incremental_alter_configs([bad])[bad].result(20)), KafkaError.INVALID_CONFIG, "bad value")
    broker = ConfigResource(ResourceType.BROKER, str(client.list_topics(timeout=10).orig_broker_id))
    check("log.retention.ms" in client.describe_configs([broker])[broker].result(20), "broker configs")


@case("librdkafka admin: groups and offsets")
def admin_groups():
    client, name, group_id = ADMIN, topic("groups"), fresh("group")
    send(producer(), name, 0, ["v"])
    reader = consumer(group_id)
    reader.subscribe([name])
    take(reader, 1)
    reader.commit(asynchronous=False)
    check(group_id in [g.group_id for g in client.list_consumer_groups(states={ConsumerGroupState.STABLE}).result(20).valid], "listed")
    described = client.describe_consumer_groups([group_id])[group_id].result(20)
    equal(described.state, ConsumerGroupState.STABLE, "state")
    equal(len(described.members), 1, "members")
    equal(code_of(lambda: client.delete_consumer_groups([group_id])[group_id].result(20)), KafkaError.NON_EMPTY_GROUP, "not empty")
    reader.close()
    offsets = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group_id)])[group_id].result(20)
    equal([one.offset for one in offsets.topic_partitions], [1], "offsets")
    client.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group_id, [TopicPartition(name, 0, 0)])])[group_id].result(20)
    reader = consumer(group_id)
    reader.subscribe([name])
    equal(take(reader, 1)[0].offset(), 0, "from the altered offset")
    reader.close()
    client.delete_consumer_groups([group_id])[group_id].result(20)
    equal(code_of(lambda: client.delete_consumer_groups([group_id])[group_id].result(20)), KafkaError.GROUP_ID_NOT_FOUND, "gone")


@case("librdkafka admin: cluster, offsets, deleted records")
def admin_records():
    client, name = ADMIN, topic("records")
    send(producer(), name, 0, [f"v{i}" for i in range(10)])
    partition = TopicPartition(name, 0)
    equal(client.list_offsets({partition: OffsetSpec.latest()}, isolation_level=IsolationLevel.READ_COMMITTED)[partition].result(20).offset, 10, "latest")
    equal(client.delete_records([TopicPartition(name, 0, 4)])[partition].result(20).low_watermark, 4, "low watermark")
    equal(client.list_offsets({partition: OffsetSpec.earliest()})[partition].result(20).offset, 4, "earliest")
    cluster = client.describe_cluster().result(20)
    equal(len(cluster.nodes), 1, "nodes")
    check(cluster.cluster_id and cluster.controller.id == cluster.nodes[0].id, "controller")


judge.main()
