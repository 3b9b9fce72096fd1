import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TransactionWorld } from './transaction-world.ts'
import { WorldProducer } from './world-producer.ts'

type Step =
  /** A whole transaction, but for what follows on its end. */
  | { do: 'transaction'; who: number; partitions: readonly number[]; commit: boolean }
  | { do: 'init'; who: number }
  | { do: 'send'; who: number; partition: number }
  | { do: 'end'; who: number; commit: boolean }
  | { do: 'endAgain'; who: number; opposite: boolean }
  | { do: 'flush'; device: number }
  | { do: 'flushAll' }
  | { do: 'advance'; ms: number }
  | { do: 'available'; partition: number; is: boolean }
  | { do: 'full'; journal: number; is: boolean }
  | { do: 'compact'; journal: number; is: boolean }
  | { do: 'crash'; kept: readonly number[] }

const who = fc.nat(3)
const partition = fc.nat(2)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constant('transaction' as const),
      who,
      partitions: fc.subarray([0, 1, 2], { minLength: 1 }),
      commit: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('init' as const), who }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('send' as const), who, partition }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('end' as const), who, commit: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('endAgain' as const), who, opposite: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('flush' as const), device: fc.nat(4) }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('flushAll' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(50, 10_000, 75_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('available' as const), partition, is: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('full' as const), journal: fc.nat(1), is: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const), journal: fc.nat(1), is: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      kept: fc.array(fc.nat(4), { minLength: 5, maxLength: 5 }),
    }),
  },
)

async function flushed(world: TransactionWorld): Promise<void> {
  await world.settle()
  world.flushAll()
  await world.settle()
}

async function take(world: TransactionWorld, producers: readonly WorldProducer[], each: Step): Promise<void> {
  switch (each.do) {
    case 'transaction': {
      const producer = producers[each.who] as WorldProducer
      if (!producer.isReady) producer.init()
      await flushed(world)
      for (const index of each.partitions) producer.send(index)
      await flushed(world)
      await flushed(world)
      producer.end(each.commit)
      break
    }
    case 'init':
      producers[each.who]?.init()
      break
    case 'send':
      producers[each.who]?.send(each.partition)
      break
    case 'end':
      producers[each.who]?.end(each.commit)
      break
    case 'endAgain':
      producers[each.who]?.endAgain(each.opposite)
      break
    case 'flush':
      ;[...world.journals, ...world.partitions][each.device]?.flush()
      break
    case 'flushAll':
      world.flushAll()
      break
    case 'advance':
      world.clock.advance(each.ms)
      break
    case 'available':
      for (const log of world.partitions.slice(each.partition, each.partition + 1)) log.isAvailable = each.is
      break
    case 'full':
      for (const journal of world.journals.slice(each.journal, each.journal + 1)) journal.isFull = each.is
      break
    case 'compact':
      for (const journal of world.journals.slice(each.journal, each.journal + 1)) journal.compactsAlways = each.is
      break
    case 'crash':
      for (const producer of producers) producer.disconnected()
      await world.crash(each.kept)
      break
  }
  await world.settle()
}

test.each([2, 0] as const)(
  'whatever fails when: a transaction is committed everywhere or nowhere, as its producer was told, and none is left open (client version %d)',
  async (version) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80, size: 'max' }), async (steps) => {
        const world = new TransactionWorld()
        await world.coordinator.ready()
        // Two programs share a transactional id: one fences the other. The third and fourth belong to other shards.
        const producers = ['a', 'a', 'b', 'c'].map((id) => new WorldProducer(world, id, version))
        for (const each of steps) await take(world, producers, each)
        await world.quiesce()
        expect(world.isQuiet()).toBe(true)
        const found = new Map<number, Set<boolean | undefined>>()
        for (const log of world.partitions) {
          for (const { tag, commit } of log.outcomes()) found.set(tag, (found.get(tag) ?? new Set()).add(commit))
        }
        for (const [tag, commits] of found) {
          expect([...commits], `transaction ${tag}`).toHaveLength(1)
          expect(commits.has(undefined), `transaction ${tag} is open`).toBe(false)
        }
        for (const { tag, acked, commit } of producers.flatMap(({ outcomes }) => outcomes)) {
          if (commit === undefined || acked.length === 0) continue
          expect([...(found.get(tag) ?? [])], `transaction ${tag}`).toEqual([commit])
          for (const index of acked) {
            expect(world.partitions[index]?.outcomes().some((each) => each.tag === tag)).toBe(true)
          }
        }
      }),
      { numRuns: 150 },
    )
  },
)

test('at any time the state is what a replay of the journal yields, and the edges are those of the table', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      const world = new TransactionWorld()
      await world.coordinator.ready()
      const producers = ['a', 'a', 'b', 'c'].map((id, i) => new WorldProducer(world, id, i % 2 === 0 ? 2 : 0))
      for (const each of steps) {
        await take(world, producers, each)
        const all = await world.coordinator.list({
          states: undefined,
          producerIds: new Set(),
          minDurationMs: -1,
          matchesId: () => true,
        })
        const live = new Map(
          all.map(({ transactionalId, value }) => [transactionalId, { ...value, lastProducerEpoch: -1 }]),
        )
        expect(live).toEqual(world.recovered())
      }
    }),
    { numRuns: 80 },
  )
})
