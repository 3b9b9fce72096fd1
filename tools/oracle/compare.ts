import { isDeepStrictEqual } from 'node:util'
import type { OutputItem, Program } from './case.ts'

/** One output as our run gave it, with what is needed to order it. */
export interface Actual {
  readonly item: OutputItem
  /** Whether it shows the record as the operator passed it on (it is ordered by its time stamp then). */
  readonly plain: boolean
}

/**
 * Undefined when `actual` is what Flink gave; else where they differ. Outputs of one input item are compared in the
 * order of out, then key, then window (where Flink defines no order between windows); the rest in the given order.
 */
export function difference(
  program: Program,
  expected: readonly OutputItem[],
  actual: readonly Actual[],
): string | undefined {
  const wanted = canonical(
    program,
    expected.map((item) => ({ item, plain: item.window === undefined })),
  )
  const got = canonical(program, actual)
  const count = Math.max(wanted.length, got.length)
  for (let i = 0; i < count; i++) {
    if (!isDeepStrictEqual(wanted[i], got[i])) return `output ${i}: Flink ${show(wanted[i])}, here ${show(got[i])}`
  }
  return undefined
}

function canonical(program: Program, outputs: readonly Actual[]): OutputItem[] {
  const groups = new Map<number | 'end', Actual[]>()
  for (const output of outputs) {
    const group = groups.get(output.item.after)
    if (group === undefined) groups.set(output.item.after, [output])
    else group.push(output)
  }
  return [...groups.entries()]
    .sort(([a], [b]) => position(a) - position(b))
    .flatMap(([after, group]) => sorted(program, group, after))
}

function sorted(program: Program, group: readonly Actual[], after: number | 'end'): OutputItem[] {
  const isElement = (program as { elements?: ReadonlySet<unknown> }).elements?.has(after) ?? false
  const byWindow = isElement || program.order === 'key+window'
  return group
    .map((output, place) => ({
      item: sortedFields(output.item),
      rank: rank(output.item.out),
      key: output.item.key ?? '',
      window: byWindow ? windowOrder(output) : 0,
      text: program.order === 'any' && 'key' in output.item ? JSON.stringify(sortedFields(output.item)) : '',
      place,
    }))
    .sort(
      (a, b) =>
        compare(a.rank, b.rank) ||
        compare(a.key, b.key) ||
        compare(a.text, b.text) ||
        a.window - b.window ||
        a.place - b.place,
    )
    .map(({ item }) => item)
}

function windowOrder({ item, plain }: Actual): number {
  if (Array.isArray(item.window)) return item.window[0] as number
  return plain && typeof item.ts === 'number' ? item.ts : 0
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
