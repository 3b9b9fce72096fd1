import { isDeepStrictEqual } from 'node:util'
import type { Case, OutputItem } from './case.ts'

/**
 * Undefined when `actual` is what Flink gave; else where they differ. Outputs of one input item are compared in the
 * order of out, then key, then window (where Flink defines no order between windows); the rest in the given order.
 */
export function difference(recorded: Case, actual: readonly OutputItem[]): string | undefined {
  const wanted = canonical(recorded, recorded.output)
  const got = canonical(recorded, actual)
  const count = Math.max(wanted.length, got.length)
  for (let i = 0; i < count; i++) {
    if (!isDeepStrictEqual(wanted[i], got[i])) return `output ${i}: Flink ${show(wanted[i])}, here ${show(got[i])}`
  }
  return undefined
}

function canonical(recorded: Case, outputs: readonly OutputItem[]): OutputItem[] {
  const groups = new Map<number | 'end', OutputItem[]>()
  for (const output of outputs) {
    const group = groups.get(output.after)
    if (group === undefined) groups.set(output.after, [output])
    else group.push(output)
  }
  return [...groups.entries()]
    .sort(([a], [b]) => position(a) - position(b))
    .flatMap(([after, group]) => sorted(recorded, group, after))
}

function sorted({ program, input }: Case, group: readonly OutputItem[], after: number | 'end'): OutputItem[] {
  const afterElement = after !== 'end' && input[after]?.e !== undefined
  const byWindow = program.type === 'window' && (afterElement || program.order === 'key+window')
  const items = group
    .map((output, place) => {
      const item = sortedFields(output)
      return {
        item,
        rank: rank(item.out),
        key: item.key ?? '',
        text: program.order === 'any' && 'key' in item ? JSON.stringify(item) : '',
        window: byWindow ? windowOrder(item) : 0,
        place,
      }
    })
    .sort(
      (a, b) =>
        compare(a.rank, b.rank) ||
        compare(a.key, b.key) ||
        compare(a.text, b.text) ||
        a.window - b.window ||
        a.place - b.place,
    )
    .map(({ item }) => item)
  return program.order === 'key+window' ? withOrderedFirings(items) : items
}

/** Where the order of windows is free, so is which of them counts as the key's n-th firing. */
function withOrderedFirings(items: readonly OutputItem[]): OutputItem[] {
  const firings = new Map<unknown, number[]>()
  for (const { key, keyFirings } of items) {
    if (typeof keyFirings === 'number')
      firings.set(
        key,
        [...(firings.get(key) ?? []), keyFirings].sort((a, b) => a - b),
      )
  }
  return items.map((item) => ('keyFirings' in item ? { ...item, keyFirings: firings.get(item.key)?.shift() } : item))
}

/** Records that carry no window are ordered by their time stamp: the last ms of their window. */
function windowOrder(item: OutputItem): number {
  if (Array.isArray(item.window)) return item.window[0] as number
  return item.window === undefined && typeof item.ts === 'number' ? item.ts : 0
}

function rank(out: string): string {
  if (out === 'main') return '0'
  return out === 'watermark' || out === 'status' ? '2' : `1${out}`
}

function position(after: number | 'end'): number {
  return after === 'end' ? Number.POSITIVE_INFINITY : after
}

function sortedFields(item: OutputItem): OutputItem {
  const fields = Object.entries(item).filter(([, value]) => value !== undefined)
  return Object.fromEntries(fields.sort(([a], [b]) => compare(a, b))) as unknown as OutputItem
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function show(item: OutputItem | undefined): string {
  return item === undefined ? 'nothing' : JSON.stringify(item)
}
