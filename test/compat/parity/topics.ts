import {
  ApiVersions,
  CreatePartitions,
  CreateTopics,
  DeleteTopics,
  DescribeCluster,
  DescribeConfigs,
  FindCoordinator,
  InitProducerId,
  Metadata,
} from '@millrace/kafka'
import type { Conversation, Sequence } from './conversation.ts'

interface TopicInput {
  name: string
  numPartitions?: number
  replicationFactor?: number
  assignments?: { partitionIndex: number; brokerIds: number[] }[]
  configs?: { name: string; value: string | null }[]
}

function create(
  talk: Conversation,
  label: string,
  topics: TopicInput[],
  options: { version?: number; validateOnly?: boolean } = {},
) {
  const { version = 7, validateOnly = false } = options
  const whole = topics.map((topic) => ({
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
    ...topic,
  }))
  return talk
    .tell(CreateTopics, version, { topics: whole, validateOnly, timeoutMs: 10_000 })
    .then(({ topics: created }) => {
      // The configuration of a new topic is compared by DescribeConfigs.
      talk.note(
        label,
        created.map(({ configs: _, ...rest }) => rest),
      )
    })
}

const unknownId = new Uint8Array(16).fill(7)
const noId = new Uint8Array(16)

/** What may be said about topics, right and wrong. */
export const topicSequences: Sequence[] = [
  {
    name: 'CreateTopics: names',
    async run(talk) {
      const { name } = await talk.createTopic('taken.name')
      await create(talk, 'empty', [{ name: '' }])
      await create(talk, 'dot', [{ name: '.' }])
      await create(talk, 'two dots', [{ name: '..' }])
      await create(talk, 'a space', [{ name: 'in valid' }])
      await create(talk, 'a letter outside of ASCII', [{ name: 'größe' }])
      await create(talk, '250 characters', [{ name: 'a'.repeat(250) }])
      await create(talk, '249 characters', [{ name: 'a'.repeat(249) }], { validateOnly: true })
      await create(talk, 'taken', [{ name }])
      await create(talk, 'taken, only validated', [{ name }], { validateOnly: true })
      await create(talk, 'collides', [{ name: name.replace('.', '_') }])
      await create(talk, 'twice in the request', [{ name: talk.name('twice') }, { name: talk.name('twice') }])
      await create(talk, 'the metadata topic', [{ name: '__cluster_metadata' }])
      await create(talk, 'no topic at all', [])
    },
  },
  {
    name: 'CreateTopics: partitions, replicas, assignments',
    async run(talk) {
      const name = talk.name('shape')
      await create(talk, '0 partitions', [{ name, numPartitions: 0 }])
      await create(talk, '-2 partitions', [{ name, numPartitions: -2 }])
      await create(talk, '0 replicas', [{ name, replicationFactor: 0 }])
      await create(talk, '3 replicas', [{ name, replicationFactor: 3 }])
      await create(talk, '-2 replicas', [{ name, replicationFactor: -2 }])
      await create(talk, 'defaults', [{ name: talk.name('defaults'), numPartitions: -1, replicationFactor: -1 }])
      await create(talk, 'defaults in an old version', [{ name, numPartitions: -1, replicationFactor: -1 }], {
        version: 3,
        validateOnly: true,
      })
      const assigned = (
        assignments: { partitionIndex: number; brokerIds: number[] }[],
        numPartitions = -1,
        replicationFactor = -1,
      ) => [{ name, numPartitions, replicationFactor, assignments }]
      await create(talk, 'assigned and counted', assigned([{ partitionIndex: 0, brokerIds: [1] }], 1))
      await create(talk, 'assigned and replicated', assigned([{ partitionIndex: 0, brokerIds: [1] }], -1, 1))
      await create(talk, 'assigned with a gap', assigned([{ partitionIndex: 1, brokerIds: [1] }]))
      await create(
        talk,
        'assigned twice',
        assigned([
          { partitionIndex: 0, brokerIds: [1] },
          { partitionIndex: 0, brokerIds: [1] },
        ]),
      )
      await create(talk, 'assigned to nobody', assigned([{ partitionIndex: 0, brokerIds: [] }]))
      await create(talk, 'assigned to a stranger', assigned([{ partitionIndex: 0, brokerIds: [9] }]))
      await create(talk, 'assigned to one broker twice', assigned([{ partitionIndex: 0, brokerIds: [1, 1] }]))
      await create(talk, 'assigned to a negative broker', assigned([{ partitionIndex: 0, brokerIds: [-1] }]))
      await create(
        talk,
        'assigned',
        assigned([
          { partitionIndex: 1, brokerIds: [1] },
          { partitionIndex: 0, brokerIds: [1] },
        ]),
      )
    },
  },
  {
    name: 'CreateTopics: configuration',
    async run(talk) {
      const wrong = (key: string, value: string | null) =>
        create(talk, `${key}=${value}`, [{ name: talk.name('config'), configs: [{ name: key, value }] }], {
          validateOnly: true,
        })
      for (const [key, value] of [
        ['retention.mss', '1'],
        ['retention.ms', 'soon'],
        ['retention.ms', '-2'],
        ['retention.ms', null],
        ['retention.ms', '-1'],
        ['retention.ms', ' 5 '],
        ['cleanup.policy', 'shred'],
        ['cleanup.policy', 'compact,delete'],
        ['cleanup.policy', ''],
        ['segment.bytes', '13'],
        ['segment.bytes', '1048576'],
        ['segment.bytes', '2147483648'],
        ['max.message.bytes', '-1'],
        ['message.timestamp.type', 'Sometime'],
        ['min.cleanable.dirty.ratio', '1.5'],
        ['min.insync.replicas', '0'],
        ['preallocate', 'maybe'],
        ['', 'x'],
      ] as const) {
        await wrong(key, value)
      }
      await create(
        talk,
        'one key twice',
        [
          {
            name: talk.name('double'),
            configs: [
              { name: 'retention.ms', value: '1' },
              { name: 'retention.ms', value: '2' },
            ],
          },
        ],
        { validateOnly: true },
      )
    },
  },
  {
    name: 'DeleteTopics',
    async run(talk) {
      const remove = (label: string, topics: { name: string | null; topicId: Uint8Array }[]) =>
        talk.ask(label, DeleteTopics, 6, { topics, timeoutMs: 10_000 })
      const first = await talk.createTopic('delete-1')
      const second = await talk.createTopic('delete-2')
      const third = await talk.createTopic('delete-3')
      await remove('unknown name', [{ name: talk.name('unknown'), topicId: noId }])
      await remove('invalid name', [{ name: 'in valid', topicId: noId }])
      await remove('unknown id', [{ name: null, topicId: unknownId }])
      await remove('neither', [{ name: null, topicId: noId }])
      await remove('both', [{ name: first.name, topicId: first.topicId }])
      await remove('twice', [
        { name: first.name, topicId: noId },
        { name: first.name, topicId: noId },
      ])
      await remove('name and id of the same', [
        { name: second.name, topicId: noId },
        { name: null, topicId: second.topicId },
      ])
      await remove('by id', [{ name: null, topicId: second.topicId }])
      await remove('by name', [{ name: first.name, topicId: noId }])
      await talk.ask('in an old version', DeleteTopics, 4, {
        topicNames: [third.name, talk.name('none')],
        timeoutMs: 10_000,
      })
      await talk.until(Metadata, 12, { topics: [{ name: third.name }] }, ({ topics }) => topics[0]?.errorCode === 3)
      await talk.ask('gone', DeleteTopics, 4, { topicNames: [third.name], timeoutMs: 10_000 })
      const again = await talk.createTopic('delete-3')
      talk.note('a new topic has a new id', Buffer.compare(again.topicId, third.topicId) !== 0)
    },
  },
  {
    name: 'CreatePartitions',
    async run(talk) {
      const { name } = await talk.createTopic('grow', { partitions: 2 })
      const grow = (
        label: string,
        topics: { name: string; count: number; assignments?: { brokerIds: number[] }[] | null }[],
        validateOnly = false,
      ) =>
        talk.ask(label, CreatePartitions, 3, {
          topics: topics.map((topic) => ({ assignments: null, ...topic })),
          timeoutMs: 10_000,
          validateOnly,
        })
      await grow('unknown topic', [{ name: talk.name('unknown'), count: 2 }])
      await grow('invalid topic', [{ name: 'in valid', count: 2 }])
      await grow('fewer', [{ name, count: 1 }])
      await grow('as many', [{ name, count: 2 }])
      await grow('none', [{ name, count: 0 }])
      await grow('negative', [{ name, count: -1 }])
      await grow('twice', [
        { name, count: 3 },
        { name, count: 4 },
      ])
      await grow('too few assignments', [{ name, count: 4, assignments: [{ brokerIds: [1] }] }])
      await grow('no assignments', [{ name, count: 4, assignments: [] }])
      await grow('assigned to a stranger', [{ name, count: 3, assignments: [{ brokerIds: [9] }] }])
      await grow('assigned to nobody', [{ name, count: 3, assignments: [{ brokerIds: [] }] }])
      await grow('only validated', [{ name, count: 3 }], true)
      await grow('assigned', [{ name, count: 3, assignments: [{ brokerIds: [1] }] }])
      await talk.until(Metadata, 12, { topics: [{ name }] }, ({ topics }) => topics[0]?.partitions.length === 3)
    },
  },
  {
    name: 'Metadata',
    async run(talk) {
      const { name, topicId } = await talk.createTopic('seen', { partitions: 2 })
      for (const version of [1, 4, 7, 9, 12, 13]) {
        await talk.ask('known, unknown, invalid', Metadata, version, {
          topics: [{ name }, { name: talk.name('unknown') }, { name: 'in valid' }],
          allowAutoTopicCreation: version < 4,
        })
      }
      await talk.ask('creation allowed, but not configured', Metadata, 12, { topics: [{ name: talk.name('auto') }] })
      await talk.ask('empty name', Metadata, 12, { topics: [{ name: '' }] })
      await talk.ask('one topic twice', Metadata, 12, { topics: [{ name }, { name }] })
      await talk.ask('by id', Metadata, 12, { topics: [{ name: null, topicId }] })
      await talk.ask('unknown id', Metadata, 12, { topics: [{ name: null, topicId: unknownId }] })
      await talk.ask('name and id', Metadata, 12, { topics: [{ name, topicId }] })
      await talk.ask('a known id and another name', Metadata, 12, { topics: [{ name: talk.name('other'), topicId }] })
      await talk.ask('known and unknown ids', Metadata, 12, {
        topics: [
          { name: null, topicId },
          { name: null, topicId: unknownId },
        ],
      })
      await talk.ask('name and unknown id', Metadata, 10, { topics: [{ name, topicId: unknownId }] })
      await talk.ask('id in version 10', Metadata, 10, { topics: [{ name: null, topicId }] })
      await talk.ask('no topics', Metadata, 12, { topics: [] })
    },
  },
  {
    name: 'DescribeConfigs',
    async run(talk) {
      const { name } = await talk.createTopic('configured', {
        configs: { 'retention.ms': '5000', 'cleanup.policy': 'compact,delete' },
      })
      const describe = (
        label: string,
        resourceType: number,
        resourceName: string,
        configurationKeys: string[] | null = [],
      ) =>
        talk.ask(label, DescribeConfigs, 4, {
          resources: [{ resourceType, resourceName, configurationKeys }],
          includeSynonyms: true,
        })
      await describe('unknown topic', 2, talk.name('unknown'))
      await describe('invalid topic', 2, 'in valid')
      await describe('empty topic', 2, '')
      await describe('keys of a topic', 2, name, [
        'cleanup.policy',
        'max.message.bytes',
        'segment.bytes',
        'no.such.key',
      ])
      await describe('unknown broker', 4, '99')
      await describe('no number', 4, 'abc')
      await describe('unknown type', 99, 'x')
      await describe('type 0', 0, 'x')
      for (const keys of [null, []]) {
        const all = await talk.tell(DescribeConfigs, 4, {
          resources: [{ resourceType: 2, resourceName: name, configurationKeys: keys }],
        })
        // `flush` is a property of ours.
        const known = all.results[0]?.configs.filter(({ name: key }) => key !== 'flush')
        talk.note(
          'all of a topic',
          known?.map(({ documentation: _, ...config }) => config),
        )
      }
    },
  },
  {
    name: 'FindCoordinator, InitProducerId, ApiVersions, DescribeCluster',
    async run(talk) {
      const groupId = await talk.group('found')
      await talk.ask('a group', FindCoordinator, 3, { key: groupId, keyType: 0 })
      await talk.ask('several groups', FindCoordinator, 6, { coordinatorKeys: [groupId, ''], keyType: 0 })
      await talk.ask('no groups', FindCoordinator, 6, { coordinatorKeys: [], keyType: 0 })
      await talk.ask('unknown type', FindCoordinator, 6, { coordinatorKeys: ['x'], keyType: 9 })
      await talk.ask('unknown type in an old version', FindCoordinator, 3, { key: 'x', keyType: 9 })
      await talk.producerId()
      await talk.ask('an id', InitProducerId, 5, { transactionalId: null, transactionTimeoutMs: 1 })
      await talk.ask('another id', InitProducerId, 0, { transactionalId: null, transactionTimeoutMs: 0 })
      await talk.ask('an id with an epoch', InitProducerId, 4, {
        transactionalId: null,
        transactionTimeoutMs: 1,
        producerId: 5,
        producerEpoch: 2,
      })
      await talk
        .ask('a wrong name', ApiVersions, 3, { clientSoftwareName: '', clientSoftwareVersion: '' })
        .catch(() => {})
      await talk.ask('brokers', DescribeCluster, 2, {
        includeClusterAuthorizedOperations: false,
        includeFencedBrokers: false,
      })
      await talk.ask('controllers', DescribeCluster, 1, { includeClusterAuthorizedOperations: false, endpointType: 2 })
      await talk.ask('neither', DescribeCluster, 1, { includeClusterAuthorizedOperations: false, endpointType: 3 })
    },
  },
]
