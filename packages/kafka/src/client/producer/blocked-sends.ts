import { MillraceError } from '@millrace/std'
import type { Cluster } from '../cluster/cluster.ts'
import type { TopicMetadata } from '../cluster/metadata.ts'
import { Pulse, timedOut } from '../cluster/waiting.ts'
import type { ColumnSend, RecordSend } from './producer-record.ts'

export type Send = RecordSend | ColumnSend

export interface BlockedSendsOptions {
  cluster: Cluster
  maxBlockMs: number
  /** Puts a send into batches. False: there is no memory at present. */
  append: (send: Send, metadata: TopicMetadata) => boolean
  /** While somebody waits for memory, nothing lingers. */
  hurry: () => void
  relax: () => void
}

/** Sends that wait for metadata or memory, by topic in the order in which they came. */
export class BlockedSends {
  readonly #options: BlockedSendsOptions
  readonly #waiting = new Map<string, Send[]>()
  readonly #pumps = new Set<Promise<void>>()
  readonly #memoryFreed: Pulse

  constructor(options: BlockedSendsOptions) {
    this.#options = options
    this.#memoryFreed = new Pulse(options.cluster.options.system.timers)
  }

  /** What comes later for this topic has to wait, too. */
  has(topic: string): boolean {
    return this.#waiting.has(topic)
  }

  add(send: Send): void {
    const { topic } = send
    send.deadline = this.#now() + this.#options.maxBlockMs
    const waiting = this.#waiting.get(topic)
    if (waiting) {
      waiting.push(send)
      return
    }
    this.#waiting.set(topic, [send])
    const pump = this.#pump(topic).finally(() => this.#pumps.delete(pump))
    this.#pumps.add(pump)
  }

  memoryFreed(): void {
    this.#memoryFreed.notify()
  }

  failAll(error: Error): void {
    for (const waiting of this.#waiting.values()) for (const send of waiting.splice(0)) send.fail(error)
    this.#memoryFreed.notify()
  }

  /** Resolves when nothing waits. */
  async settled(): Promise<void> {
    while (this.#pumps.size > 0) await Promise.all(this.#pumps)
  }

  /** Adds what had to wait, in order, as metadata and memory allow. */
  async #pump(topic: string): Promise<void> {
    const waiting = this.#waiting.get(topic) as Send[]
    const { cluster, append } = this.#options
    for (let head = waiting[0]; head && !cluster.isClosed; head = waiting[0]) {
      // An abort may give it up meanwhile.
      const isWanted = () => waiting[0] === head && !cluster.isClosed
      try {
        const metadata = await cluster.topic(topic, { timeoutMs: Math.max(1, head.deadline - this.#now()) })
        if (!hasPartition(metadata, head)) await this.#findPartition(topic, head.partition as number)
        const current = cluster.metadata.topics.get(topic) ?? metadata
        while (isWanted() && !append(head, current)) await this.#waitForMemory(head)
      } catch (error) {
        if (isWanted()) head.fail(error as Error)
      }
      if (waiting[0] === head) waiting.shift()
    }
    this.#waiting.delete(topic)
  }

  async #waitForMemory({ topic, deadline }: Send): Promise<void> {
    const left = deadline - this.#now()
    const { maxBlockMs, hurry, relax } = this.#options
    if (left <= 0) throw timedOut(`Waiting for memory to send to ${topic} (bufferMemory)`, maxBlockMs)
    hurry()
    await this.#memoryFreed.wait(left)
    relax()
  }

  /** Partitions may have been added since the metadata came. */
  async #findPartition(topic: string, partition: number): Promise<void> {
    const { cluster } = this.#options
    await cluster.refresh()
    const partitions = cluster.metadata.topics.get(topic)?.partitions ?? []
    if (partitions[partition]) return
    throw new MillraceError('KAFKA_UNKNOWN_PARTITION', {
      message: `Topic ${topic} has no partition ${partition}: it has ${partitions.length}.`,
      fix: 'Leave the partition out, or add partitions to the topic.',
    })
  }

  #now(): number {
    return this.#options.cluster.options.system.clock.monotonic()
  }
}

export function hasPartition(metadata: TopicMetadata, { partition }: Send): boolean {
  return partition === undefined || metadata.partitions[partition] !== undefined
}
