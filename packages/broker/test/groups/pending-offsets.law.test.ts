import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeGroupRecord } from '../../src/groups/group-record-codec.ts'
import { type GroupRecord, type OffsetKey, offsetRecord } from '../../src/groups/group-records.ts'
import type { GroupShard } from '../../src/groups/group-shard.ts'
import type { JournalEntry } from '../../src/journal/journal.ts'
import { ShardHarness, topicId } from './fixture.ts'

type Step =
  | { do: 'commit'; group: number; partition: number }
  | { do: 'pend'; group: number; partition: number; producerId: number }
  | { do: 'end'; producerId: number; commit: boolean }
  | { do: 'delete'; group: number; partition: number }
  | { do: 'compact' }
  | { do: 'torn'; length: number }

const group = fc.nat(1)
const partition = fc.nat(1)
const producerId = fc.nat(2)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('commit' as const), group, partition }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('pend' as const), group, partition, producerId }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('end' as const), producerId, commit: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), group, partition }) },
  { weight: 2, arbitrary: fc.constant({ do: 'compact' as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('torn' as const), length: fc.nat(10) }) },
)

/** A commit as it was written: it counts when it is not part of a transaction, or that was committed. */
interface Written {
  readonly place: string
  readonly offset: number
  producerId: number | undefined
  counts: boolean
}

/** The rule in one sentence: of the commits of a place that count, the one that was written last. */
class Model {
  written: Written[] = []

  write(place: string, offset: number, producer: number | undefined): void {
    // A producer's later commit of the same replaces its own.
    this.written = this.written.filter(
      (each) => producer === undefined || each.place !== place || each.producerId !== producer,
    )
    this.written.push({ place, offset, producerId: producer, counts: producer === undefined })
  }

  end(producer: number, commit: boolean): void {
    for (const each of this.written) {
      if (each.producerId !== producer) continue
      each.producerId = undefined
      each.counts = commit
    }
    this.written = this.written.filter((each) => each.counts || each.producerId !== undefined)
  }

  delete(place: string): void {
    this.written = this.written.filter((each) => each.place !== place)
  }

  committed(place: string): number | undefined {
    return this.written.findLast((each) => each.place === place && each.counts)?.offset
  }

  isPending(place: string): boolean {
    return this.written.some((each) => each.place === place && each.producerId !== undefined)
  }
}

function keyOf(groupIndex: number, partitionIndex: number): OffsetKey {
  return { group: `g${groupIndex}`, topic: 't', partition: partitionIndex }
}

function newShard(): GroupShard {
  return new ShardHarness().shard
}

function replayAll(shard: GroupShard, entries: readonly JournalEntry[]): void {
  for (const { key, value, transaction } of entries) {
    shard.replay(decodeGroupRecord(key as Uint8Array, value) as GroupRecord, transaction)
  }
}

test('of the offsets that were committed, in transactions or not, the last one counts whose transaction is committed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50, size: 'max' }), (steps) => {
      let shard = newShard()
      const model = new Model()
      let offset = 0
      for (const each of steps) {
        if (each.do === 'compact') {
          const compacted = newShard()
          replayAll(compacted, [...shard.snapshotEntries()])
          shard = compacted
        } else if (each.do === 'torn') {
          // Power failed while the snapshot was written: a restart finds its beginning behind all that it was to replace.
          replayAll(shard, [...shard.snapshotEntries()].slice(0, each.length))
        } else if (each.do === 'end') {
          shard.replayMarker(each)
          model.end(each.producerId, each.commit)
        } else {
          const key = keyOf(each.group, each.partition)
          const place = `${each.group} ${each.partition}`
          const value = {
            offset: ++offset,
            leaderEpoch: -1,
            metadata: '',
            commitTimestamp: 1,
            expireTimestamp: -1,
            topicId,
          }
          if (each.do === 'delete') {
            shard.replay(offsetRecord(key, null))
            model.delete(place)
          } else {
            const transaction = each.do === 'pend' ? { producerId: each.producerId, producerEpoch: 0 } : undefined
            shard.replay(offsetRecord(key, value), transaction)
            model.write(place, offset, transaction?.producerId)
          }
        }
        for (const g of [0, 1]) {
          for (const p of [0, 1]) {
            const key = keyOf(g, p)
            expect(shard.committed.of(key.group).get('t')?.get(p)?.offset).toBe(model.committed(`${g} ${p}`))
            expect(shard.pending.has(key)).toBe(model.isPending(`${g} ${p}`))
          }
        }
      }
    }),
    {
      numRuns: 150,
      examples: [
        [
          [
            { do: 'pend', group: 0, partition: 0, producerId: 1 },
            { do: 'commit', group: 0, partition: 0 },
            { do: 'torn', length: 1 },
            { do: 'end', producerId: 1, commit: true },
          ],
        ],
      ],
    },
  )
})

test('a group that an open transaction has committed offsets for does not expire, and is deleted with them', () => {
  const harness = new ShardHarness()
  const { shard } = harness
  const key = keyOf(0, 0)
  const value = { offset: 3, leaderEpoch: -1, metadata: '', commitTimestamp: 1, expireTimestamp: -1, topicId }
  shard.replay(offsetRecord(key, value), { producerId: 1, producerEpoch: 0 })
  harness.clock.advance(1_000_000)
  harness.run(() => shard.offsets.expire())
  expect(shard.groups.has('g0')).toBe(true)
  harness.run(() => shard.offsets.deleteGroup('g0').records)
  expect(shard.groups.has('g0')).toBe(false)
  shard.replayMarker({ producerId: 1, commit: true })
  expect(shard.committed.of('g0').size).toBe(0)
})
