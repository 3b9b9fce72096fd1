import type { ConsumerRecord } from './consumer-record.ts'
import type { PartitionState, SubscriptionState } from './subscription.ts'

const POLL_MS = 1_000

/** Records of one partition, which come in a row. */
interface Run {
  readonly state: PartitionState | undefined
  readonly start: number
  readonly end: number
}

/**
 * Record after record, until the consumer is closed. What a poll has returned is neither committed nor, when the loop is
 * left, passed over before the loop has seen it.
 */
export async function* recordLoop(parts: {
  poll: (timeoutMs: number) => Promise<ConsumerRecord[]>
  subscription: SubscriptionState
  isClosed: () => boolean
}): AsyncGenerator<ConsumerRecord, void, undefined> {
  const { poll, subscription, isClosed } = parts
  while (!isClosed()) {
    const records = await poll(POLL_MS).catch((error) => {
      if (isClosed()) return []
      throw error
    })
    try {
      for (const { state, start, end } of runsOf(records, subscription)) {
        for (let i = start; i < end; i++) {
          // After a seek or a rebalance within the loop there is nothing to note.
          if (state?.unseen !== undefined) state.unseen = i + 1 < end ? records[i + 1]?.offset : undefined
          yield records[i] as ConsumerRecord
        }
      }
    } finally {
      for (const state of subscription) if (state.unseen !== undefined) state.seek(state.unseen)
    }
  }
}

function runsOf(records: readonly ConsumerRecord[], subscription: SubscriptionState): Run[] {
  const runs: Run[] = []
  for (let start = 0; start < records.length; ) {
    const first = records[start] as ConsumerRecord
    let end = start + 1
    while (records[end]?.partition === first.partition && records[end]?.topic === first.topic) end++
    const state = subscription.find(first)
    if (state) state.unseen = first.offset
    runs.push({ state, start, end })
    start = end
  }
  return runs
}
