import type { Clock, Random, Timers } from '@millrace/std'
import type { Journal, ProducerIdentity, TransactionMarker } from '../journal/journal.ts'
import { StateRunner } from '../journal/state-runner.ts'
import type { Logger } from '../logger.ts'
import { decodeGroupRecord, encodeGroupRecord } from './group-record-codec.ts'
import type { GroupRecord } from './group-records.ts'
import { GroupShard } from './group-shard.ts'
import type { Reply } from './protocol.ts'
import type { Command, GroupSettings } from './shard-context.ts'
import type { TopicsImage } from './topics-image.ts'

export interface ShardRunnerOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly settings: GroupSettings
  readonly topics: TopicsImage
  readonly logger: Logger
}

/** Runs commands against one shard of the groups; see {@link StateRunner}. */
export class ShardRunner {
  readonly shard: GroupShard
  readonly #runner: StateRunner<GroupRecord>

  constructor(options: ShardRunnerOptions) {
    const { clock, journal, logger, random, settings, timers, topics } = options
    const shard = new GroupShard({
      clock,
      random,
      settings,
      topics,
      defer: (command) => this.#runner.defer(command),
      dropDeferred: () => this.#runner.dropDeferred(),
      timers: {
        schedule: (delayMs, command) => timers.scheduleBackground(delayMs, () => this.#runner.run(command)),
        cancel: (handle) => timers.cancel(handle),
      },
    })
    this.shard = shard
    this.#runner = new StateRunner({
      name: 'group coordinator',
      journal,
      logger,
      state: {
        encode: encodeGroupRecord,
        decode: ({ key, value }) => (key ? decodeGroupRecord(key, value) : undefined),
        replay: (record, transaction) => shard.replay(record, transaction),
        replayMarker: (marker) => shard.replayMarker(marker),
        snapshot: () => shard.snapshotEntries(),
      },
    })
  }

  /** Brings the shard to what its log says. */
  load(): void {
    this.#runner.load()
    this.shard.recovered()
  }

  /** See {@link StateRunner.ask}. */
  ask<T>(command: (reply: Reply<T>) => readonly GroupRecord[], transaction?: ProducerIdentity): Promise<T> {
    return this.#runner.ask(command, transaction)
  }

  /** Runs a command that nobody waits for. */
  run(command: Command): void {
    this.#runner.run(command)
  }

  /** See {@link StateRunner.mark}. */
  mark(marker: TransactionMarker, marked: () => void, failed: (cause: Error) => void): void {
    this.#runner.mark(marker, marked, failed)
  }

  /** Nothing runs any more; who waits is not answered. */
  close(): void {
    this.#runner.close()
  }
}
