const INITIAL_CAPACITY = 16

/**
 * One optional value per slot. While only numbers were seen they are in a Float64Array: eight bytes per slot and nothing
 * for the garbage collector to visit; the first other value turns the column into one of objects.
 */
export class Cells {
  #present = new Uint8Array(INITIAL_CAPACITY)
  #numbers: Float64Array | undefined = new Float64Array(INITIAL_CAPACITY)
  #objects: unknown[] = []

  has(slot: number): boolean {
    return this.#present[slot] === 1
  }

  /** Undefined when there is none: check with {@link has} where undefined may have been stored. */
  get(slot: number): unknown {
    if (this.#present[slot] !== 1) return undefined
    return this.#numbers === undefined ? this.#objects[slot] : this.#numbers[slot]
  }

  set(slot: number, value: unknown): void {
    if (slot >= this.#present.length) this.#grow(slot + 1)
    this.#present[slot] = 1
    if (this.#numbers !== undefined) {
      if (typeof value === 'number') {
        this.#numbers[slot] = value
        return
      }
      this.#objects = Array.from(this.#numbers, (number, i) => (this.#present[i] === 1 ? number : undefined))
      this.#numbers = undefined
    }
    this.#objects[slot] = value
  }

  delete(slot: number): void {
    if (this.#present[slot] !== 1) return
    this.#present[slot] = 0
    if (this.#numbers === undefined) this.#objects[slot] = undefined
  }

  #grow(needed: number): void {
    const capacity = Math.max(needed, this.#present.length * 2)
    const present = new Uint8Array(capacity)
    present.set(this.#present)
    this.#present = present
    if (this.#numbers !== undefined) {
      const numbers = new Float64Array(capacity)
      numbers.set(this.#numbers)
      this.#numbers = numbers
      return
    }
    while (this.#objects.length < capacity) this.#objects.push(undefined)
  }
}
