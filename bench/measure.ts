import type { Sink } from '@millrace/engine'

/** CPU time of the process, all threads, in nanoseconds per item; the best of `attempts`, since the machine is shared. */
export function cpuPerItem(work: () => void, { items, attempts = 7 }: { items: number; attempts?: number }): number {
  let best = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < attempts; attempt++) {
    const before = process.cpuUsage()
    work()
    const used = process.cpuUsage(before)
    best = Math.min(best, ((used.user + used.system) * 1000) / items)
  }
  return best
}

/** One row of a benchmark: ours against the limit that was measured in the same run. */
export function report(row: {
  what: string
  ours: number
  limit: number
  unit: string
  /** The ratio to reach, and which way is better. */
  target?: { ratio: number }
  better: 'lower' | 'higher'
}): void {
  const { what, ours, limit, unit, better, target } = row
  const ratio = better === 'lower' ? limit / ours : ours / limit
  const goal = target ? ` (to reach: ${target.ratio})` : ''
  console.log(`${what.padEnd(52)} ${format(ours)} ${unit}   limit ${format(limit)}   ratio ${ratio.toFixed(2)}${goal}`)
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

/** A sink that counts what comes and does nothing else. */
export function countingSink(): { count: number; readonly sink: Sink<unknown> } {
  const counter = {
    count: 0,
    sink: {
      name: 'count results',
      layout: 'objects',
      createWriter: () => ({
        open: async () => {},
        write: (batch) => {
          counter.count += batch.length
        },
        isReady: true,
        flush: async () => {},
        close: async () => {},
      }),
    } satisfies Sink<unknown>,
  }
  return counter
}
