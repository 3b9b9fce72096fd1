import type { Event, Json, Program } from '../case.ts'
import { type Behaviour, type Context, sideTag } from './process.ts'

/** The usual ways to use keyed state and timers, by the name that programs give them. */
export const patterns: { readonly [name: string]: (program: Program) => Behaviour } = {
  /** One timer per key, moved by each element. */
  inactivity(program) {
    const clock = clockOf(program)
    const gap = program.gap as number
    return {
      element(event, context) {
        const { state } = context
        const due = clock.now(event, context) + gap
        state.reducing.add(1)
        const stored = state.value.value()
        if (stored !== undefined && stored >= due) return
        if (stored !== undefined && program.delete) clock.delete(context, stored)
        state.value.update(due)
        clock.register(context, due)
      },
      *timer(time, { state }) {
        if (state.value.value() !== time) {
          yield ['stale', time]
          return
        }
        yield ['idle', time, state.reducing.get() ?? null]
        state.value.clear()
        state.reducing.clear()
      },
    }
  },

  distinct(program) {
    const expiry = program.expiry as number
    return {
      *element(event, { state, timers }) {
        const value = event[2] as number
        const until = event[1] + expiry
        state.map.put(value, Math.max(state.map.get(value) ?? until, until))
        timers.registerEventTime(until)
        yield ['seen', sizeOf(state.map.keys())]
      },
      *timer(time, { state }) {
        const gone = [...state.map.entries()].filter(([, until]) => until <= time)
        for (const [value] of gone) state.map.remove(value)
        if (gone.length > 0) yield ['expired', sizeOf(state.map.keys()), state.map.isEmpty()]
      },
    }
  },

  dedup(program) {
    const clock = clockOf(program)
    const period = program.period as number
    return {
      *element(event, context) {
        const { state } = context
        const now = clock.now(event, context)
        const last = state.value.value()
        if (last !== undefined && now - last < period) return side(context, ['duplicate', event[3]])
        state.value.update(now)
        if (program.clear) clock.register(context, now + period)
        yield ['first', event[3]]
      },
      *timer(time, { state }) {
        const last = state.value.value()
        if (last === undefined || last + period > time) return
        state.value.clear()
        yield ['cleared', time]
      },
    }
  },

  sort() {
    return {
      element(event, context) {
        const { state, timers } = context
        if (event[1] <= timers.currentWatermark()) return side(context, ['late', event[3]])
        state.buffer.add([event[1], event[3]])
        timers.registerEventTime(event[1])
      },
      *timer(time, { state }) {
        const buffered = state.buffer.get() as readonly Pair[]
        state.buffer.update(buffered.filter(([timestamp]) => timestamp > time))
        yield* buffered.filter(([timestamp]) => timestamp <= time).sort(([a], [b]) => a - b)
      },
    }
  },

  windowByHand(program) {
    const size = program.size as number
    return {
      element(event, context) {
        const { state, timers } = context
        const end = nextMultiple(event[1], size)
        if (end - 1 <= timers.currentWatermark()) return side(context, ['late', event[3]])
        state.map.put(end, (state.map.get(end) ?? 0) + (event[2] as number))
        timers.registerEventTime(end - 1)
      },
      *timer(time, { state }) {
        yield [time + 1, state.map.get(time + 1) ?? null]
        state.map.remove(time + 1)
      },
    }
  },

  everyN(program) {
    return {
      *element(event, { state }) {
        state.reducing.add(event[2] as number)
        state.aggregating.add(event[2] as number)
        state.list.add(event[3])
        state.value.update((state.value.value() ?? 0) + 1)
        if ((state.value.value() as number) < (program.n as number)) return
        yield [state.reducing.get() ?? null, (state.aggregating.get() ?? null) as Json, [...state.list.get()]]
        state.value.clear()
        state.list.clear()
        state.reducing.clear()
        state.aggregating.clear()
      },
      timer() {},
    }
  },

  topN(program) {
    const size = program.size as number
    return {
      element(event, { state, timers }) {
        const end = nextMultiple(event[1], size)
        state.buffer.add([end, event[2] as number, event[3]])
        timers.registerEventTime(end)
      },
      *timer(time, { state }) {
        const buffered = state.buffer.get() as readonly Scored[]
        state.buffer.update(buffered.filter(([end]) => end !== time))
        const due = buffered.filter(([end]) => end === time)
        due.sort(([, a, i], [, b, j]) => b - a || i - j)
        yield [time, due.slice(0, program.n as number).map(([, value, index]) => [index, value])]
      },
    }
  },

  heartbeat(program) {
    const clock = clockOf(program)
    const period = program.period as number
    return {
      element(event, context) {
        const { state } = context
        state.reducing.add(1)
        if (state.value.value() !== undefined) return
        state.value.update(0)
        clock.register(context, nextMultiple(clock.now(event, context), period))
      },
      *timer(time, context) {
        const { state } = context
        const seen = state.reducing.get() ?? 0
        state.reducing.clear()
        yield ['beat', time, seen]
        const idle = seen === 0 ? (state.value.value() as number) + 1 : 0
        if (idle >= (program.stopAfter as number)) return state.value.clear()
        state.value.update(idle)
        clock.register(context, time + period)
      },
    }
  },

  coalesce(program) {
    const clock = clockOf(program)
    return {
      element(event, context) {
        context.state.reducing.add(1)
        clock.register(context, nextMultiple(clock.now(event, context), program.resolution as number))
      },
      *timer(time, { state }) {
        yield [time, state.reducing.get() ?? null]
        state.reducing.clear()
      },
    }
  },

  bothDomains(program) {
    const delay = program.delay as number
    return {
      element(event, { state, timers }) {
        timers.registerEventTime(event[1] + delay)
        timers.registerProcessingTime(timers.currentProcessingTime() + delay)
        state.list.add(event[3])
      },
      *timer(time, { state, timeDomain }) {
        yield [timeDomain, time, [...state.list.get()]]
        if (program.clear) state.list.clear()
      },
    }
  },
}

type Pair = readonly [timestamp: number, index: number]
type Scored = readonly [end: number, value: number, index: number]

interface DomainClock {
  now(event: Event, context: Context): number
  register(context: Context, time: number): void
  delete(context: Context, time: number): void
}

/** Time and timers of the domain that the program names. */
function clockOf(program: Program): DomainClock {
  return program.domain === 'processing'
    ? {
        now: (_event, { timers }) => timers.currentProcessingTime(),
        register: ({ timers }, time) => timers.registerProcessingTime(time),
        delete: ({ timers }, time) => timers.deleteProcessingTime(time),
      }
    : {
        now: (event) => event[1],
        register: ({ timers }, time) => timers.registerEventTime(time),
        delete: ({ timers }, time) => timers.deleteEventTime(time),
      }
}

function side(context: Context, value: Json): void {
  context.output(sideTag, { key: context.currentKey, value })
}

function nextMultiple(time: number, step: number): number {
  return Math.floor(time / step) * step + step
}

function sizeOf(items: Iterable<unknown>): number {
  return [...items].length
}
