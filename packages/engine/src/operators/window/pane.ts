/** A list of keys is kept while they are less than one in so many of the slots. */
const FEW = 8

/** What is kept per key in a pane, besides which keys there are. */
export type PaneContents =
  /** A number of records. */
  | { readonly kind: 'count' }
  /** A number that records are combined into, and fields of the first record. */
  | { readonly kind: 'number'; readonly firsts: readonly FirstColumn[] }
  /** A value or accumulator of any type. */
  | { readonly kind: 'value' }

/** How a field of the first record of a key is kept. */
export type FirstColumn = 'int32' | 'float64' | 'value'

type Firsts = Int32Array | Float64Array | unknown[]

/**
 * The records of all keys in one span of time: columns by the key's slot. The arrays are public because generated code
 * adds to them in place; it calls {@link touch} for the first record of a key.
 */
export class Pane {
  start = 0
  /** Windows of this pane have fired already: a record that comes makes them fire again. */
  hasFired = false
  /** Slots that have a place in the columns. */
  capacity = 0
  /** 1 where the key has records here; for counts, the count says so. */
  seen: Uint8Array = new Uint8Array(0)
  numbers: Float64Array = new Float64Array(0)
  values: unknown[] = []
  firsts: Firsts[]
  /** The keys that have records here, while they are few; see {@link forEach}. */
  #touched: Int32Array = new Int32Array(16)
  #touchedCount = 0
  /** Too many keys to remember each: whoever wants them looks at all slots. */
  #isFull = false
  readonly #contents: PaneContents

  constructor(contents: PaneContents) {
    this.#contents = contents
    this.firsts = contents.kind === 'number' ? contents.firsts.map((type) => firstsOf(type, 0)) : []
  }

  has(slot: number): boolean {
    if (slot >= this.capacity) return false
    return this.#contents.kind === 'count' ? this.numbers[slot] !== 0 : this.seen[slot] === 1
  }

  /** Remembers that `slot` has records here now. */
  touch(slot: number): void {
    const at = this.#touchedCount++
    if (at < this.#touched.length) this.#touched[at] = slot
    else if (at * FEW < this.capacity) {
      this.#touched = resized(this.#touched, new Int32Array(at * 2))
      this.#touched[at] = slot
    } else this.#isFull = true
  }

  /** Every key that has records here: few in the order of their first one, many in the order of their slots. */
  forEach(visit: (slot: number) => void): void {
    if (this.#isFull) {
      for (let slot = 0; slot < this.capacity; slot++) if (this.has(slot)) visit(slot)
    } else for (let i = 0; i < this.#touchedCount; i++) visit(this.#touched[i] as number)
  }

  /** Makes room for `slots` slots. */
  reserve(slots: number): void {
    if (slots <= this.capacity) return
    const capacity = Math.max(slots, this.capacity * 2, 16)
    this.capacity = capacity
    const { kind } = this.#contents
    if (kind !== 'value') this.numbers = resized(this.numbers, new Float64Array(capacity))
    if (kind !== 'count') this.seen = resized(this.seen, new Uint8Array(capacity))
    if (kind === 'value') fillTo(this.values, capacity)
    if (this.#contents.kind === 'number') {
      this.firsts = this.#contents.firsts.map((type, i) => {
        const column = this.firsts[i] as Firsts
        if (Array.isArray(column)) return fillTo(column, capacity)
        return resized(column, firstsOf(type, capacity) as Int32Array & Float64Array)
      })
    }
  }

  /** Empties the pane; its arrays stay for the next span of time. */
  clear(): void {
    if (this.#isFull) {
      this.seen.fill(0)
      this.numbers.fill(0)
      this.values.fill(undefined)
    } else for (let i = 0; i < this.#touchedCount; i++) this.#forget(this.#touched[i] as number)
    for (const column of this.firsts) if (Array.isArray(column)) column.fill(undefined)
    this.#touchedCount = 0
    this.#isFull = false
    this.hasFired = false
  }

  #forget(slot: number): void {
    const { kind } = this.#contents
    if (kind === 'count') this.numbers[slot] = 0
    else this.seen[slot] = 0
    if (kind === 'value') this.values[slot] = undefined
  }
}

function firstsOf(type: FirstColumn, capacity: number): Firsts {
  return type === 'int32' ? new Int32Array(capacity) : type === 'float64' ? new Float64Array(capacity) : []
}

/** Without holes, so that a store never changes how the array is kept. */
function fillTo(values: unknown[], length: number): unknown[] {
  while (values.length < length) values.push(undefined)
  return values
}

function resized<A extends Uint8Array | Int32Array | Float64Array>(from: A, to: A): A {
  to.set(from)
  return to
}
