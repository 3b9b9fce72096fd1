import {
  ConsumerGroupHeartbeat,
  DescribeGroups,
  Heartbeat,
  JoinGroup,
  OffsetCommit,
  OffsetDelete,
  OffsetFetch,
} from '@millrace/kafka'
import { beating, describeConsumers, heartbeat, joining, records, subscription } from './consumer-group-requests.ts'
import { type Conversation, joinRequest, type Sequence } from './conversation.ts'
import { describe, leave, sync } from './group-requests.ts'

/** The life of KIP-848 groups, the records that they leave, and groups that change their protocol. */
export const consumerGroupSequences: Sequence[] = [
  {
    name: 'KIP-848: one member joins, beats, changes its subscription, leaves',
    async run(talk) {
      const one = await talk.createTopic('alone', { partitions: 3 })
      const two = await talk.createTopic('alone-too', { partitions: 2 })
      const groupId = await talk.group('kip848-one')
      await describeConsumers(talk, 'before', groupId)
      await heartbeat(talk, 'beats before it joins', groupId, 'a', beating(1))
      await heartbeat(talk, 'leaves before it joins', groupId, 'a', beating(-1))
      await heartbeat(talk, 'joins', groupId, 'a', { subscribedTopicNames: [one.name] })
      await describeConsumers(talk, 'joined', groupId)
      await describeConsumers(talk, 'joined, in the first version', groupId, 0)
      await describe(talk, 'as a classic group', groupId)
      await describe(talk, 'as a classic group, in an old version', groupId, 5)
      const owned = [{ topicId: one.topicId, partitions: [0, 1, 2] }]
      await heartbeat(talk, 'beats with what it has', groupId, 'a', beating(2, owned))
      await heartbeat(talk, 'beats', groupId, 'a', beating(2))
      await heartbeat(talk, 'beats in full', groupId, 'a', {
        memberEpoch: 2,
        subscribedTopicNames: [one.name],
        topicPartitions: owned,
      })
      await heartbeat(talk, 'an old epoch', groupId, 'a', beating(1))
      await heartbeat(talk, 'the epoch before, with what it has', groupId, 'a', beating(0, owned))
      await heartbeat(talk, 'a future epoch', groupId, 'a', beating(9))
      await heartbeat(talk, 'a stranger', groupId, 'stranger', beating(2))
      await heartbeat(talk, 'reads another topic as well', groupId, 'a', {
        ...beating(2, owned),
        subscribedTopicNames: [two.name, one.name],
      })
      await heartbeat(talk, 'reads only the other', groupId, 'a', { ...beating(3), subscribedTopicNames: [two.name] })
      await describeConsumers(talk, 'has to give up', groupId)
      await heartbeat(talk, 'has not given up', groupId, 'a', beating(3))
      await heartbeat(talk, 'has given up', groupId, 'a', beating(3, [{ topicId: two.topicId, partitions: [0, 1] }]))
      await heartbeat(talk, 'a topic that is not there', groupId, 'a', {
        ...beating(4, []),
        subscribedTopicNames: [talk.name('later')],
      })
      await heartbeat(talk, 'rejoins', groupId, 'a', { subscribedTopicNames: [one.name] })
      await heartbeat(talk, 'another leaves', groupId, 'b', beating(-1))
      await heartbeat(talk, 'leaves', groupId, 'a', beating(-1))
      await describeConsumers(talk, 'empty', groupId)
      await heartbeat(talk, 'leaves twice', groupId, 'a', beating(-1))
      await heartbeat(talk, 'beats after it has left', groupId, 'a', beating(5))
      await records(talk, 'all', groupId)
    },
  },
  {
    name: 'KIP-848: what is refused',
    async run(talk) {
      const groupId = await talk.group('kip848-refused')
      const ask = (label: string, options: object, version = 1, memberId = 'm') =>
        heartbeat(talk, label, groupId, memberId, options, version)
      await ask('no member id', {}, 1, '')
      await ask('a blank member id', {}, 1, ' ')
      await ask('no member id, first version, later epoch', { memberEpoch: 1 }, 0, '')
      await ask('no group id', { groupId: '' })
      await ask('a blank instance id', { instanceId: '' })
      await ask('a blank rack', { rackId: '' })
      await ask('no rebalance timeout', { rebalanceTimeoutMs: -1 })
      await ask('partitions when it joins', {
        topicPartitions: [{ topicId: new Uint8Array(16).fill(1), partitions: [0] }],
      })
      await ask('null partitions when it joins', { topicPartitions: null })
      await ask('no subscription', { subscribedTopicNames: null })
      await ask('away without an instance', { memberEpoch: -2 })
      await ask('an epoch that is none', { memberEpoch: -3 })
      await ask('an assignor that is none', { serverAssignor: 'sticky' })
      await ask('a wrong expression', { subscribedTopicNames: null, subscribedTopicRegex: '[' })
      await ask('another wrong expression', { subscribedTopicNames: null, subscribedTopicRegex: 'a**' })
      await describeConsumers(talk, 'nothing has come of it', groupId)
      await ask('no subscription to anything', {})
      await ask('the range assignor', { serverAssignor: 'range', memberEpoch: 1 })
      await describeConsumers(talk, 'one member', groupId)
      await records(talk, 'all', groupId)
    },
  },
  {
    name: 'KIP-848: partitions move from one member to another',
    async run(talk) {
      const { name, topicId } = await talk.createTopic('moving', { partitions: 4 })
      const groupId = await talk.group('kip848-moving')
      const having = (...partitions: number[]) => [{ topicId, partitions }]
      const subscribedTopicNames = [name]
      await heartbeat(talk, 'a joins', groupId, 'a', { subscribedTopicNames })
      await heartbeat(talk, 'a has all', groupId, 'a', beating(2, having(0, 1, 2, 3)))
      await heartbeat(talk, 'b joins', groupId, 'b', { subscribedTopicNames, rackId: 'r' })
      await describeConsumers(talk, 'b waits', groupId)
      await heartbeat(talk, 'b waits', groupId, 'b', beating(3))
      await heartbeat(talk, 'a learns', groupId, 'a', beating(2))
      await heartbeat(talk, 'a says nothing new', groupId, 'a', beating(2))
      await heartbeat(talk, 'b still waits', groupId, 'b', beating(3))
      await describeConsumers(talk, 'a is to give up', groupId)
      await heartbeat(talk, 'a gives up', groupId, 'a', beating(2, having(0, 1)))
      await heartbeat(talk, 'b gets', groupId, 'b', beating(3))
      await heartbeat(talk, 'b has', groupId, 'b', beating(3, having(2, 3)))
      await describeConsumers(talk, 'stable', groupId)
      await heartbeat(talk, 'c joins', groupId, 'c', { subscribedTopicNames, serverAssignor: 'range' })
      await heartbeat(talk, 'b leaves', groupId, 'b', beating(-1))
      await heartbeat(talk, 'c learns', groupId, 'c', beating(4))
      await heartbeat(talk, 'a learns again', groupId, 'a', beating(3))
      await describeConsumers(talk, 'two are left', groupId)
      await records(talk, 'all', groupId)
    },
  },
  {
    name: 'KIP-848: static members leave and come back',
    async run(talk) {
      const { name, topicId } = await talk.createTopic('static', { partitions: 2 })
      const groupId = await talk.group('kip848-static')
      const options = { subscribedTopicNames: [name], instanceId: 'i' }
      await heartbeat(talk, 'joins', groupId, 'first', options)
      await heartbeat(talk, 'has', groupId, 'first', {
        ...beating(2, [{ topicId, partitions: [0, 1] }]),
        instanceId: 'i',
      })
      await heartbeat(talk, 'another of the same instance', groupId, 'second', options)
      await heartbeat(talk, 'another beats', groupId, 'second', { ...beating(2), instanceId: 'i' })
      await heartbeat(talk, 'an instance that is not there', groupId, 'first', { ...beating(2), instanceId: 'j' })
      await heartbeat(talk, 'another leaves', groupId, 'second', { ...beating(-2), instanceId: 'i' })
      await heartbeat(talk, 'leaves for a while', groupId, 'first', { ...beating(-2), instanceId: 'i' })
      await describeConsumers(talk, 'away', groupId)
      await heartbeat(talk, 'is back under another id', groupId, 'second', options)
      await heartbeat(talk, 'the old one beats', groupId, 'first', { ...beating(2), instanceId: 'i' })
      await describeConsumers(talk, 'back', groupId)
      await heartbeat(talk, 'leaves for good', groupId, 'second', { ...beating(-1), instanceId: 'i' })
      await records(talk, 'all', groupId)
    },
  },
  {
    name: 'KIP-848: a subscription by regular expression',
    async run(talk) {
      const stem = talk.name('pattern')
      const one = await talk.createTopic('pattern', { partitions: 2 })
      const groupId = await talk.group('kip848-pattern')
      const options = { subscribedTopicNames: null, subscribedTopicRegex: `${stem}.*` }
      await heartbeat(talk, 'joins', groupId, 'a', options)
      await talk.until(
        ConsumerGroupHeartbeat,
        1,
        { ...joining(groupId, 'a'), ...options },
        ({ assignment }) => (assignment?.topicPartitions.length ?? 0) > 0,
      )
      const owned = [{ topicId: one.topicId, partitions: [0, 1] }]
      await heartbeat(talk, 'has', groupId, 'a', beating(2, owned))
      await describeConsumers(talk, 'by expression', groupId)
      await heartbeat(talk, 'by name', groupId, 'a', {
        ...beating(2, owned),
        subscribedTopicNames: [one.name],
        subscribedTopicRegex: '',
      })
      await describeConsumers(talk, 'by name', groupId)
      await records(talk, 'all', groupId)
    },
  },
  {
    name: 'KIP-848: offsets are committed and read by members of the present epoch',
    async run(talk) {
      const { name, topicId } = await talk.createTopic('epochs', { partitions: 2 })
      const groupId = await talk.group('kip848-offsets')
      const commit = (label: string, memberId: string, epoch: number, version = 9) =>
        talk.ask(label, OffsetCommit, version, {
          groupId,
          memberId,
          generationIdOrMemberEpoch: epoch,
          topics: [{ name, topicId, partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: 'm' }] }],
        })
      const read = (label: string, memberId: string | null, memberEpoch: number) =>
        talk.ask(label, OffsetFetch, 9, {
          groups: [{ groupId, memberId, memberEpoch, topics: [{ name, partitionIndexes: [0, 1] }] }],
        })
      await commit('before there is a group', 'a', 2)
      await commit('before there is a group, in an old version', 'a', 2, 8)
      await heartbeat(talk, 'joins', groupId, 'a', { subscribedTopicNames: [name] })
      await commit('by the member', 'a', 2)
      await commit('by the member, by id', 'a', 2, 10)
      await commit('in an old version', 'a', 2, 8)
      await commit('an old epoch', 'a', 1)
      await commit('a future epoch', 'a', 3)
      await commit('by nobody', '', -1)
      await commit('by a stranger', 'stranger', 2)
      await read('by the member', 'a', 2)
      await read('an old epoch', 'a', 1)
      await read('by nobody', null, -1)
      await read('by a stranger', 'stranger', 2)
      await heartbeat(talk, 'another topic', groupId, 'a', {
        ...beating(2, [{ topicId, partitions: [0, 1] }]),
        subscribedTopicNames: [name, talk.name('later')],
      })
      await commit('the epoch before, of a partition that it had then', 'a', 2)
      const remove = (label: string) =>
        talk.ask(label, OffsetDelete, 0, {
          groupId,
          topics: [
            { name, partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }] },
            { name: talk.name('unknown'), partitions: [{ partitionIndex: 0 }] },
          ],
        })
      await remove('deleted while subscribed to')
      await heartbeat(talk, 'leaves', groupId, 'a', beating(-1))
      await commit('by nobody into an empty group', '', -1)
      await remove('deleted')
      await remove('deleted again')
      await talk.ask('of an unknown group', OffsetDelete, 0, { groupId: talk.name('nobodys'), topics: [] })
      await talk.ask('of no group', OffsetDelete, 0, { groupId: '', topics: [] })
      await records(talk, 'all', groupId)
    },
  },
  {
    name: 'KIP-848: a classic group becomes a consumer group, and one again',
    async run(talk) {
      const { name, topicId } = await talk.createTopic('migrating', { partitions: 2 })
      const groupId = await talk.group('kip848-migrating')
      const protocols = (owned: readonly number[] = []) => [
        { name: 'range', metadata: subscription([name], owned.length > 0 ? { [name]: owned } : {}) },
      ]
      const classic = await talk.ask('asks for an id', JoinGroup, 9, joinRequest(groupId, { protocols: protocols() }))
      const joined = await rejoin(talk, 'joins', groupId, classic.memberId, protocols())
      await sync(talk, 'syncs', groupId, joined, {})
      // By names, so that it does not depend on an id that a broker has made up who gets what.
      const byName = { subscribedTopicNames: [name], serverAssignor: 'range' }
      await heartbeat(talk, 'one of the new protocol joins', groupId, 'new', byName)
      await describeConsumers(talk, 'both', groupId)
      await talk.ask('as a classic group', DescribeGroups, 6, { groups: [groupId] })
      const beat = (label: string, generationId: number) =>
        talk.ask(label, Heartbeat, 4, { groupId, memberId: classic.memberId, generationId })
      await beat('the classic one is to join again', 1)
      await sync(talk, 'it syncs instead', groupId, joined)
      const again = await rejoin(talk, 'it joins again', groupId, classic.memberId, protocols())
      await beat('it beats', again.generationId)
      await beat('it beats with an old generation', 1)
      await sync(talk, 'another protocol syncs', groupId, again, {}, { protocolName: 'roundrobin' })
      await talk.ask('a stranger syncs', Heartbeat, 4, { groupId, memberId: 'stranger', generationId: 1 })
      await talk.ask('the new one beats by the classic protocol', Heartbeat, 4, {
        groupId,
        memberId: 'new',
        generationId: 2,
      })
      await talk.ask(
        'one without a protocol in common',
        JoinGroup,
        9,
        joinRequest(groupId, { protocols: [{ name: 'other', metadata: subscription([name]) }], groupInstanceId: 's' }),
      )
      await describeConsumers(talk, 'both have something', groupId)
      await leave(talk, 'a stranger leaves', groupId, { memberId: 'stranger' })
      await heartbeat(talk, 'the new one leaves', groupId, 'new', beating(-1))
      await describe(talk, 'classic again', groupId)
      await describeConsumers(talk, 'classic again', groupId)
      const last = await rejoin(talk, 'it joins the classic group', groupId, classic.memberId, protocols([0]))
      await sync(talk, 'it syncs', groupId, last, {})
      await leave(talk, 'it leaves', groupId, { memberId: classic.memberId })
      await heartbeat(talk, 'an empty classic group is taken over', groupId, 'late', { subscribedTopicNames: [name] })
      await heartbeat(talk, 'late leaves', groupId, 'late', beating(-1))
      await talk.ask(
        'an empty consumer group is taken over',
        JoinGroup,
        9,
        joinRequest(groupId, { protocols: protocols() }),
      )
      await describe(talk, 'taken over', groupId)
      talk.note('topic', { topicId })
      await records(talk, 'all', groupId)
    },
  },
]

function rejoin(
  talk: Conversation,
  label: string,
  groupId: string,
  memberId: string,
  protocols: readonly { name: string; metadata: Uint8Array }[],
) {
  return talk.ask(label, JoinGroup, 9, joinRequest(groupId, { memberId, protocols }))
}
