/** The id of a topic as Kafka prints it (22 characters): what assignments are keyed by. */
export type TopicKey = string

/** Partitions by topic, ascending. */
export type Partitions = ReadonlyMap<TopicKey, readonly number[]>

export const noPartitions: Partitions = new Map()

/** A member as an assignor sees it. */
export interface AssignableMember {
  readonly instanceId: string | null
  /** The topics that it is subscribed to; all of them exist. */
  readonly topics: ReadonlySet<TopicKey>
  /** What it was to have until now. */
  readonly target: Partitions
}

export interface AssignorInput {
  readonly members: ReadonlyMap<string, AssignableMember>
  /** Whether all members are subscribed to the same topics. */
  readonly isHomogeneous: boolean
  /** The number of partitions of a topic that somebody is subscribed to. */
  readonly partitionsOf: (topic: TopicKey) => number
}

/** Decides which member is to have which partitions. Members that get nothing may be left out of the result. */
export type Assignor = (input: AssignorInput) => ReadonlyMap<string, Partitions>

/** An assignment in the making. */
export type Draft = Map<TopicKey, number[]>

export function finishDrafts(drafts: ReadonlyMap<string, Draft>): ReadonlyMap<string, Partitions> {
  for (const draft of drafts.values()) {
    for (const [topic, partitions] of draft) {
      if (partitions.length === 0) draft.delete(topic)
      else partitions.sort((a, b) => a - b)
    }
  }
  return drafts
}
