import { DeleteGroups, DescribeGroups, OffsetCommit, OffsetFetch } from '@millrace/kafka'
import type { Sequence } from './conversation.ts'
import { commit, describe, join, leave, offsets, rebalancing, sync } from './group-requests.ts'

/** Committed offsets: who may commit what, and what is found afterwards. */
export const offsetSequences: Sequence[] = [
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
]
