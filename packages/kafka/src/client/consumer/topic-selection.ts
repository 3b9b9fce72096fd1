import type { Cluster } from '../cluster/cluster.ts'
import type { SubscriptionState } from './subscription.ts'

/** Topics that the broker matches (KIP-848), in the syntax of RE2/J; whole names. */
export interface SubscriptionPattern {
  readonly pattern: string
}

/** What a consumer may subscribe to: names, a regular expression that it applies itself, or one for the broker. */
export type TopicSubscription = readonly string[] | RegExp | SubscriptionPattern

/** Keeps `subscription.topics` to what was subscribed to: with a regular expression, to what matches at present. */
export class TopicSelection {
  readonly #cluster: Cluster
  readonly #subscription: SubscriptionState
  #pattern: RegExp | undefined

  constructor(cluster: Cluster, subscription: SubscriptionState) {
    this.#cluster = cluster
    this.#subscription = subscription
  }

  select(selected: TopicSubscription): void {
    // With the flags g or y, a match would depend on the one before.
    this.#pattern =
      selected instanceof RegExp ? new RegExp(selected.source, selected.flags.replace(/[gy]/g, '')) : undefined
    this.#subscription.serverPattern = 'pattern' in selected ? selected.pattern : undefined
    this.#subscription.topics = Array.isArray(selected) ? [...new Set(selected)] : this.#matching()
    this.#cluster.followAll(this.#pattern !== undefined)
    if (this.#pattern) this.#cluster.requestRefresh()
    else this.#cluster.follow(this.#subscription.topics)
  }

  /** True when other topics match now. */
  metadataChanged(): boolean {
    if (!this.#pattern) return false
    const topics = this.#matching()
    const before = this.#subscription.topics
    if (topics.length === before.length && topics.every((topic, i) => topic === before[i])) return false
    this.#subscription.topics = topics
    return true
  }

  clear(): void {
    this.#pattern = undefined
    this.#cluster.followAll(false)
  }

  #matching(): string[] {
    const pattern = this.#pattern
    if (!pattern) return []
    const topics = [...this.#cluster.metadata.topics.values()]
    return topics.flatMap(({ name, isInternal }) => (!isInternal && pattern.test(name) ? [name] : [])).sort()
  }
}
