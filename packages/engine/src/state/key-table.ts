/** What may be a key; equal by value. Objects are flat: their fields are primitive keys. */
export type PrimitiveKey = string | number | bigint | boolean | Date | Uint8Array | null | undefined
export type Key = PrimitiveKey | readonly PrimitiveKey[] | { readonly [name: string]: PrimitiveKey }

/**
 * Keys → dense slots: the state of the key in slot `s` is entry `s` of every state column. Slots of removed keys are
 * given out again, so columns stay as large as the number of live keys.
 */
export interface KeyTable {
  /** Number of slots ever in use: what a state column must be able to hold. */
  readonly capacity: number
  /** Live keys. */
  readonly size: number
  /** The slot of `key`, added when it is new. Throws STATE_BAD_KEY for what cannot be a key. */
  slotOf(key: unknown): number
  /** The slot of `key`, or -1. */
  find(key: unknown): number
  keyAt(slot: number): Key
  /** hash(key) mod maxParallelism, as {@link keyGroupOf}. */
  keyGroupAt(slot: number): number
  remove(slot: number): void
  /** Live slots, in no particular order. */
  slots(): Iterable<number>
}
