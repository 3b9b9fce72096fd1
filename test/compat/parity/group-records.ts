import { DeleteGroups, JoinGroup, OffsetCommit } from '@millrace/kafka'
import { records, subscription } from './consumer-group-requests.ts'
import { joinRequest, type Sequence } from './conversation.ts'
import { commit, join, leave, rebalancing, sync } from './group-requests.ts'

/** What classic groups and committed offsets leave in `__consumer_offsets`. */
export const groupRecordSequences: Sequence[] = [
  {
    name: 'records of a classic group',
    async run(talk) {
      const { name } = await talk.createTopic('recorded', { partitions: 2 })
      const groupId = await talk.group('recorded-group')
      const protocols = [{ name: 'range', metadata: subscription([name]) }]
      const first = await join(talk, 'first', groupId, 'first', { protocols })
      await sync(talk, 'first syncs', groupId, first, { [first.memberId]: 'all' })
      await commit(talk, 'a commit', groupId, name, 7, {
        metadata: 'm',
        memberId: first.memberId,
        generationIdOrMemberEpoch: first.generationId,
      })
      const second = join(talk, 'second', groupId, 'second', { protocols })
      await rebalancing(talk, groupId, first)
      const leader = await talk.ask(
        'first joins again',
        JoinGroup,
        9,
        joinRequest(groupId, { memberId: first.memberId, protocols }),
      )
      const other = await second
      const waiting = sync(talk, 'second syncs', groupId, other, {}, {}, 'second')
      await sync(talk, 'first assigns', groupId, leader, { [first.memberId]: '1' })
      await waiting
      await leave(talk, 'both leave', groupId, { memberId: first.memberId }, { memberId: other.memberId })
      await commit(talk, 'a commit by nobody', groupId, name, 8, { partition: 1 })
      await talk.ask('with a retention of its own', OffsetCommit, 2, {
        groupId,
        memberId: '',
        retentionTimeMs: 1_000_000,
        topics: [{ name, partitions: [{ partitionIndex: 0, committedOffset: 9, committedMetadata: null }] }],
      })
      await talk.ask('deleted', DeleteGroups, 2, { groupsNames: [groupId] })
      await records(talk, 'all', groupId)
    },
  },
  {
    name: 'records of a static member',
    async run(talk) {
      const groupId = await talk.group('recorded-static')
      const request = joinRequest(groupId, { groupInstanceId: 'i' })
      const first = await talk.ask('joins', JoinGroup, 9, request)
      await sync(talk, 'syncs', groupId, first, { [first.memberId]: 'all' }, { groupInstanceId: 'i' })
      const back = await talk.ask('is back', JoinGroup, 9, request)
      await sync(talk, 'syncs again', groupId, back, {}, { groupInstanceId: 'i' })
      await leave(talk, 'leaves', groupId, { memberId: '', groupInstanceId: 'i' })
      await records(talk, 'all', groupId)
    },
  },
]
