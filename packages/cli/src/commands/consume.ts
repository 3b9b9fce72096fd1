import { KafkaConsumer } from '@millrace/kafka'
import { MillraceError } from '@millrace/std'
import { type Command, Option } from 'commander'
import { partitionsOfTopic, withAdmin } from '../admin.ts'
import type { CliContext, GlobalOptions } from '../context.ts'
import { duration } from '../duration.ts'
import { usageError } from '../errors.ts'
import { type BootstrapOptions, wholeNumber, withBootstrap, withExamples } from '../options.ts'
import { json } from '../output.ts'
import { fieldNames, jsonRecord, parseFormat, type PrintedRecord } from '../record-format.ts'

interface ConsumeOptions extends GlobalOptions, BootstrapOptions {
  readonly fromBeginning?: boolean
  readonly group?: string
  readonly partition?: number
  readonly offset?: number
  readonly maxMessages?: number
  readonly timeout?: number
  readonly isolationLevel: 'read_uncommitted' | 'read_committed'
  readonly format: (record: PrintedRecord) => string
}

/** How long one poll waits; a request to stop ends it at once. */
const pollMs = 1_000

/** `millrace consume TOPIC`: prints records, until it is stopped or has what it was asked for. */
export function addConsume(program: Command, context: CliContext): void {
  const command = withBootstrap(
    program
      .command('consume')
      .summary('print the records of a topic')
      .description(
        'Prints the records of a topic as they come. Without --group it reads all partitions and stores no offsets.',
      )
      .argument('<topic>', 'what to read')
      .option('--from-beginning', 'start with the first record; with --group, where the group has no offsets')
      .option('-g, --group <id>', 'read as a member of a group, and store its offsets')
      .option('-p, --partition <number>', 'read one partition only', wholeNumber(0))
      .option('-o, --offset <number>', 'start at this offset; needs --partition', wholeNumber(0))
      .option('-n, --max-messages <number>', 'end after that many records', wholeNumber(1))
      .option('--timeout <duration>', 'end when nothing has come for that long, as in 500ms or 10s', duration)
      .addOption(
        new Option('--isolation-level <level>', 'whether records of transactions wait until they are committed')
          .choices(['read_uncommitted', 'read_committed'])
          .default('read_uncommitted'),
      )
      .addOption(
        new Option(
          '-F, --format <text>',
          `how to print a record, of ${fieldNames.map((name) => `{${name}}`).join(' ')}`,
        )
          .argParser(parseFormat)
          .default(parseFormat('{value}'), '{value}'),
      ),
  ).action(async (topic: string) => {
    const options = command.optsWithGlobals<ConsumeOptions>()
    checkCombination(options)
    const partitions = await withAdmin(options, (admin) => partitionsOfTopic(admin, topic, options.partition))
    const consumer = new KafkaConsumer({
      bootstrapServers: options.bootstrap,
      clientId: 'millrace-consume',
      // An offset that was named and is not there is told; nothing else is read in its place.
      autoOffsetReset: options.offset !== undefined ? 'none' : options.fromBeginning ? 'earliest' : 'latest',
      isolationLevel: options.isolationLevel,
      allowAutoCreateTopics: false,
      // Stored by hand below, so that a record that was not printed is not stored as read.
      enableAutoCommit: false,
      ...(options.group === undefined ? {} : { groupId: options.group }),
    })
    try {
      if (options.group !== undefined) consumer.subscribe([topic])
      else {
        consumer.assign(partitions)
        for (const partition of partitions)
          if (options.offset !== undefined) consumer.seek({ ...partition, offset: options.offset })
      }
      await printRecords(consumer, options, context)
    } finally {
      await consumer.close()
    }
  })
  withExamples(command, [
    'millrace consume word-counts --from-beginning',
    "millrace consume lines --group reader --format '{partition} {offset} {key}: {value}'",
    'millrace consume orders --partition 0 --offset 100 --max-messages 5 --json',
  ])
}

function checkCombination({ group, partition, offset }: ConsumeOptions): void {
  if (group !== undefined && partition !== undefined) {
    throw usageError(
      '--group and --partition contradict each other: a group deals out the partitions itself.',
      'Give one of them.',
    )
  }
  if (offset !== undefined && partition === undefined) {
    throw usageError('--offset needs --partition: each partition has its own offsets.', 'Add --partition.')
  }
}

async function printRecords(consumer: KafkaConsumer, options: ConsumeOptions, context: CliContext): Promise<void> {
  const { clock } = context.system
  const print = options.json ? (record: PrintedRecord) => json(jsonRecord(record)) : options.format
  const wanted = options.maxMessages ?? Number.POSITIVE_INFINITY
  let printed = 0
  let lastAt = clock.monotonic()
  while (printed < wanted && !context.stopping.aborted) {
    const quiet = options.timeout === undefined ? pollMs : options.timeout - (clock.monotonic() - lastAt)
    if (quiet <= 0) break
    const polled = await poll(consumer, Math.min(pollMs, quiet), context.stopping)
    const records = polled.slice(0, wanted - printed)
    if (records.length > 0) context.print(records.map(print).join('\n'))
    await context.printed()
    printed += records.length
    if (records.length > 0) {
      lastAt = clock.monotonic()
      if (options.group !== undefined) await consumer.commit(nextOffsets(records))
    }
  }
  if (options.maxMessages !== undefined && printed < wanted && !context.stopping.aborted) {
    throw new MillraceError('CLI_TIMEOUT', {
      message: `${printed} of ${wanted} records came before the timeout of ${options.timeout} ms.`,
      fix: 'Give a longer --timeout, or look whether the topic has as many: --from-beginning reads what is there already.',
    })
  }
}

async function poll(consumer: KafkaConsumer, timeoutMs: number, signal: AbortSignal): Promise<PrintedRecord[]> {
  try {
    return await consumer.poll(timeoutMs, { signal })
  } catch (error) {
    if (signal.aborted) return []
    throw error
  }
}

function nextOffsets(records: readonly PrintedRecord[]) {
  const next = new Map<string, { topic: string; partition: number; offset: number }>()
  for (const { topic, partition, offset } of records)
    next.set(`${topic}-${partition}`, { topic, partition, offset: offset + 1 })
  return [...next.values()]
}
