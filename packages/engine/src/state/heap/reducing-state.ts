import type { BinaryReader, BinaryWriter } from '../binary.ts'
import type { ReducingState } from '../handles.ts'
import type { TypeSerializer } from '../type-serializer.ts'
import { Cells } from './cells.ts'
import type { Cursor, HeapState } from './heap-state.ts'

export class HeapReducingState implements ReducingState<unknown>, HeapState {
  readonly #cursor: Cursor
  readonly #serializer: TypeSerializer
  readonly #reduce: (a: unknown, b: unknown) => unknown
  readonly #cells = new Cells()

  constructor(cursor: Cursor, serializer: TypeSerializer, reduce: (a: unknown, b: unknown) => unknown) {
    this.#cursor = cursor
    this.#serializer = serializer
    this.#reduce = reduce
  }

  get(): unknown {
    return this.#cells.get(this.#cursor.slot)
  }

  add(value: unknown): void {
    const slot = this.#cursor.slot
    this.#cells.set(slot, this.#cells.has(slot) ? (0, this.#reduce)(this.#cells.get(slot), value) : value)
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

  mergeAt(target: number, source: number): void {
    const from = this.#cells.get(source)
    this.#cells.set(target, this.#cells.has(target) ? (0, this.#reduce)(this.#cells.get(target), from) : from)
    this.#cells.delete(source)
  }

  writeAt(slot: number, out: BinaryWriter): void {
    this.#serializer.write(this.#cells.get(slot), out)
  }

  readAt(slot: number, input: BinaryReader, version: number): void {
    this.#cells.set(slot, this.#serializer.read(input, version))
  }
}
