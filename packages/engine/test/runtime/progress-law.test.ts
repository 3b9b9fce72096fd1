import { executeJob, job } from '@millrace/engine'
import { hostSystem } from '@millrace/std'
import { ManualClock } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FedSource, SlowSink } from './fakes.ts'

type Action = { push: number } | { advance: number } | 'hold' | 'release' | 'stall' | 'ready'

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 300 }) }) },
  { weight: 4, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 250 }) }) },
  fc.constantFrom('hold' as const, 'release' as const, 'stall' as const, 'ready' as const),
)

describe('progress', () => {
  it('is committed only for records that are durable in every sink, and for all of them at a stop', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        async (actions, parallelism) => {
          const clock = new ManualClock()
          const input = new FedSource<number>()
          const sinks = [new SlowSink<number>(), new SlowSink<number>()] as const
          const definition = job('law', (env) => {
            const numbers = env.fromSource(input.source)
            const spread = numbers
              .rebalance()
              .map((value) => value)
              .setParallelism(parallelism)
            spread.sinkTo(sinks[0]).setParallelism(1)
            numbers
              .keyBy((value) => value % 7)
              .process({
                *processElement(value) {
                  yield value
                },
              })
              .setParallelism(parallelism)
              .sinkTo(sinks[1])
              .setParallelism(1)
          })
          const starting = executeJob(definition, {
            system: { ...hostSystem, clock, timers: clock },
            commitInterval: 100,
          })
          await clock.settle()
          const handle = await starting
          let pushed = 0
          const expectDurable = () => {
            for (const sink of sinks) {
              const durable = new Set(sink.values.slice(0, sink.flushed))
              for (let value = 0; value < input.committed; value++) expect(durable).toContain(value)
            }
          }
          for (const each of actions) {
            if (typeof each === 'object' && 'push' in each) for (let i = 0; i < each.push; i++) input.push(pushed++)
            else if (typeof each === 'object') await clock.advanceAsync(each.advance)
            else if (each === 'hold') sinks[0].holdFlushes()
            else if (each === 'release') sinks[0].releaseFlushes()
            else if (each === 'stall') sinks[1].isReady = false
            else sinks[1].ready()
            await clock.settle()
            expectDurable()
          }
          sinks[0].releaseFlushes()
          sinks[1].ready()
          const stopping = handle.stop()
          await clock.settle()
          // What waits in the source when the stop comes is left there for the next run.
          expect((await stopping).status).toBe('stopped')
          expectDurable()
          const read = pushed - input.waiting
          expect(input.committed).toBe(read)
          for (const sink of sinks)
            expect(sink.values.toSorted((a, b) => a - b)).toEqual(Array.from({ length: read }, (_, i) => i))
          expect(clock.pending).toBe(0)
        },
      ),
      { numRuns: 40 },
    )
  })
})
