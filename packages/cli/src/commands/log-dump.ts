import { type DumpEntry, dumpLog } from '@millrace/broker'
import { joinPath } from '@millrace/std'
import type { Command } from 'commander'
import type { CliContext, GlobalOptions } from '../context.ts'
import { usageError } from '../errors.ts'
import { dataOption, wholeNumber, withExamples } from '../options.ts'
import { json } from '../output.ts'

interface DumpOptions extends GlobalOptions {
  readonly topic?: string
  readonly partition: number
  readonly data: string
  readonly records?: boolean
  readonly index?: boolean
  readonly from?: number
  readonly to?: number
}

/** Values longer than this are cut in text; --json has them whole. */
const shownBytes = 200

/** `millrace log dump`: batches, records and indexes, one line each. */
export function addLogDump(log: Command, context: CliContext): void {
  const command = log
    .command('dump')
    .description('Prints the batches of logs, and on demand their records and indexes.')
    .argument('[path...]', 'folders of partitions, or files of a log (.log, .index, .timeindex, .txnindex, .snapshot)')
    .option('-t, --topic <name>', 'the topic, instead of a path')
    .option('-p, --partition <number>', 'its partition', wholeNumber(0, 0x7fff_ffff), 0)
    .addOption(dataOption())
    .option(
      '-r, --records',
      'the records too; those of __consumer_offsets, __transaction_state and __cluster_metadata decoded',
    )
    .option('--index', 'the index files and producer snapshots too')
    .option('--from <offset>', 'from the batch with this offset on', wholeNumber(0))
    .option('--to <offset>', 'up to, not including, this offset', wholeNumber(0))
    .action(async (paths: string[]) => {
      const options = command.optsWithGlobals<DumpOptions>()
      for (const path of pathsOf(paths, options)) {
        for (const entry of dumpLog(context.system.fileSystem, path, options)) {
          context.print(options.json ? json(entry) : lineOf(entry))
          await context.printed()
          if (context.stopping.aborted) return
        }
      }
    })
  withExamples(command, [
    'millrace log dump --topic lines --records',
    'millrace log dump --data /var/lib/millrace --topic __consumer_offsets --partition 3 --records --json',
    'millrace log dump .millrace/data/lines-0 --from 1000 --to 1100 --index',
  ])
}

function pathsOf(paths: readonly string[], { data, partition, topic }: DumpOptions): readonly string[] {
  if ((paths.length === 0) === (topic === undefined)) {
    throw usageError('What to print must be given either as paths or as --topic.', 'See millrace log dump --help.')
  }
  return topic === undefined ? paths : [joinPath(data, `${topic}-${partition}`)]
}

function lineOf(entry: DumpEntry): string {
  switch (entry.kind) {
    case 'file':
      return `${entry.file} (${entry.size} bytes)`
    case 'batch':
      return `  ${batchText(entry)}`
    case 'record':
      return `    ${recordText(entry)}`
    case 'damage':
      return `  DAMAGED at position ${entry.position}: ${entry.problem}`
    case 'offset-entry':
      return `  offset ${entry.offset}: position ${entry.position}`
    case 'time-entry':
      return `  ${timeText(entry.timestamp)}: offset ${entry.offset}`
    case 'aborted-transaction':
      return `  aborted: producer ${entry.producerId}, offsets ${entry.firstOffset} to ${entry.lastOffset}, last stable offset ${entry.lastStableOffset}`
    case 'producer': {
      const open =
        entry.currentTxnFirstOffset < 0 ? '' : `, transaction open since offset ${entry.currentTxnFirstOffset}`
      return `  producer ${entry.producerId} epoch ${entry.producerEpoch}: last sequence ${entry.lastSequence} at offset ${entry.lastOffset}${open}`
    }
  }
}

function batchText(batch: DumpEntry & { kind: 'batch' }): string {
  const parts = [
    `offsets ${batch.baseOffset} to ${batch.lastOffset}`,
    `position ${batch.position}`,
    `${batch.size} bytes`,
    batch.control ? `marker: ${batch.control}` : `${batch.records} records`,
    ...(batch.compression === 'none' ? [] : [batch.compression]),
    `${timeText(batch.maxTimestamp)}${batch.timestampType === 'LogAppendTime' ? ' (log append time)' : ''}`,
    `leader epoch ${batch.leaderEpoch}`,
  ]
  if (batch.producerId >= 0) {
    const sequences = batch.firstSequence < 0 ? '' : `, sequences ${batch.firstSequence} to ${batch.lastSequence}`
    parts.push(`producer ${batch.producerId} epoch ${batch.producerEpoch}${sequences}`)
  }
  if (batch.transactional) parts.push('transactional')
  if (batch.deleteHorizon >= 0) parts.push(`delete horizon ${timeText(batch.deleteHorizon)}`)
  return parts.join(', ')
}

function recordText({ headers, internal, key, offset, timestamp, value }: DumpEntry & { kind: 'record' }): string {
  if (internal) {
    const keyText = internal.key === null ? '' : ` ${json(internal.key)}`
    return `${offset}: ${internal.type}${keyText} ${internal.value === null ? '(deleted)' : json(internal.value)}`
  }
  const headerText = headers.map((header) => ` ${header.key}=${bytesText(header.value)}`).join('')
  return `${offset}: ${timeText(timestamp)} key ${bytesText(key)} value ${bytesText(value)}${headerText && ` headers${headerText}`}`
}

function timeText(timestamp: number): string {
  const date = new Date(timestamp)
  return timestamp < 0 || Number.isNaN(date.getTime()) ? `time ${timestamp}` : date.toISOString()
}

/** As JSON text where it is UTF-8, else as hexadecimal digits. */
function bytesText(bytes: Uint8Array | null): string {
  if (bytes === null) return 'null'
  const isCut = bytes.byteLength > shownBytes
  const shown = bytes.subarray(0, shownBytes)
  const rest = isCut ? ` … (${bytes.byteLength} bytes)` : ''
  try {
    // Streaming, it does not mind a character that is cut in two.
    return JSON.stringify(new TextDecoder('utf-8', { fatal: true }).decode(shown, { stream: isCut })) + rest
  } catch {
    return `0x${Buffer.from(shown).toString('hex')}${rest}`
  }
}
