const smallestInt = -0x8000_0000

/** Which of `shards` a key belongs to, as Kafka spreads groups and transactional ids: by the amount of Java's hash of the text. */
export function shardOf(key: string, shards: number): number {
  let hash = 0
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0
  return hash === smallestInt ? 0 : Math.abs(hash) % shards
}
