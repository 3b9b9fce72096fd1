import type { BinaryReader, BinaryWriter } from './binary.ts'
import type { StateDescriptors } from './descriptor.ts'
import type { AggregatingState, ListState, MapState, ReducingState, ValueState } from './handles.ts'

/**
 * Where keyed state lives. Operators turn a key (or a key and window) into a dense slot and address state by it; a
 * backend never sees keys. Slots are given out again after they were cleared, so a table is as large as what is alive.
 */
export interface StateBackend {
  /** A set of named states over the same slots. */
  createTable(descriptors: StateDescriptors): StateTable
}

export type StateHandle =
  | ValueState<unknown>
  | ListState<unknown>
  | MapState<unknown, unknown>
  | ReducingState<unknown>
  | AggregatingState<unknown, unknown>

export interface StateTable {
  readonly descriptors: StateDescriptors
  /** By name, as user code gets them. They answer about the slot of the last {@link select}. */
  readonly handles: { readonly [name: string]: StateHandle }
  /** Makes `slot` the one that the handles mean. */
  select(slot: number): void
  /** Nothing is stored for `slot`: its key may be forgotten. */
  isEmpty(slot: number): boolean
  clear(slot: number): void
  /** Adds the state `name` of `source` to that of `target`. `source` has none of it afterwards. */
  merge(name: string, target: number, source: number): void
  /** Appends all state of `slot`. */
  write(slot: number, out: BinaryWriter): void
  /** Reads into the empty `slot` what {@link write} of a table with the same descriptors and version wrote. */
  read(slot: number, input: BinaryReader, version: number): void
  /** Of the bytes that {@link write} makes. */
  readonly version: number
}
