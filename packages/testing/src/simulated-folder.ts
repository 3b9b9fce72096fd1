import { nextInt, type Random } from '@millrace/std'
import type { SimulatedFile } from './simulated-file.ts'

export type SimulatedNode = SimulatedFile | SimulatedFolder

/** Entries set (or removed, undefined) by one operation: all of them or none survive. */
type EntryChange = readonly (readonly [name: string, node: SimulatedNode | undefined])[]

/** A folder's entries as programs see them, and those that would be found after a crash. */
export class SimulatedFolder {
  readonly kind = 'directory'
  readonly size = 0
  readonly modified: number
  #seen = new Map<string, SimulatedNode>()
  readonly #durable = new Map<string, SimulatedNode>()
  #pending: EntryChange[] = []

  constructor(modified: number) {
    this.modified = modified
  }

  get entries(): ReadonlyMap<string, SimulatedNode> {
    return this.#seen
  }

  change(change: EntryChange): void {
    apply(this.#seen, change)
    this.#pending.push(change)
  }

  get pendingChanges(): number {
    return this.#pending.length
  }

  synced(count: number): void {
    for (const change of this.#pending.splice(0, count)) apply(this.#durable, change)
  }

  syncFailed(count: number): void {
    this.#pending.splice(0, count)
  }

  /** A journal keeps the order of changes: some of the first ones are there, the others are not. */
  crash(random: Random): void {
    this.synced(nextInt(random, this.#pending.length + 1))
    this.#pending = []
    this.#seen = new Map(this.#durable)
    for (const node of this.#seen.values()) node.crash(random)
  }
}

function apply(entries: Map<string, SimulatedNode>, change: EntryChange): void {
  for (const [name, node] of change) {
    if (node) entries.set(name, node)
    else entries.delete(name)
  }
}
