import type { Clock, Random, Timers } from '@millrace/std'
import { type Journal, JournalError } from '../journal/journal.ts'
import type { Logger } from '../logger.ts'
import { decodeGroupRecord, encodeGroupRecord } from './group-record-codec.ts'
import type { GroupRecord } from './group-records.ts'
import { GroupShard } from './group-shard.ts'
import type { Reply } from './protocol.ts'
import type { Command, GroupSettings } from './shard-context.ts'

/** The shard's log takes nothing any more, or did not take this: the client is to try again later. */
export class ShardUnavailableError extends Error {
  override name = 'ShardUnavailableError'
}

export interface ShardRunnerOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly settings: GroupSettings
  readonly logger: Logger
}

/** Answers that wait until what they tell is durable. */
interface Waiting {
  readonly answer: () => void
  readonly fail: () => void
}

/**
 * Runs commands against one shard: appends the records that they yield, replays them, and lets answers out when
 * everything appended so far is on the device.
 */
export class ShardRunner {
  readonly shard: GroupShard
  readonly #options: ShardRunnerOptions
  #waiting: Waiting[] = []
  #failed = false
  #closed = false

  constructor(options: ShardRunnerOptions) {
    this.#options = options
    const { clock, random, settings, timers } = options
    this.shard = new GroupShard({
      clock,
      random,
      settings,
      timers: {
        schedule: (delayMs, command) => timers.scheduleBackground(delayMs, () => this.#execute(command)),
        cancel: (handle) => timers.cancel(handle),
      },
    })
  }

  /** Brings the shard to what its log says. */
  load(): void {
    this.#options.journal.replay(({ key, value }) => {
      const record = key && decodeGroupRecord(key, value)
      if (record) this.shard.replay(record)
    })
    this.shard.recovered()
  }

  /**
   * Runs a command that answers once, now or in a later command. Resolves when what the answer tells is durable; rejects
   * with {@link ShardUnavailableError}.
   */
  ask<T>(command: (reply: Reply<T>) => readonly GroupRecord[]): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new ShardUnavailableError('The group coordinator cannot write its log.'))
      if (this.#failed || this.#closed) return fail()
      this.#execute(
        () => command((response) => void this.#waiting.push({ answer: () => resolve(response), fail })),
        reject,
      )
    })
  }

  /** Runs a command that nobody waits for. */
  run(command: Command): void {
    this.#execute(command)
  }

  /** Nothing runs any more; who waits is not answered. */
  close(): void {
    this.#closed = true
    this.#waiting = []
  }

  #execute(command: Command, onError?: (cause: unknown) => void): void {
    if (this.#failed || this.#closed) return
    const { journal, logger } = this.#options
    try {
      const records = command()
      if (records.length > 0) {
        journal.append(records.map(encodeGroupRecord))
        for (const record of records) this.shard.replay(record)
        journal.compactIfLarge(() => this.#snapshot())
      }
    } catch (cause) {
      logger.error('A command of the group coordinator failed', { cause })
      for (const { fail } of this.#waiting.splice(0)) fail()
      onError?.(cause instanceof JournalError ? new ShardUnavailableError(cause.message) : cause)
      return
    }
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    journal.whenDurable((ok) => {
      if (!ok) this.#failed = true
      for (const { answer, fail } of waiting) {
        if (ok) answer()
        else fail()
      }
    })
  }

  *#snapshot() {
    for (const record of this.shard.snapshot()) yield encodeGroupRecord(record)
  }
}
