import type { KafkaAdmin, TopicPartition } from '@millrace/kafka'
import { MillraceError } from '@millrace/std'
import { type Command, InvalidArgumentError } from 'commander'
import { withAdmin } from '../admin.ts'
import type { CliContext, GlobalOptions } from '../context.ts'
import { type BootstrapOptions, repeated, withBootstrap, withExamples } from '../options.ts'
import { json, table } from '../output.ts'

type Target = 'earliest' | 'latest' | { readonly offset: number } | { readonly timestamp: number }

interface ResetOptions extends GlobalOptions, BootstrapOptions {
  readonly topic?: readonly string[]
  readonly to: Target
  readonly dryRun?: boolean
}

/** `millrace group delete`. */
export function addDelete(group: Command, context: CliContext): void {
  const command = withBootstrap(
    group
      .command('delete')
      .description('Deletes groups that have no members, with their offsets.')
      .argument('<id...>', 'the groups'),
  ).action(async (ids: string[]) => {
    const options = command.optsWithGlobals<GlobalOptions & BootstrapOptions>()
    await withAdmin(options, async (admin) => {
      for (const groupId of ids) {
        await admin.deleteGroups([groupId])
        context.print(options.json ? json({ groupId, deleted: true }) : `${groupId} deleted`)
      }
    })
  })
  withExamples(command, ['millrace group delete reader'])
}

/** `millrace group reset-offsets`: where a group without members goes on reading. */
export function addResetOffsets(group: Command, context: CliContext): void {
  const command = withBootstrap(
    group
      .command('reset-offsets')
      .description('Sets where a group goes on reading. The group must have no members.')
      .argument('<id>', 'the group')
      .requiredOption('--to <where>', 'earliest, latest, an offset, or a time as in 2026-01-31T12:00:00Z', target)
      .option(
        '--topic <name>',
        'only this topic; by default all that the group has offsets of; may be repeated',
        repeated,
      )
      .option('--dry-run', 'only show what would be set'),
  ).action(async (groupId: string) => {
    const options = command.optsWithGlobals<ResetOptions>()
    await withAdmin(options, async (admin) => {
      const partitions = await partitionsOf(admin, groupId, options.topic)
      const offsets = await offsetsAt(admin, partitions, options.to)
      if (!options.dryRun) await admin.alterOffsets(groupId, offsets)
      if (options.json) for (const each of offsets) context.print(json({ groupId, ...each }))
      else {
        const rows = offsets.map(({ topic, partition, offset }) => [topic, partition, offset])
        for (const line of table(['topic', 'partition', 'offset'], rows)) context.print(line)
      }
    })
  })
  withExamples(command, [
    'millrace group reset-offsets reader --to earliest --dry-run',
    'millrace group reset-offsets reader --to 2026-01-31T12:00:00Z --topic lines',
  ])
}

/** `millrace group delete-offsets`. */
export function addDeleteOffsets(group: Command, context: CliContext): void {
  const command = withBootstrap(
    group
      .command('delete-offsets')
      .description('Removes the offsets that a group has stored of topics that it no longer reads.')
      .argument('<id>', 'the group')
      .requiredOption('--topic <name>', 'the topic; may be repeated', repeated),
  ).action(async (groupId: string) => {
    const options = command.optsWithGlobals<ResetOptions & { readonly topic: readonly string[] }>()
    await withAdmin(options, async (admin) => {
      const partitions = await partitionsOf(admin, groupId, options.topic)
      const results = await admin.deleteOffsets(groupId, partitions)
      for (const { error } of results) if (error) throw error
      for (const { topic, partition } of results) {
        context.print(
          options.json ? json({ groupId, topic, partition, deleted: true }) : `${topic}-${partition} deleted`,
        )
      }
    })
  })
  withExamples(command, ['millrace group delete-offsets reader --topic lines'])
}

function target(text: string): Target {
  if (text === 'earliest' || text === 'latest') return text
  if (/^\d+$/.test(text)) return { offset: Number(text) }
  const timestamp = Date.parse(text)
  if (Number.isNaN(timestamp)) {
    throw new InvalidArgumentError(`'${text}' is not earliest, latest, an offset or a time as in 2026-01-31T12:00:00Z.`)
  }
  return { timestamp }
}

/** All partitions of the topics named, or those that the group has offsets of. */
async function partitionsOf(
  admin: KafkaAdmin,
  groupId: string,
  topics: readonly string[] | undefined,
): Promise<TopicPartition[]> {
  if (topics) {
    const descriptions = await admin.describeTopics(topics)
    return descriptions.flatMap(({ topic, partitions }) => partitions.map(({ partition }) => ({ topic, partition })))
  }
  const committed = await admin.fetchOffsets(groupId)
  if (committed.length > 0) return committed.map(({ topic, partition }) => ({ topic, partition }))
  throw new MillraceError('CLI_NO_SUCH_GROUP', {
    message: `Group ${groupId} has no offsets.`,
    fix: 'Name a topic with --topic to give it some; millrace group list shows the groups that there are.',
  })
}

async function offsetsAt(admin: KafkaAdmin, partitions: readonly TopicPartition[], to: Target) {
  const offsetsOf = (at: 'earliest' | 'latest' | number) =>
    admin.listOffsets(partitions.map(({ topic, partition }) => ({ topic, partition, at })))
  const isOffset = typeof to !== 'string' && 'offset' in to
  const found = await offsetsOf(typeof to === 'string' ? to : isOffset ? 'earliest' : to.timestamp)
  const ends = await offsetsOf('latest')
  return found.map(({ topic, partition, offset }, i) => {
    const end = ends[i]?.offset ?? 0
    // An offset that a partition does not have becomes the nearest that it has.
    if (isOffset) return { topic, partition, offset: Math.min(Math.max(to.offset, offset), end) }
    // After the last record there is none with such a time: the end.
    return { topic, partition, offset: offset >= 0 ? offset : end }
  })
}
