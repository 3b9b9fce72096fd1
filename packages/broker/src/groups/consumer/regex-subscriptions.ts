import type { GroupRecord } from '../group-records.ts'
import type { Group } from '../group.ts'
import { Refused } from '../refused.ts'
import { noRecords, type ShardContext } from '../shard-context.ts'
import type { TopicsImage } from '../topics-image.ts'
import { parseTopicPattern, type TopicPattern, TopicPatternError } from '../topic-pattern/topic-pattern.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { type ConsumerMember, regexOf, sameNames } from './consumer-member.ts'
import { consumerGroupRecord, regexRecord, type ResolvedRegex } from './consumer-records.ts'
import { metadataHash } from './metadata-hash.ts'
import type { Subscriptions } from './subscriptions.ts'
import { topicKeys } from './target-assignment.ts'

/** Regular expressions of a group are not looked at again sooner than this. */
const minRefreshMs = 10_000
/** Steps of a pattern that are taken before the event loop gets its turn. */
const stepsPerTurn = 200_000
const metadataRefreshMs = 0x7fff_ffff

/** What a member's regular expression did: stayed; changed; changed to one (or to none) whose topics are known. */
export type RegexChange = 'same' | 'changed' | 'resolved'

/**
 * Subscriptions by regular expression (KIP-848): the group keeps, for each expression that a member gives, the topics that it
 * stood for when it was last looked at. That is done aside, a slice at a time, and bumps the group's epoch when it has changed.
 */
export class RegexSubscriptions {
  readonly #context: ShardContext
  readonly #groups: ReadonlyMap<string, Group>
  /** Groups whose expressions are being looked at. */
  readonly #refreshing = new Set<string>()

  constructor(context: ShardContext, groups: ReadonlyMap<string, Group>) {
    this.#context = context
    this.#groups = groups
  }

  /**
   * A member gives a regular expression, another than before, or none any more. Throws Refused INVALID_REGULAR_EXPRESSION. Has the
   * group's expressions looked at when that is due.
   */
  update(group: ConsumerGroup, member: ConsumerMember, updated: ConsumerMember, records: GroupRecord[]): RegexChange {
    const before = regexOf(member)
    const after = regexOf(updated)
    const { regexes, resolved } = group.subscriptions
    let change: RegexChange = 'same'
    let isDue = false
    if ((member.subscribedTopicRegex ?? '') !== (updated.subscribedTopicRegex ?? '')) {
      change = 'changed'
      if (before !== undefined && regexes.get(before) === 1) records.push(regexRecord(group.id, before, null))
      if (after === undefined) change = before === undefined ? 'changed' : 'resolved'
      else if (!regexes.has(after)) {
        parse(after)
        isDue = true
      } else if (resolved.has(after)) change = 'resolved'
    }
    if (isDue || regexes.size > 0) this.#refreshIfDue(group, before, after, isDue)
    return change
  }

  #refreshIfDue(group: ConsumerGroup, before: string | undefined, after: string | undefined, isDue: boolean): void {
    const { clock, settings, topics } = this.#context
    if (this.#refreshing.has(group.id)) return
    const now = clock.now()
    const [last] = group.subscriptions.resolved.values()
    if (last && now <= last.timestamp + minRefreshMs) return
    const regexes = new Map(group.subscriptions.regexes)
    if (before !== after) {
      if (before !== undefined && regexes.get(before) === 1) regexes.delete(before)
      if (after !== undefined) regexes.set(after, 1)
    }
    if (regexes.size === 0) return
    const isNeeded =
      isDue ||
      !last ||
      regexes.size !== group.subscriptions.resolved.size ||
      last.version < topics.versionOfNewest ||
      now > last.timestamp + settings.consumer.regexRefreshIntervalMs
    if (isNeeded) this.#refresh(group.id, [...regexes.keys()])
  }

  #refresh(groupId: string, regexes: readonly string[]): void {
    const { clock, timers, topics } = this.#context
    this.#refreshing.add(groupId)
    const { version } = topics
    const timestamp = clock.now()
    const found = new Map(regexes.map((regex) => [regex, [] as string[]]))
    const patterns = new Map(regexes.flatMap((regex) => tryParse(regex)))
    const work = matches(patterns, [...topics.names()])
    const turn = () => {
      for (let steps = 0; steps < stepsPerTurn; ) {
        const { done, value } = work.next()
        if (done) {
          this.#refreshing.delete(groupId)
          const resolved = Array.from(found, ([regex, names]): [string, ResolvedRegex] => [
            regex,
            { topics: names.sort(), version, timestamp },
          ])
          return this.#resolved(groupId, resolved)
        }
        steps += value.steps
        if (value.isMatch) found.get(value.regex)?.push(value.topic)
      }
      timers.schedule(0, turn)
      return noRecords
    }
    timers.schedule(0, turn)
  }

  #resolved(groupId: string, resolved: readonly [string, ResolvedRegex][]): readonly GroupRecord[] {
    const group = this.#groups.get(groupId)
    if (!(group instanceof ConsumerGroup)) return noRecords
    const { clock, topics } = this.#context
    const records: GroupRecord[] = []
    const subscriptions = group.subscriptions.clone()
    let hasChanged = false
    for (const [regex, value] of resolved) {
      if (!group.subscriptions.regexes.has(regex)) continue
      hasChanged ||= !sameNames(group.subscriptions.resolved.get(regex)?.topics ?? [], value.topics)
      subscriptions.resolve(regex, value)
      records.push(regexRecord(groupId, regex, value))
    }
    const hash = metadataHash(subscriptions.topics(), topics)
    hasChanged ||= holdsUnsubscribed(group, subscriptions, topics)
    if (!hasChanged && hash === group.metadataHash) return records
    const epoch = group.epoch + 1
    records.push(consumerGroupRecord(groupId, { epoch, metadataHash: hash }))
    group.metadataExpiry = { atMs: clock.now() + metadataRefreshMs, epoch }
    return records
  }
}

/**
 * Whether a member is still to have topics that its regular expression does not stand for. Kafka does not look: when an expression
 * is replaced by one that stands for nothing new, what its member gives up stays with nobody.
 */
function holdsUnsubscribed(group: ConsumerGroup, subscriptions: Subscriptions, topics: TopicsImage): boolean {
  for (const [memberId, member] of group.members) {
    if (regexOf(member) === undefined) continue
    const subscribed = topicKeys(subscriptions.topicsOf(member), topics)
    for (const topic of group.targetOf(memberId).keys()) if (!subscribed.has(topic)) return true
  }
  return false
}

function parse(regex: string): TopicPattern {
  try {
    return parseTopicPattern(regex)
  } catch (cause) {
    if (!(cause instanceof TopicPatternError)) throw cause
    throw new Refused(
      'INVALID_REGULAR_EXPRESSION',
      `SubscribedTopicRegex \`${regex}\` is not a valid regular expression: ${cause.message}.`,
    )
  }
}

/** A stored expression may be of another version of Kafka, with another idea of what is valid: then it stands for nothing. */
function tryParse(regex: string): [string, TopicPattern][] {
  try {
    return [[regex, parseTopicPattern(regex)]]
  } catch (cause) {
    if (!(cause instanceof TopicPatternError)) throw cause
    return []
  }
}

function* matches(patterns: ReadonlyMap<string, TopicPattern>, topics: readonly string[]) {
  for (const topic of topics) {
    for (const [regex, pattern] of patterns) {
      const { isMatch, steps } = pattern.match(topic)
      yield { topic, regex, isMatch, steps }
    }
  }
}
