import type { BinaryReader, BinaryWriter } from '../../state/binary.ts'
import type { AggregateFunction } from '../../state/descriptor.ts'
import type { KeyTable } from '../../state/key-table.ts'
import { valueSerializer } from '../../state/type-serializer.ts'
import type { Pane, PaneContents } from './pane.ts'

/** What is computed over the records of a key in a window, as far as it is not generated code. */
export interface PaneFunction {
  /** For the shape of a snapshot. */
  readonly describe: string
  readonly contents: PaneContents
  /** The record that comes out. */
  result(pane: Pane, slot: number, keys: KeyTable, start: number, end: number): unknown
  /** Adds what `pane` has for `slot` to `sum`. Only where panes are shared by windows. */
  combine(sum: Pane, pane: Pane, slot: number): void
  /** Of what {@link write} writes. */
  readonly version: number
  write(pane: Pane, slot: number, out: BinaryWriter): void
  read(pane: Pane, slot: number, input: BinaryReader, version: number): void
}

export const countFunction: PaneFunction = {
  describe: 'count',
  contents: { kind: 'count' },
  result: (pane, slot, keys, start, end) => ({ key: keys.keyAt(slot), start, end, count: pane.numbers[slot] }),
  combine: (sum, pane, slot) => {
    const count = sum.numbers[slot] as number
    if (count === 0) sum.touch(slot)
    sum.numbers[slot] = count + (pane.numbers[slot] as number)
  },
  version: 1,
  write: (pane, slot, out) => out.varint(pane.numbers[slot] as number),
  read: (pane, slot, input) => {
    pane.numbers[slot] = input.varint()
  },
}

/** A number and fields of the first record. `make` builds the record of both. */
export function numberFunction(
  describe: string,
  contents: PaneContents & { kind: 'number' },
  make: (pane: Pane, slot: number) => unknown,
): PaneFunction {
  return {
    describe,
    contents,
    result: make,
    combine: neverShared,
    version: valueSerializer.version,
    write: (pane, slot, out) => {
      out.float64(pane.numbers[slot] as number)
      for (const column of pane.firsts) valueSerializer.write(column[slot], out)
    },
    read: (pane, slot, input, version) => {
      pane.seen[slot] = 1
      pane.numbers[slot] = input.float64()
      for (const column of pane.firsts) column[slot] = valueSerializer.read(input, version) as number
    },
  }
}

/** A value that is the result itself, or an accumulator. */
export function valueFunction(
  describe: string,
  aggregate: AggregateFunction<never, unknown, unknown> | undefined,
): PaneFunction {
  return {
    describe,
    contents: { kind: 'value' },
    result: (pane, slot) => (aggregate === undefined ? pane.values[slot] : aggregate.getResult(pane.values[slot])),
    combine: neverShared,
    version: valueSerializer.version,
    write: (pane, slot, out) => valueSerializer.write(pane.values[slot], out),
    read: (pane, slot, input, version) => {
      pane.seen[slot] = 1
      pane.values[slot] = valueSerializer.read(input, version)
    },
  }
}

/** The order in which these are combined can be noticed, so windows that overlap each have a pane of their own. */
function neverShared(): never {
  throw new Error('panes of this function are not shared')
}
