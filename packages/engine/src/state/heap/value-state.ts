import { MillraceError } from '@millrace/std'
import type { BinaryReader, BinaryWriter } from '../binary.ts'
import type { ValueState } from '../handles.ts'
import type { TypeSerializer } from '../type-serializer.ts'
import { Cells } from './cells.ts'
import type { Cursor, HeapState } from './heap-state.ts'

export class HeapValueState implements ValueState<unknown>, HeapState {
  readonly #cursor: Cursor
  readonly #serializer: TypeSerializer
  readonly #initial: (() => unknown) | undefined
  readonly #cells = new Cells()

  constructor(cursor: Cursor, serializer: TypeSerializer, initial: (() => unknown) | undefined) {
    this.#cursor = cursor
    this.#serializer = serializer
    this.#initial = initial
  }

  value(): unknown {
    const slot = this.#cursor.slot
    if (this.#cells.has(slot)) return this.#cells.get(slot)
    return this.#initial === undefined ? undefined : this.#initial()
  }

  /** Flink clears on null; here `null` is a value like others and `undefined` clears. */
  update(value: unknown): void {
    if (value === undefined) this.#cells.delete(this.#cursor.slot)
    else this.#cells.set(this.#cursor.slot, value)
  }

  clear(): void {
    this.#cells.delete(this.#cursor.slot)
  }

  has(slot: number): boolean {
    return this.#cells.has(slot)
  }

  clearAt(slot: number): void {
    this.#cells.delete(slot)
  }

  mergeAt(): void {
    throw new MillraceError('STATE_CANNOT_MERGE', {
      message: 'Value state cannot be merged when session windows grow together.',
      fix: 'Use list, map, reducing or aggregating state in functions and triggers over session windows.',
    })
  }

  writeAt(slot: number, out: BinaryWriter): void {
    this.#serializer.write(this.#cells.get(slot), out)
  }

  readAt(slot: number, input: BinaryReader, version: number): void {
    this.#cells.set(slot, this.#serializer.read(input, version))
  }
}
