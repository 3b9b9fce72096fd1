import { linkSync } from 'node:fs'
import { importKafka, type ImportSummary } from '@millrace/broker'
import type { Command } from 'commander'
import type { CliContext, GlobalOptions } from '../context.ts'
import { withExamples } from '../options.ts'
import { json } from '../output.ts'

interface ImportOptions extends GlobalOptions {
  readonly from: readonly string[]
  readonly data: string
  readonly link?: boolean
}

/** `millrace broker import`: a data folder out of those of Apache Kafka. `--data` is an option of `broker`. */
export function addBrokerImport(broker: Command, context: CliContext): void {
  const command = broker
    .command('import')
    .summary('take over the folders of an Apache Kafka broker')
    .description(
      'Makes a data folder (--data) out of the log directories of an Apache Kafka 4 broker that was stopped: topics with their ids and settings, records, group offsets, transactions, producers, dynamic broker settings. The source is only read.',
    )
    .requiredOption('--from <folder...>', 'its log directories: all of log.dirs, and metadata.log.dir')
    .option('--link', 'share closed segment files by hard links instead of copying them; both on one file system')
    .action(async () => {
      const options = command.optsWithGlobals<ImportOptions>()
      const summary = await importKafka(
        {
          from: options.from,
          data: options.data,
          link: options.link ? linkSync : undefined,
          progress: (done, of) => {
            if (options.debug) context.note(`${done} of ${of} partitions`)
          },
        },
        context.system,
      )
      if (options.json) context.print(json(summary))
      else for (const line of linesOf(summary, options.data)) context.print(line)
    })
  withExamples(command, [
    'millrace broker import --from /var/lib/kafka/data --data .millrace/data',
    'millrace broker import --from /disk1/kafka --from /disk2/kafka --data /disk1/millrace --link',
  ])
}

function linesOf(summary: ImportSummary, data: string): string[] {
  const { clusterId, copiedBytes, linkedBytes, nodeId, partitions, skipped, topics } = summary
  const shared = linkedBytes > 0 ? `, ${linkedBytes} shared` : ''
  return [
    `Took over ${topics} topics with ${partitions} partitions of cluster ${clusterId} into ${data}: ${copiedBytes} bytes copied${shared}`,
    ...skipped.map(({ name, reason }) => `Left behind: ${name}: ${reason}`),
    `Start it with: millrace broker --data ${data}${nodeId === 1 ? '' : ` --set node.id=${nodeId}`}`,
  ]
}
