const NONE = -1

/**
 * The live windows of all keys, each in a dense slot of its own (a pane), so that everything that is kept per key and
 * window is a column over panes. The panes of a key are a list, the latest start first: a record in order finds its pane
 * at the head.
 */
export class Panes {
  /** Pane → window. */
  #start = new Float64Array(16)
  #end = new Float64Array(16)
  #keySlot = new Int32Array(16)
  /** Pane → the next older and the next newer pane of its key. */
  #older = new Int32Array(16)
  #newer = new Int32Array(16)
  /** Key slot → its latest pane. */
  #heads = new Int32Array(16).fill(NONE)
  readonly #free: number[] = []
  #used = 0

  start(pane: number): number {
    return this.#start[pane] as number
  }

  end(pane: number): number {
    return this.#end[pane] as number
  }

  keySlot(pane: number): number {
    return this.#keySlot[pane] as number
  }

  /** The latest pane of a key, or -1. */
  latest(keySlot: number): number {
    return keySlot < this.#heads.length ? (this.#heads[keySlot] as number) : NONE
  }

  /** The pane before `pane` in time, or -1. */
  previous(pane: number): number {
    return this.#older[pane] as number
  }

  /**
   * The pane of a key for a window, or -1. The search begins at `from`, a pane that is not earlier. (Windows with one start
   * and different ends come together when a job is restored with another window size.)
   */
  find(start: number, end: number, from: number): number {
    let pane = from
    while (pane !== NONE) {
      const at = this.#start[pane] as number
      if (at < start) return NONE
      if (at === start && this.#end[pane] === end) return pane
      pane = this.#older[pane] as number
    }
    return NONE
  }

  add(keySlot: number, start: number, end: number): number {
    const pane = this.#free.pop() ?? this.#used++
    if (pane >= this.#start.length) this.#growPanes()
    if (keySlot >= this.#heads.length) this.#growHeads(keySlot + 1)
    this.#start[pane] = start
    this.#end[pane] = end
    this.#keySlot[pane] = keySlot
    this.#link(pane)
    return pane
  }

  /** Gives a pane another window. */
  resize(pane: number, start: number, end: number): void {
    if (this.#start[pane] !== start) {
      this.#unlink(pane)
      this.#start[pane] = start
      this.#link(pane)
    }
    this.#end[pane] = end
  }

  remove(pane: number): void {
    this.#unlink(pane)
    this.#free.push(pane)
  }

  #link(pane: number): void {
    const keySlot = this.#keySlot[pane] as number
    const start = this.#start[pane] as number
    let newer = NONE
    let older = this.#heads[keySlot] as number
    while (older !== NONE && (this.#start[older] as number) > start) {
      newer = older
      older = this.#older[older] as number
    }
    this.#join(keySlot, newer, pane)
    this.#join(keySlot, pane, older)
  }

  #unlink(pane: number): void {
    this.#join(this.#keySlot[pane] as number, this.#newer[pane] as number, this.#older[pane] as number)
  }

  /** Makes two panes neighbours; -1: the end of the list on that side. */
  #join(keySlot: number, newer: number, older: number): void {
    if (newer === NONE) this.#heads[keySlot] = older
    else this.#older[newer] = older
    if (older !== NONE) this.#newer[older] = newer
  }

  #growPanes(): void {
    const capacity = this.#start.length * 2
    this.#start = grown(this.#start, new Float64Array(capacity))
    this.#end = grown(this.#end, new Float64Array(capacity))
    this.#keySlot = grown(this.#keySlot, new Int32Array(capacity))
    this.#older = grown(this.#older, new Int32Array(capacity))
    this.#newer = grown(this.#newer, new Int32Array(capacity))
  }

  #growHeads(needed: number): void {
    this.#heads = grown(this.#heads, new Int32Array(Math.max(needed, this.#heads.length * 2)).fill(NONE))
  }
}

function grown<A extends Float64Array | Int32Array>(from: A, to: A): A {
  to.set(from)
  return to
}
