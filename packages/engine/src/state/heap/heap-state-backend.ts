import { unreachable } from '@millrace/std'
import type { BinaryReader, BinaryWriter } from '../binary.ts'
import type { AggregateFunction, StateDescriptor, StateDescriptors } from '../descriptor.ts'
import type { StateBackend, StateHandle, StateTable } from '../state-backend.ts'
import { type TypeSerializer, valueSerializer } from '../type-serializer.ts'
import { HeapAggregatingState } from './aggregating-state.ts'
import type { Cursor, HeapState } from './heap-state.ts'
import { HeapListState } from './list-state.ts'
import { HeapMapState } from './map-state.ts'
import { HeapReducingState } from './reducing-state.ts'
import { HeapValueState } from './value-state.ts'

/** Keeps state as live values in memory: access costs no serialization, snapshots pay for it. */
export class HeapStateBackend implements StateBackend {
  readonly #serializer: TypeSerializer

  constructor(serializer: TypeSerializer = valueSerializer) {
    this.#serializer = serializer
  }

  createTable(descriptors: StateDescriptors): StateTable {
    return new HeapStateTable(descriptors, this.#serializer)
  }
}

class HeapStateTable implements StateTable {
  readonly descriptors: StateDescriptors
  readonly handles: { readonly [name: string]: StateHandle }
  readonly version: number
  readonly #cursor: Cursor = { slot: 0 }
  readonly #states: readonly HeapState[]
  readonly #names: readonly string[]

  constructor(descriptors: StateDescriptors, serializer: TypeSerializer) {
    this.descriptors = descriptors
    this.version = serializer.version
    this.#names = Object.keys(descriptors)
    const states = this.#names.map((name) =>
      createState(descriptors[name] as StateDescriptor, this.#cursor, serializer),
    )
    this.#states = states
    this.handles = Object.freeze(Object.fromEntries(this.#names.map((name, i) => [name, states[i] as StateHandle])))
  }

  select(slot: number): void {
    this.#cursor.slot = slot
  }

  isEmpty(slot: number): boolean {
    const states = this.#states
    for (let i = 0; i < states.length; i++) if ((states[i] as HeapState).has(slot)) return false
    return true
  }

  clear(slot: number): void {
    const states = this.#states
    for (let i = 0; i < states.length; i++) (states[i] as HeapState).clearAt(slot)
  }

  merge(name: string, target: number, source: number): void {
    const state = this.#states[this.#names.indexOf(name)] as HeapState
    if (state.has(source)) state.mergeAt(target, source)
  }

  write(slot: number, out: BinaryWriter): void {
    for (const state of this.#states) {
      const has = state.has(slot)
      out.byte(has ? 1 : 0)
      if (has) state.writeAt(slot, out)
    }
  }

  read(slot: number, input: BinaryReader, version: number): void {
    for (const state of this.#states) if (input.byte() === 1) state.readAt(slot, input, version)
  }
}

function createState(descriptor: StateDescriptor, cursor: Cursor, serializer: TypeSerializer): HeapState & StateHandle {
  switch (descriptor.kind) {
    case 'value':
      return new HeapValueState(cursor, serializer, descriptor.initial)
    case 'list':
      return new HeapListState(cursor, serializer)
    case 'map':
      return new HeapMapState(cursor, serializer)
    case 'reducing':
      return new HeapReducingState(cursor, serializer, descriptor.reduce as (a: unknown, b: unknown) => unknown)
    case 'aggregating':
      return new HeapAggregatingState(
        cursor,
        serializer,
        descriptor.aggregate as AggregateFunction<unknown, unknown, unknown>,
      )
    default:
      return unreachable(descriptor, 'state descriptor')
  }
}
