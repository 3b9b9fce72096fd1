import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { KafkaProducer } from '@millrace/kafka'
import { MillraceError, utf8 } from '@millrace/std'
import { type Command, InvalidArgumentError } from 'commander'
import { withAdmin } from '../admin.ts'
import type { CliContext, GlobalOptions } from '../context.ts'
import { linesOf, splitKey, until } from '../lines.ts'
import { type BootstrapOptions, keyValue, wholeNumber, withBootstrap, withExamples } from '../options.ts'
import { json } from '../output.ts'

interface ProduceOptions extends GlobalOptions, BootstrapOptions {
  readonly keySeparator?: string
  readonly partition?: number
  readonly timestamp?: number
  readonly file?: string
  readonly header?: Readonly<Record<string, string>>
}

/** `millrace produce TOPIC`: a record for every line. */
export function addProduce(program: Command, context: CliContext): void {
  const command = withBootstrap(
    program
      .command('produce')
      .summary('send lines to a topic')
      .description(
        'Sends a record for every line of standard input, or of a file. Ends when all of them are acknowledged.',
      )
      .argument('<topic>', 'where to')
      .option(
        '-K, --key-separator <text>',
        'what stands between key and value; without it records have no key',
        nonEmpty,
      )
      .option('-p, --partition <number>', 'the partition, instead of choosing by key', wholeNumber(0))
      .option(
        '-t, --timestamp <ms|date>',
        'event time of all records: milliseconds or an ISO date; now by default',
        timestamp,
      )
      .option('-f, --file <path>', 'read lines from a file')
      .option('-H, --header <key=value>', 'a header for all records; may be repeated', keyValue),
  ).action(async (topic: string) => {
    const options = command.optsWithGlobals<ProduceOptions>()
    const input = options.file === undefined ? context.stdin : await openFile(options.file, context.cwd)
    const separator = options.keySeparator === undefined ? undefined : utf8(options.keySeparator)
    const { partition, timestamp: time, header: headers } = options
    await withAdmin(options, async () => {})
    const producer = new KafkaProducer({
      bootstrapServers: options.bootstrap,
      clientId: 'millrace-produce',
      // Somebody waits at a terminal: a topic that does not exist should be said soon.
      maxBlockMs: 5_000,
    })
    let count = 0
    const unacknowledged: Promise<unknown>[] = []
    try {
      for await (const lines of linesOf(until(context.stopping, input))) {
        const sent = lines.map((line) =>
          producer.send({
            topic,
            ...(separator === undefined ? { value: line } : splitKey(line, separator)),
            partition,
            timestamp: time,
            headers,
          }),
        )
        const acknowledged = Promise.all(sent)
        // Awaited later: until then a failure must not count as one that nobody handles.
        acknowledged.catch(() => {})
        unacknowledged.push(acknowledged)
        // Few lines come from somebody who types, and who should learn of a failure before the next.
        if (lines.length < fewLines) await Promise.all(unacknowledged.splice(0))
        else if (unacknowledged.length === mostChunks) await unacknowledged.shift()
        count += lines.length
      }
      await Promise.all(unacknowledged)
    } finally {
      await producer.close()
    }
    if (options.json) context.print(json({ topic, records: count }))
    else context.note(`${count} ${count === 1 ? 'record' : 'records'} sent to ${topic}`)
  })
  withExamples(command, [
    'echo "to be or not to be" | millrace produce lines',
    'millrace produce orders --key-separator : --file orders.txt --bootstrap kafka.example.com:9092',
  ])
}

/** Pieces of input (64 KiB of a file) that may wait for their acknowledgement. */
const mostChunks = 32
const fewLines = 10

/** Whole lines of it are in memory, never the file. A folder can be opened, but not read. */
async function openFile(file: string, cwd: string): Promise<AsyncIterable<Uint8Array>> {
  try {
    const handle = await open(resolve(cwd, file))
    if ((await handle.stat()).isDirectory()) {
      await handle.close()
      throw new Error('it is a folder')
    }
    return handle.createReadStream()
  } catch (cause) {
    throw new MillraceError('CLI_FILE_UNREADABLE', {
      message: `The file ${file} cannot be read: ${(cause as Error).message}.`,
      fix: 'Correct the path after --file, or leave it out to read standard input.',
      cause,
    })
  }
}

function nonEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty.')
  return text.replaceAll('\\t', '\t')
}

function timestamp(text: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text)
  if (!Number.isSafeInteger(ms))
    throw new InvalidArgumentError(`'${text}' is neither milliseconds nor a date, as in 2026-01-31T12:00:00Z.`)
  return ms
}
