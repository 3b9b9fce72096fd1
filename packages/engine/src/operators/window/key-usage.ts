import type { AdaptiveKeyTable } from '../../state/adaptive-key-table.ts'
import type { Pane } from './pane.ts'

/** Sweeping for fewer keys is not worth it. */
const FEWEST = 1024

/**
 * Removes keys that are in no pane. Keys that come back with the next window should not be removed and added each time,
 * so a key goes when two sweeps have found it in no pane, and a sweep is due when as many keys have been added as the
 * last one found in use. So the table has at most about three times the keys that are in use.
 */
export class KeyUsage {
  readonly #keys: AdaptiveKeyTable
  /** By slot: 1 when the last sweep found the key in no pane. */
  #idle = new Uint8Array(0)
  #sizeAfterSweep = 0
  #inUse = 0
  #removed = 0

  constructor(keys: AdaptiveKeyTable) {
    this.#keys = keys
  }

  /** Removed keys so far: when it has changed, remembered slots are worthless. */
  get removed(): number {
    return this.#removed
  }

  /** Removes keys when it is time to: after windows have fired, while their panes are still there. */
  sweep(panes: Iterable<Pane>): void {
    const keys = this.#keys
    if (keys.size - this.#sizeAfterSweep <= Math.max(FEWEST, this.#inUse)) return
    const used = usedSlots(panes, keys.capacity)
    const idle = new Uint8Array(keys.capacity)
    this.#inUse = 0
    for (const slot of keys.slots()) {
      if (used[slot] === 1) this.#inUse++
      else if (slot < this.#idle.length && this.#idle[slot] === 1) {
        keys.remove(slot)
        this.#removed++
      } else idle[slot] = 1
    }
    this.#idle = idle
    this.#sizeAfterSweep = keys.size
  }
}

/** By slot: 1 when a pane has records of the key. */
export function usedSlots(panes: Iterable<Pane>, capacity: number): Uint8Array {
  const used = new Uint8Array(capacity)
  for (const pane of panes) {
    pane.forEach((slot) => {
      used[slot] = 1
    })
  }
  return used
}
