import { AlterConfigs, DescribeConfigs, IncrementalAlterConfigs, ListConfigResources } from '@millrace/kafka'
import type { Conversation, Sequence } from './conversation.ts'

const types = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const
const operations = { set: 0, delete: 1, append: 2, subtract: 3, none: 7 } as const

type Change = readonly [key: string, operation: keyof typeof operations, value: string | null]

/** Asks for a change; `validateOnly` unless it is to stay. */
function change(
  talk: Conversation,
  label: string,
  resourceType: number,
  resourceName: string,
  changes: readonly Change[],
  { stays = false, version = 1 }: { stays?: boolean; version?: number } = {},
) {
  return talk.ask(`${label}: ${JSON.stringify(changes)}`, IncrementalAlterConfigs, version, {
    resources: [{ resourceType, resourceName, configs: changes.map(toConfig) }],
    validateOnly: !stays,
  })
}

function toConfig([name, operation, value]: Change) {
  return { name, configOperation: operations[operation], value }
}

function describe(talk: Conversation, label: string, resourceType: number, resourceName: string, keys: string[] = []) {
  return talk.ask(label, DescribeConfigs, 4, {
    resources: [{ resourceType, resourceName, configurationKeys: keys }],
    includeSynonyms: true,
  })
}

/** Asks until the configuration is in force, which takes Apache Kafka a moment. */
async function described(
  talk: Conversation,
  label: string,
  resourceType: number,
  resourceName: string,
  key: string,
  value: string | null | undefined,
) {
  const request = { resources: [{ resourceType, resourceName, configurationKeys: [key] }], includeSynonyms: true }
  await talk.until(DescribeConfigs, 4, request, ({ results }) => results[0]?.configs[0]?.value === value)
  await describe(talk, label, resourceType, resourceName, [key])
}

/** Values that topics may and may not be given. */
const topicValues: readonly Change[] = [
  ['retention.ms', 'set', '5'],
  ['retention.ms', 'set', ' 5 '],
  ['retention.ms', 'set', ''],
  ['retention.ms', 'set', null],
  ['retention.ms', 'set', 'soon'],
  ['retention.ms', 'set', '-2'],
  ['retention.ms', 'set', '9223372036854775807'],
  ['retention.ms', 'set', '9223372036854775808'],
  ['retention.ms', 'append', '5'],
  ['retention.ms', 'subtract', '5'],
  ['retention.ms', 'none', '5'],
  ['no.such.key', 'set', '5'],
  ['no.such.key', 'delete', null],
  ['', 'set', '5'],
  ['cleanup.policy', 'append', 'compact'],
  ['cleanup.policy', 'append', 'delete'],
  ['cleanup.policy', 'append', 'shred'],
  ['cleanup.policy', 'subtract', 'compact'],
  ['cleanup.policy', 'subtract', 'delete'],
  ['cleanup.policy', 'set', ''],
  ['cleanup.policy', 'set', 'delete,delete'],
  ['cleanup.policy', 'set', 'none'],
  ['compression.type', 'set', 'zip'],
  ['compression.type', 'set', 'lz4'],
  ['compression.gzip.level', 'set', '17'],
  ['compression.gzip.level', 'set', '-1'],
  ['compression.lz4.level', 'set', '18'],
  ['compression.zstd.level', 'set', '99'],
  ['message.timestamp.type', 'set', 'never'],
  ['segment.bytes', 'set', '13'],
  ['segment.bytes', 'set', '2147483648'],
  ['segment.index.bytes', 'set', '3'],
  ['min.cleanable.dirty.ratio', 'set', '1.5'],
  ['min.cleanable.dirty.ratio', 'set', '.5'],
  ['min.insync.replicas', 'set', '0'],
  ['min.insync.replicas', 'set', '2'],
  ['preallocate', 'set', 'maybe'],
  ['preallocate', 'set', 'TRUE'],
  ['remote.storage.enable', 'set', 'true'],
  ['leader.replication.throttled.replicas', 'set', '*'],
  ['leader.replication.throttled.replicas', 'set', '0:1,1:1'],
  ['leader.replication.throttled.replicas', 'set', 'x'],
  ['file.delete.delay.ms', 'set', '-1'],
  ['flush.messages', 'set', '0'],
]

const brokerValues: readonly (readonly [broker: string, change: Change])[] = [
  ['1', ['log.retention.ms', 'set', '5']],
  ['', ['log.retention.ms', 'set', '5']],
  ['2', ['log.retention.ms', 'set', '5']],
  ['abc', ['log.retention.ms', 'set', '5']],
  ['-1', ['log.retention.ms', 'set', '5']],
  ['1', ['num.partitions', 'set', '5']],
  ['', ['num.partitions', 'set', '5']],
  ['', ['log.retention.hours', 'set', '5']],
  ['1', ['broker.rack', 'set', 'x']],
  ['1', ['no.such.key', 'set', '5']],
  ['', ['no.such.key', 'delete', null]],
  ['1', ['log.retention.ms', 'set', 'x']],
  ['1', ['log.retention.ms', 'set', null]],
  ['1', ['log.retention.ms', 'append', '1']],
  ['1', ['log.cleanup.policy', 'append', 'compact']],
  ['1', ['log.cleanup.policy', 'subtract', 'delete']],
  ['', ['log.cleaner.threads', 'set', '2']],
  ['', ['num.io.threads', 'set', '0']],
  ['', ['message.max.bytes', 'set', '-1']],
  ['1', ['max.connections', 'set', '-1']],
  ['', ['listeners', 'set', 'PLAINTEXT://:1']],
  ['', ['advertised.listeners', 'set', 'PLAINTEXT://:1']],
  ['1', ['min.insync.replicas', 'set', '1']],
  ['', ['min.insync.replicas', 'set', '2']],
  ['', ['min.insync.replicas', 'set', '0']],
  ['', ['min.insync.replicas', 'delete', null]],
  ['1', ['ssl.keystore.location', 'set', '/x']],
  ['1', ['leader.replication.throttled.rate', 'set', '10']],
  ['1', ['leader.replication.throttled.rate', 'set', '-1']],
  ['1', ['transaction.partition.verification.enable', 'set', 'false']],
  ['1', ['group.consumer.assignment.interval.ms', 'set', '10']],
  ['1', ['producer.id.expiration.ms', 'set', '10']],
]

const otherValues: readonly (readonly [type: number, name: string, change: Change])[] = [
  [types.brokerLogger, '1', ['root', 'set', 'LOUD']],
  [types.brokerLogger, '1', ['root', 'set', 'ERROR']],
  [types.brokerLogger, '1', ['root', 'delete', null]],
  [types.brokerLogger, '1', ['root', 'append', 'INFO']],
  [types.brokerLogger, '1', ['no.such.logger', 'set', 'INFO']],
  [types.brokerLogger, '', ['root', 'set', 'INFO']],
  [types.brokerLogger, '2', ['root', 'set', 'INFO']],
  [types.clientMetrics, 's', ['interval.ms', 'set', '1000']],
  [types.clientMetrics, 's', ['interval.ms', 'set', '10']],
  [types.clientMetrics, 's', ['interval.ms', 'set', 'x']],
  [types.clientMetrics, 's', ['metrics', 'set', 'a,b']],
  [types.clientMetrics, 's', ['metrics', 'append', 'a']],
  [types.clientMetrics, 's', ['match', 'set', 'client_id=.*']],
  [types.clientMetrics, 's', ['match', 'set', 'nobody=.*']],
  [types.clientMetrics, 's', ['match', 'set', 'client_id']],
  [types.clientMetrics, 's', ['match', 'set', 'client_id=[']],
  [types.clientMetrics, 's', ['no.such.key', 'set', 'x']],
  [types.clientMetrics, '', ['interval.ms', 'set', '1000']],
  [types.group, 'g', ['consumer.session.timeout.ms', 'set', '50000']],
  [types.group, 'g', ['consumer.session.timeout.ms', 'set', '5']],
  [types.group, 'g', ['consumer.session.timeout.ms', 'set', '5000000']],
  [types.group, 'g', ['consumer.heartbeat.interval.ms', 'set', '15000']],
  [types.group, 'g', ['consumer.heartbeat.interval.ms', 'set', '5']],
  [types.group, 'g', ['consumer.heartbeat.interval.ms', 'set', 'x']],
  [types.group, 'g', ['consumer.assignment.interval.ms', 'set', '-1']],
  [types.group, 'g', ['no.such.key', 'set', 'x']],
  [types.group, '', ['consumer.session.timeout.ms', 'set', '50000']],
  [99, 'x', ['a', 'set', '5']],
  [0, 'x', ['a', 'set', '5']],
]

/** Configurations: what may be set, where a value comes from, and what is told of it. */
export const configSequences: Sequence[] = [
  {
    name: 'IncrementalAlterConfigs: topics',
    async run(talk) {
      const { name } = await talk.createTopic('altered')
      for (const each of topicValues) await change(talk, 'a topic', types.topic, name, [each])
      await change(talk, 'twice', types.topic, name, [
        ['retention.ms', 'delete', null],
        ['retention.ms', 'set', '5'],
      ])
      await change(talk, 'in conflict', types.topic, name, [
        ['min.compaction.lag.ms', 'set', '10'],
        ['max.compaction.lag.ms', 'set', '5'],
      ])
      await change(talk, 'right and wrong', types.topic, name, [
        ['retention.ms', 'set', '5'],
        ['a.b', 'set', '5'],
      ])
      await change(talk, 'nothing', types.topic, name, [])
      await change(talk, 'unknown topic', types.topic, talk.name('unknown'), [['retention.ms', 'set', '5']])
      await change(talk, 'invalid topic', types.topic, 'in valid', [['retention.ms', 'set', '5']])
      await change(talk, 'no topic', types.topic, '', [['retention.ms', 'set', '5']])
      const resource = { resourceType: types.topic, resourceName: name, configs: [] }
      await talk.ask('one topic twice', IncrementalAlterConfigs, 1, {
        resources: [resource, resource, { ...resource, resourceName: talk.name('unknown') }],
        validateOnly: true,
      })
    },
  },
  {
    name: 'IncrementalAlterConfigs: brokers, loggers, client metrics, groups',
    async run(talk) {
      for (const [broker, each] of brokerValues) await change(talk, `broker '${broker}'`, types.broker, broker, [each])
      for (const [type, name, each] of otherValues) await change(talk, `${type} '${name}'`, type, name, [each])
      await change(talk, 'several read-only keys', types.broker, '', [
        ['num.partitions', 'set', '4'],
        ['log.retention.hours', 'set', '5'],
      ])
    },
  },
  {
    name: 'configurations in force',
    async run(talk) {
      const { name } = await talk.createTopic('in-force', { configs: { 'retention.ms': '5000' } })
      const set = (type: number, resource: string, ...changes: Change[]) =>
        change(talk, 'kept', type, resource, changes, { stays: true })
      await set(types.topic, name, ['retention.ms', 'set', '7000'], ['cleanup.policy', 'append', 'compact'])
      await described(talk, 'a list that was appended to', types.topic, name, 'cleanup.policy', 'delete,compact')
      await set(types.topic, name, ['cleanup.policy', 'subtract', 'delete'])
      await described(talk, 'subtracted', types.topic, name, 'cleanup.policy', 'compact')
      await set(types.topic, name, ['cleanup.policy', 'delete', null], ['max.message.bytes', 'set', '500'])
      await described(talk, 'deleted', types.topic, name, 'cleanup.policy', 'delete')
      await set(types.broker, '', ['message.max.bytes', 'set', '2000000'])
      await described(talk, 'for all brokers', types.broker, '1', 'message.max.bytes', '2000000')
      await set(types.broker, '1', ['message.max.bytes', 'set', '3000000'])
      await described(talk, 'for one broker', types.broker, '1', 'message.max.bytes', '3000000')
      await described(talk, 'for all brokers, of all', types.broker, '', 'message.max.bytes', '2000000')
      await describe(talk, 'a topic with its own', types.topic, name, ['max.message.bytes', 'retention.ms'])
      await set(types.topic, name, ['max.message.bytes', 'delete', null])
      await described(talk, "a topic with the broker's", types.topic, name, 'max.message.bytes', '3000000')
      await set(types.broker, '1', ['message.max.bytes', 'delete', null], ['log.retention.ms', 'set', '9000'])
      await set(types.broker, '', ['message.max.bytes', 'delete', null])
      await described(talk, 'neither', types.broker, '1', 'message.max.bytes', '1048588')
      await described(talk, 'unset by default', types.broker, '1', 'log.retention.ms', '9000')
      await set(types.broker, '1', ['log.retention.ms', 'delete', null])
      await described(talk, 'unset again', types.broker, '1', 'log.retention.ms', null)
      await describe(talk, 'all that is set for all brokers', types.broker, '')
      await describe(talk, 'keys of the broker', types.broker, '1', [
        'log.retention.hours',
        'delete.topic.enable',
        'log.cleanup.policy',
        'compression.type',
        'min.insync.replicas',
        'no.such.key',
      ])
      const alter = (label: string, resourceType: number, resourceName: string, configs: Record<string, string>) =>
        talk.ask(label, AlterConfigs, 2, {
          resources: [
            {
              resourceType,
              resourceName,
              configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
            },
          ],
          validateOnly: false,
        })
      await alter('replaced', types.topic, name, { 'segment.ms': '8000' })
      await described(talk, 'replaced: the others are gone', types.topic, name, 'retention.ms', '604800000')
      await described(talk, 'replaced: the new one is there', types.topic, name, 'segment.ms', '8000')
      await alter('wrong', types.topic, name, { 'segment.ms': 'x' })
      await alter('unknown topic', types.topic, talk.name('unknown'), {})
      await alter('read-only', types.broker, '', { 'num.partitions': '5' })
      await alter('all brokers, nothing', types.broker, '', {})
      await alter('another broker', types.broker, '9', {})
      await alter('loggers', types.brokerLogger, '1', { root: 'INFO' })
      await alter('unknown type', 99, 'x', {})
    },
  },
  {
    name: 'configurations of groups and client metrics',
    async run(talk) {
      const group = talk.name('configured-group')
      const metrics = talk.name('subscription')
      await change(talk, 'a group', types.group, group, [['consumer.session.timeout.ms', 'set', '50000']], {
        stays: true,
      })
      const keys = ['consumer.session.timeout.ms', 'consumer.heartbeat.interval.ms']
      await described(talk, 'a group, set', types.group, group, 'consumer.session.timeout.ms', '50000')
      await describe(talk, 'a group', types.group, group, keys)
      await describe(talk, 'an unknown group', types.group, talk.name('unknown'), keys)
      await change(talk, 'metrics', types.clientMetrics, metrics, [['metrics', 'set', 'a,b']], { stays: true })
      await described(talk, 'metrics, set', types.clientMetrics, metrics, 'metrics', 'a,b')
      await describe(talk, 'metrics', types.clientMetrics, metrics)
      await describe(talk, 'unknown metrics', types.clientMetrics, talk.name('unknown'))
      for (const [type, name] of [
        [types.group, ''],
        [types.clientMetrics, ''],
        [types.brokerLogger, ''],
        [types.brokerLogger, '7'],
      ] as const) {
        await describe(talk, `${type} '${name}'`, type, name)
      }
      // Others may have left some behind.
      const listed = async (label: string, version: number, resourceTypes?: number[]) => {
        const request = resourceTypes ? { resourceTypes } : {}
        const { configResources } = await talk.tell(ListConfigResources, version, request)
        const own = configResources.filter(({ resourceName }) => [group, metrics].includes(resourceName))
        talk.note(`${label} (v${version})`, own)
      }
      await listed('listed', 0)
      await listed('listed', 1, [types.group, types.clientMetrics])
      await listed('listed: all', 1, [])
      await talk.ask('an unknown type', ListConfigResources, 1, { resourceTypes: [99] })
      await change(talk, 'a group', types.group, group, [['consumer.session.timeout.ms', 'delete', null]], {
        stays: true,
      })
      await change(talk, 'metrics', types.clientMetrics, metrics, [['metrics', 'delete', null]], { stays: true })
      await described(talk, 'unset', types.clientMetrics, metrics, 'metrics', '')
      await listed('listed after', 1, [types.group, types.clientMetrics])
    },
  },
]
