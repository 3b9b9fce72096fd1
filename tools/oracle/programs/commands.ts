import { type Event, type Json, type Program, timeToJson } from '../case.ts'
import type { Behaviour, Context, TimerContext } from './process.ts'

type Command = readonly [name: string, ...args: Json[]]

/** Elements are commands on state and timers. */
export function commands(program: Program): Behaviour {
  const timed = program.timed === true
  return {
    *element(event: Event, context) {
      yield* execute(event[2] as Command, context, timed)
    },
    *timer(time, context) {
      const { timeDomain } = context
      yield ['timer', timeDomain, time, ...clocks(context, timed)]
      if (timeDomain === 'event') followChain(time, context)
      for (const command of (program.onTimer ?? []) as Command[]) yield* execute(command, context, timed)
    },
  }
}

function clocks({ timers }: Context, timed: boolean): Json[] {
  const watermark = timeToJson(timers.currentWatermark())
  return timed ? [watermark, timers.currentProcessingTime()] : [watermark]
}

function followChain(time: number, { state, timers }: TimerContext): void {
  const chain = state.chains.get(time)
  if (chain === undefined) return
  state.chains.remove(time)
  const [step, left] = chain
  if (left <= 0) return
  state.chains.put(time + step, [step, left - 1])
  timers.registerEventTime(time + step)
}

/** Emits [command, answer] for those that have an answer. */
function* execute([name, ...args]: Command, context: Context, timed: boolean): Generator<Json> {
  const { state, timers } = context
  const [a, b, c] = args as number[]
  const answer = (value: Json | undefined): Json => [name, value ?? null]
  switch (name) {
    case 'eventTimer':
      return timers.registerEventTime(a as number)
    case 'deleteEventTimer':
      return timers.deleteEventTime(a as number)
    case 'procTimer':
      return timers.registerProcessingTime(a as number)
    case 'deleteProcTimer':
      return timers.deleteProcessingTime(a as number)
    case 'eventChain':
      state.chains.put(a as number, [b as number, c as number])
      return timers.registerEventTime(a as number)
    case 'now':
      return yield answer([timeToJson(context.timestamp as number), ...clocks(context, timed)])
    case 'value.set':
      // Flink clears on null; here null would be a value.
      return a === null ? state.value.clear() : state.value.update(a)
    case 'value.get':
      return yield answer(state.value.value())
    case 'value.clear':
      return state.value.clear()
    case 'list.add':
      return state.list.add(a as number)
    case 'list.addAll':
      return state.list.addAll(args[0] as number[])
    case 'list.update':
      return state.list.update(args[0] as number[])
    case 'list.get':
      return yield answer([...state.list.get()])
    case 'list.clear':
      return state.list.clear()
    case 'map.put':
      return state.map.put(a as number, b as number)
    case 'map.get':
      return yield answer(state.map.get(a as number))
    case 'map.contains':
      return yield answer(state.map.contains(a as number))
    case 'map.remove':
      return state.map.remove(a as number)
    case 'map.isEmpty':
      return yield answer(state.map.isEmpty())
    case 'map.clear':
      return state.map.clear()
    case 'map.entries':
      return yield answer([...state.map.entries()].sort(([x], [y]) => x - y))
    case 'reducing.add':
      return state.reducing.add(a as number)
    case 'reducing.get':
      return yield answer(state.reducing.get())
    case 'reducing.clear':
      return state.reducing.clear()
    case 'aggregating.add':
      return state.aggregating.add(a as number)
    case 'aggregating.get':
      return yield answer(state.aggregating.get())
    case 'aggregating.clear':
      return state.aggregating.clear()
    default:
      throw new Error(`unknown command ${name}`)
  }
}
