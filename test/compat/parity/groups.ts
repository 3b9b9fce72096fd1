import {
  DeleteGroups,
  DescribeGroups,
  Heartbeat,
  JoinGroup,
  type JoinGroupRequestInput,
  LeaveGroup,
  ListGroups,
  OffsetCommit,
  type OffsetCommitRequestInput,
  OffsetFetch,
  SyncGroup,
  type SyncGroupRequestInput,
} from '@millrace/kafka'
import { utf8 } from '@millrace/std'
import { type Conversation, joinRequest, type Sequence } from './conversation.ts'

const rebalanceInProgress = 27

interface Joined {
  readonly memberId: string
  readonly generationId: number
}

/** Joins as a dynamic member does: for an id, then with it. `from` is the member's connection. */
async function join(
  talk: Conversation,
  label: string,
  groupId: string,
  from = 'first',
  options: Partial<JoinGroupRequestInput> = {},
): Promise<Joined> {
  const first = await talk.ask(`${label}: asks for an id`, JoinGroup, 9, joinRequest(groupId, options), from)
  return talk.ask(`${label}: joins`, JoinGroup, 9, joinRequest(groupId, { ...options, memberId: first.memberId }), from)
}

function sync(
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

function beat(
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

function leave(
  talk: Conversation,
  label: string,
  groupId: string,
  ...members: { memberId: string; groupInstanceId?: string | null }[]
) {
  return talk.ask(label, LeaveGroup, 5, { groupId, members })
}

function commit(
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

function offsets(
  talk: Conversation,
  label: string,
  groupId: string,
  topics: { name: string; partitionIndexes: number[] }[] | null,
  options: { memberId?: string | null; memberEpoch?: number } = {},
) {
  return talk.ask(label, OffsetFetch, 9, { groups: [{ groupId, topics, ...options }] })
}

function describe(talk: Conversation, label: string, groupId: string, version = 6) {
  return talk.ask(label, DescribeGroups, version, { groups: [groupId] })
}

/** Waits until the broker has seen that a rebalance has begun. */
function rebalancing(talk: Conversation, groupId: string, { memberId, generationId }: Joined, from = 'first') {
  const request = { groupId, memberId, generationId }
  return talk.until(Heartbeat, 4, request, ({ errorCode }) => errorCode === rebalanceInProgress, from)
}

/** The life of classic groups, and what strangers, latecomers and zombies are told. */
export const groupSequences: Sequence[] = [
  {
    name: 'one member: join, sync, heartbeat, join again, leave',
    async run(talk) {
      const groupId = await talk.group('one')
      await describe(talk, 'before', groupId)
      await describe(talk, 'before, in an old version', groupId, 5)
      const member = await join(talk, 'member', groupId)
      await describe(talk, 'joined', groupId)
      await beat(talk, 'before its sync', groupId, member)
      await sync(talk, 'syncs', groupId, member, { [member.memberId]: 'everything' })
      await sync(talk, 'syncs again', groupId, member)
      await beat(talk, 'beats', groupId, member)
      await describe(talk, 'stable', groupId)
      await beat(talk, 'an old generation', groupId, { ...member, generationId: member.generationId - 1 })
      await beat(talk, 'a future generation', groupId, { ...member, generationId: member.generationId + 1 })
      await beat(talk, 'a stranger', groupId, { ...member, memberId: 'stranger' })
      await beat(talk, 'nobody', groupId, { ...member, memberId: '' })
      await sync(talk, 'an old generation syncs', groupId, { ...member, generationId: 0 })
      await sync(talk, 'another protocol syncs', groupId, member, {}, { protocolName: 'roundrobin' })
      await sync(talk, 'another type syncs', groupId, member, {}, { protocolType: 'connect' })
      await sync(talk, 'a stranger syncs', groupId, { ...member, memberId: 'stranger' })
      await talk.ask('a group with members is deleted', DeleteGroups, 2, { groupsNames: [groupId] })
      const again = await talk.ask('joins again', JoinGroup, 9, joinRequest(groupId, { memberId: member.memberId }))
      await sync(talk, 'syncs in the next generation', groupId, again, { [member.memberId]: 'again' })
      await leave(talk, 'a stranger leaves', groupId, { memberId: 'stranger' })
      await leave(talk, 'leaves', groupId, { memberId: member.memberId })
      await leave(talk, 'leaves twice', groupId, { memberId: member.memberId })
      await beat(talk, 'beats after', groupId, again)
      await describe(talk, 'empty', groupId)
      await talk.ask('deleted', DeleteGroups, 2, { groupsNames: [groupId, groupId] })
      await talk.ask('deleted again', DeleteGroups, 2, { groupsNames: [groupId] })
      await beat(talk, 'beats after the end', groupId, again)
      await leave(talk, 'leaves after the end', groupId, { memberId: member.memberId })
      await sync(talk, 'syncs after the end', groupId, again)
    },
  },
  {
    name: 'join: what is refused',
    async run(talk) {
      const groupId = await talk.group('refused')
      const ask = (label: string, options: Partial<JoinGroupRequestInput>, version = 9) =>
        talk.ask(label, JoinGroup, version, joinRequest(groupId, options), label)
      await ask('empty group id', { groupId: '' })
      await ask('session too short', { sessionTimeoutMs: 10 })
      await ask('session too long', { sessionTimeoutMs: 2_000_000_000 })
      await ask('unknown member', { memberId: 'stranger' })
      await ask('unknown static member', { memberId: 'stranger', groupInstanceId: 'i' })
      await ask('no protocols', { protocols: [] })
      await ask('no protocol type', { protocolType: '' })
      const member = await join(talk, 'member', groupId)
      await sync(talk, 'member syncs', groupId, member, { [member.memberId]: 'x' })
      await ask('another protocol', { protocols: [{ name: 'other', metadata: utf8('') }] })
      await ask('another type', { protocolType: 'connect' })
      await ask('unknown member of a known group', { memberId: 'stranger' })
      await leave(talk, 'leaves', groupId, { memberId: member.memberId })
      await ask('another type when empty', { protocolType: 'connect' })
      await talk.ask('empty group id beats', Heartbeat, 4, { groupId: '', memberId: 'm', generationId: 1 })
      await sync(talk, 'empty group id syncs', '', { memberId: 'm', generationId: 1 })
      await leave(talk, 'empty group id leaves', '', { memberId: 'm' })
      await leave(talk, 'nobody leaves', groupId)
      await talk.ask('leaves in an old version', LeaveGroup, 2, { groupId, memberId: 'stranger' })
    },
  },
  {
    name: 'two members: rebalance during join and sync',
    async run(talk) {
      const groupId = await talk.group('two')
      const first = await join(talk, 'first', groupId)
      await sync(talk, 'first syncs', groupId, first, { [first.memberId]: 'all' })
      const second = join(talk, 'second', groupId, 'second')
      await rebalancing(talk, groupId, first)
      await sync(talk, 'first syncs while it should join', groupId, first)
      await describe(talk, 'preparing', groupId)
      const rejoined = await talk.ask(
        'first joins again',
        JoinGroup,
        9,
        joinRequest(groupId, { memberId: first.memberId }),
      )
      const other = await second
      talk.note('both are in one generation', other.generationId === rejoined.generationId)
      const follower = sync(talk, 'second waits for its assignment', groupId, other, {}, {}, 'second')
      await beat(talk, 'first beats while it should sync', groupId, rejoined)
      await describe(talk, 'completing', groupId)
      await sync(talk, 'first assigns', groupId, rejoined, { [first.memberId]: 'half', [other.memberId]: 'other half' })
      await follower
      await describe(talk, 'stable', groupId)
      // The leader joins again although nothing has changed: it wants to assign anew.
      const anew = talk.ask('leader joins again', JoinGroup, 9, joinRequest(groupId, { memberId: first.memberId }))
      await rebalancing(talk, groupId, other, 'second')
      await beat(talk, 'second beats in the rebalance', groupId, other, null, 'second')
      const next = await talk.ask(
        'second joins again',
        JoinGroup,
        9,
        joinRequest(groupId, { memberId: other.memberId }),
        'second',
      )
      const leader = await anew
      const interrupted = sync(talk, 'a sync that a third member interrupts', groupId, next, {}, {}, 'second')
      await beat(talk, 'old generation in the sync phase', groupId, other)
      const third = join(talk, 'third', groupId, 'third')
      await interrupted
      await beat(talk, 'leader beats', groupId, leader)
      await leave(
        talk,
        'first and second leave',
        groupId,
        { memberId: first.memberId },
        { memberId: other.memberId },
        { memberId: 'stranger' },
      )
      await third
      await describe(talk, 'third alone', groupId)
    },
  },
  {
    name: 'followers that join again',
    async run(talk) {
      const groupId = await talk.group('followers')
      const first = await join(talk, 'first', groupId)
      await sync(talk, 'first syncs', groupId, first, { [first.memberId]: 'all' })
      const second = join(talk, 'second', groupId, 'second')
      await rebalancing(talk, groupId, first)
      const leader = await talk.ask(
        'first joins again',
        JoinGroup,
        9,
        joinRequest(groupId, { memberId: first.memberId }),
      )
      const follower = await second
      await talk.ask(
        'second joins again in the sync phase',
        JoinGroup,
        9,
        joinRequest(groupId, { memberId: follower.memberId }),
        'second',
      )
      const waiting = sync(talk, 'second syncs', groupId, follower, {}, {}, 'second')
      await sync(talk, 'first assigns', groupId, leader, { [first.memberId]: '1', [follower.memberId]: '2' })
      await waiting
      await talk.ask(
        'second joins again when stable',
        JoinGroup,
        9,
        joinRequest(groupId, { memberId: follower.memberId }),
        'second',
      )
      await beat(talk, 'nothing has changed', groupId, leader)
      const changed = talk.ask(
        'second joins with something else',
        JoinGroup,
        9,
        joinRequest(groupId, { memberId: follower.memberId, protocols: [{ name: 'range', metadata: utf8('other') }] }),
        'second',
      )
      await rebalancing(talk, groupId, leader)
      await leave(talk, 'leader leaves', groupId, { memberId: leader.memberId })
      await changed
      await describe(talk, 'the follower leads', groupId)
    },
  },
  {
    name: 'static members',
    async run(talk) {
      const groupId = await talk.group('static')
      const ask = (label: string, options: Partial<JoinGroupRequestInput>, from = 'first') =>
        talk.ask(label, JoinGroup, 9, joinRequest(groupId, { groupInstanceId: 'one', ...options }), from)
      const first = await ask('joins without an id first', {})
      await sync(talk, 'syncs', groupId, first, { [first.memberId]: 'all' }, { groupInstanceId: 'one' })
      const replaced = await ask('comes back', {}, 'second')
      await beat(talk, 'the old one beats', groupId, first, 'one')
      await beat(talk, 'the old one beats without its instance', groupId, first)
      await beat(talk, 'the new one beats', groupId, replaced, 'one')
      await beat(talk, 'an unknown instance', groupId, replaced, 'two')
      await sync(talk, 'the old one syncs', groupId, first, {}, { groupInstanceId: 'one' })
      await sync(talk, 'the new one syncs', groupId, replaced, {}, { groupInstanceId: 'one' })
      await ask('the old one joins', { memberId: first.memberId })
      await ask('an unknown instance joins with a known id', { memberId: replaced.memberId, groupInstanceId: 'two' })
      await commit(talk, 'the old one commits', groupId, 'any', 1, {
        memberId: first.memberId,
        generationIdOrMemberEpoch: 1,
        groupInstanceId: 'one',
      })
      await describe(talk, 'described', groupId)
      const other = await ask(
        'comes back with other protocols',
        { protocols: [{ name: 'range', metadata: utf8('changed') }] },
        'third',
      )
      await sync(talk, 'syncs after', groupId, other, { [other.memberId]: 'x' }, { groupInstanceId: 'one' })
      await leave(talk, 'another instance leaves', groupId, { memberId: '', groupInstanceId: 'two' })
      await leave(talk, 'an old id leaves', groupId, { memberId: first.memberId, groupInstanceId: 'one' })
      await leave(talk, 'leaves by its instance', groupId, { memberId: '', groupInstanceId: 'one' })
      await describe(talk, 'empty', groupId)
    },
  },
  {
    name: 'offsets',
    async run(talk) {
      const { name, topicId } = await talk.createTopic('committed', { partitions: 2 })
      const groupId = await talk.group('offsets')
      await offsets(talk, 'of an unknown group', groupId, [{ name, partitionIndexes: [0, 1] }])
      await offsets(talk, 'all of an unknown group', groupId, null)
      await commit(talk, 'without members', groupId, name, 7, { metadata: 'some text, ünchanged' })
      await commit(talk, 'an unknown partition', groupId, name, 7, { partition: 9 })
      await commit(talk, 'an unknown topic', groupId, talk.name('unknown'), 7)
      await commit(talk, 'a negative offset', groupId, name, -5, { partition: 1 })
      await commit(talk, 'null metadata', groupId, name, 8, { partition: 1, metadata: null })
      await commit(talk, 'much metadata', groupId, name, 9, { metadata: 'x'.repeat(5_000) })
      await commit(talk, 'with a generation', groupId, name, 9, { generationIdOrMemberEpoch: 3 })
      await commit(talk, 'by a stranger', groupId, name, 9, { memberId: 'stranger', generationIdOrMemberEpoch: 3 })
      await commit(talk, 'by a stranger without a generation', groupId, name, 9, { memberId: 'stranger' })
      await offsets(talk, 'fetched', groupId, [{ name, partitionIndexes: [0, 1, 9] }])
      await offsets(talk, 'all fetched', groupId, null)
      await offsets(talk, 'of an unknown topic', groupId, [{ name: talk.name('unknown'), partitionIndexes: [0] }])
      for (const version of [1, 5, 7]) {
        await talk.ask('in an old version', OffsetFetch, version, {
          groupId,
          topics: [{ name, partitionIndexes: [0, 5] }],
        })
      }
      await talk.ask('by id', OffsetFetch, 10, {
        groups: [
          {
            groupId,
            topics: [
              { topicId, partitionIndexes: [0] },
              { topicId: new Uint8Array(16).fill(7), partitionIndexes: [0] },
            ],
          },
        ],
      })
      await talk.ask('committed by id', OffsetCommit, 10, {
        groupId,
        memberId: '',
        topics: [topicId, new Uint8Array(16).fill(7)].map((id) => ({
          topicId: id,
          partitions: [{ partitionIndex: 0, committedOffset: 11, committedMetadata: 'by id' }],
        })),
      })
      await offsets(talk, 'of several groups', groupId, null)
      await describe(talk, 'a group of offsets only', groupId)
      const member = await join(talk, 'member', groupId)
      await commit(talk, 'before its sync', groupId, name, 10, {
        memberId: member.memberId,
        generationIdOrMemberEpoch: member.generationId,
      })
      await sync(talk, 'syncs', groupId, member, { [member.memberId]: 'all' })
      await commit(talk, 'by a member', groupId, name, 12, {
        memberId: member.memberId,
        generationIdOrMemberEpoch: member.generationId,
      })
      await commit(talk, 'by a member of an old generation', groupId, name, 13, {
        memberId: member.memberId,
        generationIdOrMemberEpoch: 0,
      })
      await commit(talk, 'from outside while there are members', groupId, name, 14)
      await commit(talk, 'by a stranger in the generation', groupId, name, 15, {
        memberId: 'stranger',
        generationIdOrMemberEpoch: member.generationId,
      })
      await commit(talk, 'by an unknown instance', groupId, name, 15, {
        memberId: member.memberId,
        generationIdOrMemberEpoch: member.generationId,
        groupInstanceId: 'i',
      })
      await offsets(talk, 'asked by a member', groupId, null, {
        memberId: member.memberId,
        memberEpoch: member.generationId,
      })
      await offsets(talk, 'asked by a stranger', groupId, null, { memberId: 'stranger', memberEpoch: 1 })
      const second = join(talk, 'second', groupId, 'second')
      await rebalancing(talk, groupId, member)
      await commit(talk, 'during the rebalance', groupId, name, 16, {
        memberId: member.memberId,
        generationIdOrMemberEpoch: member.generationId,
      })
      await leave(talk, 'leaves', groupId, { memberId: member.memberId })
      await leave(talk, 'the second leaves', groupId, { memberId: (await second).memberId })
      await commit(talk, 'when empty again', groupId, name, 17)
      await commit(talk, 'when empty again, with an old generation', groupId, name, 18, {
        memberId: member.memberId,
        generationIdOrMemberEpoch: member.generationId,
      })
      await offsets(talk, 'at the end', groupId, null)
      await talk.ask('deleted', DeleteGroups, 2, { groupsNames: [groupId] })
      await offsets(talk, 'after the end', groupId, null)
      await commit(talk, 'an empty group id', '', name, 3)
      await offsets(talk, 'of the empty group id', '', [{ name, partitionIndexes: [0] }])
      await talk.ask('the empty group is deleted', DeleteGroups, 2, { groupsNames: [''] })
      await talk.ask('the empty group is described', DescribeGroups, 5, { groups: [''] })
      await talk.ask('no topics', OffsetCommit, 9, { groupId, memberId: '', topics: [] })
    },
  },
  {
    name: 'a group whose id has a slash; lists',
    async run(talk) {
      const groupId = await talk.group('team/readers')
      const { name } = await talk.createTopic('slash')
      await commit(talk, 'committed', groupId, name, 1)
      const member = await join(talk, 'member', groupId)
      await sync(talk, 'syncs', groupId, member, { [member.memberId]: 'x' })
      for (const [label, version, filters] of [
        ['all', 3, {}],
        ['stable', 4, { statesFilter: ['Stable'] }],
        ['stable in small letters', 4, { statesFilter: ['stable'] }],
        ['empty', 4, { statesFilter: ['Empty'] }],
        ['an unknown state', 4, { statesFilter: ['Sleepy'] }],
        ['classic', 5, { typesFilter: ['Classic'] }],
        ['consumer', 5, { typesFilter: ['consumer'] }],
        ['an unknown type', 5, { typesFilter: ['sleepy'] }],
      ] as const) {
        const { errorCode, groups } = await talk.tell(ListGroups, version, filters as object)
        talk.note(`${label} (v${version})`, { errorCode, groups: groups.filter((group) => group.groupId === groupId) })
      }
      await describe(talk, 'described', groupId)
      await leave(talk, 'leaves', groupId, { memberId: member.memberId })
      await offsets(talk, 'its offsets', groupId, null)
    },
  },
  {
    name: 'old versions: no id first, one timeout',
    async run(talk) {
      const groupId = await talk.group('old')
      const { protocols, memberId, protocolType, sessionTimeoutMs } = joinRequest(groupId)
      const member = await talk.ask('joins', JoinGroup, 0, {
        groupId,
        sessionTimeoutMs,
        memberId,
        protocolType,
        protocols,
      })
      await talk.ask('syncs', SyncGroup, 0, {
        groupId,
        generationId: member.generationId,
        memberId: member.memberId,
        assignments: [{ memberId: member.memberId, assignment: utf8('x') }],
      })
      await talk.ask('beats', Heartbeat, 0, { groupId, generationId: member.generationId, memberId: member.memberId })
      await talk.ask('an old generation beats', Heartbeat, 0, { groupId, generationId: 0, memberId: member.memberId })
      await talk.ask('commits', OffsetCommit, 2, {
        groupId,
        generationIdOrMemberEpoch: member.generationId,
        memberId: member.memberId,
        topics: [],
      })
      await talk.ask('is described', DescribeGroups, 0, { groups: [groupId] })
      await talk.ask('leaves', LeaveGroup, 0, { groupId, memberId: member.memberId })
      await talk.ask('leaves again', LeaveGroup, 0, { groupId, memberId: member.memberId })
    },
  },
]
