import type { BinaryReader, BinaryWriter } from '../binary.ts'

/** The slot that the handles of a table mean. One object per table, shared by its states. */
export interface Cursor {
  slot: number
}

/** One named state over all slots of a table: the user's handle and the column behind it. */
export interface HeapState {
  has(slot: number): boolean
  clearAt(slot: number): void
  /** `source` has a value. It has none afterwards. */
  mergeAt(target: number, source: number): void
  /** `slot` has a value. */
  writeAt(slot: number, out: BinaryWriter): void
  readAt(slot: number, input: BinaryReader, version: number): void
}
