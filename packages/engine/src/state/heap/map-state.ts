import { BinaryReader, BinaryWriter } from '../binary.ts'
import { asBuffer } from '@millrace/std'
import type { MapState } from '../handles.ts'
import type { TypeSerializer } from '../type-serializer.ts'
import type { Cursor, HeapState } from './heap-state.ts'

/** Entries of one slot. Keys are equal by value: primitives are keys of a Map, others go by their serialized form. */
interface Entries {
  readonly primitive: Map<unknown, unknown>
  composite: Map<string, [key: unknown, value: unknown]> | undefined
}

export class HeapMapState implements MapState<unknown, unknown>, HeapState {
  readonly #cursor: Cursor
  readonly #serializer: TypeSerializer
  readonly #maps: (Entries | undefined)[] = []

  constructor(cursor: Cursor, serializer: TypeSerializer) {
    this.#cursor = cursor
    this.#serializer = serializer
  }

  get(key: unknown): unknown {
    const entries = this.#maps[this.#cursor.slot]
    if (entries === undefined) return undefined
    return isPrimitive(key) ? entries.primitive.get(key) : entries.composite?.get(this.#identity(key))?.[1]
  }

  put(key: unknown, value: unknown): void {
    this.#put(this.#open(this.#cursor.slot), key, value)
  }

  putAll(pairs: Iterable<readonly [unknown, unknown]>): void {
    // A copy first: `pairs` may be what entries() gave. Nothing is stored when there are none.
    for (const [key, value] of [...pairs]) this.put(key, value)
  }

  remove(key: unknown): void {
    const slot = this.#cursor.slot
    const entries = this.#maps[slot]
    if (entries === undefined) return
    if (isPrimitive(key)) entries.primitive.delete(key)
    else entries.composite?.delete(this.#identity(key))
    if (sizeOf(entries) === 0) this.#maps[slot] = undefined
  }

  contains(key: unknown): boolean {
    const entries = this.#maps[this.#cursor.slot]
    if (entries === undefined) return false
    return isPrimitive(key) ? entries.primitive.has(key) : (entries.composite?.has(this.#identity(key)) ?? false)
  }

  keys(): Iterable<unknown> {
    const entries = this.#maps[this.#cursor.slot]
    if (entries === undefined) return []
    return entries.composite === undefined ? entries.primitive.keys() : pairsOf(entries).map(([key]) => key)
  }

  values(): Iterable<unknown> {
    const entries = this.#maps[this.#cursor.slot]
    if (entries === undefined) return []
    return entries.composite === undefined ? entries.primitive.values() : pairsOf(entries).map(([, value]) => value)
  }

  entries(): Iterable<[unknown, unknown]> {
    const entries = this.#maps[this.#cursor.slot]
    if (entries === undefined) return []
    return entries.composite === undefined ? entries.primitive.entries() : pairsOf(entries)
  }

  isEmpty(): boolean {
    return !this.has(this.#cursor.slot)
  }

  clear(): void {
    this.clearAt(this.#cursor.slot)
  }

  has(slot: number): boolean {
    return this.#maps[slot] !== undefined
  }

  clearAt(slot: number): void {
    if (this.#maps[slot] !== undefined) this.#maps[slot] = undefined
  }

  mergeAt(target: number, source: number): void {
    const from = this.#maps[source] as Entries
    const into = this.#open(target)
    for (const [key, value] of pairsOf(from)) this.#put(into, key, value)
    this.#maps[source] = undefined
  }

  writeAt(slot: number, out: BinaryWriter): void {
    const entries = this.#maps[slot] as Entries
    out.varint(sizeOf(entries))
    for (const [key, value] of pairsOf(entries)) {
      this.#serializer.write(key, out)
      this.#serializer.write(value, out)
    }
  }

  readAt(slot: number, input: BinaryReader, version: number): void {
    const count = input.count()
    const entries = this.#open(slot)
    for (let i = 0; i < count; i++) {
      const key = this.#serializer.read(input, version)
      this.#put(entries, key, this.#serializer.read(input, version))
    }
  }

  #open(slot: number): Entries {
    while (this.#maps.length < slot) this.#maps.push(undefined)
    return (this.#maps[slot] ??= { primitive: new Map(), composite: undefined })
  }

  #put(entries: Entries, key: unknown, value: unknown): void {
    if (isPrimitive(key)) entries.primitive.set(key, value)
    else (entries.composite ??= new Map()).set(this.#identity(key), [key, value])
  }

  #identity(key: unknown): string {
    const out = new BinaryWriter(64)
    this.#serializer.write(key, out)
    return asBuffer(out.finish()).toString('latin1')
  }
}

function isPrimitive(key: unknown): boolean {
  return typeof key !== 'object' || key === null
}

function sizeOf(entries: Entries): number {
  return entries.primitive.size + (entries.composite?.size ?? 0)
}

function pairsOf(entries: Entries): [unknown, unknown][] {
  return [...entries.primitive.entries(), ...(entries.composite?.values() ?? [])]
}
