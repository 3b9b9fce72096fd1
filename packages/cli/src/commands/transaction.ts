import type { HangingTransaction, KafkaAdmin, TopicPartition, TransactionDescription } from '@millrace/kafka'
import { MillraceError } from '@millrace/std'
import type { Command } from 'commander'
import { partitionsOfTopic, withAdmin } from '../admin.ts'
import type { CliContext, GlobalOptions } from '../context.ts'
import { duration } from '../duration.ts'
import {
  type BootstrapOptions,
  repeated,
  repeatedChoice,
  wholeNumber,
  withBootstrap,
  withExamples,
} from '../options.ts'
import { json, table } from '../output.ts'

type CommonOptions = GlobalOptions & BootstrapOptions

/** `millrace transaction …`: list, describe, abort, find-hanging. */
export function addTransaction(program: Command, context: CliContext): void {
  const transaction = program
    .command('transaction')
    .summary('list and describe transactions, and end those that hang')
    .description('Shows transactions, and ends those that hold back consumers.')
  addList(transaction, context)
  addDescribe(transaction, context)
  addAbort(transaction, context)
  addFindHanging(transaction, context)
}

function addList(transaction: Command, context: CliContext): void {
  const command = withBootstrap(
    transaction
      .command('list')
      .description('Lists transactional ids with their state.')
      .option(
        '--state <name>',
        'only this state, as Ongoing or CompleteCommit; may be repeated',
        repeatedChoice(TRANSACTION_STATES),
      )
      .option('--longer-than <duration>', 'only transactions that have been going on for longer, as 10min', duration),
  ).action(async () => {
    const options = command.optsWithGlobals<CommonOptions & { state?: readonly string[]; longerThan?: number }>()
    const { state: states, longerThan: runningLongerThanMs } = options
    const filter = {
      ...(states ? { states } : {}),
      ...(runningLongerThanMs === undefined ? {} : { runningLongerThanMs }),
    }
    const found = await withAdmin(options, (admin) => admin.listTransactions(filter))
    if (options.json) for (const each of found) context.print(json(each))
    else if (found.length > 0) {
      const rows = found.map((each) => [each.transactionalId, each.producerId, each.state])
      for (const line of table(['transactional id', 'producer', 'state'], rows)) context.print(line)
    }
  })
  withExamples(command, ['millrace transaction list', 'millrace transaction list --state Ongoing --longer-than 10min'])
}

const TRANSACTION_STATES: readonly string[] = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
]

function addDescribe(transaction: Command, context: CliContext): void {
  const command = withBootstrap(
    transaction
      .command('describe')
      .description('Shows producer, state and partitions of transactional ids.')
      .argument('<id...>', 'the transactional ids'),
  ).action(async (ids: string[]) => {
    const options = command.optsWithGlobals<CommonOptions>()
    const found = await withAdmin(options, (admin) => admin.describeTransactions(ids))
    for (const each of found) for (const line of options.json ? [json(each)] : textOf(each)) context.print(line)
  })
  withExamples(command, ['millrace transaction describe my-sink-0'])
}

function textOf(found: TransactionDescription): string[] {
  const { transactionalId, state, producerId, producerEpoch, timeoutMs, startedAt, partitions } = found
  return [
    `${transactionalId} (${state})`,
    `  producer ${producerId}, epoch ${producerEpoch}, timeout ${timeoutMs} ms`,
    ...(startedAt === undefined ? [] : [`  going on since ${new Date(startedAt).toISOString()}`]),
    ...(partitions.length === 0 ? [] : [`  ${partitions.map(nameOf).join(' ')}`]),
  ]
}

function addAbort(transaction: Command, context: CliContext): void {
  const command = withBootstrap(
    transaction
      .command('abort')
      .description('Ends an open transaction on one partition, past its coordinator: for one that hangs there.')
      .argument('<topic>', 'the topic')
      .argument('<partition>', 'the partition', wholeNumber(0))
      .requiredOption('--producer-id <number>', 'whose transaction; find-hanging shows it', wholeNumber(0)),
  ).action(async (topic: string, partition: number) => {
    const options = command.optsWithGlobals<CommonOptions & { readonly producerId: number }>()
    await withAdmin(options, async (admin) => {
      const open = await openTransaction(admin, { topic, partition }, options.producerId)
      await admin.abortTransaction(open)
      context.print(options.json ? json({ ...open, aborted: true }) : `${nameOf(open)} aborted`)
    })
  })
  withExamples(command, ['millrace transaction abort lines 0 --producer-id 4711'])
}

async function openTransaction(admin: KafkaAdmin, at: TopicPartition, producerId: number): Promise<HangingTransaction> {
  await partitionsOfTopic(admin, at.topic, at.partition)
  const producers = await admin.describeProducers([at])
  const found = producers.find(
    (each) => each.producerId === producerId && each.currentTransactionStartOffset !== undefined,
  )
  if (found) return found
  throw new MillraceError('CLI_NO_OPEN_TRANSACTION', {
    message: `Producer ${producerId} has no open transaction on ${nameOf(at)}.`,
    fix: 'millrace transaction find-hanging shows the open ones that no coordinator knows of.',
  })
}

function addFindHanging(transaction: Command, context: CliContext): void {
  const command = withBootstrap(
    transaction
      .command('find-hanging')
      .description('Finds transactions that no coordinator knows of: they hold back read_committed consumers for ever.')
      .option('--topic <name>', 'only this topic; may be repeated', repeated)
      .option('--open-for <duration>', 'only those that have been open for longer; 15min by default', duration),
  ).action(async () => {
    const options = command.optsWithGlobals<CommonOptions & { topic?: readonly string[]; openFor?: number }>()
    const { topic: topics, openFor: openForMs } = options
    const found = await withAdmin(options, async (admin) => {
      const names = topics ?? (await admin.listTopics({ includeInternal: true })).map(({ topic }) => topic)
      const partitions = (await admin.describeTopics(names)).flatMap(({ topic, partitions: all }) =>
        all.map(({ partition }) => ({ topic, partition })),
      )
      return admin.findHangingTransactions(partitions, openForMs === undefined ? {} : { openForMs })
    })
    if (options.json) for (const each of found) context.print(json(each))
    else if (found.length === 0) context.print('no transaction hangs')
    else {
      const rows = found.map((each) => [each.topic, each.partition, each.producerId, each.producerEpoch])
      for (const line of table(['topic', 'partition', 'producer', 'epoch'], rows)) context.print(line)
    }
  })
  withExamples(command, ['millrace transaction find-hanging', 'millrace transaction find-hanging --topic lines --json'])
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
