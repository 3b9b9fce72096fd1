import {
  DeleteGroups,
  DescribeGroups,
  Heartbeat,
  JoinGroup,
  type JoinGroupRequestInput,
  LeaveGroup,
  ListGroups,
  OffsetCommit,
  SyncGroup,
} from '@millrace/kafka'
import { utf8 } from '@millrace/std'
import { joinRequest, type Sequence } from './conversation.ts'
import { beat, commit, describe, join, leave, offsets, rebalancing, sync } from './group-requests.ts'

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
    name: 'members with several protocols; ids that were never used',
    async run(talk) {
      const groupId = await talk.group('votes')
      const protocols = (...names: string[]) => names.map((name) => ({ name, metadata: utf8(`for ${name}`) }))
      const first = await join(talk, 'first', groupId, 'first', { protocols: protocols('a', 'b', 'c') })
      await sync(talk, 'first syncs', groupId, first, { [first.memberId]: 'x' }, { protocolName: 'a' })
      await talk.ask(
        'an id that is never used',
        JoinGroup,
        9,
        joinRequest(groupId, { sessionTimeoutMs: 500, protocols: protocols('a') }),
        'second',
      )
      await beat(talk, 'nothing has changed', groupId, first)
      await describe(talk, 'nor is it shown', groupId)
      const second = join(talk, 'second', groupId, 'third', { protocols: protocols('c', 'b') })
      await rebalancing(talk, groupId, first)
      const again = joinRequest(groupId, { memberId: first.memberId, protocols: protocols('b', 'c') })
      const leader = talk.ask('first joins again', JoinGroup, 9, again)
      const third = await second
      const one = await leader
      talk.note('both are in one generation', one.generationId === third.generationId)
      const name = one.protocolName
      const waits = sync(talk, 'second waits', groupId, third, {}, { protocolName: name }, 'third')
      const assigned = { [first.memberId]: 'one', [third.memberId]: 'two', stranger: 'three' }
      await sync(talk, 'first assigns, also to a stranger', groupId, one, assigned, { protocolName: name })
      await waits
      await leave(talk, 'an empty leave', groupId)
      await leave(talk, 'both leave, one twice', groupId, one, third, third)
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
