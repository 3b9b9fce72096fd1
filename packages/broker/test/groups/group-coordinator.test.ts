import { seededRandom } from '@millrace/std'
import { ManualClock } from '@millrace/testing'
import { expect, test } from 'vitest'
import { GroupCoordinator } from '../../src/groups/group-coordinator.ts'
import type { CommitRequest } from '../../src/groups/protocol.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { silentLogger } from '../../src/logger.ts'
import { consumerSettings, TestTopics } from './fixture.ts'

/** A journal whose device is as slow as a test wants: `flush` brings what was appended by then to it. */
class SlowJournal implements Journal {
  #waiting: ((ok: boolean) => void)[] = []

  replay(): void {}
  append(): void {}
  appendMarker(): void {}
  compactIfLarge(): void {}

  whenDurable(callback: (ok: boolean) => void): void {
    this.#waiting.push(callback)
  }

  /** The first `count` that wait are answered. */
  flush(count: number): void {
    for (const callback of this.#waiting.splice(0, count)) callback(true)
  }
}

test('a reader of offsets sees what was durable when it asked, not what was committed while it waited', async () => {
  const clock = new ManualClock()
  const journal = new SlowJournal()
  const groups = new GroupCoordinator({
    openJournals: async () => [journal],
    clock,
    timers: clock,
    random: seededRandom(1),
    logger: silentLogger,
    expireIntervalMs: 60_000,
    settings: {
      minSessionTimeoutMs: 1,
      maxSessionTimeoutMs: 60_000,
      initialRebalanceDelayMs: 0,
      maxSize: 10,
      offsetMetadataMaxBytes: 100,
      offsetsRetentionMs: 1_000_000,
      consumer: consumerSettings,
    },
    topics: new TestTopics(),
  })
  await groups.ready()
  const commit = (offset: number) => {
    const offsets = [{ topic: 't', partition: 0, offset, leaderEpoch: -1, metadata: '', topicId: new Uint8Array(16) }]
    const nobody = { memberId: '', groupInstanceId: null, generationId: -1, retentionTimeMs: -1 }
    const kind = { version: 8, isTransactional: false }
    return groups.commit({ groupId: 'g', ...nobody, ...kind, offsets } satisfies CommitRequest)
  }
  const first = commit(1)
  const reader = { memberId: null, memberEpoch: -1 }
  const read = groups.readOffsets('g', reader, (offsets) => offsets.get('t')?.get(0)?.offset)
  const second = commit(2)
  await clock.settle()
  journal.flush(2)
  expect(await first).toEqual(['NONE'])
  expect(await read).toBe(1)
  journal.flush(1)
  await second
  groups.close()
})
