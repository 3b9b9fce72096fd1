import type { BinaryReader, BinaryWriter } from '../binary.ts'
import type { ListState } from '../handles.ts'
import type { TypeSerializer } from '../type-serializer.ts'
import type { Cursor, HeapState } from './heap-state.ts'

const none: readonly unknown[] = Object.freeze([])

export class HeapListState implements ListState<unknown>, HeapState {
  readonly #cursor: Cursor
  readonly #serializer: TypeSerializer
  readonly #lists: (unknown[] | undefined)[] = []

  constructor(cursor: Cursor, serializer: TypeSerializer) {
    this.#cursor = cursor
    this.#serializer = serializer
  }

  get(): readonly unknown[] {
    return this.#lists[this.#cursor.slot] ?? none
  }

  add(value: unknown): void {
    const slot = this.#cursor.slot
    const list = this.#lists[slot]
    if (list === undefined) this.#set(slot, [value])
    else list.push(value)
  }

  addAll(values: Iterable<unknown>): void {
    // A copy first: `values` may be what get() gave.
    for (const value of [...values]) this.add(value)
  }

  update(values: Iterable<unknown>): void {
    const list = [...values]
    if (list.length === 0) this.clear()
    else this.#set(this.#cursor.slot, list)
  }

  clear(): void {
    this.clearAt(this.#cursor.slot)
  }

  has(slot: number): boolean {
    return this.#lists[slot] !== undefined
  }

  clearAt(slot: number): void {
    if (this.#lists[slot] !== undefined) this.#lists[slot] = undefined
  }

  mergeAt(target: number, source: number): void {
    const from = this.#lists[source] as unknown[]
    const into = this.#lists[target]
    if (into === undefined) this.#set(target, from)
    else for (const value of from) into.push(value)
    this.#lists[source] = undefined
  }

  writeAt(slot: number, out: BinaryWriter): void {
    const list = this.#lists[slot] as unknown[]
    out.varint(list.length)
    for (const value of list) this.#serializer.write(value, out)
  }

  readAt(slot: number, input: BinaryReader, version: number): void {
    const count = input.count()
    const list: unknown[] = []
    for (let i = 0; i < count; i++) list.push(this.#serializer.read(input, version))
    this.#set(slot, list)
  }

  #set(slot: number, list: unknown[]): void {
    while (this.#lists.length < slot) this.#lists.push(undefined)
    this.#lists[slot] = list
  }
}
