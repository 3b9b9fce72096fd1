/** The brokers that have each partition of a topic, by index. The first is the one that should lead it. */
export type Replicas = readonly (readonly number[])[]

/**
 * Spreads new partitions over brokers in turns, their further replicas over the brokers that follow, as Apache Kafka does
 * where there are no racks. Where Kafka draws the first broker by lot, here `start` says which it is, so that runs are alike.
 */
export function placeReplicas(
  brokers: readonly number[],
  { partitions, replicationFactor, start }: { partitions: number; replicationFactor: number; start: number },
): Replicas {
  const rings = brokers.map((_, first) =>
    Array.from({ length: replicationFactor }, (_each, i) => brokers[(first + i) % brokers.length] as number),
  )
  return Array.from({ length: partitions }, (_, i) => rings[(start + i) % rings.length] as readonly number[])
}
