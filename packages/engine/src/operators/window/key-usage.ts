import type { AdaptiveKeyTable } from '../../state/adaptive-key-table.ts'
import type { Pane } from './pane.ts'

/** Sweeping for fewer keys is not worth it. */
const FEWEST = 2048

/**
 * Removes keys that are in no pane. Keys that come back with the next window should not be removed and added each time,
 * so a key goes when two sweeps have found it in no pane, and a sweep is due when the table has twice the keys that the
 * last one left. So the table grows to a few times what is in use at once, and no further.
 */
export class KeyUsage {
  readonly #keys: AdaptiveKeyTable
  /** By slot: 1 when the last sweep found the key in no pane. */
  #idle = new Uint8Array(0)
  #limit = FEWEST
  #removed = 0

  constructor(keys: AdaptiveKeyTable) {
    this.#keys = keys
  }

  /** Removed keys so far: when it has changed, remembered slots are worthless. */
  get removed(): number {
    return this.#removed
  }

  /** Removes keys when it is time to. Not while somebody remembers a slot that is in no pane. */
  sweep(panes: Iterable<Pane>): void {
    const keys = this.#keys
    if (keys.size <= this.#limit) return
    const used = usedSlots(panes, keys.capacity)
    const idle = new Uint8Array(keys.capacity)
    for (const slot of keys.slots()) {
      if (used[slot] === 1) continue
      if (slot < this.#idle.length && this.#idle[slot] === 1) {
        keys.remove(slot)
        this.#removed++
      } else idle[slot] = 1
    }
    this.#idle = idle
    this.#limit = Math.max(FEWEST, keys.size * 2)
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
