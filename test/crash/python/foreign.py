"""librdkafka (confluent-kafka) beside a broker that is killed: writers of transactions, a copier, members of a KIP-848
group, and a reader that says what is there. Each says what it was told as lines of JSON, and ends when its input does."""

import json
import random
import sys
import threading
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

bootstrap, role, *arguments = sys.argv[1:]
# Without: when all brokers were away it forgets them, and a transaction then waits for ever for the group's coordinator that was.
BASE = {"metadata.recovery.strategy": "none", "bootstrap.servers": bootstrap, "log_level": 0, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 20}
stopped = threading.Event()


def watch_input():
    sys.stdin.read()
    stopped.set()


def say(**what):
    print(json.dumps(what), flush=True)


def group_consumer(group, **more):
    return Consumer({**BASE, "group.id": group, "group.protocol": "consumer", "auto.offset.reset": "earliest", "enable.auto.commit": False, "isolation.level": "read_committed", **more})


class Transactions:
    """A producer that goes on under its transactional id whatever happens, and knows how its transactions ended."""

    def __init__(self, transactional_id):
        self.id = transactional_id
        self.producer = None

    def ready(self):
        while self.producer is None:
            made = Producer({**BASE, "transactional.id": self.id, "linger.ms": 2, "transaction.timeout.ms": 60000})
            try:
                made.init_transactions(20)
                self.producer = made
            except KafkaException as cause:
                if not cause.args[0].retriable():
                    time.sleep(0.1)
        return self.producer

    def run(self, work, commits):
        """The outcome of one transaction: committed, aborted or unknown."""
        producer = self.ready()
        asked = False
        try:
            producer.begin_transaction()
            work(producer)
            if not commits:
                producer.flush(20)
                return self.abort()
            while True:
                try:
                    asked = True
                    producer.commit_transaction(20)
                    return "committed"
                except KafkaException as cause:
                    if not cause.args[0].retriable():
                        raise
        except KafkaException as cause:
            if cause.args[0].txn_requires_abort():
                return self.abort()
            self.producer = None
            return "unknown" if asked else "aborted"

    def abort(self):
        while True:
            try:
                self.producer.abort_transaction(20)
                return "aborted"
            except KafkaException as cause:
                if not cause.args[0].retriable():
                    # The next life aborts it.
                    self.producer = None
                    return "aborted"


def write(topic, partitions, name, seed):
    chance = random.Random(int(seed))
    transactions = Transactions(name)
    number = 0
    while not stopped.is_set():
        size = chance.randint(1, 40)
        offsets = [None] * size

        def delivered(index, error, message):
            if error is None:
                offsets[index] = [message.partition(), message.offset()]

        def work(producer):
            for index in range(size):
                value = f"{name}|{number}|{index}|{size}|" + "x" * chance.randint(0, 300)
                producer.produce(topic, value=value, partition=chance.randrange(int(partitions)), on_delivery=lambda error, message, index=index: delivered(index, error, message))
                producer.poll(0)

        outcome = transactions.run(work, chance.random() < 0.75)
        say(transaction=f"{name}|{number}", size=size, outcome=outcome, offsets=offsets if outcome == "committed" else [])
        number += 1


def copy(source, sink, group):
    """Reads, writes and commits in transactions. What was not committed is read again."""
    transactions = Transactions(group)
    transactions.ready()
    consumer = group_consumer(group)
    consumer.subscribe([source])
    copies = 0
    while not stopped.is_set():
        messages = [message for message in consumer.consume(50, 0.1) if message.error() is None]
        if not messages:
            continue

        def work(producer):
            for message in messages:
                producer.produce(sink, value=f"{message.partition()}@{message.offset()}", partition=message.partition())
            ends = {}
            for message in messages:
                ends[message.partition()] = TopicPartition(source, message.partition(), message.offset() + 1)
            producer.send_offsets_to_transaction(list(ends.values()), consumer.consumer_group_metadata(), 20)

        outcome = transactions.run(work, True)
        if outcome == "committed":
            copies += len(messages)
            continue
        transactions.ready()
        say(lost=outcome)
        # Back to where the group stands, by a member that knows nothing.
        consumer.close()
        consumer = group_consumer(group)
        consumer.subscribe([source])
    consumer.close()
    say(copies=copies)


def read(topic, group):
    consumer = group_consumer(group)
    consumer.subscribe([topic])
    while not stopped.is_set():
        messages = [message for message in consumer.consume(200, 0.1) if message.error() is None]
        if not messages:
            continue
        say(read=[[message.partition(), message.offset(), message.value().decode().rsplit("|", 1)[0]] for message in messages])
        if random.random() < 0.7:
            try:
                done = consumer.commit(asynchronous=False)
                say(committed={str(part.partition): part.offset for part in done if part.error is None})
            except KafkaException:
                pass
    consumer.close()


def check(topic, isolation):
    reader = Consumer({**BASE, "group.id": "check", "isolation.level": isolation, "enable.partition.eof": True, "auto.offset.reset": "earliest", "check.crcs": True})
    partitions = list(reader.list_topics(topic, 20).topics[topic].partitions)
    reader.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    ended = set()
    end = time.monotonic() + 120
    while len(ended) < len(partitions) and time.monotonic() < end:
        message = reader.poll(0.2)
        if message is None:
            continue
        if message.error() is None:
            say(partition=message.partition(), offset=message.offset(), value=message.value().decode())
        elif message.error().code() == KafkaError._PARTITION_EOF:
            ended.add(message.partition())
        else:
            raise KafkaException(message.error())
    reader.close()
    if len(ended) < len(partitions):
        raise SystemExit("the end was not reached")


if role != "check":
    threading.Thread(target=watch_input, daemon=True).start()
{"write": write, "copy": copy, "read": read, "check": check}[role](*arguments)
