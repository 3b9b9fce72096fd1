import type { AdaptiveKeyTable } from '../../state/adaptive-key-table.ts'

/** Sweeping fewer keys is not worth it. */
const FEWEST = 1024

/**
 * Which keys are still in some pane. Keys that come back with the next window should not be removed and added each time,
 * so a key without panes stays until two sweeps have found it so; a sweep is due when as many keys have been added as
 * are in use. The table is never more than a few times as large as what is in use.
 */
export class KeyUsage {
  readonly #keys: AdaptiveKeyTable
  /** By slot: panes that the key is in. */
  #panes: Uint32Array = new Uint32Array(16)
  /** By slot: 1 when the last sweep found the key in no pane. */
  #idle: Uint8Array = new Uint8Array(16)
  #inUse = 0
  #sizeAfterSweep = 0
  #removed = 0

  constructor(keys: AdaptiveKeyTable) {
    this.#keys = keys
  }

  /** Removed keys so far: when it has changed, remembered slots are worthless. */
  get removed(): number {
    return this.#removed
  }

  enter(slot: number): void {
    if (slot >= this.#panes.length) this.#grow(slot + 1)
    if (this.#panes[slot] === 0) {
      this.#inUse++
      this.#idle[slot] = 0
    }
    this.#panes[slot] = (this.#panes[slot] as number) + 1
  }

  leave(slot: number): void {
    const panes = (this.#panes[slot] as number) - 1
    this.#panes[slot] = panes
    if (panes === 0) this.#inUse--
  }

  isInUse(slot: number): boolean {
    return slot < this.#panes.length && this.#panes[slot] !== 0
  }

  /** Removes idle keys when it is time to. Not while a slot is in somebody's hands. */
  sweep(): void {
    const { size } = this.#keys
    if (size - this.#sizeAfterSweep <= Math.max(FEWEST, this.#inUse)) return
    for (const slot of this.#keys.slots()) {
      if (this.isInUse(slot)) continue
      if (slot >= this.#idle.length) this.#grow(slot + 1)
      if (this.#idle[slot] === 1) {
        this.#keys.remove(slot)
        this.#idle[slot] = 0
        this.#removed++
      } else this.#idle[slot] = 1
    }
    this.#sizeAfterSweep = this.#keys.size
  }

  #grow(needed: number): void {
    const capacity = Math.max(needed, this.#panes.length * 2)
    const panes = new Uint32Array(capacity)
    panes.set(this.#panes)
    this.#panes = panes
    const idle = new Uint8Array(capacity)
    idle.set(this.#idle)
    this.#idle = idle
  }
}
