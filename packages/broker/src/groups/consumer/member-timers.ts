import { KeyedTimers } from '../keyed-timers.ts'
import type { Command, ShardContext } from '../shard-context.ts'
import type { ConsumerGroup } from './consumer-group.ts'

/** What members are waited for, each with a limit of its own. */
export interface MemberTimers {
  /** A sign of life. */
  readonly session: KeyedTimers
  /** That it gives up partitions. */
  readonly rebalance: KeyedTimers
  /** That it joins again, when it speaks the classic protocol. */
  readonly join: KeyedTimers
  /** That it asks for its assignment, when it speaks the classic protocol. */
  readonly sync: KeyedTimers
}

/** The timers of the members of consumer groups, by member id. They are not durable: a recovery starts them anew. */
export class GroupTimers {
  readonly #context: ShardContext
  readonly #groups = new WeakMap<ConsumerGroup, MemberTimers>()

  constructor(context: ShardContext) {
    this.#context = context
  }

  of(group: ConsumerGroup): MemberTimers {
    let timers = this.#groups.get(group)
    if (!timers) {
      const { timers: host, clock } = this.#context
      const create = () => new KeyedTimers(host, clock)
      timers = { session: create(), rebalance: create(), join: create(), sync: create() }
      this.#groups.set(group, timers)
    }
    return timers
  }

  /** A member was heard of. */
  touch(group: ConsumerGroup, memberId: string, sessionTimeoutMs: number, expire: Command): void {
    const { session } = this.of(group)
    if (!session.extend(memberId, sessionTimeoutMs)) session.schedule(memberId, sessionTimeoutMs, expire)
  }

  /** Nobody waits for a member any more. */
  cancel(group: ConsumerGroup, memberId: string): void {
    for (const timers of Object.values(this.of(group)) as KeyedTimers[]) timers.cancel(memberId)
  }

  cancelAll(group: ConsumerGroup): void {
    for (const timers of Object.values(this.of(group)) as KeyedTimers[]) timers.cancelAll()
  }
}
