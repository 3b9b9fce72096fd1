import { startBroker } from '@millrace/broker'
import { type Command, Option } from 'commander'
import { stderrLogger } from '../broker-logger.ts'
import { type CliContext, type GlobalOptions, stopped } from '../context.ts'
import { usageError } from '../errors.ts'
import { keyValue, wholeNumber, withExamples } from '../options.ts'
import { json } from '../output.ts'
import { addBrokerImport } from './broker-import.ts'

interface BrokerOptions extends GlobalOptions {
  readonly host: string
  readonly port: number
  readonly data: string
  readonly memory?: boolean
  readonly set?: Readonly<Record<string, string>>
}

/** `millrace broker`: the broker alone, until it is told to stop. */
export function addBroker(program: Command, context: CliContext): void {
  const command = program
    .command('broker')
    .summary('run the broker alone')
    .description('Runs the broker until it is stopped. Prints one line once it answers.')
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option('--port <port>', 'the port to listen on; 0 takes a free one', wholeNumber(0, 65_535), 9092)
    .addOption(new Option('-d, --data <folder>', 'where topics are kept').default('.millrace/data'))
    .option('--memory', 'keep everything in memory: nothing survives the process')
    .option('-s, --set <key=value>', "a server property, by Apache Kafka's name; may be repeated", keyValue)
    .action(async () => {
      const options = command.optsWithGlobals<BrokerOptions>()
      if (options.memory && command.getOptionValueSource('data') === 'cli') {
        throw usageError('--data and --memory contradict each other.', 'Give one of them.')
      }
      const data = options.memory ? 'memory' : options.data
      const broker = await startBroker({
        host: options.host,
        port: options.port,
        data,
        config: options.set ?? {},
        logger: stderrLogger(context, options),
      })
      context.print(
        options.json
          ? json({ event: 'ready', bootstrap: broker.bootstrapServers, host: broker.host, port: broker.port, data })
          : `Broker ready on ${broker.bootstrapServers}, ${options.memory ? 'in memory' : `data in ${data}`}`,
      )
      await stopped(context)
      await broker.close()
    })
  withExamples(command, [
    'millrace broker',
    'millrace broker --port 0 --memory --json',
    'millrace broker --data /var/lib/millrace --set num.partitions=3 --set log.retention.hours=24',
  ])
  addBrokerImport(command, context)
}
