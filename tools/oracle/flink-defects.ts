import type { Case, OutputItem } from './case.ts'

/** Where Flink 2.3 itself is wrong in a case, and which of the outputs are not touched by it. */
export interface FlinkDefect {
  /** What in the input brings it about. */
  readonly proof: string
  readonly isSound: (output: OutputItem) => boolean
}

/** Undefined when none of the known defects can show in the case. */
export function flinkDefects(recorded: Case): FlinkDefect | undefined {
  return lostSessions(recorded) ?? sharedMinMax(recorded)
}

interface Session {
  start: number
  end: number
  /** Came from merging: its state lives under another window's name. */
  merged: boolean
}

/**
 * Session windows with a dynamic gap: when the window of a new element is exactly one that came from merging, Flink's
 * MergingWindowSet takes the new window for a new one and what was gathered under the old name is lost. (With a fixed
 * gap a merged window is always longer than that of an element.)
 */
function lostSessions({ program, input }: Case): FlinkDefect | undefined {
  const window = program.window as
    | { type?: string; dynamicGap?: { base: number; mod: number; step: number } }
    | undefined
  const gap = window?.dynamicGap
  if (program.type !== 'window' || gap === undefined) return undefined
  const keys = new Map<string, Session[]>()
  const lost = new Map<string, string>()
  const lateness = (program.allowedLateness as number | undefined) ?? 0
  /** Of the clock that the windows go by: the watermark or processing time. */
  let now = program.time === 'processing' ? 0 : Number.NEGATIVE_INFINITY
  const isOver = ({ end }: { readonly end: number }) => end - 1 + lateness <= now
  for (const [index, item] of input.entries()) {
    const time = program.time === 'processing' ? item.p : item.w
    if (time !== undefined) {
      now = time
      for (const [key, sessions] of keys)
        keys.set(
          key,
          sessions.filter((session) => !isOver(session)),
        )
    }
    if (item.e === undefined) continue
    const [name, timestamp, value] = item.e
    const key = program.keyed === false ? '' : name
    const start = program.time === 'processing' ? now : timestamp
    const end = start + gap.base + ((((value as number) % gap.mod) + gap.mod) % gap.mod) * gap.step
    const sessions = keys.get(key) ?? []
    const touched = sessions.filter((session) => session.start <= end && session.end >= start)
    if (touched.length === 0 && isOver({ end })) continue
    const same = touched.find((session) => session.start === start && session.end === end)
    if (same?.merged) lost.set(key, `item ${index} is the session [${start}, ${end}) that came from merging`)
    const joined: Session = {
      start: Math.min(start, ...touched.map((session) => session.start)),
      end: Math.max(end, ...touched.map((session) => session.end)),
      merged: false,
    }
    joined.merged = touched.some((one) => one.merged || one.start !== joined.start || one.end !== joined.end)
    keys.set(key, [...sessions.filter((session) => !touched.includes(session)), joined])
  }
  if (lost.size === 0) return undefined
  return {
    proof: [...lost].map(([key, proof]) => `key ${key || 'null'}: ${proof}, and Flink loses its state`).join('; '),
    isSound: (output) => !lost.has(output.key ?? ''),
  }
}

/**
 * With heap state, min and max write into the record that they keep. Sliding windows share the record of an element, and
 * a delta trigger remembers the same record, so both see values that are not theirs.
 */
function sharedMinMax({ program }: Case): FlinkDefect | undefined {
  const window = program.window as { type?: string } | undefined
  const fn = program.function as { type?: string } | undefined
  if (program.type !== 'window' || !['min', 'max'].includes(fn?.type ?? '')) return undefined
  const sharedBy =
    window?.type === 'sliding' ? 'other windows' : hasDelta(program.trigger) ? 'the delta trigger' : undefined
  if (sharedBy === undefined) return undefined
  return {
    proof: `${fn?.type} writes into the first record of the window, which is shared with ${sharedBy}`,
    isSound: (output) => output.out !== 'main',
  }
}

function hasDelta(trigger: unknown): boolean {
  const { type, of } = (trigger ?? {}) as { type?: string; of?: unknown }
  return type === 'delta' || (of !== undefined && hasDelta(of))
}
