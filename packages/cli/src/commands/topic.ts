import { ErrorCode, type KafkaAdmin, KafkaError, type TopicDescription } from '@millrace/kafka'
import type { Command } from 'commander'
import { withAdmin } from '../admin.ts'
import type { CliContext, GlobalOptions } from '../context.ts'
import { type BootstrapOptions, keyValue, wholeNumber, withBootstrap, withExamples } from '../options.ts'
import { json, table } from '../output.ts'
import { addAlter, addConfig } from './topic-config.ts'

/** `millrace topic …`: create, list, describe, alter, config, delete. */
export function addTopic(program: Command, context: CliContext): void {
  const topic = program
    .command('topic')
    .summary('create, list, describe, alter and delete topics')
    .description('Manages topics.')
  addCreate(topic, context)
  addList(topic, context)
  addDescribe(topic, context)
  addAlter(topic, context)
  addConfig(topic, context)
  addDelete(topic, context)
}

interface CreateOptions extends GlobalOptions, BootstrapOptions {
  readonly partitions?: number
  readonly replicationFactor?: number
  readonly config?: Readonly<Record<string, string>>
  readonly ifNotExists?: boolean
}

function addCreate(topic: Command, context: CliContext): void {
  const command = withBootstrap(
    topic
      .command('create')
      .description('Creates topics.')
      .argument('<name...>', 'the topics')
      .option(
        '-p, --partitions <number>',
        "how many partitions; the broker's num.partitions by default",
        wholeNumber(1),
      )
      .option('-r, --replication-factor <number>', "how many replicas; the broker's default without it", wholeNumber(1))
      .option('-c, --config <key=value>', "a topic property, by Apache Kafka's name; may be repeated", keyValue)
      .option('--if-not-exists', 'a topic that is there already is no error'),
  ).action(async (names: string[]) => {
    const options = command.optsWithGlobals<CreateOptions>()
    const { partitions, replicationFactor, config: configs } = options
    await withAdmin(options, async (admin) => {
      for (const name of names) {
        const isNew = await unless(options.ifNotExists, ErrorCode.TOPIC_ALREADY_EXISTS, () =>
          admin.createTopics([{ topic: name, partitions, replicationFactor, configs }]),
        )
        if (options.json) context.print(json({ topic: name, created: isNew }))
        else context.print(isNew ? `${name} created` : `${name} exists already`)
      }
    })
  })
  withExamples(command, [
    'millrace topic create lines word-counts --partitions 3',
    'millrace topic create users --config cleanup.policy=delete --config retention.ms=3600000',
  ])
}

function addList(topic: Command, context: CliContext): void {
  const command = withBootstrap(
    topic
      .command('list')
      .description('Lists topics by name.')
      .option('--internal', 'also those that Kafka keeps for itself, as __consumer_offsets'),
  ).action(async () => {
    const options = command.optsWithGlobals<GlobalOptions & BootstrapOptions & { readonly internal?: boolean }>()
    const topics = await withAdmin(options, (admin) => admin.listTopics({ includeInternal: options.internal ?? false }))
    topics.sort((a, b) => (a.topic < b.topic ? -1 : 1))
    for (const listed of topics) context.print(options.json ? json(listed) : listed.topic)
  })
  withExamples(command, ['millrace topic list', 'millrace topic list --internal --json'])
}

function addDescribe(topic: Command, context: CliContext): void {
  const command = withBootstrap(
    topic
      .command('describe')
      .description('Shows partitions, offsets and the settings that were made.')
      .argument('<name...>', 'the topics'),
  ).action(async (names: string[]) => {
    const options = command.optsWithGlobals<GlobalOptions & BootstrapOptions>()
    await withAdmin(options, async (admin) => {
      for (const description of await admin.describeTopics(names)) {
        const details = await detailsOf(admin, description)
        for (const line of options.json ? [json(details)] : textOf(details)) context.print(line)
      }
    })
  })
  withExamples(command, ['millrace topic describe lines'])
}

async function detailsOf(admin: KafkaAdmin, { topic, topicId, partitions }: TopicDescription) {
  const query = (at: 'earliest' | 'latest') =>
    admin.listOffsets(partitions.map(({ partition }) => ({ topic, partition, at })))
  const [first, end, configs] = await Promise.all([
    query('earliest'),
    query('latest'),
    admin.describeConfigs({ type: 'topic', name: topic }),
  ])
  const offsetIn = (offsets: typeof first, partition: number) =>
    offsets.find((found) => found.partition === partition)?.offset ?? -1
  return {
    topic,
    topicId,
    partitions: partitions.map(({ partition, leader, replicas, isr }) => ({
      partition,
      leader,
      replicas,
      isr,
      startOffset: offsetIn(first, partition),
      endOffset: offsetIn(end, partition),
    })),
    configs: Object.fromEntries(configs.filter((entry) => !entry.isDefault).map(({ name, value }) => [name, value])),
  }
}

function textOf({ topic, topicId, partitions, configs }: Awaited<ReturnType<typeof detailsOf>>): string[] {
  const rows = partitions.map((each) => [
    each.partition,
    each.leader,
    each.replicas.join(','),
    each.isr.join(','),
    each.startOffset,
    each.endOffset,
    each.endOffset - each.startOffset,
  ])
  const settings = Object.entries(configs).map(([name, value]) => `  ${name}=${value}`)
  return [
    `${topic}${topicId === undefined ? '' : ` (${topicId})`}`,
    ...table(['partition', 'leader', 'replicas', 'in sync', 'start', 'end', 'records'], rows).map(
      (line) => `  ${line}`,
    ),
    ...settings,
  ]
}

function addDelete(topic: Command, context: CliContext): void {
  const command = withBootstrap(
    topic
      .command('delete')
      .description('Deletes topics with all of their records.')
      .argument('<name...>', 'the topics')
      .option('--if-exists', 'a topic that is not there is no error'),
  ).action(async (names: string[]) => {
    const options = command.optsWithGlobals<GlobalOptions & BootstrapOptions & { readonly ifExists?: boolean }>()
    await withAdmin(options, async (admin) => {
      for (const name of names) {
        const existed = await unless(options.ifExists, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, () =>
          admin.deleteTopics([name]),
        )
        if (options.json) context.print(json({ topic: name, deleted: existed }))
        else context.print(existed ? `${name} deleted` : `${name} does not exist`)
      }
    })
  })
  withExamples(command, ['millrace topic delete lines word-counts --if-exists'])
}

/** Runs `action`; false when it failed with `code` and that was allowed. */
async function unless(allowed: boolean | undefined, code: number, action: () => Promise<void>): Promise<boolean> {
  try {
    await action()
    return true
  } catch (error) {
    if (allowed && error instanceof KafkaError && error.kafkaCode === code) return false
    throw error
  }
}
