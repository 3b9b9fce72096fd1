import type {
  Journal,
  JournalEntry,
  JournalRecord,
  JournalVisitor,
  ProducerIdentity,
  TransactionMarker,
} from '../../src/journal/journal.ts'
import { JournalError } from '../../src/journal/journal.ts'

type Entry = { kind: 'record'; entry: JournalEntry } | { kind: 'marker'; marker: TransactionMarker }

/** A journal on a device of its own: what was not flushed may be gone after a crash, from some point on. */
export class MemoryJournal implements Journal {
  readonly entries: Entry[] = []
  #durable = 0
  #waiting: ((ok: boolean) => void)[] = []
  /** Takes nothing, as a full disk. */
  isFull = false
  /** Compacts with every append. */
  compactsAlways = false

  replay(visitor: JournalVisitor): void {
    for (const each of this.entries) {
      if (each.kind === 'marker') visitor.marker?.(each.marker)
      else visitor.record(each.entry, each.entry.transaction)
    }
  }

  append(records: readonly JournalRecord[], transaction?: ProducerIdentity): void {
    this.#require()
    for (const record of records) this.entries.push({ kind: 'record', entry: { ...record, transaction } })
  }

  appendMarker(marker: TransactionMarker): void {
    this.#require()
    this.entries.push({ kind: 'marker', marker })
  }

  whenDurable(callback: (ok: boolean) => void): void {
    if (this.#durable === this.entries.length) callback(true)
    else this.#waiting.push(callback)
  }

  compactIfLarge(snapshot: () => Iterable<JournalEntry>): void {
    if (!this.compactsAlways) return
    const entries = [...snapshot()].map((entry): Entry => ({ kind: 'record', entry }))
    // What it replaces goes when the snapshot is durable: here at once, with all that was appended before.
    this.entries.splice(0, this.entries.length, ...entries)
    this.#durable = entries.length
    this.#answer()
  }

  /** The device has everything. */
  flush(): void {
    this.#durable = this.entries.length
    this.#answer()
  }

  /** Power fails: `kept` of those entries that were not flushed are there afterwards. */
  crash(kept: number): void {
    this.#waiting = []
    this.entries.length = Math.min(this.entries.length, this.#durable + kept)
    this.#durable = this.entries.length
  }

  #answer(): void {
    for (const callback of this.#waiting.splice(0)) callback(true)
  }

  #require(): void {
    if (this.isFull) throw new JournalError('the disk is full')
  }
}
