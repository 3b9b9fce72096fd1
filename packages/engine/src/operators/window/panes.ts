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
  /** Pane → the next older pane of its key. */
  #next = new Int32Array(16)
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
    return this.#next[pane] as number
  }

  /** The pane of a key that begins at `start`, or -1. The search begins at `from`, a later pane of the key. */
  find(start: number, from: number): number {
    let pane = from
    while (pane !== NONE && (this.#start[pane] as number) > start) pane = this.#next[pane] as number
    return pane !== NONE && this.#start[pane] === start ? pane : NONE
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
    let before = NONE
    let after = this.#heads[keySlot] as number
    while (after !== NONE && (this.#start[after] as number) > start) {
      before = after
      after = this.#next[after] as number
    }
    this.#next[pane] = after
    if (before === NONE) this.#heads[keySlot] = pane
    else this.#next[before] = pane
  }

  #unlink(pane: number): void {
    const keySlot = this.#keySlot[pane] as number
    let at = this.#heads[keySlot] as number
    if (at === pane) {
      this.#heads[keySlot] = this.#next[pane] as number
      return
    }
    while (this.#next[at] !== pane) at = this.#next[at] as number
    this.#next[at] = this.#next[pane] as number
  }

  #growPanes(): void {
    const capacity = this.#start.length * 2
    this.#start = grown(this.#start, new Float64Array(capacity))
    this.#end = grown(this.#end, new Float64Array(capacity))
    this.#keySlot = grown(this.#keySlot, new Int32Array(capacity))
    this.#next = grown(this.#next, new Int32Array(capacity))
  }

  #growHeads(needed: number): void {
    this.#heads = grown(this.#heads, new Int32Array(Math.max(needed, this.#heads.length * 2)).fill(NONE))
  }
}

function grown<A extends Float64Array | Int32Array>(from: A, to: A): A {
  to.set(from)
  return to
}
