import type { TimerHandle, Timers } from '@millrace/std'
import type { DataFolder } from './data-folder.ts'
import type { PartitionLog } from './partition-log.ts'
import type { Checkpoints } from './partition-log-options.ts'

/** How long recovery points that have moved wait to be written down. */
const soonMs = 1_000

/** Writes down, for all logs of a data folder, what a restart after a crash must know: one write at a time. */
export class LogCheckpoints implements Checkpoints {
  readonly #folder: DataFolder
  readonly #logs: ReadonlyMap<string, PartitionLog>
  readonly #timers: Timers
  readonly #flushedBytesLimit: number
  /** Hears of failures that nobody waits for. */
  readonly failed: (cause: Error) => void
  /** The last one: they must not overtake each other. Never rejects. */
  #running: Promise<void> = Promise.resolve()
  #soon: TimerHandle | undefined
  /** Since the last one that they brought about. */
  #flushedBytes = 0
  #isBehind = false
  #closed = false

  /** `flushedBytes`: after so many, over all logs, one is due. `failed` hears of failures that nobody waits for. */
  constructor(options: {
    folder: DataFolder
    logs: ReadonlyMap<string, PartitionLog>
    timers: Timers
    flushedBytes: number
    failed: (cause: Error) => void
  }) {
    this.#folder = options.folder
    this.#logs = options.logs
    this.#timers = options.timers
    this.#flushedBytesLimit = options.flushedBytes
    this.failed = options.failed
  }

  /** Rejects with what the file system says; the next one tries again. */
  now(): Promise<void> {
    const next = this.#running.then(() => this.#write())
    this.#running = next.catch(() => {})
    return next
  }

  /** As {@link now}; a failure is reported. */
  async nowAndReport(): Promise<void> {
    try {
      await this.now()
    } catch (cause) {
      this.failed(cause as Error)
    }
  }

  soon(): void {
    if (this.#soon || this.#closed) return
    this.#soon = this.#timers.scheduleBackground(soonMs, () => {
      this.#soon = undefined
      void this.nowAndReport()
    })
  }

  flushed(bytes: number): void {
    this.#flushedBytes += bytes
    if (this.#flushedBytes >= this.#flushedBytesLimit && !this.#isBehind && !this.#closed) void this.#catchUp()
  }

  /** From now on only {@link now} writes. */
  close(): void {
    this.#closed = true
    if (this.#soon) this.#timers.cancel(this.#soon)
  }

  async #catchUp(): Promise<void> {
    this.#flushedBytes = 0
    this.#isBehind = true
    await this.nowAndReport()
    this.#isBehind = false
  }

  async #write(): Promise<void> {
    const points: { name: string; log: PartitionLog; recoveryPoint: number }[] = []
    for (const [name, log] of this.#logs) {
      if (!log.isFolderDurable) continue
      // Of thousands most have nothing to do.
      const recoveryPoint = log.isCheckpointDue ? await log.checkpoint() : log.recoveryPoint
      points.push({ name, log, recoveryPoint })
    }
    // Meanwhile one may have been deleted, and another one of its name made.
    const current = () => points.filter(({ log, name }) => this.#logs.get(name) === log)
    await this.#folder.writeCheckpoints({
      recoveryPoints: () => new Map(current().map(({ name, recoveryPoint }) => [name, recoveryPoint])),
      logStartOffsets: () =>
        new Map(current().flatMap(({ log, name }) => (log.logStartOffset > 0 ? [[name, log.logStartOffset]] : []))),
    })
  }
}
