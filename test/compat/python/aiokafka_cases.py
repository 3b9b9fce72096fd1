"""aiokafka: producers, transactions, consumers in groups, admin."""

import asyncio

import judge
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import ProducerFenced, TopicAlreadyExistsError
from judge import bootstrap, case, check, equal, fresh


async def admin():
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    return client


async def topic(stem, partitions=1):
    name = fresh(stem)
    client = await admin()
    await client.create_topics([NewTopic(name, partitions, 1)])
    await client.close()
    return name


async def until(what, condition, limit_s=40):
    end = asyncio.get_running_loop().time() + limit_s
    while not await condition():
        check(asyncio.get_running_loop().time() < end, f"not within {limit_s} s: {what}")
        await asyncio.sleep(0.05)


async def send(name, values, partition=0, **more):
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, **more) as producer:
        for future in [await producer.send(name, value.encode(), key=b"key", partition=partition, headers=[("origin", b"aio")]) for value in values]:
            await future


async def read(name, isolation="read_committed", partitions=1):
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level=isolation, auto_offset_reset="earliest") as consumer:
        parts = [TopicPartition(name, p) for p in range(partitions)]
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        values = []
        end = asyncio.get_running_loop().time() + 30
        while True:
            done = True
            for part in parts:
                if await consumer.position(part) < ends[part]:
                    done = False
            if done:
                return values
            check(asyncio.get_running_loop().time() < end, f"stuck after {len(values)} records")
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                values.extend(m.value.decode() for m in batch)


for codec in [None, "gzip", "snappy", "lz4", "zstd"]:

    @case(f"aiokafka: produces and consumes, compression {codec}")
    async def round_trip(codec=codec):
        name = await topic("codec")
        values = [f"value-{i}" for i in range(300)]
        try:
            await send(name, values, compression_type=codec, enable_idempotence=True)
        except RuntimeError as absent:
            raise judge.Skipped(str(absent)) from absent
        equal(await read(name), values, "values")


@case("aiokafka: transactions commit and abort")
async def transactions():
    name = await topic("txn")
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=fresh("id")) as producer:
        async with producer.transaction():
            await producer.send_and_wait(name, b"a", partition=0)
            equal(await read(name), [], "before the commit")
        await producer.begin_transaction()
        await producer.send_and_wait(name, b"never", partition=0)
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(name, b"b", partition=0)

    async def both():
        return await read(name) == ["a", "b"]

    await until("the committed records", both)
    equal(await read(name, "read_uncommitted"), ["a", "never", "b"], "uncommitted")


@case("aiokafka: a second transactional producer fences the first")
async def fencing():
    name, transactional_id = await topic("fence"), fresh("id")
    first = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=transactional_id)
    await first.start()
    await first.begin_transaction()
    await first.send_and_wait(name, b"zombie", partition=0)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=transactional_id) as second:
        try:
            await first.send_and_wait(name, b"late", partition=0)
            await first.commit_transaction()
            raise AssertionError("the first was not fenced")
        except ProducerFenced:
            pass
        async with second.transaction():
            await second.send_and_wait(name, b"heir", partition=0)
    await first.stop()

    async def heir():
        return await read(name) == ["heir"]

    await until("the heir's record", heir)


@case("aiokafka: read, process, write, offsets in the transaction")
async def exactly_once():
    source, sink, group = await topic("from"), await topic("to"), fresh("group")
    await send(source, [f"v{i}" for i in range(60)])
    done = 0
    for life in range(12):
        if done == 60:
            break
        async with AIOKafkaConsumer(source, bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False, isolation_level="read_committed",
                                    auto_offset_reset="earliest", max_poll_records=15, session_timeout_ms=6000, heartbeat_interval_ms=300) as consumer:
            async with AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=group) as producer:
                batches = await consumer.getmany(timeout_ms=10_000, max_records=15)
                await producer.begin_transaction()
                for partition, batch in batches.items():
                    for message in batch:
                        await producer.send(sink, message.value, partition=0)
                    await producer.send_offsets_to_transaction({partition: batch[-1].offset + 1}, group)
                if life % 2:
                    await producer.abort_transaction()
                else:
                    await producer.commit_transaction()
                    done += sum(len(batch) for batch in batches.values())

    async def all_once():
        return await read(sink) == [f"v{i}" for i in range(60)]

    await until("all, once", all_once)


for assignor in [RangePartitionAssignor, RoundRobinPartitionAssignor, StickyPartitionAssignor]:

    @case(f"aiokafka: a group shares its partitions, {assignor.name}")
    async def group(assignor=assignor):
        name, group_id, received = await topic("group", 4), fresh("group"), []

        def member():
            return AIOKafkaConsumer(name, bootstrap_servers=bootstrap, group_id=group_id, auto_offset_reset="earliest", session_timeout_ms=6000, heartbeat_interval_ms=300,
                                    partition_assignment_strategy=[assignor], enable_auto_commit=False)

        async def poll(*consumers):
            for one in consumers:
                for batch in (await one.getmany(timeout_ms=20)).values():
                    received.extend(m.value.decode() for m in batch)

        first, second = member(), member()
        await first.start()
        await second.start()

        async def shared():
            await poll(first, second)
            return len(first.assignment()) == 2 and len(second.assignment()) == 2

        await until("two each", shared)
        for p in range(4):
            await send(name, [f"{p}-{i}" for i in range(25)], partition=p)

        async def complete():
            await poll(first, second)
            return len(received) == 100

        await until("all records", complete)
        equal(len(set(received)), 100, "distinct")
        await first.commit()
        await second.commit()
        await second.stop()

        async def alone():
            await poll(first)
            return len(first.assignment()) == 4

        await until("all partitions again", alone)
        equal(sum([await first.committed(TopicPartition(name, p)) for p in range(4)]), 100, "committed")
        await first.stop()


@case("aiokafka: seek, offsets for times, ends")
async def positions():
    name = await topic("seek")
    await send(name, [f"v{i}" for i in range(30)])
    part = TopicPartition(name, 0)
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([part])
        consumer.seek(part, 12)
        equal((await consumer.getone()).offset, 12, "after seek")
        equal((await consumer.beginning_offsets([part]))[part], 0, "first")
        equal((await consumer.end_offsets([part]))[part], 30, "last")
        equal((await consumer.offsets_for_times({part: 0}))[part].offset, 0, "by time")


@case("aiokafka admin: topics, partitions, groups")
async def administration():
    client, name = await admin(), await topic("admin", 2)
    described = await client.describe_topics([name])
    equal(len(described[0]["partitions"]), 2, "partitions")
    await client.create_partitions({name: NewPartitions(4)})
    try:
        answer = await client.create_topics([NewTopic(name, 1, 1)])
        equal(answer.topic_errors[0][1], TopicAlreadyExistsError.errno, "again")
    except TopicAlreadyExistsError:
        pass
    check(name in await client.list_topics(), "listed")
    await client.list_consumer_groups()
    await client.delete_topics([name])
    await client.close()


judge.main()
