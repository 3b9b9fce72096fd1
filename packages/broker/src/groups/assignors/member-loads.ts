/**
 * The subscribers of a topic by how many partitions they have in all: gives out who has the fewest, and who has the most. The
 * loads are those of the moment of {@link MemberLoads.begin}; each member that is given out counts as having got, or given up,
 * one partition.
 *
 * Sorted by load, the members with the fewest are a range that begins at the left and those with the most one that ends at the
 * right. When every member of a range was given out once, its level has moved by one, and it takes in the members at that level.
 */
export class MemberLoads {
  readonly #sizes: readonly number[]
  #members: number[] = []
  #leastEnd = 0
  #leastLevel = 0
  #nextLeast = 0
  #mostStart = 0
  #mostEnd = 0
  #mostLevel = 0
  #nextMost = 0

  /** `sizes` counts the partitions of each member, and is kept up to date by its owner. */
  constructor(sizes: readonly number[]) {
    this.#sizes = sizes
  }

  /** Starts anew for some members, of which there is at least one. Returns the difference between most and fewest. */
  begin(members: readonly number[]): number {
    this.#members = [...members].sort((a, b) => this.#sizeOf(a) - this.#sizeOf(b) || a - b)
    const fewest = this.#sizeAt(0)
    const most = this.#sizeAt(this.#members.length - 1)
    this.#leastEnd = 0
    this.#leastLevel = fewest - 1
    this.#nextLeast = 0
    this.#mostStart = this.#members.length
    this.#mostEnd = this.#members.length
    this.#mostLevel = most + 1
    this.#nextMost = this.#members.length - 1
    return most - fewest
  }

  /** Whether the levels that the ranges have reached differ by no more than one partition. */
  get isBalanced(): boolean {
    return this.#mostLevel - this.#leastLevel <= 1
  }

  takeLeast(): number {
    if (this.#nextLeast >= this.#leastEnd) {
      this.#leastLevel++
      while (this.#leastEnd < this.#members.length && this.#sizeAt(this.#leastEnd) === this.#leastLevel)
        this.#leastEnd++
      this.#nextLeast = 0
    }
    return this.#members[this.#nextLeast++] as number
  }

  /** Undefined when nobody is left who can give up anything. */
  takeMost(): number | undefined {
    if (this.#nextMost < this.#mostStart) {
      // A range that exclusions have emptied goes on at the level of whoever is left of it.
      const isEmptied = this.#mostEnd <= this.#mostStart && this.#mostStart > 0
      this.#mostLevel = isEmptied ? this.#sizeAt(this.#mostStart - 1) : this.#mostLevel - 1
      while (this.#mostStart > 0 && this.#sizeAt(this.#mostStart - 1) === this.#mostLevel) this.#mostStart--
      this.#nextMost = this.#mostEnd - 1
    }
    return this.#nextMost < 0 ? undefined : (this.#members[this.#nextMost--] as number)
  }

  /** Who was taken last from those with the most has nothing of this topic to give up: it is out. */
  excludeMost(): void {
    const at = this.#nextMost + 1
    const last = this.#mostEnd - 1
    const member = this.#members[at] as number
    this.#members[at] = this.#members[last] as number
    this.#members[last] = member
    this.#mostEnd--
  }

  #sizeOf(member: number): number {
    return this.#sizes[member] as number
  }

  #sizeAt(position: number): number {
    return this.#sizeOf(this.#members[position] as number)
  }
}
