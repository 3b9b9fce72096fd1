/** A binary heap of numbers: the smallest first. */
export class MinHeap {
  readonly #items: number[] = []

  get size(): number {
    return this.#items.length
  }

  /** The smallest; only when `size > 0`. */
  peek(): number {
    return this.#items[0] as number
  }

  push(value: number): void {
    const items = this.#items
    let at = items.length
    items.push(value)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = items[parent] as number
      if (above <= value) break
      items[at] = above
      at = parent
    }
    items[at] = value
  }

  pop(): number {
    const items = this.#items
    const top = items[0] as number
    const last = items.pop() as number
    const size = items.length
    if (size === 0) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && (items[child + 1] as number) < (items[child] as number)) child++
      if ((items[child] as number) >= last) break
      items[at] = items[child] as number
      at = child
    }
    items[at] = last
    return top
  }
}
