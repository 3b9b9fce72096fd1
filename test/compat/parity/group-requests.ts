import {
  DescribeGroups,
  Heartbeat,
  JoinGroup,
  type JoinGroupRequestInput,
  LeaveGroup,
  OffsetCommit,
  type OffsetCommitRequestInput,
  OffsetFetch,
  SyncGroup,
  type SyncGroupRequestInput,
} from '@millrace/kafka'
import { utf8 } from '@millrace/std'
import { type Conversation, joinRequest } from './conversation.ts'

const rebalanceInProgress = 27

interface Joined {
  readonly memberId: string
  readonly generationId: number
}

/** Joins as a dynamic member does: for an id, then with it. `from` is the member's connection. */
export async function join(
  talk: Conversation,
  label: string,
  groupId: string,
  from = 'first',
  options: Partial<JoinGroupRequestInput> = {},
): Promise<Joined> {
  const first = await talk.ask(`${label}: asks for an id`, JoinGroup, 9, joinRequest(groupId, options), from)
  return talk.ask(`${label}: joins`, JoinGroup, 9, joinRequest(groupId, { ...options, memberId: first.memberId }), from)
}

export function sync(
  talk: Conversation,
  label: string,
  groupId: string,
  member: Joined,
  assigned: Record<string, string> = {},
  options: Partial<SyncGroupRequestInput> = {},
  from = 'first',
) {
  return talk.ask(
    label,
    SyncGroup,
    5,
    {
      groupId,
      generationId: member.generationId,
      memberId: member.memberId,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: Object.entries(assigned).map(([memberId, text]) => ({ memberId, assignment: utf8(text) })),
      ...options,
    },
    from,
  )
}

export function beat(
  talk: Conversation,
  label: string,
  groupId: string,
  member: Joined,
  groupInstanceId: string | null = null,
  from = 'first',
) {
  const { memberId, generationId } = member
  return talk.ask(label, Heartbeat, 4, { groupId, memberId, generationId, groupInstanceId }, from)
}

export function leave(
  talk: Conversation,
  label: string,
  groupId: string,
  ...members: { memberId: string; groupInstanceId?: string | null }[]
) {
  return talk.ask(label, LeaveGroup, 5, { groupId, members })
}

export function commit(
  talk: Conversation,
  label: string,
  groupId: string,
  topic: string,
  offset: number,
  options: Partial<OffsetCommitRequestInput> & { metadata?: string | null; partition?: number; version?: number } = {},
) {
  const { metadata = '', partition = 0, version = 9, ...rest } = options
  return talk.ask(label, OffsetCommit, version, {
    groupId,
    memberId: '',
    topics: [
      {
        name: topic,
        partitions: [{ partitionIndex: partition, committedOffset: offset, committedMetadata: metadata }],
      },
    ],
    ...rest,
  })
}

export function offsets(
  talk: Conversation,
  label: string,
  groupId: string,
  topics: { name: string; partitionIndexes: number[] }[] | null,
  options: { memberId?: string | null; memberEpoch?: number } = {},
) {
  return talk.ask(label, OffsetFetch, 9, { groups: [{ groupId, topics, ...options }] })
}

export function describe(talk: Conversation, label: string, groupId: string, version = 6) {
  return talk.ask(label, DescribeGroups, version, { groups: [groupId] })
}

/** Waits until the broker has seen that a rebalance has begun. */
export function rebalancing(talk: Conversation, groupId: string, { memberId, generationId }: Joined, from = 'first') {
  const request = { groupId, memberId, generationId }
  return talk.until(Heartbeat, 4, request, ({ errorCode }) => errorCode === rebalanceInProgress, from)
}
