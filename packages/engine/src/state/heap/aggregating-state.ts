import { MillraceError } from '@millrace/std'
import type { BinaryReader, BinaryWriter } from '../binary.ts'
import type { AggregateFunction } from '../descriptor.ts'
import type { AggregatingState } from '../handles.ts'
import type { TypeSerializer } from '../type-serializer.ts'
import { Cells } from './cells.ts'
import type { Cursor, HeapState } from './heap-state.ts'

export class HeapAggregatingState implements AggregatingState<unknown, unknown>, HeapState {
  readonly #cursor: Cursor
  readonly #serializer: TypeSerializer
  readonly #aggregate: AggregateFunction<unknown, unknown, unknown>
  readonly #accumulators = new Cells()

  constructor(cursor: Cursor, serializer: TypeSerializer, aggregate: AggregateFunction<unknown, unknown, unknown>) {
    this.#cursor = cursor
    this.#serializer = serializer
    this.#aggregate = aggregate
  }

  get(): unknown {
    const slot = this.#cursor.slot
    return this.#accumulators.has(slot) ? this.#aggregate.getResult(this.#accumulators.get(slot)) : undefined
  }

  add(value: unknown): void {
    const slot = this.#cursor.slot
    const accumulator = this.#accumulators.has(slot)
      ? this.#accumulators.get(slot)
      : this.#aggregate.createAccumulator()
    this.#accumulators.set(slot, this.#aggregate.add(value, accumulator))
  }

  clear(): void {
    this.#accumulators.delete(this.#cursor.slot)
  }

  has(slot: number): boolean {
    return this.#accumulators.has(slot)
  }

  clearAt(slot: number): void {
    this.#accumulators.delete(slot)
  }

  mergeAt(target: number, source: number): void {
    const from = this.#accumulators.get(source)
    this.#accumulators.set(
      target,
      this.#accumulators.has(target) ? this.#merge(this.#accumulators.get(target), from) : from,
    )
    this.#accumulators.delete(source)
  }

  writeAt(slot: number, out: BinaryWriter): void {
    this.#serializer.write(this.#accumulators.get(slot), out)
  }

  readAt(slot: number, input: BinaryReader, version: number): void {
    this.#accumulators.set(slot, this.#serializer.read(input, version))
  }

  #merge(a: unknown, b: unknown): unknown {
    if (this.#aggregate.merge === undefined) {
      throw new MillraceError('STATE_CANNOT_MERGE', {
        message: 'This aggregate function has no merge, but its windows grow together.',
        fix: 'Give the aggregate function a merge(a, b) that returns the accumulator of both.',
      })
    }
    return this.#aggregate.merge(a, b)
  }
}
