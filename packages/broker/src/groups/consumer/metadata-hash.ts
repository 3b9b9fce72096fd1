import type { KnownTopic, TopicsImage } from '../topics-image.ts'
import { xxh3 } from './xxh3.ts'

/** Bytes that lead a topic's hash input: a version. */
const topicHashVersion = 0

const topicHashes = new WeakMap<KnownTopic, bigint>()

/** What tells whether the topics of a group have changed, computed as Kafka does (KIP-1101); 0 without topics. Signed, as it is stored. */
export function metadataHash(topicNames: Iterable<string>, topics: TopicsImage): bigint {
  const known = Array.from(topicNames)
    .sort()
    .flatMap((name) => topics.get(name) ?? [])
  if (known.length === 0) return 0n
  const input = Buffer.alloc(known.length * 8)
  for (const [i, topic] of known.entries()) input.writeBigUInt64LE(topicHash(topic), i * 8)
  return BigInt.asIntN(64, xxh3(input))
}

function topicHash(topic: KnownTopic): bigint {
  let hash = topicHashes.get(topic)
  if (hash === undefined) topicHashes.set(topic, (hash = xxh3(topicHashInput(topic))))
  return hash
}

/** Id, name and partitions. Kafka adds the racks of replicas, of which one broker has none. */
function topicHashInput({ id, name, partitions }: KnownTopic): Uint8Array {
  const input = Buffer.alloc(1 + 16 + name.length * 2 + 4 + 4 + partitions * 4)
  const view = new DataView(id.buffer, id.byteOffset, id.byteLength)
  let at = input.writeUInt8(topicHashVersion)
  at = input.writeBigInt64LE(view.getBigInt64(0), at)
  at = input.writeBigInt64LE(view.getBigInt64(8), at)
  at += input.write(name, at, 'utf16le')
  at = input.writeInt32LE(name.length, at)
  at = input.writeInt32LE(partitions, at)
  for (let partition = 0; partition < partitions; partition++) at = input.writeInt32LE(partition, at)
  return input
}
