import { type ConsumerMember, regexOf } from './consumer-member.ts'
import type { ResolvedRegex } from './consumer-records.ts'

/** What the members of a group are subscribed to, by names and by regular expressions, counted. */
export class Subscriptions {
  /** Members by the topics that they name. */
  readonly #names = new Map<string, number>()
  /** Resolved regular expressions by the topics that they stand for. */
  readonly #matches = new Map<string, number>()
  /** Members by the regular expression that they give. */
  readonly #regexes = new Map<string, number>()
  readonly #resolved = new Map<string, ResolvedRegex>()

  /** A copy to try a change on. */
  clone(): Subscriptions {
    const copy = new Subscriptions()
    for (const [topic, count] of this.#names) copy.#names.set(topic, count)
    for (const [topic, count] of this.#matches) copy.#matches.set(topic, count)
    for (const [regex, count] of this.#regexes) copy.#regexes.set(regex, count)
    for (const [regex, resolved] of this.#resolved) copy.#resolved.set(regex, resolved)
    return copy
  }

  /** A member has come, changed or gone. */
  replaceMember(before: ConsumerMember | undefined, after: ConsumerMember | undefined): void {
    for (const topic of before?.subscribedTopicNames ?? []) add(this.#names, topic, -1)
    for (const topic of after?.subscribedTopicNames ?? []) add(this.#names, topic, 1)
    const regexBefore = regexOf(before)
    const regexAfter = regexOf(after)
    if (regexBefore !== undefined) add(this.#regexes, regexBefore, -1)
    if (regexAfter !== undefined) add(this.#regexes, regexAfter, 1)
  }

  /** Forgets what regular expressions stand for that no member gives any more. Returns them. */
  dropUnusedRegexes(): string[] {
    const unused = [...this.#resolved.keys()].filter((regex) => !this.#regexes.has(regex))
    for (const regex of unused) this.resolve(regex, null)
    return unused
  }

  /** Sets what a regular expression stands for. */
  resolve(regex: string, value: ResolvedRegex | null): void {
    for (const topic of this.#resolved.get(regex)?.topics ?? []) add(this.#matches, topic, -1)
    if (!value) {
      this.#resolved.delete(regex)
      return
    }
    this.#resolved.set(regex, value)
    for (const topic of value.topics) add(this.#matches, topic, 1)
  }

  get resolved(): ReadonlyMap<string, ResolvedRegex> {
    return this.#resolved
  }

  /** The regular expressions that members give, with the number of those members. */
  get regexes(): ReadonlyMap<string, number> {
    return this.#regexes
  }

  has(topic: string): boolean {
    return this.#names.has(topic) || this.#matches.has(topic)
  }

  /** All topics, each once. */
  topics(): Set<string> {
    const topics = new Set(this.#names.keys())
    for (const topic of this.#matches.keys()) topics.add(topic)
    return topics
  }

  /** The names of the topics of one member, what its regular expression stands for included. */
  topicsOf(member: ConsumerMember): ReadonlySet<string> {
    const topics = new Set(member.subscribedTopicNames)
    const regex = regexOf(member)
    if (regex !== undefined) for (const topic of this.#resolved.get(regex)?.topics ?? []) topics.add(topic)
    return topics
  }

  /** Whether so many members are all subscribed to the same topics, as far as the counts tell. */
  isHomogeneous(members: number): boolean {
    const [firstCount] = this.#regexes.values()
    if (firstCount === undefined) return [...this.#names.values()].every((count) => count === members)
    if (firstCount !== members || this.#names.size > 0) return false
    return [...this.#matches.values()].every((count) => count === 1)
  }
}

function add(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
}
