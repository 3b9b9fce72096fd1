import type { ConsumerGroupDescription, GroupType, KafkaAdmin } from '@millrace/kafka'
import { MillraceError } from '@millrace/std'
import type { Command } from 'commander'
import { withAdmin } from '../admin.ts'
import type { CliContext, GlobalOptions } from '../context.ts'
import { type BootstrapOptions, repeatedChoice, withBootstrap, withExamples } from '../options.ts'
import { json, table } from '../output.ts'
import { addDelete, addDeleteOffsets, addResetOffsets } from './group-offsets.ts'

type GroupOptions = GlobalOptions & BootstrapOptions

/** `millrace group …`: list, describe, delete, reset-offsets, delete-offsets. */
export function addGroup(program: Command, context: CliContext): void {
  const group = program
    .command('group')
    .summary('list and describe consumer groups, set their offsets, delete them')
    .description('Shows and changes consumer groups.')
  addList(group, context)
  addDescribe(group, context)
  addDelete(group, context)
  addResetOffsets(group, context)
  addDeleteOffsets(group, context)
}

function addList(group: Command, context: CliContext): void {
  const command = withBootstrap(
    group
      .command('list')
      .description('Lists groups by name.')
      .option('--state <name>', 'only this state, as Stable or Empty; may be repeated', repeatedChoice(GROUP_STATES))
      .option(
        '--type <name>',
        `only this type: ${GROUP_TYPES.join(', ')}; may be repeated`,
        repeatedChoice(GROUP_TYPES),
      ),
  ).action(async () => {
    const options = command.optsWithGlobals<GroupOptions & { state?: readonly string[]; type?: readonly GroupType[] }>()
    const { state: states, type: types } = options
    const filter = { ...(states ? { states } : {}), ...(types ? { types } : {}) }
    const groups = await withAdmin(options, (admin) => admin.listGroups(filter))
    groups.sort((a, b) => (a.groupId < b.groupId ? -1 : 1))
    if (options.json) for (const each of groups) context.print(json(each))
    else if (groups.length > 0) {
      for (const line of table(
        ['group', 'state', 'type'],
        groups.map((each) => [each.groupId, each.state, each.type ?? each.protocolType]),
      )) {
        context.print(line)
      }
    }
  })
  withExamples(command, ['millrace group list', 'millrace group list --state Empty --type consumer'])
}

const GROUP_TYPES: readonly GroupType[] = ['classic', 'consumer', 'share', 'streams']

const GROUP_STATES: readonly string[] = [
  'PreparingRebalance',
  'CompletingRebalance',
  'Assigning',
  'Reconciling',
  'Stable',
  'Empty',
  'Dead',
  'NotReady',
]

function addDescribe(group: Command, context: CliContext): void {
  const command = withBootstrap(
    group
      .command('describe')
      .description('Shows members, stored offsets and lag of groups.')
      .argument('<id...>', 'the groups'),
  ).action(async (ids: string[]) => {
    const options = command.optsWithGlobals<GroupOptions>()
    await withAdmin(options, async (admin) => {
      for (const description of await admin.describeConsumerGroups(ids)) {
        const details = await detailsOf(admin, description)
        for (const line of options.json ? [json(details)] : textOf(details)) context.print(line)
      }
    })
  })
  withExamples(command, ['millrace group describe reader', 'millrace group describe reader --json'])
}

async function detailsOf(admin: KafkaAdmin, group: ConsumerGroupDescription) {
  const committed = (await admin.fetchOffsets(group.groupId)).toSorted((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  )
  if (group.state === 'Dead' && committed.length === 0) {
    throw new MillraceError('CLI_NO_SUCH_GROUP', {
      message: `There is no group ${group.groupId}.`,
      fix: 'millrace group list shows the groups that there are.',
    })
  }
  const ends = await admin.listOffsets(
    committed.map(({ topic, partition }) => ({ topic, partition, at: 'latest' as const })),
  )
  const endOf = (topic: string, partition: number) =>
    ends.find((end) => end.topic === topic && end.partition === partition)?.offset
  const offsets = committed.map(({ topic, partition, offset }) => {
    const endOffset = endOf(topic, partition) ?? -1
    const owner = group.members.find((member) =>
      member.partitions.some((each) => each.topic === topic && each.partition === partition),
    )
    return {
      topic,
      partition,
      offset,
      endOffset,
      lag: endOffset < 0 ? undefined : endOffset - offset,
      memberId: owner?.memberId,
    }
  })
  return { ...group, offsets }
}

function textOf(group: Awaited<ReturnType<typeof detailsOf>>): string[] {
  const members = group.members.map((member) => [
    member.memberId,
    member.clientId,
    member.host,
    member.partitions.map(({ topic, partition }) => `${topic}-${partition}`).join(' '),
  ])
  const offsets = group.offsets.map((each) => [each.topic, each.partition, each.offset, each.endOffset, each.lag ?? ''])
  const indent = (lines: string[]) => lines.map((line) => `  ${line}`)
  return [
    `${group.groupId} (${[group.state, group.type, group.protocol].filter((each) => each !== '').join(', ')})`,
    ...(offsets.length > 0 ? indent(table(['topic', 'partition', 'offset', 'end', 'lag'], offsets)) : []),
    ...(members.length > 0 ? indent(table(['member', 'client', 'host', 'partitions'], members)) : []),
  ]
}
