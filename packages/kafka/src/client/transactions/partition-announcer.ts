import type { PartitionQueue } from '../producer/partition-queue.ts'

export interface PartitionAnnouncerOptions {
  announce: (queues: readonly PartitionQueue[]) => Promise<void>
  /** Whether the transaction still takes records. */
  isWanted: () => boolean
  /** They may be written to; with `error` some may have been added, and no more are announced. */
  announced: (queues: readonly PartitionQueue[], error?: unknown) => void
}

/**
 * Tells the coordinator of partitions before they are written to (transactions v1). Those that come up together go in one
 * request, those that come while it is under way in the next.
 */
export class PartitionAnnouncer {
  readonly #options: PartitionAnnouncerOptions
  readonly #waiting = new Set<PartitionQueue>()
  #running: Promise<void> | undefined

  constructor(options: PartitionAnnouncerOptions) {
    this.#options = options
  }

  add(queue: PartitionQueue): void {
    // Others that the sender looks at in this turn go with it.
    if (this.#waiting.size === 0) queueMicrotask(() => this.#announce())
    this.#waiting.add(queue)
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await this.#running
  }

  clear(): void {
    this.#waiting.clear()
  }

  #announce(): void {
    const { announce, announced, isWanted } = this.#options
    const queues = [...this.#waiting]
    if (this.#running || queues.length === 0 || !isWanted()) return
    this.#running = announce(queues)
      .then(
        () => {
          for (const queue of queues) this.#waiting.delete(queue)
          this.#running = undefined
          announced(queues)
        },
        (error: unknown) => {
          this.#waiting.clear()
          this.#running = undefined
          announced(queues, error)
        },
      )
      .finally(() => this.#announce())
  }
}
