import {
  aggregatingState,
  type DataStream,
  type KeyedProcessContext,
  listState,
  mapState,
  type OnTimerContext,
  outputTag,
  reducingState,
  type StateHandles,
  valueState,
} from '@millrace/engine'
import type { Event, Json, Program } from '../case.ts'
import { Unsupported } from '../unsupported.ts'
import { commands } from './commands.ts'
import { patterns } from './patterns.ts'

export interface Shown {
  readonly key: string
  readonly value: Json
}

export const sideTag = outputTag<Shown>('side')

/** All five kinds of keyed state, and what the programs keep besides. */
export const declared = {
  value: valueState<number | undefined>(() => undefined),
  list: listState<number>(),
  map: mapState<number, number>(),
  reducing: reducingState<number>((a, b) => a + b),
  aggregating: aggregatingState({
    createAccumulator: () => [0, 0],
    add: (value: number, [sum, count]: readonly number[]) => [(sum as number) + value, (count as number) + 1],
    getResult: (accumulator: readonly number[]) => accumulator,
  }),
  /** Of event timers that register the next one: their step and how many are left. */
  chains: mapState<number, readonly [step: number, left: number]>(),
  buffer: listState<readonly number[]>(),
}

type Handles = StateHandles<typeof declared>
export type Context = KeyedProcessContext<string, Handles>
export type TimerContext = OnTimerContext<string, Handles>

/** A keyed process function by name: what it emits for an element and for a timer. */
export interface Behaviour {
  element(event: Event, context: Context): Iterable<Json> | void
  timer(time: number, context: TimerContext): Iterable<Json> | void
}

/** Builds the program with the public API over the stream of events. */
export function processProgram(program: Program, events: DataStream<Event>): DataStream<Shown> {
  if (program.ttl !== undefined) throw new Unsupported('state with a time to live comes later')
  const name = program.name as string
  const create = name === 'commands' ? commands : patterns[name]
  if (create === undefined) throw new Unsupported(`the process function ${name} is unknown`)
  const behaviour = create(program)
  return events
    .keyBy((event) => event[0])
    .process({
      state: declared,
      *processElement(event: Event, context): Generator<Shown> {
        for (const value of behaviour.element(event, context) ?? []) yield { key: context.currentKey, value }
      },
      *onTimer(time, context): Generator<Shown> {
        for (const value of behaviour.timer(time, context) ?? []) yield { key: context.currentKey, value }
      },
    })
}
