/**
 * What comes first, again and again: a binary heap. Of two that are neither before the other, any may come first.
 *
 * @example
 * const heap = new Heap<number>((a, b) => a < b)
 * heap.push(2)
 * heap.push(1)
 * heap.pop() // 1
 */
export class Heap<T> {
  readonly #items: T[] = []
  readonly #isBefore: (a: T, b: T) => boolean

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore
  }

  get size(): number {
    return this.#items.length
  }

  /** The first one; it stays. */
  get first(): T | undefined {
    return this.#items[0]
  }

  /** Takes all out, in no order. */
  drain(): T[] {
    return this.#items.splice(0)
  }

  push(item: T): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!this.#isBefore(item, items[parent] as T)) break
      items[at] = items[parent] as T
      at = parent
    }
    items[at] = item
  }

  /** Takes the first one out. */
  pop(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop() as T
    if (items.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && this.#isBefore(items[child + 1] as T, items[child] as T)) child++
      if (!this.#isBefore(items[child] as T, last)) break
      items[at] = items[child] as T
      at = child
    }
    items[at] = last
    return first
  }
}
