"""Drives a broker with kafka-python and prints what it saw as one line of JSON.

usage: kafka_python_client.py round-trip BOOTSTRAP TOPIC none|gzip
       kafka_python_client.py group BOOTSTRAP TOPIC GROUP
       kafka_python_client.py transactions BOOTSTRAP TOPIC GROUP
"""

import json
import sys
import threading
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata
from kafka.admin import KafkaAdminClient, NewTopic


def create_topic(bootstrap, topic, partitions):
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(topic, partitions, 1)])
    admin.close()


def round_trip(bootstrap, topic, codec):
    create_topic(bootstrap, topic, 1)
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, acks="all", compression_type=None if codec == "none" else codec
    )
    for i in range(200):
        producer.send(topic, key=b"key-%d" % i, value=b"value-%d" % i, headers=[("origin", b"python")])
    producer.flush()
    producer.close()
    consumer = KafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=topic + "-reader", auto_offset_reset="earliest", enable_auto_commit=False
    )
    records = []
    deadline = time.time() + 60
    while len(records) < 200 and time.time() < deadline:
        for batch in consumer.poll(timeout_ms=500).values():
            records.extend(batch)
    consumer.commit()
    committed = consumer.committed(TopicPartition(topic, 0))
    consumer.close()
    return {
        "received": len(records),
        "ordered": [r.offset for r in records] == list(range(200)),
        "keys": all(r.key == b"key-%d" % i and r.value == b"value-%d" % i for i, r in enumerate(records)),
        "headers": all(list(r.headers) == [("origin", b"python")] for r in records),
        "committed": committed,
    }


def group(bootstrap, topic, group_id):
    create_topic(bootstrap, topic, 4)
    received = []
    seen_by = set()
    stop = threading.Event()
    lock = threading.Lock()

    def member(name):
        consumer = KafkaConsumer(
            topic, bootstrap_servers=bootstrap, group_id=group_id, auto_offset_reset="earliest", session_timeout_ms=10000
        )
        while not stop.is_set():
            for partition, batch in consumer.poll(timeout_ms=200).items():
                with lock:
                    seen_by.add(name)
                    received.extend(r.value for r in batch)
            if consumer.assignment() and len(consumer.assignment()) < 4:
                joined.release()
        consumer.close()

    joined = threading.Semaphore(0)
    members = [threading.Thread(target=member, args=(name,)) for name in ("one", "two")]
    for thread in members:
        thread.start()
    # Both hold a part of the partitions before anything is sent.
    for _ in range(2):
        joined.acquire(timeout=60)
    time.sleep(1)
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for i in range(400):
        producer.send(topic, partition=i % 4, value=b"value-%d" % i)
    producer.flush()
    producer.close()
    deadline = time.time() + 60
    while len(received) < 400 and time.time() < deadline:
        time.sleep(0.1)
    stop.set()
    for thread in members:
        thread.join()
    return {"received": len(received), "distinct": len(set(received)), "members": len(seen_by)}


def transactions(bootstrap, topic, group_id):
    create_topic(bootstrap, topic, 1)
    partition = TopicPartition(topic, 0)
    producer = KafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic + "-id")
    producer.init_transactions()
    for value, offset, commit in [(b"first", 5, True), (b"never", 9, False), (b"second", 7, True)]:
        producer.begin_transaction()
        producer.send(topic, value=value, partition=0)
        producer.flush()
        producer.send_offsets_to_transaction({partition: OffsetAndMetadata(offset, "", -1)}, group_id)
        producer.commit_transaction() if commit else producer.abort_transaction()
    producer.close()
    values = {}
    for isolation in ("read_committed", "read_uncommitted"):
        consumer = KafkaConsumer(bootstrap_servers=bootstrap, isolation_level=isolation, group_id=group_id, enable_auto_commit=False)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        found = []
        deadline = time.time() + 3
        while time.time() < deadline:
            for batch in consumer.poll(timeout_ms=200).values():
                found.extend(r.value.decode() for r in batch)
        values[isolation] = found
        committed = consumer.committed(partition)
        consumer.close()
    return {**values, "committed": committed}


if __name__ == "__main__":
    kinds = {"round-trip": round_trip, "group": group, "transactions": transactions}
    print(json.dumps(kinds[sys.argv[1]](*sys.argv[2:])))
