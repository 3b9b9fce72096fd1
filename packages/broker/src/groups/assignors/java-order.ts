import { uuidFromString } from '@millrace/std'

/**
 * The order in which Java's hash maps list their keys. Kafka's assignors visit members, topics and partitions in it, and who is
 * visited first gets the partition that is left over: whoever wants their results has to visit in the same order.
 */

/** Where the keys are in a table that was filled one by one. */
export function filledTableSize(count: number): number {
  let size = 16
  while (count > size * 0.75) size *= 2
  return size
}

/** Where the keys are in a table that was made as a copy of a collection. */
export function copiedTableSize(count: number): number {
  const wanted = Math.max(Math.floor(count / 0.75) + 1, 16)
  let size = 16
  while (size < wanted) size *= 2
  return size
}

/** Keys of one bucket stay as they came. */
export function inJavaOrder<T>(keys: Iterable<T>, hash: (key: T) => number, tableSize: (count: number) => number): T[] {
  const entries = Array.from(keys, (key) => ({ key, bucket: hash(key) }))
  const mask = tableSize(entries.length) - 1
  for (const entry of entries) entry.bucket = (entry.bucket ^ (entry.bucket >>> 16)) & mask
  return entries.sort((a, b) => a.bucket - b.bucket).map(({ key }) => key)
}

export function stringHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

export function integerHash(value: number): number {
  return value
}

/** Of an id as Kafka prints it. */
export function uuidHash(key: string): number {
  const bytes = uuidFromString(key)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return view.getInt32(0) ^ view.getInt32(4) ^ view.getInt32(8) ^ view.getInt32(12)
}

/** Kafka compares ids as two signed 64-bit numbers. */
export function compareUuids(a: string, b: string): number {
  const x = uuidFromString(a)
  const y = uuidFromString(b)
  for (let at = 0; at < 16; at += 8) {
    // The sign is in the first byte only; the rest compares as it is.
    const bySign = ((x[at] as number) ^ 0x80) - ((y[at] as number) ^ 0x80)
    if (bySign !== 0) return bySign
    const byRest = Buffer.compare(x.subarray(at + 1, at + 8), y.subarray(at + 1, at + 8))
    if (byRest !== 0) return byRest
  }
  return 0
}
