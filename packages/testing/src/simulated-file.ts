import { copyBytes, nextInt, type Random } from '@millrace/std'

/** Disks write sectors whole: a torn write ends between two of them, or anywhere in the file's last one. */
const sectorBytes = 512

type PendingChange =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly size: number }

/** Bytes that grow. What was never written is zero. */
class Content {
  bytes = new Uint8Array(0)
  size = 0

  apply(change: PendingChange): void {
    if (change.kind === 'write') {
      if (change.bytes.byteLength === 0) return
      this.#reserve(change.position + change.bytes.byteLength)
      this.bytes.set(change.bytes, change.position)
      this.size = Math.max(this.size, change.position + change.bytes.byteLength)
    } else {
      this.#reserve(change.size)
      if (change.size < this.size) this.bytes.fill(0, change.size, this.size)
      this.size = change.size
    }
  }

  copy(): Content {
    const copy = new Content()
    copy.bytes = this.bytes.slice(0, this.size)
    copy.size = this.size
    return copy
  }

  #reserve(size: number): void {
    if (size <= this.bytes.byteLength) return
    const grown = new Uint8Array(Math.max(size, this.bytes.byteLength * 2))
    grown.set(this.bytes.subarray(0, this.size))
    this.bytes = grown
  }
}

/** A file as programs see it, and as it is on the platters: they differ by what was not synced. */
export class SimulatedFile {
  readonly kind = 'file'
  #seen = new Content()
  #durable = new Content()
  #pending: PendingChange[] = []
  modified: number

  constructor(modified: number) {
    this.modified = modified
  }

  get size(): number {
    return this.#seen.size
  }

  read(target: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(target.byteLength, this.#seen.size - position))
    target.set(this.#seen.bytes.subarray(position, position + count))
    return count
  }

  write(source: Uint8Array, position: number): void {
    this.#change({ kind: 'write', position, bytes: copyBytes(source) })
  }

  truncate(size: number): void {
    this.#change({ kind: 'truncate', size })
  }

  /** How many changes a sync that starts now covers. */
  get pendingChanges(): number {
    return this.#pending.length
  }

  /** The oldest `count` changes are on the device. */
  synced(count: number): void {
    for (const change of this.#pending.splice(0, count)) this.#durable.apply(change)
  }

  /** A sync failed: the system takes the pages for clean although they are not, and will not write them again. */
  syncFailed(count: number): void {
    this.#pending.splice(0, count)
  }

  /** Power is gone: of what was not synced something between nothing and all is there. */
  crash(random: Random): void {
    const pending = this.#pending
    this.#pending = []
    const outcome = nextInt(random, 4)
    if (outcome === 1) for (const change of pending) this.#durable.apply(change)
    else if (outcome === 2) this.#keepPrefix(pending, random)
    else if (outcome === 3) this.#keepSectors(pending, random)
    this.#seen = this.#durable.copy()
  }

  #change(change: PendingChange): void {
    this.#seen.apply(change)
    this.#pending.push(change)
  }

  #keepPrefix(pending: readonly PendingChange[], random: Random): void {
    const whole = nextInt(random, pending.length + 1)
    for (const change of pending.slice(0, whole)) this.#durable.apply(change)
    const torn = pending[whole]
    if (torn?.kind !== 'write') return
    const bytes = torn.bytes.subarray(0, nextInt(random, torn.bytes.byteLength + 1))
    this.#durable.apply({ ...torn, bytes })
  }

  /** Each sector that was written to holds what it did before one of the writes, or after the last. */
  #keepSectors(pending: readonly PendingChange[], random: Random): void {
    if (pending.some((change) => change.kind === 'truncate')) {
      this.#keepPrefix(pending, random)
      return
    }
    const appliedTo = new Map<number, number>()
    for (const [i, change] of pending.entries()) {
      if (change.kind !== 'write') continue
      const end = change.position + change.bytes.byteLength
      for (let at = change.position; at < end; ) {
        const sector = Math.floor(at / sectorBytes)
        const next = Math.min(end, (sector + 1) * sectorBytes)
        let limit = appliedTo.get(sector)
        if (limit === undefined) {
          limit = nextInt(random, pending.length + 1)
          appliedTo.set(sector, limit)
        }
        if (i < limit) {
          this.#durable.apply({
            kind: 'write',
            position: at,
            bytes: change.bytes.subarray(at - change.position, next - change.position),
          })
        }
        at = next
      }
    }
  }
}
