import { hashKey, murmur } from './key-hash.ts'

/** Flink's default: room to grow to one and a half times the parallelism, at least 128 key groups. */
export function defaultMaxParallelism(parallelism: number): number {
  const wanted = Math.ceil(parallelism * 1.5)
  const rounded = 2 ** Math.ceil(Math.log2(Math.max(1, wanted)))
  return Math.min(Math.max(rounded, 128), 32_768)
}

/** The key group of a key: what decides which subtask owns it, and under which its state is snapshotted. */
export function keyGroupOf(key: unknown, maxParallelism: number): number {
  return murmur(hashKey(key)) % maxParallelism
}

/** The subtask that owns a key group. */
export function subtaskOfKeyGroup(keyGroup: number, parallelism: number, maxParallelism: number): number {
  return Math.floor((keyGroup * parallelism) / maxParallelism)
}
